"""A verdict does not depend on the seed: the same one, with the same ids, whatever is drawn."""

from functools import partial

import pytest
from independent_faults import UNCATALOGUED
from rare_faults import RARE

from asgd.spec import convention
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.verify import run
from asgd.tests.verify.result import Options

_PLAIN = Variant.of(convention("documented"))
_MAKE = {
    **RARE,
    **{name: lambda port=port: port for name, port in UNCATALOGUED.items()},
    **{ident: partial(VariantPort, combine(_PLAIN, ident)) for ident in CHANGES},
}


@pytest.fixture
def _identified_once(monkeypatch):
    """Nothing is drawn where a convention is looked for: the answer serves all seeds."""
    known = {}

    def find(port, hello, *rest):
        if rest not in known:
            known[rest] = find_identity(port, hello, *rest)
        return known[rest]

    find_identity = run.find_identity
    monkeypatch.setattr(run, "find_identity", find)


@pytest.mark.nightly
@pytest.mark.usefixtures("_identified_once")
@pytest.mark.parametrize("name", _MAKE)
def test_every_seed_says_the_same(name):
    """Of faults in the catalogue, and outside it, at level quick."""
    said = set()
    for seed in range(10):
        result = run.verify(_MAKE[name](), name, Options(dtypes=("float64",), seed=seed))
        assert (result.verdict, result.error) == ("deviates", "")
        said.add(tuple(sorted((d.id, d.equation, d.law) for d in result.deviations)))
    assert len(said) == 1
