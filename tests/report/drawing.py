"""Pictures of a run, as shapes that the page's template writes as SVG."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .model import DtypeReport
from .series import Errors, StepSizes, Weights

# A phone's width, so that text keeps its size there.
WIDTH, HEIGHT = 360, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 352, 12, 184
# Beyond this many times what is expected, a number is drawn at the edge.
_FAR = 3.0
_EXACT = 1e-4
"""Shares of the tolerance below this are drawn at the bottom."""


@dataclass(frozen=True)
class Shape:
    """An SVG element: its tag, attributes and text."""

    tag: str
    attributes: Mapping[str, str | float]
    text: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture: what it shows in words, its shapes, its key, and the same numbers as a table."""

    ident: str
    title: str
    summary: str
    shapes: tuple[Shape, ...]
    key: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = field(default=())


def drawings(dtype: str, found: DtypeReport) -> list[Picture]:
    """The pictures of one dtype."""
    if found.pictures is None:
        return []
    against = found.judged_against or "the convention"
    sizes, weights, errors = (
        found.pictures.step_sizes,
        found.pictures.weights,
        found.pictures.errors,
    )
    made = [
        sizes and _step_sizes(dtype, against, sizes),
        weights and _weights(dtype, against, weights),
        errors and _errors(dtype, errors),
    ]
    return [picture for picture in made if picture]


def short(x: float) -> str:
    """A number in four digits."""
    return f"{x:.4g}"


# Axes.


@dataclass(frozen=True)
class _Axes:
    """Where numbers stand: steps from left to right, values from bottom to top."""

    first: int
    last: int
    low: float
    high: float

    def x(self, step: float) -> float:
        width = (_RIGHT - _LEFT) / (self.last - self.first + 1)
        return round(_LEFT + (step - self.first + 0.5) * width, 1)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / ((self.high - self.low) or 1)
        return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)

    def lines(
        self, ticks: Iterable[tuple[float, str]], below: str, names: Mapping[int, str]
    ) -> Iterator[Shape]:
        for value, label in ticks:
            y = self.y(value)
            yield Shape("line", {"class": "grid", "x1": _LEFT, "x2": _RIGHT, "y1": y, "y2": y})
            yield Shape("text", {"class": "end", "x": _LEFT - 5, "y": y + 4}, label)
        for step, name in names.items():
            yield Shape("text", {"class": "mid", "x": self.x(step), "y": _BOTTOM + 15}, name)
        middle = (_LEFT + _RIGHT) / 2
        yield Shape("text", {"class": "mid dim", "x": middle, "y": HEIGHT - 4}, below)


def _range(expected: Sequence[float], got: Sequence[float]) -> tuple[float, float]:
    """Bottom and top of an axis: 0, what is expected, and what is not far from it."""
    largest = max((abs(x) for x in expected if math.isfinite(x)), default=0.0) or 1.0
    near = [min(max(x, -_FAR * largest), _FAR * largest) for x in got if math.isfinite(x)]
    shown = [0.0, *(x for x in expected if math.isfinite(x)), *near]
    low, high = min(shown), max(shown)
    # A margin, so that nothing touches the edge.
    return low * 1.08, high * 1.08 if high > low else low + 1.0


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    step = (high - low) / 4
    size: float = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    step = next((m * size for m in (1, 2, 5, 10) if m * size >= step), step)
    first, last = math.ceil(low / step), math.floor(high / step + 1e-9)
    return [(k * step, f"{k * step:.3g}") for k in range(first, last + 1)]


def _names(first: int, last: int, mark: str = "") -> dict[int, str]:
    every = max(1, math.ceil((last - first + 1) / 14))
    return {step: f"{mark}{step}" for step in range(first, last + 1, every)}


def _floats(values: Iterable[str]) -> list[float]:
    return [float.fromhex(x) for x in values]


def _agreement(what: str, names: Sequence[str], want: Sequence[float], got: Sequence[float]) -> str:
    # What is this small beside the others is rounding in what was solved for them.
    noise = 1e-7 * max((abs(x) for x in want if math.isfinite(x)), default=0.0)
    apart = [
        (name, a, b)
        for name, a, b in zip(names, want, got, strict=False)
        if f"{a:.4g}" != f"{b:.4g}" and not abs(a - b) <= noise
    ]
    if not apart:
        return f"{what}: expected and got are equal to four digits."
    name, a, b = apart[0]
    count = f"{len(apart)} of {len(names)} differ"
    return f"{what}: {count}; at {name} expected {short(a)}, got {short(b)}."


# Pictures.


def _step_sizes(dtype: str, against: str, found: StepSizes) -> Picture:
    want, got = _floats(found.expected), _floats(found.got)
    steps = range(1, len(want) + 1)
    axes = _Axes(1, len(want), *_range(want, got))
    shapes = [*axes.lines(_ticks(axes.low, axes.high), "step", _names(1, len(want)))]
    points = " ".join(f"{axes.x(t)},{axes.y(x)}" for t, x in zip(steps, want, strict=True))
    shapes.append(Shape("polyline", {"class": "want-line", "points": points}))
    for t, x in zip(steps, want, strict=True):
        shapes.append(Shape("circle", {"class": "want", "cx": axes.x(t), "cy": axes.y(x), "r": 6}))
    for t, x in zip(steps, got, strict=True):
        if math.isfinite(x):
            shapes.append(_mark("got", "circle", axes.x(t), axes.y(x)))
        else:
            shapes.append(Shape("text", {"class": "mid bad", "x": axes.x(t), "y": _TOP + 8}, "!"))
    names = [f"step {t}" for t in steps]
    return Picture(
        f"eta-{dtype}",
        f"Step size, {dtype}",
        f"{_agreement('Step sizes', names, want, got)} With {found.hyper}.",
        tuple(shapes),
        (("want", f"expected ({against})"), ("got", "the port")),
        ("step", "expected", "got"),
        tuple((str(t), short(a), short(b)) for t, a, b in zip(steps, want, got, strict=True)),
    )


