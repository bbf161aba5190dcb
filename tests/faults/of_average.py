"""What faulty ports compute in the place of E4 and E5, part by part."""

import math
from typing import Any

import numpy as np

from asgd.reference import equations as truth

from .running_error import at_least, choose, is_zero
from .variant import Hyper, Moment, Number, averaging_weight, gradient, mean

# E4: the averaging weight.


def from_start(t: int, t0: float, h: Hyper, moment: Moment) -> Number:
    return averaging_weight(t, 0.0, h, moment)


def never(t: int, t0: float, h: Hyper, moment: Moment) -> Number:
    return 1.0


def by_alpha(t: int, t0: float, h: Hyper, moment: Moment) -> Number:
    return choose(moment.t >= whole(t0), 1 / (h.alpha * moment.t + 1), 1.0)


def by_step(t: int, t0: float, h: Hyper, moment: Moment) -> Number:
    """The weight of all steps so far, from t0 on: 1 / t instead of 1 / (t - t0)."""
    return choose(t - t0 > 1, 1.0 / at_least(t, 1.0), 1.0)


def polynomial(power: float) -> Any:
    """Polynomial decay (Shamir and Zhang, 2013): the newer an iterate, the more it weighs."""

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        return (power + 1) / (at_least(t - t0, 1.0) + power)

    return weight


