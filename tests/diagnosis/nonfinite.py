"""Whether a port hides numbers that are not finite."""

import math

from ..laws.outcome import Failure
from ..ports.scenario import Step


def hides_nonfinite(failure: Failure) -> bool:
    """Whether theta is finite after a gradient that is not."""
    judgement, scenario = failure.judgement, failure.scenario
    steps = [event for event in scenario.events if isinstance(event, Step)]
    if judgement.quantity != "theta" or not 1 <= judgement.call <= len(steps):
        return False
    grad = steps[judgement.call - 1].grads[judgement.parameter]
    return (
        grad is not None
        and not math.isfinite(grad[judgement.element])
        and math.isfinite(judgement.got)
    )
