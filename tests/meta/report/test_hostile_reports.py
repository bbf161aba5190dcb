"""Reports, bench results and waivers that are damaged: one line, and exit code 2."""

import copy
import json
import os

import pytest
from click.testing import CliRunner
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from synthetic_results import results

from asgd.tests.bench.results import read as read_bench
from asgd.tests.command.cli import cli
from asgd.tests.ports import strict
from asgd.tests.ports.text import escaped
from asgd.tests.report.as_json import to_json
from asgd.tests.report.build import build
from asgd.tests.report.compare import compare
from asgd.tests.report.from_json import UnusableError, load
from asgd.tests.verify.waivers import WaiverError, read_waivers

BENCH = {
    "schema": "asgd-bench/1",
    "timings": [
        {
            "layout": "1000",
            "dtype": "float32",
            "averaging": True,
            "elements": 1000,
            "tensors": 1,
            "wall_ns": {"fast": 1.5},
            "cpu_ns": {"fast": 1.5},
        }
    ],
    "accuracy": [
        {"dtype": "float32", "steps": 10, "ulp": {"fast": {"theta": 0.5, "average": 0.5}}}
    ],
    "memory": [{"dtype": "float32", "averaging": True, "arrays": {"fast": None}}],
    "machine": {},
}
NOT_JSON = {
    "empty": b"",
    "text": b"my notes\n",
    "zeros": bytes(100),
    "not UTF-8": b'{"schema": "\xff"}',
    "UTF-16": json.dumps(BENCH).encode("utf-16"),
    "a mark of the byte order": b"\xef\xbb\xbf{}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a nan": b'{"schema": NaN}',
    "an infinity": b'{"schema": -Infinity}',
    "a number beyond the floats": b'{"schema": 1e999}',
    "a number of 5000 digits": b'{"schema": ' + b"1" * 5000 + b"}",
    "a field twice": b'{"schema": 1, "schema": 1}',
    "two documents": b"{} {}",
    "a list": b"[]",
    "null": b"null",
    "a string": b'"asgd-report/2"',
    "no schema": b"{}",
    "a schema that is a list": b'{"schema": ["\\u001b[31m"]}',
    "another schema": b'{"schema": "asgd-report/1\\u001b[31m"}',
}
JUNK = [None, 0, -1, 2.5, True, "", "x", "\x1b[31m", "\u202e", "\ud800", [], {}, [None], 10**400]
PATHS = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)


def check(text):
    """One line, printable and short."""
    assert escaped(text) == text
    assert "\n" not in text
    assert len(text) < 1000


def damaged(content, steps, junk):
    """A copy of which one part is replaced, removed or added."""
    out = copy.deepcopy(content)
    here = out
    for number, step in enumerate(steps):
        keys = list(here) if isinstance(here, dict) else range(len(here))
        if not keys:
            return out
        key = keys[step % len(keys)]
        last = number == len(steps) - 1 or not isinstance(here[key], dict | list)
        if not last:
            here = here[key]
            continue
        if junk == "remove":
            del here[key]
        elif junk == "add":
            here.update({"\x1b[31m": 1}) if isinstance(here, dict) else here.append(None)
        else:
            here[key] = junk
        return out
    return out


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_report_is_refused(name, tmp_path):
    """Neither a report nor results of a bench."""
    path = tmp_path / "any.json"
    path.write_bytes(NOT_JSON[name])
    with pytest.raises(UnusableError) as caught:
        load(path)
    check(str(caught.value))
    with pytest.raises(ValueError, match=r".") as other:
        read_bench(path)
    check(escaped(str(other.value)))
    done = CliRunner().invoke(cli, ["compare", str(path), str(path)])
    assert done.exit_code == 2
    assert all(line.isprintable() for line in done.output.splitlines())


@examples(25)
@given(results(), PATHS, st.sampled_from([*JUNK, "remove", "add"]))
def test_any_field_of_a_report_is_checked(tmp_path_factory, result, steps, junk):
    """A damaged report is a report all the same, or is refused in one line."""
    path = tmp_path_factory.getbasetemp() / "report.json"
    content = json.loads(to_json(build(result)))
    path.write_text(json.dumps(damaged(content, steps, junk)))
    try:
        report = load(path)
    except UnusableError as error:
        check(str(error))
        return
    lines = compare(report, report).lines
    assert lines == ()


@examples(80)
@given(PATHS, st.sampled_from([*JUNK, "remove", "add"]))
def test_any_field_of_bench_results_is_checked(tmp_path_factory, steps, junk):
    """Damaged results are shown all the same, or refused in one line."""
    path = tmp_path_factory.getbasetemp() / "bench.json"
    path.write_text(json.dumps(damaged(BENCH, steps, junk)))
    done = CliRunner().invoke(cli, ["bench", "--from", str(path)])
    assert done.exit_code in {0, 2}, done.output
    assert isinstance(done.exception, SystemExit | None)


WAIVERS = {
    "deep": "a = " + "[" * 5000,
    "a control character": "[[waive]]\nid = 'eta-constant'\nreason = 1\n",
    "an integer of many digits": "waive = " + "1" * 5000,
    "not UTF-8": b"\xff",
    "zeros": bytes(100),
    "an escape in the id": '[[waive]]\nid = "\\u001b[31m"\nreason = "x"\n',
    "an escape in a key": '[[waive]]\n"\\u001b[31m" = 1\n',
    "an escape in a date": '[[waive]]\nid = "eta-constant"\nreason = "x"\nexpires = "\\u001b"\n',
    "a long file": b"#" * (1 << 20) + b"\n",
}


@pytest.mark.parametrize("name", WAIVERS)
def test_what_is_no_waiver_is_refused(name, tmp_path):
    """Whatever it holds, the answer is an error of waivers."""
    path = tmp_path / "w.toml"
    content = WAIVERS[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WaiverError):
        read_waivers(path)


def test_a_reason_is_made_printable(tmp_path):
    """What stands in a waiver is shown in reports."""
    path = tmp_path / "w.toml"
    path.write_text('[[waive]]\nid = "eta-constant"\nreason = "a\\u001b[31m\\n::error::b"\n')
    (waiver,) = read_waivers(path)
    assert waiver.reason == "a\\x1b[31m : :error::b"


def test_a_pipe_to_which_nobody_writes_is_empty(tmp_path):
    """It is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert strict.read(tmp_path / "pipe") == b""
    with pytest.raises(UnusableError):
        load(tmp_path / "pipe")


@examples(200)
@given(st.binary(max_size=200) | st.text().map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_parsed_or_refused(tmp_path_factory, data):
    """No parser of files raises anything but what it says."""
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    for parse, error in (
        (load, UnusableError),
        (read_waivers, WaiverError),
        (strict.read, ValueError),
    ):
        try:
            parse(path)
        except error:
            continue
    try:
        strict.parse(data)
    except ValueError as error:
        check(escaped(str(error)))
