"""Step sizes ahead of time: a step must not wait for its own (E2)."""

from .double_double import LARGEST_STEP
from .step_size import one_step_size, step_size

# A step size alone costs as much as fifteen in an array, so an array is computed when so many
# steps in a row have had the same hyperparameters; it then lasts for so many steps.
_PATIENCE = 64
_AHEAD = 1024


class Schedule:
    """Step sizes of successive steps, one by one while hyperparameters change, else in blocks."""

    def __init__(self) -> None:
        self.key = (0.0, 0.0, 0.0, False)
        self.asked = 0
        self.start = 0
        self.block: list[float] = []

    def set(self, lr: float, lambd: float, alpha: float, single: bool) -> None:
        """Take other hyperparameters; values are rounded to float32 where ``single``."""
        if (lr, lambd, alpha, single) != self.key:
            self.key, self.asked, self.block = (lr, lambd, alpha, single), 0, []

    def at(self, t: int) -> float:
        """Step size after t steps."""
        i = t - self.start
        if 0 <= i < len(self.block):
            return self.block[i]
        self.asked += 1
        if self.asked < _PATIENCE or t > LARGEST_STEP - _AHEAD:
            return one_step_size(t, *self.key)
        lr, lambd, alpha, single = self.key
        dtype = "float32" if single else "float64"
        ahead = range(t, t + _AHEAD)
        eta = step_size(ahead, lr=lr, lambd=lambd, alpha=alpha, dtype=dtype)
        self.start, self.block = t, eta.tolist()
        return self.block[0]
