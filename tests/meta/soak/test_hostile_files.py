"""Results files that are not ours, or were tampered with: one line says so, nothing is changed."""

import copy
import json

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from asgd.tests.ports.text import printable
from asgd.tests.soak.rows import SoakError, read
from asgd.tests.soak.units import Plan, Results, merge

PLAN = Plan("asgd.fast:ASGD", 3, "documented", "native", ("float32", "float64"))
HEADER = json.loads(json.dumps(PLAN.header()))
ROW = {
    "unit": 0,
    "kind": "gradient",
    "dtype": "float32",
    "scenarios": 100,
    "judged": 500,
    "undecided": 0,
    "largest": "0x1.8000000000000p-2",
    "not_observable": [],
    "failure": None,
}
FAILURE = {
    "quantity": "theta",
    "call": 1,
    "parameter": 0,
    "element": 0,
    "expected": {"lo": "1/2", "hi": "1/2"},
    "got": "0x1.0000000000000p+0",
    "error_bounds": "inf",
    "requests": [{"op": "hello"}],
}


def lines(*contents):
    """A file of these lines."""
    return b"".join(
        (c if isinstance(c, bytes) else json.dumps(c).encode()) + b"\n" for c in contents
    )


def row(**changes):
    """A file with one row, changed."""
    return lines(HEADER, {**ROW, **changes})


def failure(**changes):
    """A file with one failing row, changed."""
    return row(failure={**FAILURE, **changes})


def without(content, key):
    """The same without a field."""
    out = copy.deepcopy(content)
    del out[key]
    return out


