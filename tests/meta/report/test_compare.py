"""Two reports are compared: the same, worse, or not to be used."""

import pytest
from examples import examples
from hypothesis import given, settings
from synthetic_results import results

from asgd.tests.report.build import build
from asgd.tests.report.compare import compare
from asgd.tests.report.from_json import UnusableError, load

RANK = ("conforms", "deviates", "error")


def report(result):
    return build(result)


@settings(examples(15), derandomize=True)
@given(results(), results())
def test_worse(one, other):
    """Worse is a worse verdict or a new deviation; a report is no worse than itself."""
    old, new = report(one), report(other)
    assert compare(old, report(one)).worse is False
    assert compare(old, report(one)).lines == ()
    open_ = [
        {(d.id, d.equation, d.dtype) for d in r.deviations if not d.waived} for r in (old, new)
    ]
    fell = RANK.index(new.verdict) > RANK.index(old.verdict)
    assert compare(old, new).worse == (fell or bool(open_[1] - open_[0]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a report of schema asgd-report/2, got schema None"),
        ('{"schema": "asgd-report/1"}', "got schema 'asgd-report/1'"),
        ('{"schema": "asgd-report/2"}', "the report is damaged"),
        ('{"schema": "asgd-report/2", "verdict": "fine"}', "the report is damaged"),
    ],
)
def test_unusable(tmp_path, text, says):
    """What is no report is named."""
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(UnusableError, match=r"r\.json: ") as caught:
        load(path)
    assert says in str(caught.value)
