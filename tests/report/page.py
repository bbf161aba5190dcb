"""The report as a page, and as badges."""

import json
from functools import cache
from html import escape
from typing import Any

from asgd.spec import EQUATIONS

from . import fingerprint
from .drawing import drawings, short
from .model import Report
from .statements import should
from .text import (
    by_reason,
    cell,
    circumstances,
    coincidence,
    conventions,
    merged,
    numbers,
    place,
    readout,
    summary_rows,
)

_COLOURS = {"conforms": "#2e7d32", "deviates": "#c62828", "error": "#9e6a03"}
_QUALIFIED = "#9a6700"  # conforms, but with waivers


def colour(report: Report) -> str:
    """Colour of the verdict; green is kept for a port without waivers."""
    if report.verdict == "conforms" and report.waivers.applied:
        return _QUALIFIED
    return _COLOURS[report.verdict]


def page(report: Report, home: str = "") -> str:
    """HTML page, with nothing to fetch from elsewhere.

    Parameters
    ----------
    report : Report
        The report.
    home : str, optional
        Address of the page that lists this one.
    """
    found = merged(report.deviations)
    text: str = template("page.html").render(
        report=report,
        home=home,
        deviations=found,
        first=next((one for one in found if not one.first.waived), None),
    )
    return text


def template(name: str) -> Any:
    """A template; all that is not of the template is escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Any:
    import jinja2  # noqa: PLC0415 - an extra

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("asgd.tests.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # What UTF-8 cannot hold is written out.
        finalize=lambda x: _writable(x) if type(x) is str else x,
    )
    environment.globals |= {
        "by_reason": by_reason,
        "cell": cell,
        "circumstances": circumstances,
        "coincidence": coincidence,
        "colour": colour,
        "conventions": conventions,
        "digits": _digits,
        "drawings": drawings,
        "equations": EQUATIONS,
        "fingerprint": fingerprint.lines,
        "numbers": numbers,
        "place": place,
        "readout": readout,
        "short": lambda x: short(float.fromhex(x)),
        "should": should,
        "summary_rows": summary_rows,
    }
    return environment


def _digits(value: str, dtype: str) -> str:
    """A number in as many digits as tell two of its format apart."""
    return f"{float.fromhex(value):.{9 if dtype == 'float32' else 17}g}"


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _short(report: Report) -> str:
    """Verdict on a badge."""
    text = report.says
    if report.verdict == "conforms" and report.convention and text == "conforms":
        return f"conforms ({report.convention})"
    return text


def shields(report: Report) -> str:
    """Badge as shields.io reads it from an endpoint."""
    badge = {
        "schemaVersion": 1,
        "label": "asgd",
        "message": _short(report),
        "color": colour(report),
        "isError": report.verdict == "error",
    }
    return json.dumps(badge) + "\n"


def badge(report: Report) -> str:
    """SVG badge: asgd, and the verdict; the counts are its title."""
    text = _short(report)
    left, right = 44, 14 + 7 * len(text)
    middle = left + right / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="asgd: {escape(text)}"><title>asgd: {escape(report.headline)}</title>'
        f'<rect width="{left}" height="20" fill="#555"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour(report)}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">'
        f'<text x="{left / 2}" y="14">asgd</text><text x="{middle}" y="14">{escape(text)}</text>'
        "</g></svg>\n"
    )
