"""Every form of the report says the same: verdict, counts, waivers and coverage."""

import json
from html import unescape
from importlib import resources
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from examples import examples
from hypothesis import event, given, settings
from synthetic_results import results

from asgd.tests.report import github
from asgd.tests.report.as_json import schema, schema_text, to_json
from asgd.tests.report.build import build
from asgd.tests.report.junit import junit
from asgd.tests.report.page import badge, page, shields
from asgd.tests.report.text import render, wrapped
from asgd.tests.report.verdicts import EXIT, WORDS

GREEN = "#2e7d32"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_schema_is_current():
    """The file in the spec is generated: python -m asgd.tests.report > spec/report.schema.json."""
    path = resources.files("asgd.spec").joinpath("report.schema.json")
    assert path.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(schema())


@settings(examples(30), derandomize=True)
@given(results())
def test_all_forms_agree(result):
    """Terminal, JSON, JUnit, page, badge, annotations and exit code are of one report."""
    report = build(result)
    event(report.says.partition(":")[0])
    document = json.loads(to_json(report))
    VALIDATOR.validate(document)
    assert document["verdict"] == report.verdict
    assert report.exit_code == EXIT[report.verdict]
    assert report.headline.startswith(WORDS[report.verdict])
    one_line = " ".join(report.headline.splitlines())

    lines = [line.text for line in render(report)]
    assert lines[-1] == report.headline
    assert lines[0].endswith(report.says)

    suite = ET.fromstring(junit(report))  # noqa: S314 - our own text
    stale = [*report.waivers.stale, *report.waivers.expired]
    assert int(suite.get("failures")) == len(report.unwaived) + bool(stale)
    assert int(suite.get("errors")) == (report.verdict == "error")
    messages = [case.get("message") for case in suite.findall("testcase/skipped")]
    waived = [d for d in report.deviations if d.waived]
    assert sum(m.startswith("waived: ") for m in messages) == len(waived)
    headlines = [p.get("value") for p in suite.findall("properties/property")]
    assert report.headline in headlines

    html = page(report)
    for text in (html, badge(report)):
        assert report.headline in unescape(text)
        clean = report.verdict == "conforms" and not report.waivers.applied
        assert (f'fill="{GREEN}"' in text or f"background:{GREEN}" in text) == clean

    endpoint = json.loads(shields(report))
    assert endpoint["message"].startswith(report.says)
    assert (endpoint["color"] == GREEN) == clean
    assert endpoint["isError"] == (report.verdict == "error")

    annotations = list(github.annotations(report))
    assert sum(a.startswith("::error") for a in annotations) == (
        len({d.key for d in report.unwaived}) + len(stale) + (report.verdict != "conforms")
    )
    assert one_line in github.summary(report)

    for name in report.coverage.laws.not_observable:
        assert name in document["coverage"]["laws"]["not_observable"]
        assert name in html.partition('id="hidden"')[2]
    assert {w["id"] for w in document["waivers"]["applied"]} == {
        w.id for w in report.waivers.applied
    }


@pytest.mark.slow
@settings(examples(60), derandomize=True)
@given(results())
def test_precedence(result):
    """A green verdict means it; a deviation counts, whatever was not observed."""
    report = build(result)
    if result.error or result.interrupted or not all(d.done for d in result.dtypes):
        assert report.verdict == "error"
        assert report.error
    elif report.unwaived or report.waivers.stale or report.waivers.expired:
        assert report.verdict == ("deviates" if result.dtypes else "error")
    elif report.verdict == "conforms":
        accepted = result.dtypes[0].accepted
        hidden = set(report.coverage.laws.not_observable)
        averages = {"averaging_weight", "average"}
        equations = {"gradient", "step_size", "descend", "step", *averages}
        assert not (hidden & equations) - accepted
        assert not any(law.undecided for law in report.laws.values())
        if hidden & averages:
            assert report.convention is None


def test_prose_fits():
    """Prose is broken at 80 columns."""
    assert max(map(len, wrapped("a word " * 60, "   "))) <= 80
