"""The known faults as rules: each replaces parts of a variant; ``spec/faults.toml`` describes them.

A fault turns a `Variant` into another, so faults compose with conventions and with one another. Two
of them that replace the same part do not compose (`combine` says so).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from asgd.reference import equations as truth

from .running_error import at_least, choose
from .variant import (
    Hyper,
    Moment,
    Narrow,
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
    return choose(h.maximize, -grad, grad)


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
    return choose(h.maximize, -total, total)


def _wrong_sign(grad: Number, theta: Number, h: Hyper) -> Number:
    return gradient(-grad, theta, h)


# E2: the step size.


def _power_inside(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * h.lr * (h.alpha * 0 + t) ** h.alpha)


def _power_of_product(t: int, h: Hyper) -> Number:
    return h.lr / (1 + (h.lambd * h.lr * t) ** h.alpha)


def _lr_missing(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * t) ** h.alpha


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
    for s in range(1, int(np.max(t)) + 1):
        eta = choose(t >= s, eta / (1 + h.lambd * eta * s) ** h.alpha, eta)
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
    flipped, right = _decay_sign(theta, total, eta, h), descend(theta, total, eta, h)
    return choose(h.maximize, flipped, right)


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


def _from_start(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return averaging_weight(t, 0.0, h, moment)


def _never(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return 1.0


def _by_alpha(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return choose(moment.t >= _whole(t0), 1 / (h.alpha * moment.t + 1), 1.0)


def _by_step(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    """The weight of all steps so far, from t0 on: 1 / t instead of 1 / (t - t0)."""
    return choose(t - t0 > 1, 1.0 / at_least(t, 1.0), 1.0)


# E5: the average.


def _of_old(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return truth.average(average, moment.theta, mu=mu)


def _exponential(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return average * h.alpha + (1 - h.alpha) * theta


def _exponential_in_window(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    before = mean(average, theta, mu, moment, h)
    return choose(moment.t < h.t0, before, average * h.alpha + (1 - h.alpha) * theta)


def _frozen_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < h.t0, moment.start * 1.0, mean(average, theta, mu, moment, h))


def _zero_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < h.t0, moment.start * 0.0, mean(average, theta, mu, moment, h))


def _divisor_larger(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The window's sum divided by one more than it has terms."""
    before = mean(average, theta, mu, moment, h)
    begun = choose(mu < 1, (average * (1 / mu) + theta) / (1 / mu + 1), theta / 2)
    return choose(moment.t < h.t0, before, begun)


