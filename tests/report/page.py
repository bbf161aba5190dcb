"""The report as a page, and as a badge."""

from html import escape

from .model import DtypeReport, Report
from .text import cell, deviation, merged, readout, summary_rows

_COLOURS = {"conforms": "#2e7d32", "deviates": "#c62828", "error": "#9e6a03"}
_QUALIFIED = "#9a6700"  # conforms, but with waivers

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
.verdict { color: white; padding: .1rem .6rem; border-radius: .3rem; }
.broken { color: #c62828; } .holds { color: #2e7d32; } .dim { color: #666; }
"""


def colour(report: Report) -> str:
    """Colour of the verdict; green is kept for a port without waivers."""
    if report.verdict == "conforms" and report.waivers.applied:
        return _QUALIFIED
    return _COLOURS[report.verdict]


def page(report: Report) -> str:
    """HTML page, with nothing to fetch from elsewhere."""
    port = report.port
    shown = f"{escape(report.says)}</span></p>"
    parts = [
        f"<h1>{escape(port.name)} <small>{escape(port.version)}</small></h1>",
        f'<p><span class="verdict" style="background:{colour(report)}">{shown}',
        f"<p>{escape(report.headline)}</p>",
    ]
    if report.error:
        parts.append(f"<pre>{escape(report.error)}</pre>")
    elif report.reasons:
        items = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
        parts.append(f"<ul>{items}</ul>")
    rows = summary_rows(report)
    cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    parts.append(f"<table>{cells}</table>")
    parts.append(_laws(report))
    for one in merged(report.deviations):
        head, *lines = deviation(one)
        parts.append(f"<h3>{escape(head)}</h3><pre>{escape(chr(10).join(lines))}</pre>")
    for dtype, found in report.dtypes.items():
        parts += _rest(dtype, found)
    hidden = report.coverage.laws.not_observable
    parts += [f"<p>Not observed: {escape(law)}: {escape(why)}</p>" for law, why in hidden.items()]
    for waiver in (*report.waivers.stale, *report.waivers.expired):
        parts.append(f'<p class="broken">Stale waiver: {escape(waiver.id)}</p>')
    for waiver in report.waivers.applied:
        parts.append(f"<p>Waived: {escape(waiver.id)}: {escape(waiver.reason)}</p>")
    parts += [f"<p>Finding {escape(f.id)}: {escape(f.text)}</p>" for f in report.findings]
    parts.append(f"<h2>Reproduce</h2><pre>{escape(report.reproduce.command)}</pre>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        f"<title>asgd: {escape(port.name)}: {escape(report.says)}</title>"
        f"<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _laws(report: Report) -> str:
    rows = []
    for key, law in report.laws.items():
        cells = ""
        for found in report.dtypes.values():
            state, worst = cell(found.laws.get(key))
            kind = {"holds": "holds", "broken": "broken"}.get(state, "dim")
            cells += f'<td class="{kind}">{escape(state)}</td><td>{worst}</td>'
        rows.append(f"<tr><td>{law.equation} {escape(key)}</td>{cells}</tr>")
    heads = "".join(f"<th>{dtype}</th><th>worst</th>" for dtype in report.dtypes)
    return f"<table><tr><th>law</th>{heads}</tr>{''.join(rows)}</table>" if rows else ""


def _rest(dtype: str, found: DtypeReport) -> list[str]:
    against = found.judged_against or "none"
    convention = found.convention or f"not established; judged against {against}"
    parts = [f"<p>{dtype}: convention <b>{escape(convention)}</b></p>"]
    if found.readout is not None:
        parts.append(f"<pre>{escape(chr(10).join(readout(dtype, found.readout)))}</pre>")
    return parts


def badge(report: Report) -> str:
    """SVG badge: asgd, and the verdict; the counts are its title."""
    text = report.says
    if report.verdict == "conforms" and report.convention and text == "conforms":
        text = f"conforms ({report.convention})"
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
