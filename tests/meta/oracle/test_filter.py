"""The filter decides nearly everything, and never otherwise than the integers."""

import math
import random

import pytest
from independent_faults import CATALOGUED, UNCATALOGUED, Plain

from asgd.reference import Enclosure
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS
from asgd.tests.laws.outcome import Subject
from asgd.tests.laws.search import strategy
from asgd.tests.oracle import blocks
from asgd.tests.oracle.filter import Query, alone, ball, decide
from asgd.tests.ports.loading import load
from asgd.tests.ports.protocol import DTYPES, greet
from asgd.tests.scenarios.drawing import sample

FAULTY = {**CATALOGUED, **UNCATALOGUED}
_LAWS = [*LAWS.values(), LIFECYCLE_LAWS["window"], LIFECYCLE_LAWS["special"]]


def _judgements(subject, seed, count):
    """All that is judged of a port, and how much of it the filter decided."""
    for law in _LAWS:
        drawn = sample(
            strategy(law.drawn, subject.dtype, subject.hello.supports), count=count, seed=seed
        )
        for scenario in [*law.designed(subject.hello.supports)[seed % 3 :: 3], *drawn]:
            yield from law.check(scenario, subject.trace(scenario), subject.rule)


def _subject(port, dtype, convention="documented"):
    return Subject(port, greet(port), dtype, CONVENTIONS[convention], POLICIES["native"])


def _nothing(queries):
    return [([math.nan] * len(q.got), [math.nan] * len(q.got)) for q in queries]


def _both(subject, monkeypatch, seed, count=2):
    filtered = list(_judgements(subject, seed, count))
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "decide", _nothing)
        exact = list(_judgements(subject, seed, count))
    return filtered, exact


@pytest.mark.slow
@pytest.mark.sample(8, rest="nightly")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["", "asgd.fast:ASGD", *list(FAULTY)[::9]])
def test_the_verdict_is_the_same_without_it(name, dtype, monkeypatch):
    """Number by number, of right and of faulty ports."""
    port = FAULTY.get(name) or (load(name) if name else Plain())
    convention = list(CONVENTIONS)[len(name) % len(CONVENTIONS)] if name in FAULTY else "documented"
    filtered, exact = _both(_subject(port, dtype, convention), monkeypatch, seed=len(name))
    assert [(j.quantity, j.place, j.verdict) for j in filtered] == [
        (j.quantity, j.place, j.verdict) for j in exact
    ]
    for one, other in zip(filtered, exact, strict=True):
        if one.share is not None:
            assert one.share <= 1
            assert one.tolerance > 0 or other.tolerance == 0
            assert one.exact.bounds() == other.exact.bounds()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_decides_nearly_everything(dtype):
    """Over 95 % of the numbers of a right port."""
    judged = list(_judgements(_subject(load("asgd.fast:ASGD"), dtype), seed=1, count=10))
    # What may not move has no tolerance, and is compared as it is.
    judged = [j for j in judged if j.tolerance]
    decided = sum(j.share is not None for j in judged)
    assert decided > 0.95 * len(judged)


@pytest.mark.slow
def test_a_share_is_an_upper_bound():
    """Of the true error, in the tolerance that the integers use; also close to the bound."""
    rng = random.Random(0)
    for _ in range(2000):
        a, b = (Enclosure.of(rng.uniform(-2, 2)) / 3 for _ in range(2))
        x, y = (rng.uniform(-1, 1) * 2.0 ** rng.randint(-30, 30) for _ in range(2))
        exact = a * Enclosure.of(x) + b * Enclosure.of(y)
        bound = exact.magnitude() * 2.0**-52 * rng.choice([1, 2, 64])
        near = float(sum(exact.bounds()) / 2)
        got = near + rng.choice([-1, 0, 1, 0.999999]) * bound
        query = Query(((x,), (y,)), (ball(a), ball(b)), (got,), lambda *_: bound, 2.0**-53)  # noqa: B023
        [((share,), (allowed,))] = decide([query])
        error = (exact - Enclosure.of(got)).magnitude()
        assert allowed <= bound
        assert math.isnan(share) or (error <= bound and share * bound >= error * (1 - 1e-9))


def test_what_floats_cannot_say_is_left_open():
    """Numbers that are not finite, tolerances that are not, and enclosures beyond the floats."""
    huge, tiny = Enclosure(1, 1, 2000), Enclosure(1, 1, -2000)
    one = ball(Enclosure.of(1.0))
    queries = [
        alone(one, math.nan, 1.0),
        alone(one, 1.0, math.inf),
        alone(ball(huge), 1.0, 1.0),
        alone(one, 1.5, 0.25),
    ]
    assert all(math.isnan(shares[0]) for shares, _ in decide(queries))
    assert ball(tiny).error >= 0
    [((share,), _)] = decide([alone(ball(tiny), 0.0, 1.0)])
    assert share <= 1
    assert decide([]) == []
