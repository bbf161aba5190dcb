"""The lemmas of ``spec/proofs/``: what they quote, what quotes them, and that each can fail."""

import ast
import re
from fractions import Fraction

import prove
import pytest

from asgd.fast.double_double import tables

LEMMAS = prove.lemmas()
QUOTED = [" ".join(tie.text.split()) for path in LEMMAS for tie in prove.ties(path)]
PAGES = [(prove.ROOT / "spec" / name).read_text() for name in ("kernels.md", "tolerance.md")]
TOOLS = pytest.mark.skipif(bool(prove.missing_tools()), reason="needs gappa and sollya")

# Over- and underflow, and what libraries promise of pow, exp and log.
ON_PAPER = re.compile(r"^(fits|underflow) &?= |^count = |allowed|_SCALED_|_WINDOW_")
# No rounding depends on these: midpoints are about bits, and distances of logarithms no sum.
FREE = {
    "return math.ldexp(int(value * Decimal(2) ** scale), -scale)",
    "return math.ldexp(math.frexp(x)[0], 25) % 2 == 1",
    "parts = [np.ldexp(np.frexp(end)[0], 25) for end in (down, up)]",
    "sure = (parts[0] % 2 != 1) & (parts[1] % 2 != 1)",
    "_CONTEXT = decimal.Context(prec=60)",
    "_LN2 = Decimal(2).ln(_CONTEXT)",
    "_BLOCK = 1024",
    "_RANGES = {False: (-960, 1020), True: (-124, 126)}",
    "return (rho_lr + (1 + rho_lr) * math.expm1(distance)) * _UPWARD, 2 * tiny",
}


@pytest.mark.parametrize("path", LEMMAS, ids=lambda path: path.stem)
def test_lemma_is_named_and_quotes_what_is_there(path):
    """The first line names it, a page of the spec does too, and its quotations hold."""
    first = next(iter(prove.head(path)))
    assert first.startswith(f"Lemma {path.stem}: ")
    assert any(f"`{path.stem}`" in page for page in PAGES)
    quoted = list(prove.ties(path))
    assert quoted
    for tie in quoted:
        assert prove.holds(tie), tie


def test_a_changed_constant_breaks_a_quotation(tmp_path):
    """Each constant of the code that a lemma is about stands in its quotation."""
    changes = (
        ("log_cubic", "1 / 5", "1 / 6"),
        ("exp_cubic", "1 / 120", "1 / 60"),
        ("log_parts", "_head(_LN2, 42)", "_head(_LN2, 43)"),
        ("step_size_total", "2.0**-78", "2.0**-80"),
        ("rounding_test", "2.0**-56", "2.0**-50"),
        ("average_sum", "4 * (1 - mu)", "3 * (1 - mu)"),
    )
    for name, old, new in changes:
        path = next(path for path in LEMMAS if path.stem == name)
        broken = []
        for tie in prove.ties(path):
            copy = tmp_path / tie.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text((prove.ROOT / tie.path).read_text().replace(old, new))
            broken.append(not prove.holds(tie, tmp_path))
        assert any(broken), name


def _statements(tree):
    """Statements of the module and of its functions that hold a number beside 0 and 1."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Return | ast.AugAssign):
            numbers = {
                c.value
                for c in ast.walk(node)
                if isinstance(c, ast.Constant) and type(c.value) in {int, float}
            }
            if numbers - {0, 1}:
                yield node


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("fast/double_double.py", None),
        ("fast/step_size.py", None),
        (
            "reference/tolerance.py",
            {
                "step_size_error",
                "averaging_weight_error",
                "descend_tolerance",
                "average_tolerance",
            },
        ),
    ],
)
def test_every_constant_is_quoted(name, functions):
    """A statement with a number is quoted by a lemma, or listed as free of roundings."""
    text = (prove.ROOT / name).read_text()
    tree = ast.parse(text)
    if functions:
        tree.body = [node for node in tree.body if getattr(node, "name", "") in functions]
    seen = False
    for node in _statements(tree):
        source = " ".join(ast.get_source_segment(text, node).split())
        if source in FREE or ON_PAPER.search(source):
            continue
        seen = True
        assert any(quote in source or source in quote for quote in QUOTED), source
    assert seen


def test_the_table_leaves_small_numbers():
    """|x c - 1| <= 2**-8 for all x of an interval and its inverse c, exactly."""
    inverse = tables()[0]
    for i, c in enumerate(inverse):
        for end in (Fraction(256 + i, 256), Fraction(257 + i, 256)):
            assert abs(end * Fraction(c) - 1) <= Fraction(1, 256)


@TOOLS
@pytest.mark.sample(8)
@pytest.mark.parametrize("path", LEMMAS, ids=lambda path: path.stem)
def test_lemma_is_proven(path):
    """By its tool."""
    success, said = prove.prove(path)
    assert success, said


NUMBER = r"-?(?:0x[\d.a-f]+p[-+]?\d+|[\d.]+(?:[eb][-+]?\d+)?)"


# Lemmas of exactness have no bound to make smaller: their boxes are made larger.
WRONG = {
    "exp_exact": ("|n| <= 524287", "|n| <= 536870912"),
    "split_grid": ("fixed<-25", "fixed<-24"),
    "two_product": ("|al| <= 1b-26", "|al| <= 1b-24"),
}


def _harder(text):
    """The lemma with its first bound 1,000 times as small, where it is one."""
    body = next(i for i, line in enumerate(text.splitlines(keepends=True)) if line[0] not in "#/")
    comments = len("".join(text.splitlines(keepends=True)[:body]))
    end = text.find("}", comments)
    start = text.rindex("->", comments, end) if end > 0 else text.index("print", comments)
    head, goal = text[:start], text[start:]
    return head + re.sub(
        rf"<= ({NUMBER})",
        lambda found: "<= -1" if found[1] == "0" else f"<= {found[1]} * 1e-3",
        goal,
        count=1,
    )


@TOOLS
@pytest.mark.sample(8)
@pytest.mark.parametrize("path", LEMMAS, ids=lambda path: path.stem)
def test_a_wrong_bound_is_not_proven(path, tmp_path):
    """Nor would a contradiction in the box be noticed otherwise."""
    text = path.read_text()
    copy = tmp_path / path.name
    copy.write_text(text.replace(*WRONG[path.stem]) if path.stem in WRONG else _harder(text))
    assert copy.read_text() != text
    assert not prove.prove(copy)[0]


@TOOLS
@pytest.mark.slow
def test_a_wrong_coefficient_is_not_proven(tmp_path):
    """A lemma is about its polynomial, and about its two floats of ln 2."""
    changes = (
        ("log_cubic.g", "c5 = rnd(1/5)", "c5 = rnd(1/6)"),
        ("exp_cubic.g", "c5 = rnd(1/120)", "c5 = rnd(1/60)"),
        ("log_series.sollya", "x^5/5", "x^5/6"),
        ("exp_series.sollya", "x^5/120", "x^5/60"),
        ("log_parts.sollya", "0x1.ef35793c7673p-45", "0x1.ef35793c8673p-45"),
        ("exp_exact.g", "0x1.1cf79abc8p-44", "0x1.1cf79abc9e3cp-44"),
    )
    for name, old, new in changes:
        text = (prove.FOLDER / name).read_text()
        assert old in text
        copy = tmp_path / name
        copy.write_text(text.replace(old, new))
        assert not prove.prove(copy)[0], name
