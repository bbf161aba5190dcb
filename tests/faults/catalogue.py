"""The known faults as rules: each replaces parts of a variant; ``spec/faults.toml`` describes them.

A fault turns a `Variant` into another, so faults compose with conventions and with one another. Two
of them that replace the same part do not compose (`combine` says so).
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from asgd.spec import DEFAULTS

from . import of_average, of_theta
from .running_error import choose, is_zero
from .variant import Hyper, Moment, Narrow, Number, Variant, gradient

Change = Callable[[Variant], dict[str, Any]]


def _set(**parts: Any) -> Change:
    return lambda _variant: parts


# E6: counting and hyperparameters.


def _calls(moment: Moment) -> Any:
    return moment.call


def _updates(moment: Moment) -> Any:
    return moment.updates


def _calls_by_parameter(moment: Moment) -> Any:
    return (moment.call - 1) * moment.count + moment.index + 1


def _doubled(moment: Moment) -> Any:
    return 2 * moment.t


def _first_clock(moment: Moment) -> Any:
    return moment.first_t


def _stored_first_clock(moment: Moment) -> Any:
    """Count of the first parameter when eta and mu were stored, and the lag of storing added."""
    return moment.past_first_t + 1


def _ahead(moment: Moment) -> Any:
    return moment.ahead


def _ahead_in_group(moment: Moment) -> Any:
    return moment.ahead_in_group


def _active(moment: Moment) -> Any:
    return moment.active


def _unset(*names: str) -> Callable[[Hyper], Hyper]:
    """A reader that takes a 0 for a value that was not given."""

    def read(h: Hyper) -> Hyper:
        made: dict[str, Any] = {
            name: choose(is_zero(getattr(h, name)), DEFAULTS[name], getattr(h, name))
            for name in names
        }
        return h._replace(**made)

    return read


def _late(variant: Variant) -> dict[str, Any]:
    return {"stored": not variant.stored}


def _first_counts(variant: Variant) -> dict[str, Any]:
    return {"clock": _stored_first_clock if variant.stored else _first_clock}


_HYPER = ("lr", "lambd", "alpha", "t0", "weight_decay")


def _origin(where: str, *names: str) -> Change:
    return _set(origin=tuple((name, where) for name in names))


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "weight-decay-ignored": _set(total=of_theta.no_penalty),
        "weight-decay-sign": _set(total=of_theta.negative_penalty),
        "weight-decay-doubled": _set(total=of_theta.double_penalty),
        "weight-decay-halved": _set(total=of_theta.half_penalty),
        "weight-decay-by-lr": _set(total=of_theta.no_penalty, after=of_theta.penalty_by_lr),
        "weight-decay-unscaled": _set(total=of_theta.no_penalty, after=of_theta.penalty_unscaled),
        "weight-decay-after-step": _set(total=of_theta.no_penalty, after=of_theta.penalty_after),
        "weight-decay-compounds": _set(total=of_theta.no_penalty, after=of_theta.penalty_compounds),
        "weight-decay-decoupled": _set(total=of_theta.no_penalty, after=of_theta.decoupled),
        "weight-decay-decoupled-after": _set(
            total=of_theta.no_penalty, after=of_theta.decoupled_after
        ),
        "weight-decay-l1": _set(total=of_theta.lasso),
        "weight-decay-scaled-twice": _set(total=of_theta.penalty_scaled),
        "maximize-ignored": _set(total=of_theta.no_sign),
        "maximize-flips-penalty": _set(total=of_theta.sign_of_all),
        "maximize-twice": _set(total=of_theta.turned_twice),
        "gradient-over-size": _set(pull=of_theta.over_size),
        "gradient-sign": _set(total=of_theta.wrong_sign),
        "eta-power-inside": _set(size=of_theta.power_inside),
        "eta-power-of-product": _set(size=of_theta.power_of_product),
        "eta-lr-missing-inside": _set(size=of_theta.lr_missing),
        "eta-constant": _set(size=of_theta.constant),
        "eta-from-window": _set(size=of_theta.from_window),
        "eta-alpha-and-lambd-swapped": _set(size=of_theta.swapped),
        "eta-exponent-fixed": _set(size=of_theta.fixed_exponent),
        "eta-exponent-ignored": _set(size=of_theta.no_exponent),
        "eta-numerator-missing": _set(size=of_theta.no_numerator),
        "eta-grows": _set(size=of_theta.grows),
        "eta-power-of-all": _set(size=of_theta.power_of_all),
        "eta-decays-by-weight-decay": _set(size=of_theta.penalty_for_decay),
        "eta-decays-by-both": _set(size=of_theta.penalty_and_decay),
        "eta-compounds": _set(size=of_theta.compounds),
        "eta-warms-up": _set(size=of_theta.warming_up(10)),
        "eta-one-missing": _set(size=of_theta.one_missing),
        "eta-epsilon": _set(size=of_theta.with_epsilon(1e-4)),
        "eta-lr-frozen-inside": _set(bracket=True),
        "eta-of-first-group": _set(eta_from="first"),
        "eta-implicit": _set(update=of_theta.implicit),
        "eta-one-step-late": lambda variant: {"eta_lag": variant.eta_lag + 1},
        "eta-one-step-early": lambda variant: {"eta_lag": variant.eta_lag - 1},
        "decay-missing": _set(update=of_theta.no_decay),
        "decay-by-lr": _set(update=of_theta.decay_by_lr),
        "decay-unscaled": _set(update=of_theta.decay_unscaled),
        "decay-sign": _set(update=of_theta.decay_sign),
        "decay-outside-bracket": _set(update=of_theta.decay_outside),
        "decay-by-weight-decay": _set(update=of_theta.penalty_in_decay),
        "decay-doubled": _set(update=of_theta.decay_doubled),
        "decay-halved": _set(update=of_theta.decay_halved),
        "maximize-flips-decay": _set(update=of_theta.sign_of_decay),
        "decay-after-step": _set(update=of_theta.decay_after),
        "gradient-scaled-twice": _set(update=of_theta.scaled_twice),
        "gradient-bias-corrected": _set(after=of_theta.bias_corrected(0.9)),
        "gradient-by-lr": _set(update=of_theta.gradient_by_lr),
        "update-unscaled": _set(update=of_theta.no_step_size),
        "sgd-by-lr": _set(update=of_theta.sgd_by_lr),
        "theta-never-moves": _set(update=of_theta.never_moves),
        "decay-by-stale-eta": _set(stale="decay"),
        "gradient-by-stale-eta": _set(stale="gradient"),
        "sparse-update": _set(after=of_theta.sparse),
        "decay-exempts-size-one": _set(exempt=("lambd", "weight_decay")),
        "average-written-into-theta": _set(written=True),
        "averaging-one-step-late": lambda variant: {"mu_lag": variant.mu_lag + 1},
        "averaging-one-step-early": lambda variant: {"mu_lag": variant.mu_lag - 1},
        "averaging-from-start": _set(weight=of_average.from_start),
        "averaging-never": _set(weight=of_average.never),
        "averaging-weight-by-alpha": _set(weight=of_average.by_alpha),
        "averaging-weight-by-step": _set(weight=of_average.by_step),
        "averaging-without-start": _set(weight=of_average.without_start),
        "averaging-first-twice": _set(weight=of_average.first_twice),
        "averaging-fed-every-kth-step": _set(
            weight=of_average.fed(3, 0, counted=False), mean=of_average.fed_mean
        ),
        "averaging-polynomial": _set(weight=of_average.polynomial(1.0)),
        "window-not-reset": _set(weight=of_average.not_reset),
        "mu-integer-division": _set(weight=of_average.integer_weight),
        "t0-as-is": _set(reading=of_average.as_it_is),
        "t0-truncated": _set(reading=of_average.whole),
        "t0-rounded": _set(reading=of_average.nearest),
        "average-of-old-theta": _set(mean=of_average.of_old),
        "average-exponential": _set(mean=of_average.exponential),
        "average-exponential-in-window": _set(mean=of_average.exponential_in_window),
        "average-frozen-before-window": _set(mean=of_average.frozen_before),
        "average-zero-before-window": _set(mean=of_average.zero_before),
        "average-divisor-larger": _set(mean=of_average.divisor_larger),
        "average-decays": _set(mean=of_average.average_decays),
        "average-penalized": _set(mean=of_average.average_penalized),
        "average-weights-swapped": _set(mean=of_average.swapped),
        "average-theta-unweighted": _set(mean=of_average.unweighted),
        "average-of-gradient": _set(mean=of_average.of_gradient),
        "average-across-elements": _set(mean=of_average.across),
        "average-not-added": _set(mean=of_average.not_added),
        "average-sum": _set(mean=of_average.summed),
        "average-starts-at-zero": _set(start_at_zero=True),
        "average-fixed-decay": _set(mean=of_average.fixed(0.01, "start")),
        "average-counted-twice": _set(mean=of_average.twice),
        "average-of-first-element": _set(mean=of_average.of_first_element),
        "average-lucid": _set(mean=of_average.lucid),
        "average-aliased": _set(mean=of_average.aliased),
        "counter-of-optimizer": _set(clock=_calls),
        "counter-of-first-parameter": _first_counts,
        "counter-by-parameter": _set(clock=_calls_by_parameter),
        "counter-without-gradient": _set(clock=_calls, skips=False),
        "counter-by-two": _set(clock=_doubled),
        "eta-of-first-parameter": _set(eta_clock=_first_clock),
        "skip-ends-step": _set(stops="behind", clock=_ahead),
        "zero-gradient-skipped": _set(stops="idle", clock=_active),
        "schedule-in-loop": _set(clock=_calls, in_loop=True),
        "eta-by-calls": _set(eta_clock=_calls),
        "window-by-calls": _set(mu_clock=_calls),
        "hyperparameters-frozen": _origin("opened", *_HYPER, "maximize"),
        "hyperparameters-of-first-group": _origin("first", *_HYPER, "maximize"),
        "hyperparameters-of-last-group": _origin("last", *_HYPER, "maximize"),
        "hyperparameters-shifted": _late,
        "zero-taken-as-unset": _set(reader=_unset("lambd")),
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
        "maximize-of-first-group": _origin("first", "maximize"),
        "lr-of-last-group": _origin("last", "lr"),
        "lambd-of-last-group": _origin("last", "lambd"),
        "alpha-of-last-group": _origin("last", "alpha"),
        "t0-of-last-group": _origin("last", "t0"),
        "weight-decay-of-last-group": _origin("last", "weight_decay"),
        "maximize-of-last-group": _origin("last", "maximize"),
        "lr-shifted": _set(late=frozenset({"lr"})),
        "lambd-shifted": _set(late=frozenset({"lambd"})),
        "alpha-shifted": _set(late=frozenset({"alpha"})),
        "t0-shifted": _set(late=frozenset({"t0"})),
    }
)
"""What each fault changes, by its id in ``faults.toml``."""

FORMS: Mapping[str, tuple[Change, ...]] = MappingProxyType(
    {
        "hyperparameters-frozen": (_origin("given", *_HYPER, "maximize"),),
        "lr-frozen": (_origin("given", "lr"),),
        "lambd-frozen": (_origin("given", "lambd"),),
        "alpha-frozen": (_origin("given", "alpha"),),
        "t0-frozen": (_origin("given", "t0"),),
        "weight-decay-frozen": (_origin("given", "weight_decay"),),
        "averaging-weight-by-step": tuple(
            _set(weight=of_average.by_own_step(late=late, more=more))
            for late in (False, True)
            for more in (0, 1)
        ),
        "average-weights-swapped": (_set(mean=of_average.swapped_inside),),
        "average-frozen-before-window": (_set(mean=of_average.kept_before),),
        "averaging-without-start": (_set(mean=of_average.counted), _set(weight=of_average.since)),
        "average-aliased": (_set(mean=of_average.aliased_later),),
        "counter-by-parameter": (_set(clock=_updates),),
        "eta-warms-up": tuple(
            _set(size=of_theta.warming_up(steps, lag))
            for lag in (0, 1)
            for steps in (2, 3, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000)
            # The first is above, and the other is over at the first step.
            if (steps, lag) not in {(10, 0), (2, 1)}
        ),
        "eta-epsilon": tuple(
            _set(size=of_theta.with_epsilon(10.0**-digits)) for digits in (8, 6, 7, 10, 12)
        ),
        "gradient-bias-corrected": tuple(
            _set(after=of_theta.bias_corrected(factor)) for factor in (0.99, 0.999, 0.95, 0.5)
        ),
        "averaging-polynomial": tuple(
            _set(weight=of_average.polynomial(power)) for power in (2.0, 3.0, 4.0, 5.0, 8.0)
        ),
        "average-of-gradient": (_set(mean=of_average.of_total),),
        "average-across-elements": (
            _set(mean=of_average.across_from_t0),
            _set(mean=of_average.across_always),
            _set(mean=of_average.of_overall),
        ),
        "skip-ends-step": (_set(stops="behind_in_group", clock=_ahead_in_group),),
        "zero-gradient-skipped": (_set(stops="idle"),),
        "sparse-update": (_set(after=of_theta.sparse, mean=of_average.sparse),),
        "zero-taken-as-unset": tuple(
            _set(reader=_unset(*names))
            for names in (
                ("t0",),
                ("alpha",),
                ("lr",),
                ("lambd", "t0"),
                ("lr", "lambd", "alpha", "t0"),
            )
        ),
        "momentum": tuple(
            _set(pull=of_theta.heavy(factor, damped=damped, nesterov=nesterov))
            for factor in (0.9, 0.5, 0.99, 0.95, 0.8)
            for damped, nesterov in ((False, False), (True, False), (False, True))
        ),
        "average-counted-twice": (_set(mean=of_average.twice_counted),),
        "average-lucid": (_set(mean=of_average.lucid_as_is),),
        "decay-exempts-size-one": (_set(exempt=("lambd",)), _set(exempt=("weight_decay",))),
        "window-by-calls": (_set(mu_clock=_first_clock),),
        "t0-rounded": (_set(reading=of_average.to_even),),
        "averaging-fed-every-kth-step": tuple(
            _set(weight=weight, mean=of_average.fed_mean)
            for every in (2, 3, 4, 5)
            for weight in (
                *(of_average.fed(every, first, counted=False) for first in range(every)),
                *(of_average.fed(every, first, counted=True) for first in range(every)),
                of_average.by_calls_fed(every),
                of_average.not_a_multiple(every),
            )
        ),
        "average-fixed-decay": tuple(
            _set(mean=of_average.fixed(share, begins))
            for share in (0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005, 0.0001)
            for begins in ("start", "t0", "later")
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
        "decay-float32-computed": _narrow("decay", 24, stored=False),
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
