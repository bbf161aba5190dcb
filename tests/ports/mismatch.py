"""Why an object could not be used as an optimizer, and what its author has to change."""

import inspect
from typing import Any

from .protocol import located
from .text import printable

HYPERPARAMETERS = ("lr", "lambd", "alpha", "t0", "weight_decay")
_TAKEN = dict.fromkeys(HYPERPARAMETERS, 0.0)


def wrong_signature(target: Any) -> str:
    """Why it cannot be called with parameters and hyperparameters, or with these alone; or ""."""
    signature = _signature(target)
    if signature is None or _binds(signature, [], **_TAKEN) or _binds(signature, **_TAKEN):
        return ""
    names = list(signature.parameters)
    lacking = [name for name in HYPERPARAMETERS if name not in names]
    takes = printable(", ".join(names) or "nothing", 200)
    if lacking and not _catches_all(signature):
        own = printable(getattr(target, "__name__", "optimizer"), 40)
        return (
            f"it must take the keywords {', '.join(HYPERPARAMETERS)}, and lacks "
            f"{', '.join(lacking)} (it takes {takes}); rename them, or name a function that does: "
            f"def port(params, lr, lambd, alpha, t0, weight_decay): return {own}(params, ...)"
        )
    if names and names[0] in HYPERPARAMETERS:
        return f"the parameters must be its first argument (it takes {takes})"
    return f"it needs more than parameters and hyperparameters (it takes {takes})"


def of_step(optimizer: Any, error: Exception) -> str:
    """Why an optimizer with a step failed; None for ``optimizer`` where it could not be made."""
    if optimizer is None:
        return (
            f"its constructor failed: {located(error)}; it is given a list of parameters, each "
            "with .data and .grad"
        )
    step = getattr(optimizer, "step", None)
    if not callable(step):
        return "it has no method step()"
    signature = _signature(step)
    if signature is not None and not _binds(signature):
        takes = printable(", ".join(signature.parameters), 100)
        return f"step() is called without arguments, and takes {takes}; gradients are in .grad"
    text = f"a step failed: {located(error)}"
    if "requires grad" in str(error):
        text += "; decorate step() with torch.no_grad()"
    return text


def of_function(made: Any, error: Exception) -> str:
    """Why what a function returned failed; None for ``made`` where it returned nothing."""
    if made is None:
        return f"it failed: {located(error)}"
    if not callable(getattr(made, "init", None)) or not callable(getattr(made, "update", None)):
        kind = printable(type(made).__name__, 40)
        return (
            "what it returns must have init(params) and update(grads, state, params), as a "
            f"NamedTuple of the two has, got {kind}"
        )
    signature = _signature(made.update)
    if signature is not None and not _binds(signature, None, None, None):
        takes = printable(", ".join(signature.parameters), 100)
        return f"update() is called with (grads, state, params), and takes {takes}"
    return (
        f"a step failed: {located(error)}; update(grads, state, params) must return "
        "(updates, state), where updates are what is added to the parameters"
    )


def _signature(target: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError):
        return None


def _binds(signature: inspect.Signature, *args: Any, **kwargs: Any) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _catches_all(signature: inspect.Signature) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
