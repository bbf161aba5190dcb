"""The site: ports side by side, written whole or not at all; and the page in a browser."""

import builtins
import dataclasses
import json
import re
import subprocess
import sys
from html import unescape

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_results import results

import asgd
from asgd.tests.report.as_json import to_json
from asgd.tests.report.build import build
from asgd.tests.report.page import page
from asgd.tests.report.site import INDEX, site
from asgd.tests.report.text import render
from asgd.tests.verify.result import Options, Result
from asgd.tests.verify.run import no_verdict


def report(name="mine", date="2026-01-02T03:04:05+00:00"):
    made = build(no_verdict(name, Options(), "the port could not be loaded"))
    return dataclasses.replace(made, date=date)


def run(*words):
    command = [sys.executable, "-m", "asgd", "site", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@settings(examples(10), derandomize=True)
@given(st.lists(results(), min_size=1, max_size=4))
def test_the_site_says_what_its_reports_say(found):
    """Every report has a page, and the newest of each port its verdict in the index."""
    reports = [build(result) for result in found]
    files = site(reports)
    assert len(files) == len(reports) + 1
    index = files[INDEX]
    linked = set(re.findall(r'href="(reports/[^"]+)"', index))
    assert linked == set(files) - {INDEX}
    for path in linked:
        assert re.fullmatch(r"reports/[a-z0-9-]+\.html", path)
    for one in reports:
        assert one.says in unescape(index)
    assert sum('href="../index.html"' in text for text in files.values()) == len(reports)


def test_reports_of_one_port_are_its_history():
    """The newest stands in the table; the others under it, newest first."""
    dates = ["2026-01-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
    index = site([report(date=date) for date in dates] + [report("other")])[INDEX]
    table, _, history = index.partition('id="history"')
    assert "2 ports" in table
    assert "2026-03-01" in table
    assert "2026-01-01" not in table
    found = re.findall(r"reports/mine-(2026-\d\d)", history)
    assert found == ["2026-03", "2026-02", "2026-01"]


@pytest.mark.slow
def test_the_command_writes_and_replaces(tmp_path):
    """A site is replaced whole; a folder that holds anything else is refused and left alone."""
    source, folder = tmp_path / "a.json", tmp_path / "deep" / "site"
    source.write_text(to_json(report("first")))
    assert run(folder, source).returncode == 0
    assert [p.name for p in folder.iterdir() if p.is_file()] == [INDEX]
    source.write_text(to_json(report("second")))
    assert run(folder, source).returncode == 0
    assert "second" in (folder / INDEX).read_text()
    assert [p.name for p in (folder / "reports").iterdir()] == ["second-2026-01-02.html"]
    (folder / "mine.txt").write_text("mine")
    done = run(folder, source)
    assert done.returncode == 2
    assert "holds other files" in done.stderr
    assert (folder / "mine.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == ["site"]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"schema": "asgd-report/1"}', '{"tests": []}', "\xff", None, "damaged"],
)
def test_what_is_no_report_is_refused(tmp_path, content):
    """One line, exit 2, and nothing written."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(to_json(report()))
    if content == "damaged":
        content = json.dumps({**json.loads(to_json(report())), "checks": None})
    if content is not None:
        bad.write_bytes(content.encode("latin-1"))
    done = run(tmp_path / "site", good, bad)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"asgd: {bad}")
    assert {p.name for p in tmp_path.iterdir()} <= {"bad.json", "good.json"}


@pytest.mark.slow
def test_an_unwritable_place_is_one_line(tmp_path):
    """A folder under a file cannot be made."""
    source = tmp_path / "a.json"
    source.write_text(to_json(report()))
    done = run(source / "site", source)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_notebook_shows_the_page(monkeypatch):
    """A result shows its page; without jinja2 the plain text, escaped."""
    assert asgd.Result is Result
    result = no_verdict("<b>mine</b>", Options(), "the port could not be loaded")
    shown = result._repr_html_()
    assert shown.startswith("<iframe")
    assert unescape(re.search(r'srcdoc="([^"]*)"', shown)[1]) == page(build(result))

    real = builtins.__import__

    def without(name, *rest):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest)

    from asgd.tests.report import page as module

    module._environment.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    plain = result._repr_html_()
    lines = [line.text for line in render(build(result))]
    assert unescape(plain) == f"<pre>{chr(10).join(lines)}</pre>"
    assert "<b>" not in plain