def _average_decays(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    taken = mean(average, theta, mu, moment, h)
    return choose(moment.t < h.t0, taken, taken - h.lambd * average)


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
    return choose(moment.t < at_least(h.t0, 1), theta * 1.0, average + theta)


def _lucid(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return _lucid_from(_whole(h.t0), average, theta, moment, h)


def _lucid_as_is(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    return _lucid_from(h.t0, average, theta, moment, h)


def _lucid_from(t0: Any, average: Number, theta: Number, moment: Moment, h: Hyper) -> Number:
    c = 1 / (h.alpha * moment.t + 1)
    begun = average * (1 - c) + c * theta - h.lambd * average
    return choose(moment.t < t0, average * 1.0, begun)


def _aliased(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The average is theta's own array while mu = 1, and still at the step that ends this."""
    return choose(mu < 0.5, mean(average, theta, mu, moment, h), theta * 1.0)


def _swapped_inside(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    """The two weights swapped where the average is no copy of theta."""
    taken = truth.average(theta, average, mu=mu)
    return choose(mu < 1, taken, theta * 1.0)


def _twice(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return mean(mean(average, theta, mu, moment, h), theta, mu, moment, h)


def _twice_counted(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    """Twice, and counted as two: sum + 2 theta, divided by twice the terms but for the first."""
    terms = 1 / mu
    once = truth.average(average, theta, mu=1 / at_least(2 * terms - 1, 1.0))
    return truth.average(once, theta, mu=1 / (2 * terms))


def _of_first_element(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    return moment.head(mean(average, theta, mu, moment, h))


def _fixed(share: float, *, inside: bool) -> Any:
    """Exponential average in which theta weighs ``share``, from the start or inside the window."""

    def taken(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
        faded = average * (1 - share) + share * theta
        return choose(moment.t < h.t0, theta * 1.0, faded) if inside else faded

    return taken


def _fed(every: int, first: int, *, counted: bool) -> Any:
    """Weight of a mean that only takes in each ``every``-th term, ``first`` terms after the first.

    It divides as if every term was taken in; where they are ``counted``, by those that were.
    """

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
        terms = at_least(t - t0, 1.0)
        taken = (terms - 1 - first) / every
        whole = _whole(taken) == taken
        divisor = at_least(taken, 0.0) + 1.0 if counted else terms
        return choose(t - t0 > 1, choose(whole, 1.0 / divisor, 0.0), 1.0)

    return weight


def _by_calls_fed(every: int) -> Any:
    """The same where calls are counted from the first one."""

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        share = averaging_weight(t, t0, h, moment)
        return choose((moment.t % every == 0) | (share == 1), share, 0.0)

    return weight


def _not_a_multiple(every: int) -> Any:
    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        share = averaging_weight(t, t0, h, moment)
        return choose((moment.t % every != 0) | (share == 1), share, 0.0)

    return weight


def _fed_mean(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """What is not fed has no effect, infinities neither."""
    return choose(mu == 0, average * 1.0, mean(average, theta, mu, moment, h))


def _integer_weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    return choose(t - t0 > 1, 0.0, 1.0)


def _without_start(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    """The first iterate that counts is theta_1, also with t0 = 0."""
    return averaging_weight(t, at_least(t0, 1.0), h, moment)


def _counted(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    """Sum and count of the iterates from t0 on, divided where t is t0 or more."""
    taken = (moment.sum + theta) / at_least(1.0 * moment.taken, 1.0)
    return choose(moment.t < h.t0, theta * 1.0, taken)


def _since(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    """A count that is zero as long as t is t0 or less."""
    return 1.0 / at_least(1.0 * moment.since, 1.0)


def _aliased_later(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The same, but the initial average is a copy."""
    right = (mu < 0.5) | moment.opening
    return choose(right, mean(average, theta, mu, moment, h), theta * 1.0)


def _updates(moment: Moment) -> Any:
    return moment.updates


def _heavy(factor: float, *, damped: bool, nesterov: bool = False) -> Any:
    def pull(moment: Moment) -> Number:
        assert moment.velocity is not None
        taken = moment.velocity(factor) * ((1 - factor) if damped else 1.0)
        if nesterov:
            h = moment.now.own
            taken = gradient(moment.grad, moment.theta, h) + factor * taken
        return taken

    return pull


def _whole(x: Any) -> Any:
    return np.floor(x) if isinstance(x, np.ndarray) else math.floor(min(x, 2.0**62))


def _nearest(x: Any) -> Any:
    return _whole(x + 0.5)


def _to_even(x: Any) -> Any:
    return np.rint(x) if isinstance(x, np.ndarray) else round(min(x, 2.0**62))


def _as_it_is(x: Any) -> Any:
    return x


def _never_moves(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    return theta * 1.0


# E6: counting and hyperparameters.


def _calls(moment: Moment) -> Any:
    return moment.call


def _calls_by_parameter(moment: Moment) -> Any:
    return (moment.call - 1) * moment.count + moment.index + 1


def _first_clock(moment: Moment) -> Any:
    return moment.first_t


def _stored_first_clock(moment: Moment) -> Any:
    """Count of the first parameter when eta and mu were stored, and the lag of storing added."""
    return moment.past_first_t + 1


def _late(variant: Variant) -> dict[str, Any]:
    return {"stored": not variant.stored}


def _first_counts(variant: Variant) -> dict[str, Any]:
    return {"clock": _stored_first_clock if variant.stored else _first_clock}


_HYPER = ("lr", "lambd", "alpha", "t0", "weight_decay")


def _origin(where: str, *names: str) -> Change:
    return _set(origin=tuple((name, where) for name in names))


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
        "theta-never-moves": _set(update=_never_moves),
        "decay-by-stale-eta": _set(stale="decay"),
        "gradient-by-stale-eta": _set(stale="gradient"),
        "decay-exempts-size-one": _set(exempt=("lambd", "weight_decay")),
        "average-written-into-theta": _set(written=True),
        "averaging-one-step-late": lambda variant: {"mu_lag": variant.mu_lag + 1},
        "averaging-one-step-early": lambda variant: {"mu_lag": variant.mu_lag - 1},
        "averaging-from-start": _set(weight=_from_start),
        "averaging-never": _set(weight=_never),
        "averaging-weight-by-alpha": _set(weight=_by_alpha),
        "averaging-weight-by-step": _set(weight=_by_step),
        "averaging-without-start": _set(weight=_without_start),
        "averaging-fed-every-kth-step": _set(weight=_fed(3, 0, counted=False), mean=_fed_mean),
        "mu-integer-division": _set(weight=_integer_weight),
        "t0-as-is": _set(reading=_as_it_is),
        "t0-truncated": _set(reading=_whole),
        "t0-rounded": _set(reading=_nearest),
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
        "average-fixed-decay": _set(mean=_fixed(0.01, inside=False)),
        "average-counted-twice": _set(mean=_twice),
        "average-of-first-element": _set(mean=_of_first_element),
        "average-lucid": _set(mean=_lucid),
        "average-aliased": _set(mean=_aliased),
        "counter-of-optimizer": _set(clock=_calls),
        "counter-of-first-parameter": _first_counts,
        "counter-by-parameter": _set(clock=_calls_by_parameter),
        "counter-without-gradient": _set(clock=_calls, skips=False),
        "eta-of-first-parameter": _set(eta_clock=_first_clock),
        "schedule-in-loop": _set(clock=_calls, in_loop=True),
        "eta-by-calls": _set(eta_clock=_calls),
        "window-by-calls": _set(mu_clock=_calls),
        "hyperparameters-frozen": _origin("opened", *_HYPER, "maximize"),
        "hyperparameters-of-first-group": _origin("first", *_HYPER, "maximize"),
        "hyperparameters-of-last-group": _origin("last", *_HYPER, "maximize"),
        "hyperparameters-shifted": _late,
        "lr-frozen": _origin("opened", "lr"),
        "lambd-frozen": _origin("opened", "lambd"),
        "alpha-frozen": _origin("opened", "alpha"),
        "t0-frozen": _origin("opened", "t0"),
        "weight-decay-frozen": _origin("opened", "weight_decay"),
        "lr-of-first-group": _origin("first", "lr"),
        "lambd-of-first-group": _origin("first", "lambd"),
        "alpha-of-first-group": _origin("first", "alpha"),
        "t0-of-first-group": _origin("first", "t0"),
        "weight-decay-of-first-group": _origin("first", "weight_decay"),
        "lr-of-last-group": _origin("last", "lr"),
        "lambd-of-last-group": _origin("last", "lambd"),
        "alpha-of-last-group": _origin("last", "alpha"),
        "t0-of-last-group": _origin("last", "t0"),
        "weight-decay-of-last-group": _origin("last", "weight_decay"),
        "lr-shifted": _set(late=frozenset({"lr"})),
        "lambd-shifted": _set(late=frozenset({"lambd"})),
        "alpha-shifted": _set(late=frozenset({"alpha"})),
        "t0-shifted": _set(late=frozenset({"t0"})),
    }
)
"""What each fault changes, by its id in ``faults.toml``."""

FORMS: Mapping[str, tuple[Change, ...]] = MappingProxyType(
    {
        "average-weights-swapped": (_set(mean=_swapped_inside),),
        "averaging-without-start": (_set(mean=_counted), _set(weight=_since)),
        "average-aliased": (_set(mean=_aliased_later),),
        "counter-by-parameter": (_set(clock=_updates),),
        "momentum": tuple(
            _set(pull=_heavy(factor, damped=damped, nesterov=nesterov))
            for factor in (0.9, 0.5, 0.99, 0.95, 0.8)
            for damped, nesterov in ((False, False), (True, False), (False, True))
        ),
        "average-counted-twice": (_set(mean=_twice_counted),),
        "average-lucid": (_set(mean=_lucid_as_is),),
        "decay-exempts-size-one": (_set(exempt=("lambd",)), _set(exempt=("weight_decay",))),
        "window-by-calls": (_set(mu_clock=_first_clock),),
        "t0-rounded": (_set(reading=_to_even),),
        "averaging-fed-every-kth-step": tuple(
            _set(weight=weight, mean=_fed_mean)
            for every in (2, 3, 4, 5)
            for weight in (
                *(_fed(every, first, counted=False) for first in range(every)),
                *(_fed(every, first, counted=True) for first in range(every)),
                _by_calls_fed(every),
                _not_a_multiple(every),
            )
        ),
        "average-fixed-decay": tuple(
            _set(mean=_fixed(share, inside=inside))
            for share in (0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005, 0.0001)
            for inside in (False, True)
        ),
    }
)
"""Other forms of a fault, which have its name; some rest on what diagnosis alone knows."""


def _narrow(quantity: str, *bits: int, stored: bool = True) -> tuple[Change, ...]:
    return tuple(_set(narrow=(Narrow(quantity, b, stored),)) for b in bits)


def _single(h: Hyper) -> Hyper:
    names = ("lr", "lambd", "alpha", "weight_decay")
    changes: dict[str, Any] = {name: getattr(h, name).map(_as_single) for name in names}
    return h._replace(**changes)


def _single_gradient(grad: Number, theta: Number, h: Hyper) -> Number:
    return gradient(grad.map(_as_single), theta, h)


def _as_single(x: Any) -> Any:
    return np.asarray(x, np.float32).astype(float)


PRECISION: Mapping[str, tuple[Change, ...]] = MappingProxyType(
    {
        "hyperparameters-float32-stored": (_set(reader=_single),),
        "eta-float32-stored": _narrow("eta", 24),
        "mu-float32-stored": _narrow("mu", 24),
        "gradient-float32-stored": (_set(total=_single_gradient),),
        "theta-float32-stored": _narrow("theta", 24),
        "average-float32-stored": _narrow("average", 24),
        "eta-half-stored": _narrow("eta", 11, 8),
        "mu-half-stored": _narrow("mu", 11, 8),
        "theta-half-stored": _narrow("theta", 11, 8),
        "average-half-stored": _narrow("average", 11, 8),
        "eta-float32-computed": _narrow("eta", 24, stored=False),
        "mu-float32-computed": _narrow("mu", 24, stored=False),
    }
)
"""Faults of precision, in their forms: quantities of fewer bits than the dtype has."""

_DEFAULTS = {f.name: f.default for f in fields(Variant)}
_LAGS = {"eta_lag", "mu_lag", "stored"}


def combine(variant: Variant, *ids: str) -> Variant | None:
    """``variant`` with faults; None where two of them replace the same part."""
    changed: Variant | None = variant
    for ident in ids:
        if changed is not None:
            changed = apply(changed, ident, CHANGES[ident])
    return changed


def apply(variant: Variant, ident: str, change: Change) -> Variant | None:
    """``variant`` with one more fault; None where its part is another already."""
    changes = change(variant)
    for name, value in changes.items():
        now = getattr(variant, name)
        if name in _LAGS:
            if now != getattr(Variant.of(variant.convention), name):
                return None
        elif now is not _DEFAULTS[name]:
            # Single hyperparameters and quantities are parts of their own.
            if name == "late" and not now & value:
                changes = {**changes, name: now | value}
            elif name in {"origin", "narrow"} and not {x[0] for x in now} & {x[0] for x in value}:
                changes = {**changes, name: now + value}
            else:
                return None
    return replace(variant, **changes, faults=(*variant.faults, ident))
