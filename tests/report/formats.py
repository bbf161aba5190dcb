"""The JSON report in other forms: JUnit XML for CI, a page, and a badge."""

from html import escape
from typing import Any
from xml.etree import ElementTree as ET

_COLOURS = {"conforms": "#2e7d32", "deviates": "#c62828", "error": "#9e6a03"}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
.verdict { color: white; padding: .1rem .6rem; border-radius: .3rem; }
.broken { color: #c62828; } .holds { color: #2e7d32; } .dim { color: #666; }
"""


def junit(report: dict[str, Any]) -> str:
    """JUnit XML: a case for each law and dtype, and one for the verdict where there is none."""
    suite = ET.Element("testsuite", name=f"asgd {report['port']['name']}")
    counts = {"tests": 0, "failures": 0, "skipped": 0, "errors": 0}
    for dtype, result in report["dtypes"].items():
        for law, outcome in result["laws"].items():
            case = ET.SubElement(suite, "testcase", classname=f"asgd.{dtype}", name=law)
            counts["tests"] += 1
            if any(entry.startswith(f"{law} ") for entry in result["not_observable"]):
                ET.SubElement(case, "skipped", message="not observable")
                counts["skipped"] += 1
            elif not outcome["passed"]:
                failure = ET.SubElement(case, "failure", message=f"{law} is broken")
                failure.text = "\n".join(_lines(d) for d in result["deviations"])
                counts["failures"] += 1
    if report["verdict"] == "error" and "error" in report:
        case = ET.SubElement(suite, "testcase", classname="asgd", name="verdict")
        ET.SubElement(case, "error", message=report["error"])
        counts["tests"] += 1
        counts["errors"] += 1
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.set("time", str(report["seconds"]))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _lines(deviation: dict[str, Any]) -> str:
    first = deviation["evidence"]["first_divergence"]
    return (
        f"{deviation['id']} ({deviation['equation']}): {deviation['title']}\n"
        f"  {first['quantity']} at step {first['step']}, parameter {first['parameter']}, "
        f"element {first['element']}\n"
        f"  exact {first['expected']['lo_decimal']}\n"
        f"  got   {first['got']['decimal']}\n"
        f"  {deviation['explanation']}"
    )


def badge(report: dict[str, Any]) -> str:
    """SVG badge: asgd, and the convention or the verdict."""
    verdict = report["verdict"]
    says = {"conforms": report["convention"] or "conforms", "deviates": "deviates"}
    text = says.get(verdict, "no verdict")
    left, right = 44, 14 + 7 * len(text)
    middle = left + right / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="asgd: {escape(text)}">'
        f'<rect width="{left}" height="20" fill="#555"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_COLOURS[verdict]}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">'
        f'<text x="{left / 2}" y="14">asgd</text><text x="{middle}" y="14">{escape(text)}</text>'
        "</g></svg>\n"
    )


def page(report: dict[str, Any]) -> str:
    """HTML page, with nothing to fetch from elsewhere."""
    port, verdict = report["port"], report["verdict"]
    parts = [
        f"<h1>{escape(port['name'])} <small>{escape(port['version'])}</small></h1>",
        f'<p><span class="verdict" style="background:{_COLOURS[verdict]}">{verdict}</span></p>',
    ]
    if "error" in report:
        parts.append(f"<p>{escape(report['error'])}</p>")
    for dtype, result in report["dtypes"].items():
        parts.append(f"<h2>{dtype}: {result['verdict']}</h2>")
        convention = result["convention"] or f"none; judged against {result['judged_against']}"
        parts.append(f"<p>Convention: <b>{escape(convention)}</b></p>")
        parts.append(_laws(result))
        parts += [_deviation(d) for d in result["deviations"]]
        parts += [f"<p>Finding: {escape(f['text'])}</p>" for f in result["findings"]]
    command = escape(report["reproduce"]["command"])
    parts.append(f"<h2>Again</h2><pre>{command}</pre>")
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        f"<title>asgd: {escape(port['name'])}</title><style>{_STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</html>\n"
    )


def _laws(result: dict[str, Any]) -> str:
    rows = []
    for law, outcome in result["laws"].items():
        if any(entry.startswith(f"{law} ") for entry in result["not_observable"]):
            state, worst = '<span class="dim">not observable</span>', ""
        elif outcome["passed"]:
            state = '<span class="holds">holds</span>'
            worst = f"{outcome['largest_error_bounds']:.2f}"
        else:
            state, worst = '<span class="broken">broken</span>', ""
        rows.append(f"<tr><td>{escape(law)}</td><td>{state}</td><td>{worst}</td></tr>")
    head = "<tr><th>law</th><th></th><th>largest error, in bounds</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _deviation(deviation: dict[str, Any]) -> str:
    waived = " (waived)" if deviation["waived"] else ""
    return (
        f"<h3><code>{escape(deviation['id'])}</code>{waived}: {escape(deviation['title'])}</h3>"
        f"<pre>{escape(_lines(deviation))}</pre>"
    )
