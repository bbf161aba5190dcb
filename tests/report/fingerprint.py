"""The fingerprint of a port in the report: fields, and words."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..diagnosis.dense_runs import STEPS
from ..diagnosis.orders import Summary
from .numbers import finite


def fields(found: Summary) -> dict[str, Any]:
    """Orders that give every bit, or the nearest ones and where these first differ."""
    parts = {
        "eta": found.eta,
        "theta": found.theta,
        "theta_without_weight_decay": found.theta_without_penalty,
        "average": found.average,
    }
    made: dict[str, Any] = {
        name: {
            "order": one.order,
            "reproduces": one.reproduces,
            "first_different_step": one.first,
        }
        for name, one in parts.items()
        if one is not None
    }
    made["eta"]["error_ulp"] = finite(found.error)
    return {"reproduces": found.reproduces, **made}


def lines(dtype: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The fingerprint of a dtype in words, a line for each quantity."""
    yield f"evaluation order, {dtype}, in two runs of {STEPS} steps:"
    error = found["eta"]["error_ulp"]
    if error == 0:
        yield "  eta      correctly rounded"
    else:
        size = "not finite" if error is None else f"within {error:.3g} ulp"
        given = found["eta"]["reproduces"]
        yield f"  eta      {found['eta']['order']}, {size}" if given else f"  eta      {size}"
    theta, plain = found.get("theta"), found.get("theta_without_weight_decay")
    if theta is not None and (plain is None or theta["reproduces"] == plain["reproduces"]):
        plain = None
    for name, one in (("theta", theta), ("theta without weight_decay", plain)):
        if one is not None:
            yield f"  {name:<8} {_words(one)}"
    if "average" in found:
        yield f"  average  {_words(found['average'])}"


def _words(one: Mapping[str, Any]) -> str:
    if one["reproduces"]:
        return f"bit-identical to {one['order']}"
    return f"nearest to {one['order']}; first differs at step {one['first_different_step']}"
