"""How a notebook shows a result: the page, or the plain text where jinja2 is not installed."""

from html import escape

from ..verify.result import FORMS, Result
from .build import build
from .page import page
from .text import render


def html(result: Result) -> str:
    """The page in a frame, so that neither it nor the notebook changes the other's looks."""
    report = build(result)
    try:
        text = page(report)
    except ImportError:
        return f"<pre>{escape(chr(10).join(line.text for line in render(report)))}</pre>"
    name = escape(f"asgd: {report.port.name}: {report.says}")
    style = "width:100%;height:40rem;border:0"
    # A link inside goes nowhere; scripts only sort and filter.
    return (
        f'<iframe title="{name}" sandbox="allow-scripts" style="{style}" '
        f'srcdoc="{escape(text)}"></iframe>'
    )


FORMS["html"] = html
