"""The known faults as rules: each replaces parts of a variant; ``spec/faults.toml`` describes them.

A fault turns a `Variant` into another, so faults compose with conventions and with one another. Two
of them that replace the same part do not compose (`combine` says so).
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from asgd.reference import equations as truth

from .variant import (
    Hyper,
    Moment,
    Number,
    Variant,
    averaging_weight,
    descend,
    gradient,
    mean,
    step_size,
)

Change = Callable[[Variant], dict[str, Any]]


def _set(**parts: Any) -> Change:
    return lambda variant: parts  # noqa: ARG005 - these parts do not depend on the convention


# E1: sign and penalty.


def _no_penalty(grad: Number, theta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return -grad if h.maximize else grad


def _negative_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return _no_penalty(grad, theta, h) - h.weight_decay * theta


def _double_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return _no_penalty(grad, theta, h) + 2 * h.weight_decay * theta


def _half_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return _no_penalty(grad, theta, h) + h.weight_decay * theta / 2


def _no_sign(grad: Number, theta: Number, h: Hyper) -> Number:
    return grad + h.weight_decay * theta


def _penalty_scaled(grad: Number, theta: Number, h: Hyper) -> Number:
    return _no_penalty(grad, theta, h) + h.lr * h.weight_decay * theta


def _sign_of_all(grad: Number, theta: Number, h: Hyper) -> Number:
    total = _no_sign(grad, theta, h)
    return -total if h.maximize else total


def _wrong_sign(grad: Number, theta: Number, h: Hyper) -> Number:
    return gradient(-grad, theta, h)


# E2: the step size.


def _power_inside(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * h.lr * (h.alpha * 0 + float(t)) ** h.alpha)


def _power_of_product(t: int, h: Hyper) -> Number:
    return h.lr / (1 + (h.lambd * h.lr * t) ** h.alpha)


def _lr_missing(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * float(t)) ** h.alpha


def _constant(t: int, h: Hyper) -> Number:  # noqa: ARG001
    return h.lr * 1.0


def _fixed_exponent(t: int, h: Hyper) -> Number:
    return step_size(t, h._replace(alpha=0 * h.alpha + 0.75))


def _no_exponent(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * h.lr * t)


def _no_numerator(t: int, h: Hyper) -> Number:
    return 1.0 / (1 + h.lambd * h.lr * t) ** h.alpha


def _grows(t: int, h: Hyper) -> Number:
    return h.lr * (1 + h.lambd * h.lr * t) ** h.alpha


def _power_of_all(t: int, h: Hyper) -> Number:
    return (h.lr / (1 + h.lambd * h.lr * t)) ** h.alpha


def _penalty_for_decay(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.weight_decay * h.lr * t) ** h.alpha


def _penalty_and_decay(t: int, h: Hyper) -> Number:
    return h.lr / (1 + (h.lambd + h.weight_decay) * h.lr * t) ** h.alpha


def _compounds(t: int, h: Hyper) -> Number:
    eta = h.lr * 1.0
    for s in range(1, t + 1):
        eta = eta / (1 + h.lambd * eta * s) ** h.alpha
    return eta


# E3: the update.


def _no_decay(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return theta - eta * total


def _decay_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total - h.lr * h.lambd * theta


def _decay_unscaled(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total - h.lambd * theta


def _decay_sign(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total - h.lambd * theta)


def _decay_doubled(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total + 2 * h.lambd * theta)


def _decay_halved(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total + h.lambd * theta / 2)


def _implicit(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return (theta - eta * total) / (1 + eta * h.lambd)


def _sign_of_decay(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return (_decay_sign if h.maximize else descend)(theta, total, eta, h)


def _decay_after(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return (theta - eta * total) * (1 - eta * h.lambd)


def _gradient_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - h.lr * total - eta * h.lambd * theta


def _no_step_size(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return theta - (total + h.lambd * theta)


def _sgd_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return theta - h.lr * total


# E1 again: penalties that are not part of the gradient.


def _penalty_by_lr(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return updated - h.lr * h.weight_decay * moment.theta


def _penalty_unscaled(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return updated - h.weight_decay * moment.theta


def _penalty_after(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return updated - eta * h.weight_decay * updated


def _penalty_compounds(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    # theta (1 - eta wd) (1 - eta lambd) - eta g instead of theta (1 - eta (wd + lambd)) - eta g
    return updated - eta * h.weight_decay * moment.theta * (1 - eta * h.lambd)


def _decoupled(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    # theta (1 - lr wd) (1 - eta lambd) - eta g: AdamW's penalty, before the step
    return updated - h.lr * h.weight_decay * moment.theta * (1 - eta * h.lambd)


def _decoupled_after(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return updated - h.lr * h.weight_decay * updated


# E4: the averaging weight.


def _from_start(t: int, t0: float, h: Hyper, moment: Moment) -> Number:
    return averaging_weight(t, 0.0 * t0, h, moment)


def _never(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return 1.0


def _by_alpha(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return 1 / (h.alpha * moment.t + 1) if moment.t >= int(min(t0, 2.0**62)) else 1.0


def _by_step(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    """The weight of all steps so far, from t0 on: 1 / t instead of 1 / (t - t0)."""
    return 1.0 / max(1.0, t) if t - t0 > 1 else 1.0


# E5: the average.


def _of_old(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return truth.average(average, moment.theta, mu=mu)


def _exponential(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return average * h.alpha + (1 - h.alpha) * theta


def _exponential_in_window(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    if moment.t < h.t0:
        return mean(average, theta, mu, moment, h)
    return average * h.alpha + (1 - h.alpha) * theta


def _frozen_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return moment.start * 1.0 if moment.t < h.t0 else mean(average, theta, mu, moment, h)


def _zero_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return moment.start * 0.0 if moment.t < h.t0 else mean(average, theta, mu, moment, h)


def _divisor_larger(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The window's sum divided by one more than it has terms."""
    if moment.t < h.t0:
        return mean(average, theta, mu, moment, h)
    if not mu < 1:  # a `Running` number is equal to no plain one
        return theta / 2
    return (average * (1 / mu) + theta) / (1 / mu + 1)


