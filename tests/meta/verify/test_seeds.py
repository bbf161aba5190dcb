"""A verdict does not depend on the seed: the same one, with the same ids, whatever is drawn."""

from functools import partial

import pytest
from independent_faults import UNCATALOGUED
from rare_faults import RARE

from asgd.spec import convention
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

_PLAIN = Variant.of(convention("documented"))
_MAKE = {
    **RARE,
    **{name: lambda port=port: port for name, port in UNCATALOGUED.items()},
    **{ident: partial(VariantPort, combine(_PLAIN, ident)) for ident in CHANGES},
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", _MAKE)
def test_every_seed_says_the_same(name):
    """Of faults in the catalogue, and outside it, at level quick."""
    said = set()
    for seed in range(10):
        result = verify(_MAKE[name](), name, Options(dtypes=("float64",), seed=seed))
        assert (result.verdict, result.error) == ("deviates", "")
        said.add(tuple(sorted((d.id, d.equation, d.law) for d in result.deviations)))
    assert len(said) == 1
