"""The designed scenarios tell every two rules apart, but for those that are the same."""

import pytest
from exact_variants import coincide
from pairs import allowed, cases, share, verdict
from separating import name, scenarios, separations, singles
from separations import CLASSES, PAGE, alike, lines, listed, pairs, row
from soak_orders import drawn

from asgd.spec import CONVENTIONS
from asgd.tests.faults.agreement import Table
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.ports.protocol import DTYPES, SUPPORTS
from asgd.tests.ports.scenario import drive

STALE = "evidence/separations.md is stale: python tests/meta/studies/separations.py renews it"


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_separated_is_the_same(dtype):
    """Nothing is nearer than its widths but what is listed, and the page says so."""
    found = pairs(singles(), separations(singles(), dtype))
    assert alike(found) == listed()
    page = PAGE.read_text(encoding="utf-8").splitlines()
    for line in [*lines(dtype, found), *map(row, CLASSES)]:
        assert line in page, STALE


@pytest.mark.nightly
def test_what_is_the_same_is_so_everywhere():
    """In 200-bit arithmetic, whatever is drawn; and there, what is not the same is not."""
    by_name = {name(variant): variant for variant in singles()}
    supports = frozenset(SUPPORTS)
    random = [drawn(LAWS["step"], supports, seed) for seed in range(30)]
    for same in CLASSES:
        first, *others = (by_name[rule] for rule in same.rules)
        assert all(coincide(first, other, random) for other in others), same
    # These two differ only where t0 is between two steps and alpha is not 0.
    other = by_name["literal + averaging-weight-by-alpha"]
    assert not coincide(by_name["literal"], other, random)


@pytest.mark.nightly
def test_separation_is_diagnosis():
    """A port is taken for another rule exactly where the two are not separated."""
    rules = {name(variant): variant for variant in singles()}
    chosen = [*singles()[::31], *(rules[rule] for rule in CLASSES[1].rules)]
    for dtype in DTYPES:
        table = separations(chosen, dtype)
        for i, one in enumerate(chosen):
            runs = [(s, drive(VariantPort(one), s, dtype)) for s in scenarios()]
            shown = Table(dtype, runs)
            for j, other in enumerate(chosen):
                taken = shown.agrees(other)
                assert taken == (table[i, j] <= 1), f"{name(one)} for {name(other)}"


@pytest.mark.nightly
def test_two_faults_are_named():
    """Of ports with two faults at once, nearly all are named by both.

    Which ports are in a sample depends on how many faults are known: a few missed ones more or less
    are chance, and the larger the sample, the less of it.
    """
    chosen = cases()[::199]
    assert (1 - share(chosen)) * len(chosen) <= allowed(len(chosen)) + 0.5


@pytest.mark.slow
def test_faults_that_disturb_each_other_are_named():
    """With alpha = 0 the one makes a weight 1, on which the other depends."""
    rule = Variant.of(CONVENTIONS["same-step"])
    variant = combine(rule, "averaging-weight-by-alpha", "average-divisor-larger")
    assert [verdict((variant, dtype)) for dtype in DTYPES] == [("named", "")] * len(DTYPES)