def _average_decays(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    taken = mean(average, theta, mu, moment, h)
    return taken if moment.t < h.t0 else taken - h.lambd * average


def _average_penalized(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    taken = mean(average, theta, mu, moment, h)
    return taken - h.lr * h.weight_decay * taken


def _swapped(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return truth.average(theta, average, mu=mu)


def _not_added(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return mu * (theta - average)


def _summed(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return theta * 1.0 if moment.t < max(h.t0, 1) else average + theta


def _lucid(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    if moment.t < int(min(h.t0, 2.0**62)):
        return average * 1.0
    c = 1 / (h.alpha * moment.t + 1)
    return average * (1 - c) + c * theta - h.lambd * average


def _aliased(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The average is theta's own array while mu = 1, and still at the step that ends this."""
    return mean(average, theta, mu, moment, h) if mu < 0.5 else theta * 1.0


# E6: counting and hyperparameters.


def _calls(moment: Moment) -> int:
    return moment.call


def _calls_by_parameter(moment: Moment) -> int:
    return (moment.call - 1) * moment.count + moment.index + 1


def _first_clock(moment: Moment) -> int:
    return moment.first_t


def _stored_first_clock(moment: Moment) -> int:
    """Count of the first parameter when eta and mu were stored, and the lag of storing added."""
    return moment.past_first_t + 1


def _opened(moment: Moment) -> Hyper:
    return moment.opened


def _first_group(moment: Moment) -> Hyper:
    return moment.first


def _last_group(moment: Moment) -> Hyper:
    return moment.last


def _late(variant: Variant) -> dict[str, Any]:
    return {"stored": not variant.stored}


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "weight-decay-ignored": _set(total=_no_penalty),
        "weight-decay-sign": _set(total=_negative_penalty),
        "weight-decay-doubled": _set(total=_double_penalty),
        "weight-decay-halved": _set(total=_half_penalty),
        "weight-decay-by-lr": _set(total=_no_penalty, after=_penalty_by_lr),
        "weight-decay-unscaled": _set(total=_no_penalty, after=_penalty_unscaled),
        "weight-decay-after-step": _set(total=_no_penalty, after=_penalty_after),
        "weight-decay-compounds": _set(total=_no_penalty, after=_penalty_compounds),
        "weight-decay-decoupled": _set(total=_no_penalty, after=_decoupled),
        "weight-decay-decoupled-after": _set(total=_no_penalty, after=_decoupled_after),
        "weight-decay-scaled-twice": _set(total=_penalty_scaled),
        "maximize-ignored": _set(total=_no_sign),
        "maximize-flips-penalty": _set(total=_sign_of_all),
        "gradient-sign": _set(total=_wrong_sign),
        "eta-power-inside": _set(size=_power_inside),
        "eta-power-of-product": _set(size=_power_of_product),
        "eta-lr-missing-inside": _set(size=_lr_missing),
        "eta-constant": _set(size=_constant),
        "eta-exponent-fixed": _set(size=_fixed_exponent),
        "eta-exponent-ignored": _set(size=_no_exponent),
        "eta-numerator-missing": _set(size=_no_numerator),
        "eta-grows": _set(size=_grows),
        "eta-power-of-all": _set(size=_power_of_all),
        "eta-decays-by-weight-decay": _set(size=_penalty_for_decay),
        "eta-decays-by-both": _set(size=_penalty_and_decay),
        "eta-compounds": _set(size=_compounds),
        "eta-implicit": _set(update=_implicit),
        "eta-one-step-late": lambda variant: {"eta_lag": variant.eta_lag + 1},
        "eta-one-step-early": lambda variant: {"eta_lag": variant.eta_lag - 1},
        "decay-missing": _set(update=_no_decay),
        "decay-by-lr": _set(update=_decay_by_lr),
        "decay-unscaled": _set(update=_decay_unscaled),
        "decay-sign": _set(update=_decay_sign),
        "decay-doubled": _set(update=_decay_doubled),
        "decay-halved": _set(update=_decay_halved),
        "maximize-flips-decay": _set(update=_sign_of_decay),
        "decay-after-step": _set(update=_decay_after),
        "gradient-by-lr": _set(update=_gradient_by_lr),
        "update-unscaled": _set(update=_no_step_size),
        "sgd-by-lr": _set(update=_sgd_by_lr),
        "averaging-one-step-late": lambda variant: {"mu_lag": variant.mu_lag + 1},
        "averaging-one-step-early": lambda variant: {"mu_lag": variant.mu_lag - 1},
        "averaging-from-start": _set(weight=_from_start),
        "averaging-never": _set(weight=_never),
        "averaging-weight-by-alpha": _set(weight=_by_alpha),
        "averaging-weight-by-step": _set(weight=_by_step),
        "average-of-old-theta": _set(mean=_of_old),
        "average-exponential": _set(mean=_exponential),
        "average-exponential-in-window": _set(mean=_exponential_in_window),
        "average-frozen-before-window": _set(mean=_frozen_before),
        "average-zero-before-window": _set(mean=_zero_before),
        "average-divisor-larger": _set(mean=_divisor_larger),
        "average-decays": _set(mean=_average_decays),
        "average-penalized": _set(mean=_average_penalized),
        "average-weights-swapped": _set(mean=_swapped),
        "average-not-added": _set(mean=_not_added),
        "average-sum": _set(mean=_summed),
        "average-starts-at-zero": _set(start_at_zero=True),
        "average-lucid": _set(mean=_lucid),
        "average-aliased": _set(mean=_aliased),
        "counter-of-optimizer": _set(clock=_calls),
        "counter-of-first-parameter": lambda variant: {
            "clock": _stored_first_clock if variant.stored else _first_clock
        },
        "counter-by-parameter": _set(clock=_calls_by_parameter),
        "counter-without-gradient": _set(clock=_calls, skips=False),
        "eta-of-first-parameter": _set(eta_clock=_first_clock),
        "hyperparameters-frozen": _set(source=_opened),
        "hyperparameters-of-first-group": _set(source=_first_group),
        "hyperparameters-of-last-group": _set(source=_last_group),
        "hyperparameters-shifted": _late,
    }
)
"""What each fault changes, by its id in ``faults.toml``."""

_DEFAULTS = {f.name: f.default for f in fields(Variant)}


def combine(variant: Variant, *ids: str) -> Variant | None:
    """``variant`` with faults; None where two of them replace the same part."""
    for ident in ids:
        changes = CHANGES[ident](variant)
        for name in changes:
            if name in {"eta_lag", "mu_lag", "stored"}:
                untouched = getattr(variant, name) == getattr(Variant.of(variant.convention), name)
            else:
                untouched = getattr(variant, name) is _DEFAULTS[name]
            if not untouched:
                return None
        variant = replace(variant, **changes, faults=(*variant.faults, ident))
    return variant
