"""Faulty ports, written apart from the catalogue's rules: one plain port, with parts replaced."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def clock(port: Any, i: int) -> int:
    """Count a step of parameter ``i``."""
    port.t[i] += 1
    return int(port.t[i])


def hyper(port: Any, i: int) -> Any:
    """Hyperparameters of parameter ``i``, in force."""
    return port.groups[port.owner[i]]


def size(port: Any, i: int, t: int, h: Any) -> float:  # noqa: ARG001
    """E2."""
    return float(h.lr / (1 + h.lambd * h.lr * t) ** h.alpha)


def total(port: Any, i: int, grad: Array, h: Any) -> Array:
    """E1."""
    return (-grad if h.maximize else grad) + h.weight_decay * port.theta[i]


def update(port: Any, i: int, gradient: Array, eta: float, h: Any) -> Array:
    """E3."""
    return port.theta[i] - eta * (gradient + h.lambd * port.theta[i])  # type: ignore[no-any-return]


def weight(port: Any, i: int, t: int, h: Any) -> float:  # noqa: ARG001
    """E4, as ``documented`` reads it."""
    return 1 / max(1.0, t + 1 - (h.t0 if math.isinf(h.t0) else math.ceil(h.t0)))


def mean(port: Any, i: int, theta: Array, mu: float, h: Any) -> Array:  # noqa: ARG001
    """E5."""
    return theta if mu == 1 else port.average[i] + mu * (theta - port.average[i])


class Plain:
    """Port of ``documented``; keyword arguments replace its parts, ``changed`` hears of changes."""

    def __init__(self, **parts: Callable[..., Any]) -> None:
        self.parts = {
            "clock": clock,
            "hyper": hyper,
            "size": size,
            "total": total,
            "update": update,
            "weight": weight,
            "mean": mean,
            "start": lambda port, i: port.theta[i],
            "present": lambda port, i, grad: grad,  # noqa: ARG005
            "changed": lambda port, group, hyper: port.groups[group].__dict__.update(hyper),
        }
        assert parts.keys() <= self.parts.keys()
        self.parts.update(parts)

    def hello(self) -> dict[str, Any]:
        """Say what it has."""
        return {
            "name": "plain",
            "version": "1",
            "dtypes": ["float32", "float64"],
            "reads": ["average"],
            "supports": ["groups", "skip", "set", "maximize"],
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Start over."""
        made = [{k: v for k, v in group.items() if k != "params"} for group in groups]
        self.groups = [SimpleNamespace(**group) for group in made]
        self.opened = [SimpleNamespace(**group) for group in made]
        self.owner = [i for i, group in enumerate(groups) for _ in group["params"]]
        self.theta = [np.array(p, dtype) for group in groups for p in group["params"]]
        self.dtype, self.calls, self.t = dtype, 0, [0] * len(self.theta)
        self.average = [self.parts["start"](self, i).copy() for i in range(len(self.theta))]
        self.first = [theta.copy() for theta in self.theta]
        self.memory: dict[Any, Any] = {}

    def step(self, grads: Sequence[Array | None]) -> dict[str, Any]:
        """Take a step."""
        self.calls += 1
        self.grads = grads
        with np.errstate(all="ignore"):
            for i, given in enumerate(grads):
                grad = self.parts["present"](self, i, given)
                if grad is not None:
                    self._one(i, grad)
        return {
            "theta": [theta.copy() for theta in self.theta],
            "average": [average.copy() for average in self.average],
        }

    def _one(self, i: int, grad: Array) -> None:
        p = self.parts
        t, h = p["clock"](self, i), p["hyper"](self, i)
        eta = p["size"](self, i, t, h)
        theta = p["update"](self, i, p["total"](self, i, grad, h), eta, h)
        mu = p["weight"](self, i, t, h)
        self.old, theta = self.theta[i], np.asarray(theta, self.dtype)
        self.theta[i] = theta
        self.average[i] = np.asarray(p["mean"](self, i, theta, mu, h), self.dtype)

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters."""
        self.parts["changed"](self, group, hyper)

    def close(self) -> None:
        """Nothing is held."""


def _eta(formula: Callable[[Any, int], float]) -> dict[str, Any]:
    return {"size": lambda port, i, t, h: float(formula(h, t))}  # noqa: ARG005


def _without(h: Any, **changes: float) -> SimpleNamespace:
    return SimpleNamespace(**{**h.__dict__, **changes})


def _remember(port: Any, key: Any, value: Any) -> Any:
    """Value remembered under ``key`` before, and ``value`` kept in its place."""
    before = port.memory.get(key)
    port.memory[key] = value
    return before


# What the catalogue describes, written again: the diagnosis must give the name.
CATALOGUED: dict[str, Plain] = {
    "eta-power-inside": Plain(**_eta(lambda h, t: h.lr / (1 + h.lambd * h.lr * t**h.alpha))),
    "eta-lr-missing-inside": Plain(**_eta(lambda h, t: h.lr * (1 + h.lambd * t) ** -h.alpha)),
    "eta-constant": Plain(**_eta(lambda h, t: h.lr)),  # noqa: ARG005
    "eta-exponent-fixed": Plain(**_eta(lambda h, t: h.lr * (1 + h.lambd * h.lr * t) ** -0.75)),
    "eta-one-step-early": Plain(size=lambda p, i, t, h: size(p, i, t + 1, h)),
    "decay-missing": Plain(update=lambda p, i, g, e, h: p.theta[i] - e * g),  # noqa: ARG005
    "decay-after-step": Plain(
        update=lambda p, i, g, e, h: (p.theta[i] - e * g) * (1 - e * h.lambd)
    ),
    "gradient-by-lr": Plain(update=lambda p, i, g, e, h: p.theta[i] * (1 - e * h.lambd) - h.lr * g),
    "sgd-by-lr": Plain(update=lambda p, i, g, e, h: p.theta[i] - h.lr * g),  # noqa: ARG005
    "weight-decay-ignored": Plain(total=lambda p, i, g, h: -g if h.maximize else g),  # noqa: ARG005
    "weight-decay-compounds": Plain(
        total=lambda p, i, g, h: -g if h.maximize else g,  # noqa: ARG005
        update=lambda p, i, g, e, h: (
            p.theta[i] * (1 - e * h.lambd) * (1 - e * h.weight_decay) - e * g
        ),
    ),
    "maximize-flips-penalty": Plain(
        total=lambda p, i, g, h: (g + h.weight_decay * p.theta[i]) * (1 - 2 * h.maximize)
    ),
    "averaging-from-start": Plain(weight=lambda p, i, t, h: 1 / (t + 1)),  # noqa: ARG005
    "averaging-never": Plain(mean=lambda p, i, theta, mu, h: theta),  # noqa: ARG005
    "average-of-old-theta": Plain(mean=lambda p, i, theta, mu, h: mean(p, i, p.old, mu, h)),  # noqa: ARG005
    "average-exponential": Plain(
        mean=lambda p, i, theta, mu, h: h.alpha * p.average[i] + (1 - h.alpha) * theta  # noqa: ARG005
    ),
    "average-frozen-before-window": Plain(
        mean=lambda p, i, theta, mu, h: p.first[i] if p.t[i] < h.t0 else mean(p, i, theta, mu, h)
    ),
    "average-starts-at-zero": Plain(start=lambda p, i: 0 * p.theta[i]),
    "counter-of-optimizer": Plain(clock=lambda p, i: p.t.__setitem__(i, p.calls) or p.calls),
    "counter-without-gradient": Plain(
        present=lambda p, i, grad: 0 * p.theta[i] if grad is None else grad
    ),
    "hyperparameters-frozen": Plain(hyper=lambda p, i: p.opened[p.owner[i]]),
    "hyperparameters-of-first-group": Plain(hyper=lambda p, i: p.groups[0]),  # noqa: ARG005
    "hyperparameters-of-last-group": Plain(hyper=lambda p, i: p.groups[-1]),  # noqa: ARG005
    "eta-power-of-product": Plain(
        **_eta(lambda h, t: h.lr / (1 + (h.lambd * h.lr * t) ** h.alpha))
    ),
    "eta-implicit": Plain(update=lambda p, i, g, e, h: (p.theta[i] - e * g) / (1 + e * h.lambd)),
    "decay-halved": Plain(update=lambda p, i, g, e, h: p.theta[i] * (1 - e * h.lambd / 2) - e * g),
    "maximize-flips-decay": Plain(
        update=lambda p, i, g, e, h: p.theta[i] * (1 - e * h.lambd * (1 - 2 * h.maximize)) - e * g
    ),
    "weight-decay-decoupled": Plain(
        total=lambda p, i, g, h: -g if h.maximize else g,  # noqa: ARG005
        update=lambda p, i, g, e, h: (
            p.theta[i] * (1 - h.lr * h.weight_decay) * (1 - e * h.lambd) - e * g
        ),
    ),
    "weight-decay-decoupled-after": Plain(
        total=lambda p, i, g, h: -g if h.maximize else g,  # noqa: ARG005
        update=lambda p, i, g, e, h: update(p, i, g, e, h) * (1 - h.lr * h.weight_decay),
    ),
    "weight-decay-scaled-twice": Plain(
        total=lambda p, i, g, h: (-g if h.maximize else g) + h.lr * (h.weight_decay * p.theta[i])
    ),
    "average-aliased": Plain(
        mean=lambda p, i, theta, mu, h: theta if mu >= 0.5 else mean(p, i, theta, mu, h)
    ),
}


def _momentum(p: Any, i: int, g: Array, e: float, h: Any) -> Array:
    velocity = 0.9 * p.memory.get(("v", i), 0 * g) + g
    p.memory["v", i] = velocity
    return update(p, i, velocity, e, h)


def _nesterov(p: Any, i: int, g: Array, e: float, h: Any) -> Array:
    velocity = 0.5 * p.memory.get(("v", i), 0 * g) + g
    p.memory["v", i] = velocity
    return update(p, i, g + 0.5 * velocity, e, h)


def _adam(p: Any, i: int, g: Array, e: float, h: Any) -> Array:
    squares = p.memory.get(("s", i), 0 * g) + g * g
    p.memory["s", i] = squares
    return update(p, i, g / (np.sqrt(squares) + g.dtype.type(1e-8)), e, h)


def _tail(keep: int) -> Callable[..., Array]:
    def cut(p: Any, i: int, g: Array, e: float, h: Any) -> Array:
        done = update(p, i, g, e, h)
        whole = len(done) // keep * keep
        done[whole:] = p.theta[i][whole:] if whole else done[whole:]
        return done

    return cut


def _every_second(p: Any, i: int, theta: Array, mu: float, h: Any) -> Array:
    if p.t[i] % 2 and p.t[i] > h.t0:
        return p.average[i]  # type: ignore[no-any-return]
    return mean(p, i, theta, mu, h)


def _last_three(p: Any, i: int, theta: Array, mu: float, h: Any) -> Array:  # noqa: ARG001
    window = [*p.memory.get(i, []), theta][-3:] if mu < 1 else [theta]
    p.memory[i] = window
    return sum(window) / len(window)  # type: ignore[return-value]


def _of_gradients(p: Any, i: int, theta: Array, mu: float, h: Any) -> Array:  # noqa: ARG001
    return mean(p, i, p.grads[i], mu, h)


def _shared(p: Any, i: int, theta: Array, mu: float, h: Any) -> Array:
    before = p.memory.get(len(theta), p.average[i])
    p.average[i] = before
    p.memory[len(theta)] = mean(p, i, theta, mu, h)
    return p.memory[len(theta)]  # type: ignore[no-any-return]


def _restart(p: Any, group: int, changes: Mapping[str, float]) -> None:
    p.groups[group].__dict__.update(changes)
    p.t = [0] * len(p.t)


def _only(*names: str) -> Callable[..., None]:
    def changed(p: Any, group: int, changes: Mapping[str, float]) -> None:
        heard = {k: v for k, v in changes.items() if k in names}
        p.groups[group].__dict__.update(heard)

    return changed


def _half(x: Any) -> Any:
    return np.asarray(x, "float16").astype(np.asarray(x).dtype)


# What no entry describes: refused, and given no entry's name.
UNCATALOGUED: dict[str, Plain] = {
    "eta-clipped-below": Plain(**_eta(lambda h, t: max(size(0, 0, t, h), 0.75 * h.lr))),
    "eta-half-precision": Plain(**_eta(lambda h, t: np.float16(size(0, 0, t, h)))),
    "eta-integer-division": Plain(**_eta(lambda h, t: size(0, 0, t // 2, h))),
    "eta-by-epochs-of-four": Plain(**_eta(lambda h, t: size(0, 0, (t + 3) // 4, h))),
    "eta-of-exponential": Plain(**_eta(lambda h, t: h.lr * math.exp(-h.alpha * h.lambd * t))),
    "eta-alpha-times": Plain(**_eta(lambda h, t: h.lr / (1 + h.alpha * h.lambd * h.lr * t))),
    "eta-alpha-clipped": Plain(
        **_eta(lambda h, t: size(0, 0, t, _without(h, alpha=min(h.alpha, 1))))
    ),
    "eta-alpha-offset": Plain(**_eta(lambda h, t: size(0, 0, t, _without(h, alpha=h.alpha + 1)))),
    "eta-epsilon": Plain(**_eta(lambda h, t: size(0, 0, t, h) + 1e-6)),
    "eta-lambd-squared": Plain(**_eta(lambda h, t: h.lr / (1 + h.lambd**2 * h.lr * t) ** h.alpha)),
    "eta-table-of-six": Plain(**_eta(lambda h, t: size(0, 0, min(t, 6), h))),
    "clip-by-value": Plain(total=lambda p, i, g, h: total(p, i, np.clip(g, -1, 1), h)),
    "clip-by-norm": Plain(
        total=lambda p, i, g, h: total(p, i, g / max(1, float(np.linalg.norm(g))), h)
    ),
    "sign-of-gradient": Plain(total=lambda p, i, g, h: total(p, i, np.sign(g), h)),
    "mean-of-gradient": Plain(total=lambda p, i, g, h: total(p, i, g / g.size, h)),
    "gradient-delayed": Plain(
        total=lambda p, i, g, h: total(p, i, 0 * g if (b := _remember(p, i, g)) is None else b, h)
    ),
    "momentum": Plain(update=_momentum),
    "nesterov": Plain(update=_nesterov),
    "adaptive": Plain(update=_adam),
    "penalty-of-average": Plain(
        total=lambda p, i, g, h: (-g if h.maximize else g) + h.weight_decay * p.average[i]
    ),
    "penalty-squared": Plain(
        total=lambda p, i, g, h: (-g if h.maximize else g) + h.weight_decay * p.theta[i] ** 2
    ),
    "penalty-l1": Plain(
        total=lambda p, i, g, h: (-g if h.maximize else g) + h.weight_decay * np.sign(p.theta[i])
    ),
    "penalty-after-t0": Plain(
        total=lambda p, i, g, h: total(
            p, i, g, h if p.t[i] > h.t0 else _without(h, weight_decay=0.0)
        )
    ),
    "decay-of-average": Plain(
        update=lambda p, i, g, e, h: p.theta[i] - e * (g + h.lambd * p.average[i])
    ),
    "decay-lazy": Plain(
        update=lambda p, i, g, e, h: np.where(g == 0, p.theta[i], update(p, i, g, e, h))
    ),
    "decay-once": Plain(
        update=lambda p, i, g, e, h: update(p, i, g, e, h) if p.t[i] == 1 else p.theta[i] - e * g
    ),
    "theta-half-precision": Plain(update=lambda p, i, g, e, h: _half(update(p, i, g, e, h))),
    "tail-of-two": Plain(update=_tail(2)),
    "tail-of-eight": Plain(update=_tail(8)),
    "zero-gradient-skipped": Plain(
        present=lambda p, i, grad: None if grad is None or not grad.any() else grad  # noqa: ARG005
    ),
    "average-every-second": Plain(mean=_every_second),
    "average-last-three": Plain(mean=_last_three),
    "average-of-gradients": Plain(mean=_of_gradients),
    "average-shared": Plain(mean=_shared),
    "average-half-precision": Plain(mean=lambda *a: _half(mean(*a))),
    "mu-root": Plain(weight=lambda *a: math.sqrt(weight(*a))),
    "mu-of-exponential": Plain(weight=lambda *a: 2 / (1 / weight(*a) + 1)),
    "mu-floor": Plain(weight=lambda *a: max(weight(*a), 0.2)),
    "t0-doubled": Plain(weight=lambda p, i, t, h: weight(p, i, t, _without(h, t0=2 * h.t0))),
    "t0-rounded": Plain(weight=lambda p, i, t, h: 1 / max(1.0, t + 1 - round(h.t0))),  # noqa: ARG005
    "t0-truncated": Plain(weight=lambda p, i, t, h: 1 / max(1.0, t + 1 - int(h.t0))),  # noqa: ARG005
    "t0-of-first-group": Plain(weight=lambda p, i, t, h: weight(p, i, t, p.groups[0])),  # noqa: ARG005
    "change-restarts": Plain(changed=_restart),
    "change-of-lr-alone": Plain(changed=_only("lr")),
    "change-of-lambd-lost": Plain(changed=_only("lr", "alpha", "t0", "weight_decay")),
    "change-of-alpha-lost": Plain(changed=_only("lr", "lambd", "t0", "weight_decay")),
    "change-of-t0-lost": Plain(changed=_only("lr", "lambd", "alpha", "weight_decay")),
}


def _rounded(dtype: str) -> Callable[[Any], Any]:
    return lambda x: np.asarray(x, dtype).astype(np.asarray(x).dtype)


_single = _rounded("float32")


def _flushed(x: Any) -> Any:
    return np.where(abs(x) < np.finfo(x.dtype).smallest_normal, 0 * x, x)


def _once(p: Any, i: int, theta: Array, mu: float, h: Any) -> Array:
    """The mean of the step before, where mu is not 1: the first term of the window is right."""
    return theta if mu == 1 else mean(p, i, p.old, mu, h)


def _small_momentum(p: Any, i: int, g: Array, h: Any) -> Array:
    p.memory["v", i] = velocity = total(p, i, g, h) + 0.01 * p.memory.get(("v", i), 0 * g)
    return velocity  # type: ignore[no-any-return]


def _clip_norm(p: Any, i: int, g: Array, h: Any) -> Array:
    return total(p, i, g * min(1, 2 / (1e-300 + float(np.linalg.norm(g)))), h)


# What is said of each port: names, the equations that they break, and the quantity that shows it.
SAID: dict[str, tuple[Plain, set[tuple[str, str, str]]]] = {
    "gradient-halved": (
        Plain(total=lambda p, i, g, h: total(p, i, g / 2, h)),
        {("unknown", "gradient", "gradient")},
    ),
    "gradient-grown-by-penalty": (
        Plain(total=lambda p, i, g, h: (-g if h.maximize else g) * (1 + h.weight_decay)),  # noqa: ARG005
        {("unknown", "gradient", "gradient")},
    ),
    "small-momentum": (
        Plain(total=_small_momentum),
        {("unknown", "gradient", "gradient")},
    ),
    "gradient-halved-where-negative": (
        Plain(total=lambda p, i, g, h: total(p, i, np.where(g < 0, g / 2, g), h)),
        {("not-linear", "gradient", "gradient")},
    ),
    "gradient-clipped-by-norm": (
        Plain(total=_clip_norm),
        {("not-linear", "gradient", "gradient")},
    ),
    "theta-clamped": (
        Plain(update=lambda p, i, g, e, h: np.clip(update(p, i, g, e, h), -100, 100)),
        {("not-linear", "descend", "theta")},
    ),
    "nan-zeroed": (
        Plain(
            total=lambda p, i, g, h: total(p, i, np.nan_to_num(g, posinf=np.inf, neginf=-np.inf), h)
        ),
        {("nonfinite-hidden", "gradient", "theta")},
    ),
    "penalty-doubled": (
        Plain(
            total=lambda p, i, g, h: total(p, i, g, _without(h, weight_decay=2 * h.weight_decay))
        ),
        {("weight-decay-doubled", "gradient", "gradient")},
    ),
    "three-in-theta": (
        Plain(
            **_eta(lambda h, t: h.lr / (1 + h.lambd * t) ** h.alpha),
            total=lambda p, i, g, h: -g if h.maximize else g,  # noqa: ARG005
            update=lambda p, i, g, e, h: p.theta[i] * (1 + e * h.lambd) - e * g,
        ),
        {
            ("weight-decay-ignored", "gradient", "gradient"),
            ("eta-lr-missing-inside", "step_size", "theta"),
            ("decay-sign", "descend", "theta"),
        },
    ),
    "known-in-theta-alone": (
        Plain(
            **_eta(lambda h, t: h.lr / (1 + h.lambd * h.lr * t**h.alpha)),
            update=lambda p, i, g, e, h: p.theta[i] - e * g,  # noqa: ARG005
            mean=_once,
        ),
        {
            ("eta-power-inside", "step_size", "theta"),
            ("decay-missing", "descend", "theta"),
            ("unknown", "average", "average"),
        },
    ),
    "known-in-the-average-alone": (
        Plain(
            **_eta(lambda h, t: h.lr / math.sqrt(t)),
            weight=lambda p, i, t, h: 1 / (t + 1),  # noqa: ARG005
        ),
        {
            ("unknown", "step_size", "theta"),
            ("averaging-from-start", "averaging_weight", "average"),
        },
    ),
    "theta-single": (
        Plain(update=lambda p, i, g, e, h: _single(update(p, i, g, e, h))),
        {("theta-float32-stored", "descend", "theta")},
    ),
    "theta-half": (
        Plain(update=lambda p, i, g, e, h: _half(update(p, i, g, e, h))),
        {("theta-half-stored", "descend", "theta")},
    ),
    "average-single": (
        Plain(mean=lambda *a: _single(mean(*a))),
        {("average-float32-stored", "average", "average")},
    ),
    "average-half": (
        Plain(mean=lambda *a: _half(mean(*a))),
        {("average-half-stored", "average", "average")},
    ),
    "eta-half": (
        Plain(**_eta(lambda h, t: np.float16(size(0, 0, t, h)))),
        {("eta-half-stored", "step_size", "theta")},
    ),
    "hyperparameters-single": (
        Plain(
            hyper=lambda p, i: SimpleNamespace(
                **{
                    k: v if k in {"t0", "maximize"} else float(np.float32(v))
                    for k, v in hyper(p, i).__dict__.items()
                }
            )
        ),
        {("hyperparameters-float32-stored", "step_size", "theta")},
    ),
    "subnormals-flushed": (
        Plain(update=lambda p, i, g, e, h: _flushed(update(p, i, g, e, h))),
        {("subnormals-flushed", "descend", "theta")},
    ),
}

# What only values at the ends of the domains show, and the law in which they do.
DRAWN: dict[str, tuple[str, Plain]] = {
    "clip-far": ("gradient", Plain(total=lambda p, i, g, h: total(p, i, np.clip(g, -1e4, 1e4), h))),
    "theta-clamped": (
        "descend",
        Plain(update=lambda p, i, g, e, h: np.clip(update(p, i, g, e, h), -100, 100)),
    ),
    "eta-default-for-zero": (
        "step_size",
        Plain(**_eta(lambda h, t: size(0, 0, t, _without(h, lr=h.lr or 0.01)))),
    ),
}
