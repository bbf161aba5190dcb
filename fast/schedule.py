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
        self.key: tuple[float, float, float, bool] | None = None
        self.since = 0
        self.start = 0
        self.block: list[float] = []

    def at(self, t: int, lr: float, lambd: float, alpha: float, single: bool) -> float:
        """Step size after t steps, rounded to float32 where ``single``, else to float64."""
        key = (lr, lambd, alpha, single)
        if key != self.key:
            self.key, self.since, self.block = key, t, []
        i = t - self.start
        if 0 <= i < len(self.block):
            return self.block[i]
        if t - self.since < _PATIENCE or t > LARGEST_STEP - _AHEAD:
            return one_step_size(t, *key)
        self.start = t
        ahead = range(t, t + _AHEAD)
        dtype = "float32" if single else "float64"
        eta = step_size(ahead, lr=lr, lambd=lambd, alpha=alpha, dtype=dtype)
        self.block = eta.tolist()
        return self.block[0]