def not_reset(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    """The count of the terms goes on where t0 is changed."""
    lag = moment.t - t
    terms = moment.taken - 1 - lag + (moment.now.opened.t0 <= 0)
    return choose(moment.t >= t0, 1.0 / at_least(1.0 * terms, 1.0), 1.0)


def by_own_step(*, late: bool, more: int) -> Any:
    """The weight 1 / t, or 1 / (t + 1), where t is t0 or more, or (``late``) only where it is more.

    The t0 is as it was given, as in a comparison of the two.
    """

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        share = 1.0 / at_least(1.0 * (moment.t + more), 1.0)
        opened = moment.t > h.t0 if late else moment.t >= h.t0
        return choose(opened, share, 1.0)

    return weight


# E5: the average.


def of_old(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return truth.average(average, moment.theta, mu=mu)


def sparse(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """Elements whose gradient is zero are left alone."""
    return choose(is_zero(moment.grad), average * 1.0, mean(average, theta, mu, moment, h))


def exponential(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return average * h.alpha + (1 - h.alpha) * theta


def exponential_in_window(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    before = mean(average, theta, mu, moment, h)
    return choose(moment.t < h.t0, before, average * h.alpha + (1 - h.alpha) * theta)


def frozen_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < h.t0, moment.start * 1.0, mean(average, theta, mu, moment, h))


def kept_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < h.t0, average * 1.0, mean(average, theta, mu, moment, h))


def zero_before(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < h.t0, moment.start * 0.0, mean(average, theta, mu, moment, h))


def divisor_larger(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The window's sum divided by one more than it has terms."""
    before = mean(average, theta, mu, moment, h)
    begun = choose(mu < 1, (average * (1 / mu) + theta) / (1 / mu + 1), theta / 2)
    return choose(moment.t < h.t0, before, begun)


def average_decays(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    taken = mean(average, theta, mu, moment, h)
    return choose(moment.t < h.t0, taken, taken - h.lambd * average)


def average_penalized(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    taken = mean(average, theta, mu, moment, h)
    return taken - h.lr * h.weight_decay * taken


def swapped(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return truth.average(theta, average, mu=mu)


def not_added(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return mu * (theta - average)


def summed(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(moment.t < at_least(h.t0, 1), theta * 1.0, average + theta)


def unweighted(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return (1 - mu) * average + theta


def of_gradient(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return choose(mu < 1, truth.average(average, moment.grad, mu=mu), theta * 1.0)


def of_total(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """Of the gradient with its sign and penalty."""
    total = gradient(moment.grad, moment.theta, moment.now.own)
    return choose(mu < 1, truth.average(average, total, mu=mu), theta * 1.0)


def across(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """One mean over all elements, where it has more than one term."""
    taken = mean(average, theta, mu, moment, h)
    return choose(mu < 1, moment.overall(taken), theta * 1.0)


def across_from_t0(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The same from t0 on."""
    taken = mean(average, theta, mu, moment, h)
    return choose(moment.t < h.t0, taken, moment.overall(taken))


def of_overall(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """Each element takes in the mean of theta's elements."""
    taken = truth.average(average, moment.overall(theta), mu=mu)
    return choose(mu < 1, taken, theta * 1.0)


def across_always(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return moment.overall(mean(average, theta, mu, moment, h))


def lucid(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return lucid_from(whole(h.t0), average, theta, moment, h)


def lucid_as_is(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return lucid_from(h.t0, average, theta, moment, h)


def lucid_from(t0: Any, average: Number, theta: Number, moment: Moment, h: Hyper) -> Number:
    c = 1 / (h.alpha * moment.t + 1)
    begun = average * (1 - c) + c * theta - h.lambd * average
    return choose(moment.t < t0, average * 1.0, begun)


def aliased(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The average is theta's own array while mu = 1, and still at the step that ends this."""
    return choose(mu < 0.5, mean(average, theta, mu, moment, h), theta * 1.0)


def swapped_inside(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The two weights swapped where the average is not a copy of theta."""
    taken = truth.average(theta, average, mu=mu)
    return choose(mu < 1, taken, theta * 1.0)


def twice(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    return mean(mean(average, theta, mu, moment, h), theta, mu, moment, h)


def twice_counted(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """Twice, and counted as two, but for the first: sum + 2 theta over 2 n - 1 terms."""
    terms = 1 / mu
    once = truth.average(average, theta, mu=1 / at_least(2 * terms - 2, 1.0))
    return truth.average(once, theta, mu=1 / at_least(2 * terms - 1, 1.0))


def of_first_element(
    average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper
) -> Number:
    return moment.head(mean(average, theta, mu, moment, h))


def fixed(share: float, begins: str) -> Any:
    """Exponential average in which theta weighs ``share``.

    It ``begins`` at the "start", at "t0", or "later": where the mean has two terms.
    """

    def taken(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
        faded = average * (1 - share) + share * theta
        if begins == "start":
            return faded
        if begins == "t0":
            return choose(moment.t < h.t0, theta * 1.0, faded)
        return choose(mu < 1, faded, theta * 1.0)

    return taken


def fed(every: int, first: int, *, counted: bool) -> Any:
    """Weight of a mean that only takes in each ``every``-th term, ``first`` terms after the first.

    It divides as if every term was taken in; where they are ``counted``, by those that were.
    """

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        terms = at_least(t - t0, 1.0)
        taken = (terms - 1 - first) / every
        fed_now = whole(taken) == taken
        divisor = at_least(taken, 0.0) + 1.0 if counted else terms
        return choose(t - t0 > 1, choose(fed_now, 1.0 / divisor, 0.0), 1.0)

    return weight


def by_calls_fed(every: int) -> Any:
    """The same where calls are counted from the first one."""

    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        share = averaging_weight(t, t0, h, moment)
        return choose((moment.t % every == 0) | (share == 1), share, 0.0)

    return weight


def not_a_multiple(every: int) -> Any:
    def weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
        share = averaging_weight(t, t0, h, moment)
        return choose((moment.t % every != 0) | (share == 1), share, 0.0)

    return weight


def fed_mean(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """What is not fed has no effect, infinities neither."""
    return choose(mu == 0, average * 1.0, mean(average, theta, mu, moment, h))


def integer_weight(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    return choose(t - t0 > 1, 0.0, 1.0)


def first_twice(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    terms = at_least(t - t0, 1.0)
    return choose(t - t0 > 1, 1.0 / (terms + 1.0), 1.0)


def without_start(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    """The first iterate that counts is theta_1, also with t0 = 0."""
    return averaging_weight(t, at_least(t0, 1.0), h, moment)


def counted(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """Sum and count of the iterates from t0 on, divided where t is t0 or more."""
    taken = (moment.sum + theta) / at_least(1.0 * moment.taken, 1.0)
    return choose(moment.t < h.t0, theta * 1.0, taken)


def since(t: Any, t0: Any, h: Hyper, moment: Moment) -> Number:
    """A count that is zero as long as t is t0 or less."""
    return 1.0 / at_least(1.0 * moment.since, 1.0)


def aliased_later(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:
    """The same, but the initial average is a copy."""
    right = (mu < 0.5) | moment.opening
    return choose(right, mean(average, theta, mu, moment, h), theta * 1.0)


def whole(x: Any) -> Any:
    return np.floor(x) if isinstance(x, np.ndarray) else math.floor(min(x, 2.0**62))


def nearest(x: Any) -> Any:
    return whole(x + 0.5)


def to_even(x: Any) -> Any:
    return np.rint(x) if isinstance(x, np.ndarray) else round(min(x, 2.0**62))


def as_it_is(x: Any) -> Any:
    return x