def _weights(dtype: str, against: str, found: Weights) -> Picture:
    want, got = _floats(found.expected), _floats(found.got)
    last = len(want) - 1
    axes = _Axes(0, last, *_range(want, got))
    shapes = [*axes.lines(_ticks(axes.low, axes.high), "iterate", _names(0, last, "θ"))]
    width = min(12.0, (_RIGHT - _LEFT) / (last + 1) / 2 - 1)
    for k, (a, b) in enumerate(zip(want, got, strict=True)):
        for kind, x, left in (("want", a, axes.x(k) - width), ("got", b, axes.x(k))):
            if not math.isfinite(x):
                shapes.append(Shape("text", {"class": "bad", "x": left, "y": _TOP + 8}, "!"))
                continue
            top, zero = sorted((axes.y(x), axes.y(0.0)))
            # A weight this small is rounding in the solution.
            if zero - top >= 0.2:
                box = {"x": left, "y": top, "width": width, "height": round(zero - top, 1)}
                shapes.append(Shape("rect", {"class": kind, **box}))
    names = [f"theta_{k}" for k in range(last + 1)]
    t0 = float.fromhex(found.t0)
    return Picture(
        f"weights-{dtype}",
        f"Weight of each iterate in the average, {dtype}",
        f"{_agreement('Weights', names, want, got)} After {last} steps with t0={t0:g}.",
        tuple(shapes),
        (("want", f"expected ({against})"), ("got", "the port")),
        ("iterate", "expected", "got"),
        tuple((name, f"{a:.4f}", f"{b:.4f}") for name, a, b in zip(names, want, got, strict=True)),
    )


_MARKS = {"eta": "triangle", "theta": "circle", "mu": "diamond", "average": "square"}


def _errors(dtype: str, found: Errors) -> Picture:
    finite = [s.share for s in found.shares if s.share is not None]
    highest = max(1, math.ceil(math.log10(max([1.0, *finite]))))
    axes = _Axes(1, max(s.step for s in found.shares), math.log10(_EXACT), float(highest))
    every = max(1, math.ceil((highest + 4) / 6))
    ticks = [(float(k), f"1e{k}") for k in range(-4 + every, highest + 1, every) if k]
    ticks = [(-4.0, "exact"), *ticks]
    shapes = [*axes.lines(ticks, "step", _names(1, axes.last))]
    y = axes.y(0.0)
    shapes.append(Shape("line", {"class": "limit", "x1": _LEFT, "x2": _RIGHT, "y1": y, "y2": y}))
    shapes.append(Shape("text", {"class": "end", "x": _LEFT - 5, "y": y + 4}, "1"))
    for s in found.shares:
        value = float(highest) if s.share is None else math.log10(max(s.share, _EXACT))
        over = s.share is None or s.share > 1
        kind = f"{s.quantity} over" if over else s.quantity
        shapes.append(_mark(kind, _MARKS.get(s.quantity, "circle"), axes.x(s.step), axes.y(value)))
    kinds = [q for q in _MARKS if any(s.quantity == q for s in found.shares)]
    return Picture(
        f"errors-{dtype}",
        f"Error as a share of the tolerance, {dtype}",
        _largest(found),
        tuple(shapes),
        (*((f"{q} {_MARKS[q]}", q) for q in kinds), ("limit", "tolerance")),
        ("step", "quantity", "share of the tolerance"),
        tuple(
            (str(s.step), s.quantity, "not finite" if s.share is None else f"{s.share:.3g}")
            for s in found.shares
        ),
    )


def _largest(found: Errors) -> str:
    where = f"in the scenario of {found.scenario}"
    over = next((s for s in found.shares if s.share is None or s.share > 1), None)
    if over is not None:
        size = "not finite" if over.share is None else f"{over.share:.3g} times the tolerance"
        return f"First beyond the tolerance: {over.quantity} at step {over.step}, {size}, {where}."
    most = max(found.shares, key=lambda s: s.share or 0.0)
    size = f"{most.share or 0.0:.2f} of the tolerance"
    return f"Largest error: {size}, {most.quantity} at step {most.step}, {where}."


def _mark(kind: str, form: str, x: float, y: float) -> Shape:
    if form == "circle":
        return Shape("circle", {"class": kind, "cx": x, "cy": y, "r": 3.5})
    corners = {
        "square": ((-3, -3), (3, -3), (3, 3), (-3, 3)),
        "diamond": ((0, -4.5), (4.5, 0), (0, 4.5), (-4.5, 0)),
        "triangle": ((0, -4.5), (4, 3), (-4, 3)),
    }[form]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return Shape("polygon", {"class": kind, "points": points})
