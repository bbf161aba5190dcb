"""Scenarios for sizes, fast paths and layouts of arrays."""

from collections.abc import Iterator, Sequence
from itertools import product

from ..ports.layouts import PLAIN, Layout
from ..ports.scenario import Event, Group, PausedScenario, Scenario, Set, Step, Vector, single
from . import together
from .strong import GRAD, OTHER, STRONG, THETA, tiled, wave

Supports = frozenset[str]

SMALL = range(131)
"""Every remainder of vectors and unrolled loops, up to two of the widest."""

LARGE = (1023, 1024, 1025, 1124, 4096, 16385, 131075)
LARGER = (4097, 16387, 32769, 65537, 262149, 1048583)
"""Sizes of blocks that fit a cache, or some above."""

_PERIOD = 3


def sizes(supports: Supports) -> list[Scenario]:
    """Parameters of each size, empty ones between others; each element repeats one of a few."""
    empty = single(STRONG, ((), THETA, (), THETA[:2]), (((), GRAD, (), GRAD[1:]),) * 2)
    # Large ones alone: a line of the protocol need not be longer than it must.
    large = [_sized((size,)) for size in LARGE]
    # Almost all of a gradient is zero.
    rows = (tiled(wave(0, _PERIOD), 1100), (*(0.0,) * 700, 1.0, *(0.0,) * 399))
    sparse = single(STRONG, (tiled(THETA, 1100),), tuple((row,) for row in rows))
    return [
        empty,
        _sized(tuple(SMALL)),
        *_fast_paths(supports),
        sparse,
        *together.wide(supports),
        *large,
    ]


def _fast_paths(supports: Supports) -> Iterator[Scenario]:
    """Each combination of terms, beyond the widest vectors: two of one size, a change, a rest."""
    turns = (False, True) if "maximize" in supports else (False,)
    counts = (75, 75, 19)
    params = tuple(tiled(THETA[i:] + THETA[:i], n) for i, n in enumerate(counts))
    for lambd, decay, turned in product((0.5, 0.0), (0.25, 0.0), turns):
        events: list[Event] = [
            Step(
                tuple(
                    None if "skip" in supports and (t, i) == (2, 1) else wave(t + i, n)
                    for i, n in enumerate(counts)
                )
            )
            for t in range(5)
        ]
        if "set" in supports:
            events.insert(3, Set(0, {"lr": 0.125}))
        hyper = STRONG._replace(t0=1.0, lambd=lambd, weight_decay=decay, maximize=turned)
        yield Scenario((Group(hyper, params),), tuple(events))


def all_sizes(supports: Supports) -> list[Scenario]:
    """Also one above each size of block that kernels work in."""
    return [*sizes(supports), *(_sized((size,)) for size in LARGER)]


def _sized(chosen: tuple[int, ...]) -> Scenario:
    params = tuple(tiled(THETA, size) for size in chosen)
    # Zeros are a gradient, whatever the size.
    rows = (wave(0, _PERIOD), (0.0,), wave(2, _PERIOD))
    steps = tuple(tuple(tiled(row, size) for size in chosen) for row in rows)
    return single(STRONG._replace(t0=1.0), params, steps)


_MEMORIES = ("plain", "transposed", "strided", "offset", "unaligned")
_SHAPES = ((), (4,), (2, 3), (3, 1, 2))
_MORE_SHAPES = ((2, 2), (2, 1, 2, 2), (1, 2, 2, 1, 2), (20, 3), (17, 19))
_PERMUTED = ((2, 3, 2, 2), (2, 3, 4))


def layouts(supports: Supports) -> list[Scenario]:
    """Each layout alone that the port takes, then all side by side."""
    chosen = taken(supports)
    if not chosen:
        return []
    alone = [arranged([each], frozenset()) for each in chosen]
    return [*alone, arranged(chosen, supports), *together.shaped(supports)]


def taken(supports: Supports) -> list[Layout]:
    """Layouts that a port takes, but for plain vectors."""
    made = [Layout(*each) for each in product(_SHAPES, _MEMORIES, _MEMORIES)]
    made += [Layout(shape) for shape in _MORE_SHAPES]
    made += [
        Layout(shape, "permuted", memory) for shape in _PERMUTED for memory in (PLAIN, "strided")
    ]
    return [
        layout
        for layout in made
        if layout.needs
        and layout.needs <= supports
        # A vector is its own transpose.
        and (len(layout.shape) > 1 or "transposed" not in layout)
    ]


def arranged(chosen: Sequence[Layout], supports: Supports) -> PausedScenario:
    """Parameters of these layouts, which cross the opening of the window."""
    sizes = [layout.size for layout in chosen]
    half = len(sizes) // 2 if "groups" in supports else 0
    starts = [tiled((*THETA, 0.5, -2.0, 1.25), n) for n in sizes]
    turned = STRONG._replace(maximize="maximize" in supports)
    groups = [Group(turned, tuple(starts[half:]))]
    if half:
        groups.insert(0, Group(OTHER, tuple(starts[:half])))
    rests = "skip" in supports

    def grad(t: int, i: int, n: int) -> Vector | None:
        if t == 1:
            return (0.0,) * n
        return None if rests and t == 2 and i % 3 == 1 else wave(t + i, n)

    rows = (tuple(grad(t, i, n) for i, n in enumerate(sizes)) for t in range(5))
    events = map(Step, rows)
    return PausedScenario(tuple(groups), tuple(events), 3, layouts=tuple(chosen))
