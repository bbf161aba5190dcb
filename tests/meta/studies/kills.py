"""Kill matrix: which law rejects which known fault; run it to renew ``evidence/kills.md``."""

from pathlib import Path

from asgd.spec import EQUATIONS, FAULTS, POLICIES, convention
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import DTYPES, greet

PAGE = Path(__file__).parents[1] / "evidence" / "kills.md"
HEAD = """# Which law rejects which fault

A port of the convention `documented` with one known fault, put through the designed scenarios of
each law: `x` where the law is broken in float32 and in float64, `32` or `64` where it is in one of
them only. The law of the fault's own equation stands in brackets. A fault that breaks no law
could not be seen; there is none. How surely two of them are told apart stands in `separations.md`.

Renewed by `python tests/meta/studies/kills.py`; `make test` fails where it is stale.

"""


def broken(ident: str, dtype: str) -> set[str]:
    """Laws that a port with the fault breaks in ``dtype``."""
    port = VariantPort(combine(Variant.of(convention("documented")), ident))
    subject = Subject(port, greet(port), dtype, convention("documented"), POLICIES["native"])
    return {name for name, law in LAWS.items() if hold(law, subject, examples=0, seed=0).failure}


def row(ident: str) -> str:
    """Line of the page for one fault."""
    by_dtype = {dtype: broken(ident, dtype) for dtype in DTYPES}
    cells = []
    for name in EQUATIONS:
        where = [dtype.removeprefix("float") for dtype in DTYPES if name in by_dtype[dtype]]
        mark = "x" if len(where) == len(DTYPES) else "".join(where)
        cells.append(f"[{mark}]" if name == FAULTS[ident].equation else mark)
    return f"| `{ident}` | {' | '.join(cells)} |"


def page() -> str:
    """The whole page."""
    columns = " | ".join(f"{e.id} `{e.name}`" for e in EQUATIONS.values())
    rule = "|---" * (len(EQUATIONS) + 1) + "|"
    return HEAD + "\n".join([f"| fault | {columns} |", rule, *map(row, CHANGES)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
