"""`asgd.verify` and `asgd.check`: the verdict from Python, and lines to paste."""

import contextlib
import io

import pytest
from plain_sgd import SGD

import asgd
from asgd.tests.report.build import build
from asgd.tests.report.law_tests import Judged
from asgd.tests.report.snippet import snippet
from asgd.tests.report.text import render
from asgd.tests.verify.interface import options_of


@pytest.fixture
def port(tmp_path, monkeypatch):
    """Import path of plain SGD."""
    (tmp_path / "plain_sgd_port.py").write_text(SGD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "plain_sgd_port.py:ASGD"


@pytest.mark.slow
def test_deviating_port(port):
    """`verify` returns a result; `check` raises the report, word for word."""
    result = asgd.verify(port, dtype="float32")
    assert result.verdict == "deviates"
    with pytest.raises(AssertionError) as caught:
        asgd.check(port, dtype="float32")
    assert "the update is plain SGD: eta does not decay" in str(caught.value)
    assert str(caught.value).splitlines()[-1] == build(result).headline


@pytest.mark.slow
def test_snippets_show_the_deviation(port):
    """The lines to paste run, and print what the report says."""
    report = build(asgd.verify(port, dtype="float32"))
    assert [d.id for d in report.deviations] == ["weight-decay-ignored", "sgd-by-lr"]
    for one in report.deviations:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec("\n".join(snippet(one, report.port)), {})  # noqa: S102 - our own lines
        first = one.evidence.first_divergence
        got = first.got.decimal.removesuffix("0")
        assert first.quantity != "theta" or got in said.getvalue()


@pytest.mark.slow
def test_conforming_port():
    """`check` returns the result of a port that conforms."""
    assert asgd.check("asgd.fast:ASGD", dtype="float32").verdict == "conforms"


def test_no_verdict():
    """Without a verdict `verify` says why, and `check` raises PortError."""
    result = asgd.verify("nowhere:Port")
    assert result.verdict == "error"
    assert "nowhere" in result.error
    with pytest.raises(asgd.PortError, match="no verdict"):
        asgd.check("nowhere:Port")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"dtpye": "float32"}, TypeError, "there is no option 'dtpye'; the options are "),
        ({"dtype": "float16"}, ValueError, "dtype must be one of float32, float64"),
        ({"policy": "loose"}, ValueError, "policy must be one of auto, native"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
        ({"without": "E9"}, ValueError, "without must be average, an equation"),
        ({"waive": "none.toml"}, ValueError, "none.toml: cannot be read"),
    ],
)
def test_bad_options(options, error, says):
    """A wrong option is named, with what is allowed."""
    with pytest.raises(error) as caught:
        asgd.verify("asgd.fast:ASGD", **options)
    assert says in str(caught.value)


WARNS = """
import warnings

class Port(ASGD):
    def step(self):
        warnings.warn("eta is deprecated")
        print("a step")
        super().step()
"""


@pytest.mark.slow
def test_warnings_are_shown_once(tmp_path):
    """Whatever a port warns of at every step is one finding; what it prints is not shown."""
    (tmp_path / "warns.py").write_text(SGD + WARNS)
    result = asgd.verify(f"{tmp_path}/warns.py:Port", dtype="float32")
    said = "\n".join(line.text for line in render(build(result)))
    assert said.count("eta is deprecated") == 1
    assert "port-warns: the port warns: UserWarning: eta is deprecated" in said
    assert "a step\n" not in said


@pytest.mark.slow
def test_dtypes_keep_their_order(port):
    """The diagnosis is the same whichever dtype a worker was asked for first."""
    judged = Judged(port, options_of())
    judged.report(["float64"])
    judged.report(["float32"])
    assert judged.seen == ["float32", "float64"]
    lines = judged.diagnosis()["lines"]
    assert any("sgd-by-lr (E3), float32 and float64" in line for line in lines)
