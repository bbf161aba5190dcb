"""The mutants that `mutants.py` tries: what is changed, what is not, and how one is named."""

import textwrap

import pytest

pytest.importorskip("mutmut")

from mutants_page import _shortened
from mutations import mutants

SAMPLE = '''
    """Docstring."""
    from math import inf

    LIMIT = 3
    __all__ = ["f"]


    @cache
    def f(x: "int" = 0, *, name="a"):
        """Docstring."""
        if x < LIMIT:
            raise ValueError(f"x must be at least {LIMIT}, got {x + 1}")
        assert x > 1
        return [max(y, x) for y, _ in zip(x, name, strict=True)]
'''


def test_what_is_changed_and_what_is_left_alone(tmp_path):
    """Each mutant once: constants and decorated functions too, but no texts, types or checks."""
    (tmp_path / "m.py").write_text(textwrap.dedent(SAMPLE))
    found = mutants(tmp_path, "m.py")
    head = 'def f(x: "int" = 0, *, name="a"):'
    last = "return [max(y, x) for y, _ in zip(x, name, strict=True)]"
    assert {(m.function, m.before, m.after) for m in found} == {
        ("", "LIMIT = 3", "LIMIT = 4"),
        ("", "LIMIT = 3", "LIMIT = 2"),
        ("f", head, head.replace("= 0", "= 1")),
        ("f", head, head.replace("= 0", "= (-1)")),
        ("f", head, head.replace('"a"', '"XXaXX"')),
        ("f", "if x < LIMIT:", "if x <= LIMIT:"),
        ("f", "if x < LIMIT:", "if (x < LIMIT) and False:"),
        ("f", "if x < LIMIT:", "if (x < LIMIT) or True:"),
        ("f", last, last.replace("max", "min")),
        ("f", last, last.replace("(y, x)", "(y, )")),
    }
    assert len({m.key for m in found}) == len(found)
    assert {tuple(m.lines) for m in found if m.before.startswith("if")} == {(12,)}


def test_a_difference_is_shown_with_what_stands_around_it():
    """The page has one line a mutant."""
    assert _shortened("a = 1", "a = 2") == ("a = 1", "a = 2")
    long = "x" * 60
    assert _shortened(f"{long} + {long}", f"{long} - {long}", 5) == (
        "…xxxx + xxxx…",
        "…xxxx - xxxx…",
    )
