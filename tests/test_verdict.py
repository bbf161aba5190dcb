"""The verdict under pytest, for whatever port ``--asgd-port`` names."""

import pytest

from asgd.tests.report.law_tests import Judged

pytest_plugins = ("asgd.tests.plugin",)


def test_coverage(judged: Judged) -> None:
    """There is a verdict: all equations were observed, or their absence is accepted."""
    report = judged.report(judged.dtypes)
    if report.verdict == "error":
        pytest.fail(f"no verdict: {report.error}", pytrace=False)


def test_waivers(judged: Judged) -> None:
    """No waiver is stale or has expired."""
    waivers = judged.report(judged.dtypes).waivers
    lines = [f"{w.id} covers nothing that was seen: remove it" for w in waivers.stale]
    lines += [f"{w.id} expired on {w.expires}: remove it" for w in waivers.expired]
    if lines:
        pytest.fail("\n".join(["stale waiver", *lines]), pytrace=False)
