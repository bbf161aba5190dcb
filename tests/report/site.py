"""Reports of many ports as a site: an index that puts them side by side, and a page for each."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .model import Deviation, Report
from .page import page, template
from .verdicts import WORDS

INDEX = "index.html"
PAGES = "reports"
"""Folder of the pages in a site."""
MARK = '<meta name="generator" content="asgd site">'
"""What an index that was made here contains."""


@dataclass(frozen=True)
class Entry:
    """A report, and the path of its page in the site."""

    report: Report
    path: str


def site(reports: Sequence[Report]) -> Mapping[str, str]:
    """The files of a site by their paths.

    Parameters
    ----------
    reports : sequence of Report
        In any order; those of one port are its history.
    """
    ports: dict[tuple[str, str], list[Entry]] = {}
    paths: set[str] = set()
    files: dict[str, str] = {}
    for report in sorted(reports, key=lambda r: (r.port.name.lower(), r.port.how, r.date)):
        path = _path(report, paths)
        files[path] = page(report, f"../{INDEX}")
        # The newest stands first.
        ports.setdefault((report.port.name, report.port.how), []).insert(0, Entry(report, path))
    newest = [history[0].report for history in ports.values()]
    counts = Counter(str(report.verdict) for report in newest)
    index: str = template("site.html").render(
        ports=list(ports.values()),
        counts=[(WORDS[verdict], counts[verdict]) for verdict in WORDS if counts[verdict]],
        laws=list(dict.fromkeys(law for report in newest for law in report.laws)),
        unique=_unique,
    )
    return {INDEX: index, **files}


def _path(report: Report, taken: set[str]) -> str:
    """A unique path for a report's page."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{report.port.name} {report.date[:10]}".lower())
    name = words.strip("-")[-60:].strip("-") or "report"
    path, number = f"{PAGES}/{name}.html", 1
    while path in taken:
        number += 1
        path = f"{PAGES}/{name}-{number}.html"
    taken.add(path)
    return path


def _unique(deviations: Iterable[Deviation]) -> list[str]:
    """Ids of deviations, each once."""
    return list(dict.fromkeys(deviation.id for deviation in deviations))
