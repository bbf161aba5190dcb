"""Waiver files: what is read, what is refused and where, what is stale."""

import datetime as dt

import pytest
from synthetic_results import ALL_LAWS, deviation

from asgd.tests.laws.outcome import Outcome
from asgd.tests.ports.protocol import Hello
from asgd.tests.verify.result import DtypeResult, Options, Result
from asgd.tests.verify.waivers import Waiver, WaiverError, read_waivers, waivers_text

GOOD = """\
[[waive]]
id = "eta-float32-stored"
reason = "upstream keeps it"
dtype = "float64"
link = "https://example.org/1"
expires = 2027-01-31

[[waive]]
id = "unknown"
reason = "under investigation"
dtype = "float32"
equation = "E3"
"""


ENTRY = "[[waive]]\nid = 'eta-constant'\nreason = 'x'\n"


def written(tmp_path, text):
    path = tmp_path / "w.toml"
    path.write_text(text)
    return path


def test_reading(tmp_path):
    """Every field arrives; writing and reading again changes nothing."""
    path = written(tmp_path, GOOD)
    first, second = found = read_waivers(path)
    assert first.dtype == "float64"
    assert first.expires == dt.date(2027, 1, 31)
    assert second.equation == "descend"
    path.write_text(waivers_text(found))
    assert read_waivers(path) == found


def test_expiry():
    """The last day still holds."""
    waiver = Waiver("eta-constant", "x", expires=dt.date(2027, 1, 31))
    assert not waiver.expired(dt.date(2027, 1, 31))
    assert waiver.expired(dt.date(2027, 2, 1))


def test_empty(tmp_path):
    """A file without waivers waives nothing."""
    assert read_waivers(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('waive = ["eta-constant"]\n', "w.toml:1: a list of ids has no reasons; write tables"),
        ('waive = ["eta-constant"]\n', '[[waive]]\nid = "eta-constant"\nreason = "'),
        ("waive = 3\n", "w.toml:1: waive must be tables"),
        ("[[waive]]\nid = 1\nreason = 'x'\n", "w.toml:2: id must be a text, got 1"),
        ("[[waive]]\nreason = 'x'\n", "w.toml:1: id is missing"),
        ("[[waive]]\nid = 'eta-constant'\n", "w.toml:1: reason is missing"),
        (
            "[[waive]]\nid = 'eta-constant'\nreason = ' '\n",
            "w.toml:3: reason must be a text, got ' '",
        ),
        (
            "[[waive]]\nid = 'eta-konstant'\nreason = 'x'\n",
            "w.toml:2: unknown id 'eta-konstant'; run `asgd explain`",
        ),
        (
            "[[waive]]\nid = 'eta-constant'\nreason = 'x'\nuntil = 2027-01-01\n",
            "w.toml:4: unknown key 'until'; a waiver has id, reason, dtype",
        ),
        ("[other]\nx = 1\n", "w.toml:1: unknown key 'other'"),
        (
            "[[waive]]\nid = 'eta-constant'\nreason = 'x'\nexpires = '31 Jan'\n",
            "w.toml:4: expires must be a date such as 2027-01-31, got 31 Jan",
        ),
        (
            "[[waive]]\nid = 'eta-constant'\nreason = 'x'\nequation = 'E9'\n",
            "w.toml:4: equation must be one of E1 (gradient)",
        ),
        (
            "[[waive]]\nid = 'eta-constant'\nreason = 'x'\ndtype = 'float16'\n",
            "w.toml:4: dtype must be one of float32, float64, got 'float16'",
        ),
        ("[[waive]]\nid = 'unknown'\nreason = 'x'\n", "must also name dtype and equation"),
        (
            f"{ENTRY}{ENTRY}dtype = 'float32'\n",
            "w.toml:4: two waivers cover eta-constant (float32) (lines 1 and 4)",
        ),
        ("[[waive]\n", "w.toml: not TOML"),
    ],
)
def test_refusal(tmp_path, text, says):
    """What is wrong is named, with the line and what is allowed."""
    with pytest.raises(WaiverError) as caught:
        read_waivers(written(tmp_path, text))
    assert says in str(caught.value)


def test_no_file(tmp_path):
    """A file that is missing is named."""
    with pytest.raises(WaiverError, match=r"none\.toml: cannot be read"):
        read_waivers(tmp_path / "none.toml")


def test_other_dtypes_do_not_overlap(tmp_path):
    """The same fault may be waived in each dtype, with another reason."""
    entry = "[[waive]]\nid = 'eta-constant'\nreason = 'x'\ndtype = '{}'\n"
    text = entry.format("float32") + entry.format("float64")
    assert len(read_waivers(written(tmp_path, text))) == 2


def judged(*waivers, dtype="float32", hidden=(), found=()):
    """A result in one dtype, with laws that were not observed and faults that were found."""
    outcomes = [
        Outcome(law, not_observable=("average",) if key in hidden else ())
        for key, law in ALL_LAWS.items()
    ]
    one = DtypeResult(dtype, outcomes=outcomes, waivers=waivers, done=True)
    one.deviations = [deviation(ident, dtype) for ident in found]
    hello = Hello("x", "1", ("float32", "float64"), frozenset(), frozenset())
    return Result("x", hello, Options(waivers=waivers), dtypes=[one])


CONSTANT = Waiver("eta-constant", "x")


@pytest.mark.parametrize(
    ("result", "stale"),
    [
        (judged(CONSTANT), True),
        (judged(CONSTANT, found=["eta-constant"]), False),
        (judged(CONSTANT, hidden=["step_size"]), False),
        (judged(Waiver("eta-constant", "x", dtype="float64")), False),
        (judged(Waiver("eta-constant", "x", equation="descend")), True),
        (judged(Waiver("eta-float32-stored", "x")), False),
        (judged(Waiver("eta-float32-stored", "x"), dtype="float64"), True),
        (judged(Waiver("count-lost", "x"), hidden=["resume"]), False),
        (judged(Waiver("count-lost", "x")), True),
        (judged(Waiver("unknown", "x", "float32", "average")), True),
        (judged(Waiver("unknown", "x", "float32", "average"), hidden=["average"]), False),
        (judged(Waiver("eta-constant", "x", expires=dt.date(2001, 1, 1))), False),
    ],
)
def test_stale(result, stale):
    """A waiver is stale where its fault could be seen in a dtype that ran, and was not."""
    assert bool(result.stale) == stale


def test_waived_and_expired():
    """A waiver covers its deviation to its last day; then the deviation stands again."""
    assert judged(CONSTANT, found=["eta-constant"]).verdict == "conforms"
    late = Waiver("eta-constant", "x", expires=dt.date(2001, 1, 1))
    result = judged(late, found=["eta-constant"])
    result.dtypes[0].waivers = ()
    assert result.verdict == "deviates"
    assert result.expired == [late]
    assert judged(CONSTANT, found=["eta-constant", "decay-missing"]).verdict == "deviates"
