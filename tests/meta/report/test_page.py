"""The page: what it shows, what it escapes, and that a saved report makes it again."""

import dataclasses
import json
from html.parser import HTMLParser

import pytest
from examples import examples
from hypothesis import given, settings
from synthetic_results import results

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.series import series
from asgd.tests.diagnosis.weights import convention_weights
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import greet
from asgd.tests.report.as_json import to_json
from asgd.tests.report.build import build
from asgd.tests.report.drawing import drawings
from asgd.tests.report.from_json import UnusableError, load
from asgd.tests.report.page import page
from asgd.tests.report.series import pictures
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

HOSTILE = "</title><script>alert(1)</script><img src=//x onerror=alert(1)>\"'&\u202e\ud800{{ 7*7 }}"


class Elements(HTMLParser):
    """The elements of a page, and the ids that it defines and refers to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.names, self.attributes = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.ids.append(value)
            elif name in {"aria-labelledby", "data-filter"}:
                self.names += value.split()
            elif name == "href" and value.startswith("#"):
                self.names.append(value[1:])


def subject(rule, judged, dtype="float32"):
    port = VariantPort(Variant.of(CONVENTIONS[rule]))
    return Subject(port, greet(port), dtype, CONVENTIONS[judged], POLICIES["native"])


@settings(examples(15), derandomize=True)
@given(results())
def test_a_saved_report_makes_the_same_page(tmp_path_factory, result):
    """JSON holds all that the page shows."""
    report = build(result)
    path = tmp_path_factory.mktemp("page") / "report.json"
    path.write_text(to_json(report), encoding="utf-8")
    assert load(path) == report
    assert page(load(path)) == page(report)


@settings(examples(10), derandomize=True)
@given(results())
def test_hostile_names_are_text(result):
    """Every foreign string is escaped: no element more than the same page of a plain name has."""
    plain = build(result)

    def rename(name):
        return dataclasses.replace(
            plain,
            port=dataclasses.replace(plain.port, name=name, version=name, how=name),
            reproduce=dataclasses.replace(plain.reproduce, command=name, play=name),
            findings=tuple(dataclasses.replace(f, text=name) for f in plain.findings),
            platform=name,
            versions={name: name},
        )

    text = page(rename(HOSTILE))
    text.encode("utf-8")
    hostile, usual = Elements(text), Elements(page(rename("usual")))
    assert hostile.tags == usual.tags
    assert hostile.attributes == usual.attributes
    assert "<script>alert" not in text
    assert "49" not in text.partition("<title>")[2].partition("</title>")[0]


@settings(examples(10), derandomize=True)
@given(results())
def test_ids_are_unique_and_found(result):
    """Each link and label has its target, and nothing is fetched."""
    text = page(build(result))
    found = Elements(text)
    assert len(set(found.ids)) == len(found.ids)
    assert set(found.names) <= set(found.ids)
    assert found.tags.count("h1") == 1
    assert not {"link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert not {"src", "onclick", "onerror"} & set(found.attributes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("documented", [0, 0, 1 / 4, 1 / 4, 1 / 4, 1 / 4]),
        ("torch", None),
        ("bottou", None),
        ("same-step", None),
    ],
)
def test_weights_of_conventions_add_up(name, expected):
    """The weights of a mean add up to 1; those of `documented` are those that it states."""
    weights = convention_weights(5, 2.0, CONVENTIONS[name])
    assert sum(weights) == pytest.approx(1, rel=1e-15)
    if expected:
        assert list(weights) == expected


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_series_of_a_right_port(name, dtype):
    """A port of a convention has its step sizes and weights, and stays within the tolerance."""
    found = series(subject(name, name, dtype), [])
    roundoff = 2.0**-23 if dtype == "float32" else 2.0**-52
    assert found.step_sizes.got == pytest.approx(found.step_sizes.expected, rel=8 * roundoff)
    if found.weights is not None:
        # Solved from as many iterates: a few roundoffs of each.
        assert found.weights.got == pytest.approx(found.weights.expected, abs=64 * roundoff)
    assert found.shares
    assert all(share.share <= 1 for share in found.shares)


def test_series_of_a_wrong_port():
    """Another window shows in the weights and in the average's errors, and not in theta's."""
    found = series(subject("documented", "literal"), [])
    assert found.weights.got != pytest.approx(found.weights.expected, abs=1e-3)
    assert any(share.share > 1 for share in found.shares if share.quantity == "average")
    assert all(share.share <= 1 for share in found.shares if share.quantity == "theta")


@pytest.fixture(scope="module")
def judged():
    """Report of a port with a known fault."""
    port = VariantPort(Variant.of(CONVENTIONS["torch"]))
    return build(verify(port, "torch", Options(dtypes=("float32",), convention="documented")))


@pytest.mark.slow
def test_the_ladder_ends_at_the_first_divergence(judged):
    """The last rung is the number that the report names, and the only one beyond the tolerance."""
    assert judged.deviations
    for deviation in judged.deviations:
        *before, last = deviation.evidence.ladder
        first = deviation.evidence.first_divergence
        assert (last.step, last.quantity, last.got) == (first.step, first.quantity, first.got.hex)
        assert last.share is None or last.share > 1
        assert all(rung.step <= last.step for rung in before)
    text = page(judged)
    assert "Step by step to the first wrong number" in text
    assert text.count("<figure>") == 3
    assert len(text) < 2_000_000


@pytest.mark.slow
def test_pictures_survive_what_is_not_finite(judged):
    """A port that answers inf and nan has pictures too."""
    found = judged.dtypes["float32"]
    strange = dataclasses.replace(
        found.pictures,
        step_sizes=dataclasses.replace(
            found.pictures.step_sizes, got=("inf", "nan", *found.pictures.step_sizes.got[2:])
        ),
        weights=dataclasses.replace(
            found.pictures.weights,
            got=("-0x1.0000000000000p+1000", "nan", *found.pictures.weights.got[2:]),
        ),
    )
    for picture in drawings("float32", dataclasses.replace(found, pictures=strange)):
        values = [v for shape in picture.shapes for v in shape.attributes.values()]
        assert not any(word in str(value) for value in values for word in ("nan", "inf"))
    assert pictures(None) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "asgd-report/1"}, "schema"),
        ({"schema": None}, "schema"),
        ({"seed": "x"}, "report.seed must be of type int"),
        ({"seed": True}, "report.seed must be of type int"),
        ({"checks": {}}, "report.checks.run is missing"),
        ({"dtypes": []}, "report.dtypes must be of type dict"),
    ],
)
def test_damaged_reports_are_refused(tmp_path, judged, change, says):
    """The error names the file, the field and what is wrong with it."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**json.loads(to_json(judged)), **change}))
    with pytest.raises(UnusableError, match=says) as error:
        load(path)
    assert str(path) in str(error.value)