NOT_OURS = {
    "notes": b"my precious notes",
    "notes of two lines": b"my precious\nnotes\n",
    "one line": b"notes\n",
    "binary": bytes(range(256)) * 4,
    "zeros": bytes(1000),
    "an empty line": b"\n",
    "an empty list": b"[]\n",
    "a number": b"1\n",
    "a string": b'"asgd-soak/1"\n',
    "null": b"null\n",
    "deep": b"[" * 100_000 + b"\n",
    "deep objects": b'{"a":' * 100_000 + b"\n",
    "not UTF-8": b'{"schema": "\xff"}\n',
    "UTF-16": json.dumps(HEADER).encode("utf-16") + b"\n",
    "a mark of the byte order": b"\xef\xbb\xbf" + lines(HEADER),
    "another schema": lines({**HEADER, "schema": "asgd-soak/2"}),
    "a schema that is none": lines({**HEADER, "schema": None}),
    "no schema": lines(without(HEADER, "schema")),
    "a report": lines({"schema": "asgd-report/2", "verdict": "conforms"}),
    "a field too many": lines({**HEADER, "more": 1}),
    "no port": lines(without(HEADER, "port")),
    "a port that is a number": lines({**HEADER, "port": 7}),
    "a port with control characters": lines({**HEADER, "port": "\x1b[31m"}),
    "a seed that is true": lines({**HEADER, "seed": True}),
    "a seed below 0": lines({**HEADER, "seed": -1}),
    "an unknown convention": lines({**HEADER, "convention": "auto"}),
    "a convention that is a list": lines({**HEADER, "convention": []}),
    "an unknown policy": lines({**HEADER, "policy": "none"}),
    "no dtypes": lines({**HEADER, "dtypes": []}),
    "an unknown dtype": lines({**HEADER, "dtypes": ["float16"]}),
    "a nan": lines(HEADER, b'{"unit": NaN}'),
    "an infinity": lines(HEADER, b'{"unit": -Infinity}'),
    "a field twice": lines(HEADER, json.dumps(ROW).encode()[:-1] + b', "unit": 0}'),
    "a unit twice": lines(HEADER, ROW, ROW),
    "the header twice": lines(HEADER, HEADER),
    "no header": lines(ROW),
    "a row of nothing": lines(HEADER, {}),
    **{f"no {key}": lines(HEADER, without(ROW, key)) for key in ROW},
    "a row too many": row(more=1),
    "a unit that is text": row(unit="0"),
    "a unit that is true": row(unit=False),
    "a unit that is a fraction": row(unit=0.0),
    "a unit below 0": row(unit=-1),
    "a huge unit": row(unit=10**400),
    "a unit of another kind": row(unit=1),
    "an unknown kind": row(kind="none"),
    "a kind that is a list": row(kind=[]),
    "a unit of another dtype": row(dtype="float64"),
    "scenarios below 0": row(scenarios=-1),
    "numbers that are text": row(judged="500"),
    "undecided that is nothing": row(undecided=None),
    "a largest that is a number": row(largest=0.25),
    "a largest that is decimal": row(largest="0.25"),
    "a largest that is nan": row(largest="nan"),
    "a largest below 0": row(largest="-0x1.0000000000000p+0"),
    "a largest beyond all floats": row(largest="0x1p99999"),
    "not observable as text": row(not_observable="average"),
    "not observable with control characters": row(not_observable=["\n::error::x"]),
    "a failure that is true": row(failure=True),
    "a failure of nothing": row(failure={}),
    **{f"a failure without {key}": row(failure=without(FAILURE, key)) for key in FAILURE},
    "a failure too many": failure(more=1),
    "a quantity with control characters": failure(quantity="\x1b[2J"),
    "a call that is text": failure(call="1"),
    "a place below 0": failure(element=-1),
    "bounds that are none": failure(expected=[]),
    "a bound too few": failure(expected={"lo": "1"}),
    "bounds that are numbers": failure(expected={"lo": 1, "hi": 2}),
    "got that is a number": failure(got=1.0),
    "got that is text": failure(got="one"),
    "bounds below 0": failure(error_bounds=-1.0),
    "requests that are text": failure(requests="hello"),
    "requests of text": failure(requests=["hello"]),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_file_that_is_not_ours_is_left_alone(name, tmp_path):
    """It is refused in one printable line, and not a byte of it is changed."""
    path = tmp_path / "results.jsonl"
    path.write_bytes(NOT_OURS[name])
    with pytest.raises(SoakError) as caught, Results(path, PLAN):
        pass
    text = str(caught.value)
    assert text == printable(text, 2000)
    assert path.read_bytes() == NOT_OURS[name]


@pytest.mark.parametrize("content", [b"", lines(HEADER)[:20], lines(HEADER)[:-1], lines(HEADER)])
def test_what_an_interruption_left_is_continued(content, tmp_path):
    """An empty file, and any beginning of our own header, is ours."""
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with Results(path, PLAN) as results:
        results.add(ROW)
    assert path.read_bytes() == lines(HEADER, ROW)


def test_failing_rows_are_read(tmp_path):
    """A file with a failing row is a results file."""
    path = tmp_path / "results.jsonl"
    path.write_bytes(lines(HEADER, {**ROW, "failure": FAILURE}))
    assert read(path)[1][0]["failure"] == FAILURE


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/", "/proc/self/mem", "\0", "a" * 300])
def test_what_is_no_file_is_refused(name, tmp_path):
    """Devices, folders and names that cannot be."""
    path = tmp_path / name
    with pytest.raises(SoakError), Results(path, PLAN):
        pass


def test_contradicting_files_are_refused(tmp_path):
    """Two files that disagree about a unit are not merged."""
    paths = [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    paths[0].write_bytes(row())
    paths[1].write_bytes(row(judged=1))
    with pytest.raises(SoakError, match="contradicts another file about unit 0"):
        merge(paths)


@examples(200)
@given(data=st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(data, tmp_path_factory):
    """Whatever a file holds, it is results or is refused, with no other error."""
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(data)
    try:
        header, results, size = read(path)
    except SoakError:
        return
    assert (header, results, size <= len(data)) == (None, {}, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.slow
@examples(200)
@given(key=st.sampled_from([*ROW, "more"]), value=JSON)
def test_any_field_is_checked(key, value, tmp_path_factory):
    """A row with any value in any field is a row, or is refused."""
    path = tmp_path_factory.getbasetemp() / "field.jsonl"
    path.write_bytes(row(**{key: value}))
    try:
        results = read(path)[1]
    except SoakError:
        return
    assert set(results[value if key == "unit" else 0]) == set(ROW)
