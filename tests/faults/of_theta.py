"""What faulty ports compute in the place of E1, E2 and E3, part by part."""

from typing import Any

import numpy as np

from .running_error import at_least, choose, is_zero, sign
from .variant import Hyper, Moment, Number, descend, gradient, step_size

# E1: sign and penalty.


def no_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return choose(h.maximize, -grad, grad)


def negative_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return no_penalty(grad, theta, h) - h.weight_decay * theta


def double_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return no_penalty(grad, theta, h) + 2 * h.weight_decay * theta


def half_penalty(grad: Number, theta: Number, h: Hyper) -> Number:
    return no_penalty(grad, theta, h) + h.weight_decay * theta / 2


def no_sign(grad: Number, theta: Number, h: Hyper) -> Number:
    return grad + h.weight_decay * theta


def penalty_scaled(grad: Number, theta: Number, h: Hyper) -> Number:
    return no_penalty(grad, theta, h) + h.lr * h.weight_decay * theta


def sign_of_all(grad: Number, theta: Number, h: Hyper) -> Number:
    total = no_sign(grad, theta, h)
    return choose(h.maximize, -total, total)


def lasso(grad: Number, theta: Number, h: Hyper) -> Number:
    """An L1 penalty in the place of L2."""
    return no_penalty(grad, theta, h) + h.weight_decay * sign(theta)


def turned_twice(grad: Number, theta: Number, h: Hyper) -> Number:
    """The gradient is turned, and then all of it: what is left turned is the penalty."""
    return choose(h.maximize, grad - h.weight_decay * theta, grad + h.weight_decay * theta)


def over_size(moment: Moment) -> Number:
    return gradient(moment.grad / at_least(1.0 * moment.size, 1.0), moment.theta, moment.now.own)


def wrong_sign(grad: Number, theta: Number, h: Hyper) -> Number:
    return gradient(-grad, theta, h)


# E2: the step size.


def power_inside(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * h.lr * (h.alpha * 0 + t) ** h.alpha)


def from_window(t: Any, h: Hyper) -> Number:
    """The t of eta begins at t0."""
    return step_size(at_least(t - h.t0, 0), h)


def swapped(t: int, h: Hyper) -> Number:
    return step_size(t, h._replace(lambd=h.alpha, alpha=h.lambd))


def power_of_product(t: int, h: Hyper) -> Number:
    return h.lr / (1 + (h.lambd * h.lr * t) ** h.alpha)


def lr_missing(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * t) ** h.alpha


def constant(t: int, h: Hyper) -> Number:
    return h.lr * 1.0


def fixed_exponent(t: int, h: Hyper) -> Number:
    return step_size(t, h._replace(alpha=0 * h.alpha + 0.75))


def no_exponent(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.lambd * h.lr * t)


def no_numerator(t: int, h: Hyper) -> Number:
    return 1.0 / (1 + h.lambd * h.lr * t) ** h.alpha


def grows(t: int, h: Hyper) -> Number:
    return h.lr * (1 + h.lambd * h.lr * t) ** h.alpha


def power_of_all(t: int, h: Hyper) -> Number:
    return (h.lr / (1 + h.lambd * h.lr * t)) ** h.alpha


def penalty_for_decay(t: int, h: Hyper) -> Number:
    return h.lr / (1 + h.weight_decay * h.lr * t) ** h.alpha


def penalty_and_decay(t: int, h: Hyper) -> Number:
    return h.lr / (1 + (h.lambd + h.weight_decay) * h.lr * t) ** h.alpha


def warming_up(steps: int, lag: int = 0) -> Any:
    """Eta grows over ``steps`` steps to what it should be; they are counted by t + ``lag``."""

    def size(t: Any, h: Hyper) -> Number:
        return step_size(t, h) * (-at_least(-1.0 * (t + lag), -steps) / steps)

    return size


def one_missing(t: Any, h: Hyper) -> Number:
    """Where t is 0 it can only be lr: what was stored before the first step."""
    size = h.lr / (h.lambd * h.lr * at_least(1.0 * t, 1.0)) ** h.alpha
    return choose(t == 0, h.lr, size)


def with_epsilon(epsilon: float) -> Any:
    """A small number is added to the divisor."""

    def size(t: Any, h: Hyper) -> Number:
        return h.lr / ((1 + h.lambd * h.lr * t) ** h.alpha + epsilon)

    return size


def compounds(t: int, h: Hyper) -> Number:
    eta = h.lr * 1.0
    for s in range(1, int(np.max(t)) + 1):
        eta = choose(t >= s, eta / (1 + h.lambd * eta * s) ** h.alpha, eta)
    return eta


# E3: the update.


def no_decay(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total


def decay_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total - h.lr * h.lambd * theta


def decay_unscaled(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total - h.lambd * theta


def decay_sign(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total - h.lambd * theta)


def decay_doubled(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total + 2 * h.lambd * theta)


def decay_halved(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * (total + h.lambd * theta / 2)


def implicit(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return (theta - eta * total) / (1 + eta * h.lambd)


def sign_of_decay(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    flipped, right = decay_sign(theta, total, eta, h), descend(theta, total, eta, h)
    return choose(h.maximize, flipped, right)


def decay_after(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return (theta - eta * total) * (1 - eta * h.lambd)


def gradient_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - h.lr * total - eta * h.lambd * theta


def scaled_twice(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * h.lr * total - eta * h.lambd * theta


def decay_outside(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total + h.lambd * theta


def penalty_in_decay(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - eta * total - eta * h.weight_decay * theta


def no_step_size(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - (total + h.lambd * theta)


def sgd_by_lr(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta - h.lr * total


# E1 again: penalties that are not part of the gradient.


def penalty_by_lr(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    return updated - h.lr * h.weight_decay * moment.theta


def penalty_unscaled(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    return updated - h.weight_decay * moment.theta


def penalty_after(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    return updated - eta * h.weight_decay * updated


def penalty_compounds(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    # theta (1 - eta wd) (1 - eta lambd) - eta g instead of theta (1 - eta (wd + lambd)) - eta g
    return updated - eta * h.weight_decay * moment.theta * (1 - eta * h.lambd)


def decoupled(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    # theta (1 - lr wd) (1 - eta lambd) - eta g: AdamW's penalty, before the step
    return updated - h.lr * h.weight_decay * moment.theta * (1 - eta * h.lambd)


def decoupled_after(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    return updated - h.lr * h.weight_decay * updated


def sparse(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
    """Elements whose gradient is zero are left alone."""
    return choose(is_zero(moment.grad), moment.theta * 1.0, updated)


def bias_corrected(factor: float) -> Any:
    """Adam's correction: the gradient's step is eta / (1 - factor^t)."""

    def after(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:
        total = gradient(moment.grad, moment.theta, h)
        return updated - eta * total * (1 / (1 - factor ** (1.0 * moment.t)) - 1)

    return after


def never_moves(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    return theta * 1.0


def heavy(factor: float, *, damped: bool, nesterov: bool = False) -> Any:
    def pull(moment: Moment) -> Number:
        assert moment.velocity is not None
        taken = moment.velocity(factor) * ((1 - factor) if damped else 1.0)
        if nesterov:
            h = moment.now.own
            taken = gradient(moment.grad, moment.theta, h) + factor * taken
        return taken

    return pull
