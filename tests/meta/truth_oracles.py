"""Oracles of the trajectory: the equations step by step, in fractions and in mpmath."""

from fractions import Fraction

from asgd.reference import equations, real
from asgd.reference.certificate import rational_step_size
from asgd.reference.functionals import NEVER
from asgd.spec import Hyperparameters


def exact_steps(theta, grads, hyper, rule, changes=None):
    """Theta and the average after each call, as fractions; the step sizes must be rational."""
    values = [Fraction(float(x)) for x in theta]
    means, t, stored = list(values), 0, None
    for call, row in enumerate(grads, 1):
        hyper = hyper._replace(**(changes or {}).get(call, {}))
        if row is not None:
            t += 1
            late = rule.hyperparameters == "stored" and stored is not None
            used = stored if late else hyper
            eta = rational_step_size(
                t - rule.eta_lag, lr=used.lr, lambd=used.lambd, alpha=used.alpha
            )
            before, stored = values, hyper
            sign = -1 if hyper.maximize else 1
            values = [
                x
                - eta
                * (
                    sign * Fraction(float(g))
                    + Fraction(hyper.weight_decay) * x
                    + Fraction(hyper.lambd) * x
                )
                for x, g in zip(values, row, strict=True)
            ]
            means = [
                _mean(m, b, x, t, Fraction(min(rule.read_t0(used.t0), NEVER)), rule)
                for m, b, x in zip(means, before, values, strict=True)
            ]
        yield values, means


def _mean(mean, before, theta, t, t0, rule):
    if rule.divisor == "t-t0":
        return equations.literal_average(before, mean, theta, t, t0)
    mu = 1 / max(Fraction(1), t - rule.mu_lag - t0)
    return mean * (1 - mu) + theta * mu


def mpmath_steps(theta, grads, hyper, rule, changes=None, precision=1200):
    """Theta and the average after each call, by the readable recurrence in mpmath."""

    def exact(x):
        return real(float(x), precision)

    values = [exact(x) for x in theta]
    means, t, stored = list(values), 0, None
    for call, row in enumerate(grads, 1):
        hyper = hyper._replace(**(changes or {}).get(call, {}))
        if row is not None:
            t += 1
            read = hyper._replace(t0=min(rule.read_t0(hyper.t0), NEVER))
            numbers = {k: exact(v) for k, v in read._asdict().items() if k != "maximize"}
            four = tuple(numbers[k] for k in ("lr", "lambd", "alpha", "t0"))
            late = rule.hyperparameters == "stored" and stored is not None
            pairs = [
                equations.step(
                    x,
                    m,
                    t,
                    exact(g),
                    maximize=hyper.maximize,
                    convention=rule,
                    scheduled=stored if late else four,
                    **numbers,
                )
                for x, m, g in zip(values, means, row, strict=True)
            ]
            stored = four
            values, means = [x for x, _ in pairs], [m for _, m in pairs]
        yield values, means


def hyperparameters(lr=0.5, lambd=0.25, alpha=0.75, t0=2.0, weight_decay=0.0, maximize=False):
    """Hyperparameters, with defaults that are strong."""
    return Hyperparameters(lr, lambd, alpha, t0, weight_decay, maximize)


def as_fraction(x):
    """Exact value of an mpf."""
    sign, mantissa, exponent, _ = x._mpf_
    return (-1) ** int(sign) * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
