"""The report for GitHub Actions: annotations, and a job summary in Markdown."""

from collections.abc import Iterator

from .model import Report
from .text import deviation, merged, summary_rows


def annotations(report: Report) -> Iterator[str]:
    """Workflow commands, one for each deviation, each stale waiver, and the verdict."""
    for one in merged(report.deviations):
        head, *lines = deviation(one)
        level = "notice" if one.first.waived else "error"
        yield _command(level, head, "\n".join(lines))
    for waiver in (*report.waivers.stale, *report.waivers.expired):
        yield _command("error", f"stale waiver: {waiver.id}", "remove it from the file")
    level = {"conforms": "notice", "deviates": "error", "error": "error"}[report.verdict]
    text = report.error or report.headline
    yield _command(level, f"asgd: {report.headline}", text)


def summary(report: Report) -> str:
    """Job summary, in Markdown."""
    lines = [f"### asgd: {_cell(report.port.how)}: {_cell(report.headline)}", ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in summary_rows(report)]
    if report.error:
        lines += ["", "```", report.error, "```"]
    for one in merged(report.deviations):
        head, *rest = deviation(one)
        lines += ["", f"**{_cell(head)}**", "", "```", *rest, "```"]
    hidden = report.coverage.laws.not_observable
    lines += ["", *(f"- not observed: {law}: {_cell(why)}" for law, why in hidden.items())]
    lines += ["", f"    {report.reproduce.command}", ""]
    return "\n".join(lines) + "\n"


def _command(level: str, title: str, text: str) -> str:
    name = _escape(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _cell(text: str) -> str:
    return " ".join(text.splitlines()).replace("|", "\\|")
