"""The report in words, for a terminal, a failing test, and every page that quotes them."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from asgd.spec import CONVENTIONS

from ..ports.text import printable
from . import fingerprint
from .model import Deviation, DtypeReport, Law, Number, Report
from .verdicts import WORDS

WIDTH = 80
_SHOWN = 60  # characters of what was raised, where it stands for a number


class Line(NamedTuple):
    """A line, and how it looks: "", "conforms", "deviates", "error", "dim" or "bold"."""

    text: str
    style: str = ""


class Merged(NamedTuple):
    """A deviation, and the dtypes that share it."""

    first: Deviation
    dtypes: tuple[str, ...]


def merged(deviations: Iterable[Deviation]) -> list[Merged]:
    """Deviations, each once however many dtypes share it."""
    found: dict[Any, list[Deviation]] = {}
    for deviation in deviations:
        found.setdefault((*deviation.key, deviation.waived), []).append(deviation)
    return [Merged(same[0], tuple(d.dtype for d in same)) for same in found.values()]


def wrapped(text: str, indent: str = "", hang: str = "  ", width: int = WIDTH) -> list[str]:
    """Prose broken into lines."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def render(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """The whole report: verdict and reasons, a table of laws, each deviation, the verdict again."""
    yield from verdict(report, width)
    yield Line("")
    if report.laws:
        yield from table(report)
        yield Line("worst: largest error, as a fraction of the tolerance", "dim")
        yield Line("")
    for dtypes, text in conventions(report):
        yield from map(Line, wrapped(f"{', '.join(dtypes)}: {text}", width=width))
    for number, one in enumerate(merged(report.deviations), 1):
        yield Line("")
        head, *rest = deviation(one, width)
        for line in wrapped(f"{number}. {head}", "", "   ", width):
            yield Line(line, "bold")
        yield from map(Line, rest)
    for dtype, found in report.dtypes.items():
        if found.conforms_under is not None:
            yield Line(f"{dtype} conforms under --policy {found.conforms_under}")
    yield from _readouts(report)
    yield from fingerprints(report, width)
    yield from _waivers(report, width)
    for finding in report.findings:
        yield from map(Line, wrapped(f"finding {finding.id}: {finding.text}", width=width))
    yield Line("")
    yield from _hidden(report, width)
    yield from _undetectable(report, width)
    yield Line("")
    yield from ending(report, width)


def verdict(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """Verdict, and the reasons for it."""
    port = report.port
    name = port.how if port.name == port.how else f"{port.how} ({port.name})"
    shown = "" if port.version == "unknown" else f" {port.version}"
    yield Line(_line(f"{name}{shown}: {report.says}"), report.verdict)
    for reason in report.reasons:
        yield from map(Line, wrapped(reason, "  ", width=width))
    if report.verdict == "error" and report.error:
        for more in report.error.splitlines()[1:]:
            yield from map(Line, wrapped(more.strip(), "  ", width=width))


def ending(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """What was checked, how to repeat it, and the verdict."""
    numbers = sum(law.numbers for law in report.laws.values())
    what = f"{numbers} numbers in {report.checks.run} scenarios checked, level {report.level}"
    yield from map(Line, wrapped(f"{what} in {report.seconds:.1f} s", width=width))
    packages = ", ".join(f"{name} {v}" for name, v in report.versions.items() if name != "port")
    yield from (Line(line, "dim") for line in wrapped(packages, width=width))
    if report.verdict != "conforms":
        yield Line(f"reproduce with: {report.reproduce.command}")
    if report.reproduce.play:
        yield Line(f"without asgd: {report.reproduce.play}")
    yield Line(report.headline, report.verdict)


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def by_reason(reasons: Mapping[str, str], ids: Iterable[str]) -> dict[str, list[str]]:
    """Faults that the run would not have found, by the reason."""
    grouped: dict[str, list[str]] = {}
    for ident in ids:
        grouped.setdefault(reasons.get(ident, ""), []).append(ident)
    return grouped


_FEW = 3  # faults that are named for a reason


def _undetectable(report: Report, width: int) -> Iterator[Line]:
    """Known faults that the run would not have found, by the reason."""
    # What is broken or was not observed is said already where something deviates.
    known = "law " if report.verdict == "deviates" else ()
    reasons = {i: why for i, why in report.detectable.reasons.items() if not why.startswith(known)}
    for why, ids in by_reason(reasons, reasons).items():
        more = f" and {len(ids) - _FEW} more" if len(ids) > _FEW + 1 else ""
        named = ", ".join(ids[:_FEW] if more else ids)
        yield from map(Line, wrapped(f"not detectable: {named}{more}: {why}", width=width))


# Laws.


def table(report: Report) -> Iterator[Line]:
    """The laws, one a row, with a column for each dtype."""
    dtypes = report.dtypes
    yield Line(_row("law", ((dtype, "worst") for dtype in dtypes)), "dim")
    for key, law in report.laws.items():
        cells = [cell(found.laws.get(key)) for found in dtypes.values()]
        style = "deviates" if any(c[0] == "broken" for c in cells) else ""
        yield Line(_row(f"{law.equation} {key}", cells), style)


def _row(name: str, cells: Iterable[tuple[str, str]]) -> str:
    return (f"{name:<20} " + "  ".join(f"{a:<15} {b:>6}" for a, b in cells)).rstrip()


def cell(law: Law | None) -> tuple[str, str]:
    """Status of a law, and its largest error."""
    if law is None:
        return "not reached", ""
    if law.status == "undecided":
        return f"{law.undecided} undecided", ""
    return law.status, f"{law.largest_error_bounds:.2f}" if law.status == "holds" else ""


def conventions(report: Report) -> list[tuple[list[str], str]]:
    """What is known of the convention, with the dtypes it is known of."""
    said: dict[str, list[str]] = {}
    for dtype, found in report.dtypes.items():
        said.setdefault(_convention(found), []).append(dtype)
    return [(dtypes, text) for text, dtypes in said.items() if text]


def _convention(found: DtypeReport) -> str:
    against, also = found.judged_against, ", ".join(found.also_fits)
    same = f"; indistinguishable from {also} in these scenarios" if also else ""
    if found.convention is not None:
        window = CONVENTIONS[found.convention].window
        return f"convention {found.convention}; average: {window}{same}"
    if found.deviations:
        parts = found.convention_parts
        if parts.theta is None and parts.average is None:
            return f"judged against {against}, one of the nearest conventions"
        shown = {"theta": parts.theta}
        if "average" not in found.coverage.not_observable:
            shown["average"] = parts.average
        said = "; ".join(f"{k}: {name or 'no convention fits'}" for k, name in shown.items())
        return f"judged against {against} ({said})"
    if against is not None:
        names = " or ".join([against, *found.also_fits])
        return f"theta follows {names}; the average was not observed"
    return ""


def _hidden(report: Report, width: int) -> Iterator[Line]:
    by_reason: dict[str, list[str]] = {}
    for law, why in report.coverage.laws.not_observable.items():
        by_reason.setdefault(why, []).append(law)
    for why, laws in by_reason.items():
        text = f"not observed: {', '.join(laws)}: {why}"
        yield from map(Line, wrapped(text, width=width))
    for name in report.coverage.needless:
        yield Line(f"--without {name} was not needed: the port shows it")


# Deviations.


def deviation(one: Merged, width: int = WIDTH, *, brief: bool = False) -> list[str]:
    """A deviation: what the port does, what it should do, where it shows first, how to fix it.

    ``brief`` leaves out the circumstances, where lines to paste state them.
    """
    first = one.first
    head = f"{first.id} ({first.equation}), {' and '.join(one.dtypes)}: {first.title}"
    lines = [head]
    if first.waived:
        lines += wrapped(f"waived: {first.waiver}", "   ", width=width)
    for label, text in (
        ("does", first.does),
        ("should", first.should),
        ("where", place(first)),
    ):
        if text:
            lines += wrapped(f"{label:<7}{text}", "   ", " " * 7, width)
    for given in () if brief else circumstances(first):
        lines += wrapped(given, " " * 10, width=width)
    lines += [f"          {text}" for text in numbers(first)]
    if first.fix:
        lines += wrapped(f"fix    {first.fix}", "   ", " " * 7, width)
    if first.coincides_with and not brief:
        lines += wrapped(coincidence(first), "   ", width=width)
    return lines


def coincidence(one: Deviation) -> str:
    """What else fits what was seen."""
    also = ", ".join(one.coincides_with)
    if set(one.coincides_with) <= CONVENTIONS.keys():
        return f"fits under these conventions as well: {also}"
    return f"indistinguishable from {also} in these scenarios"


def place(one: Deviation) -> str:
    """Where a deviation shows first."""
    first = one.evidence.first_divergence
    if first.raised is not None:
        return f"in step {first.step}, in {first.dtype}" if first.step else f"in {first.dtype}"
    text = f"{first.quantity} at step {first.step}"
    if one.evidence.parameters > 1:
        text += f", parameter {first.parameter}"
    if one.evidence.elements > 1:
        text += f", element {first.element}"
    return f"{text}, in {first.dtype}"


_OTHER_RUNS = {
    "depends-on-reading": "read after the last step alone; exact is what it is if all are read",
    "repeat": "the second time, after another optimizer has run",
    "twins": "in turns with another optimizer; exact is the value without it",
}


def circumstances(one: Deviation) -> Iterator[str]:
    """The hyperparameters, and what changes of them before the first wrong number."""
    groups = one.evidence.groups
    for index, group in enumerate(groups):
        name = f"group {index}: " if len(groups) > 1 else ""
        more = ", maximize" if group.maximize else ""
        yield f"{name}{_hyper(group.hyper)}{more}"
    if one.evidence.pause is not None:
        here = one.id == "state-not-replaced"
        where = "this optimizer, which had run on" if here else "a new optimizer"
        yield f"saved after step {one.evidence.pause}, and loaded into {where}"
    elif one.id in _OTHER_RUNS or one.law in _OTHER_RUNS:
        yield _OTHER_RUNS.get(one.id) or _OTHER_RUNS[one.law]
    for change in one.evidence.changes:
        name = f" of group {change.group}" if len(groups) > 1 else ""
        yield f"before step {change.step}{name}: {_hyper(change.hyper)}"
    steps: dict[int, list[int]] = {}
    for skip in one.evidence.skips:
        steps.setdefault(skip.parameter, []).append(skip.step)
    for parameter, found in steps.items():
        when = "step" if len(found) == 1 else "steps"
        yield f"parameter {parameter} has no gradient at {when} {', '.join(map(str, found))}"


def _hyper(values: Mapping[str, Number]) -> str:
    return ", ".join(f"{name}={value.decimal}" for name, value in values.items())


def numbers(one: Deviation) -> list[str]:
    """What the number should be, and what it is."""
    first = one.evidence.first_divergence
    if first.raised is not None:
        return [f"got   {printable(first.raised, _SHOWN)}"]
    lines = [f"exact {first.expected.lo_decimal}", f"got   {first.got.decimal}  {first.got.hex}"]
    if first.error_ulp is not None and first.error_bounds is not None:
        size = f"off by {first.error_ulp:.3g} ulp"
        lines.append(f"{size}, {first.error_bounds:.3g} times the tolerance")
    return lines


def _waivers(report: Report, width: int) -> Iterator[Line]:
    for what, found in (
        ("covers nothing that was seen", report.waivers.stale),
        ("has expired", report.waivers.expired),
    ):
        for waiver in found:
            until = f" on {waiver.expires}" if waiver.expires and what == "has expired" else ""
            text = f"stale waiver: {waiver.id} {what}{until}; remove it from the file"
            yield from (Line(line, "deviates") for line in wrapped(text, width=width))


# What no known rule explains.


def _readouts(report: Report) -> Iterator[Line]:
    for dtype, found in report.dtypes.items():
        if found.readout is not None:
            yield Line("")
            yield from map(Line, readout(dtype, found.readout))
            return  # The other dtype computes the same.


def readout(dtype: str, found: Mapping[str, Any]) -> Iterator[str]:
    """What the port computes, recovered from impulses, beside what it should."""
    if not found["linear"]:
        yield "The port is not linear in the parameters and gradients, as ASGD is. It may"
        yield "clip gradients, adapt its step size, or be another algorithm of that name."
    yield f"What the port computes in {dtype}, measured with impulses:"
    several = found["parameters"] > 1
    which = f", parameter {found['parameter']} of {found['parameters']}" if several else ""
    yield f"  with {found['hyper']}{which}"
    yield from _beside("eta", found, 1)
    if found["guess"] and found["shown"]["eta"]["first"] is not None:
        yield f"  eta fits {found['guess']}, at steps 1 to {len(found['eta'])}"
    yield from _beside("decay", found, 2)
    if found["gradient"]:
        yield from wrapped(f"with {found['given']}", "  ")
        yield from _beside("gradient", found, 0)
    if found["weights"]:
        steps, t0 = len(found["weights"]) - 1, float.fromhex(found["t0"])
        yield f"  weights of theta_0, theta_1, ... in the average after {steps} steps (t0={t0})"
        yield from _beside("weights", found, 0)


# Numbers of a row and columns for them, at most, and columns of what they are.
_NUMBERS, _COLUMNS, _LABEL = 5, 56, 22


def _beside(name: str, found: Mapping[str, Any], step: int) -> Iterator[str]:
    """Rows of numbers above what they should be, to the digits in which they differ."""
    got, due = ([float.fromhex(x) for x in found[key]] for key in (name, f"true_{name}"))
    shown = found["shown"][name]
    right = shown["first"] is None
    digits = f".{shown['digits']}g"
    longest = max(len(f"{x:{digits}}") for x in (*got, *due))
    width = max(shown["digits"] + (4 if name == "weights" else 6), longest + 1)
    each = max(1, _COLUMNS // width)
    begin, end = 0, len(got)
    if name != "weights":
        # The first that differ, or the first ones.
        begin = max(0, (shown["first"] or 0) - each // 2)
        end = min(end, begin + min(each, _NUMBERS))
    label = f"{name} at steps {begin + step} to {end + step - 1}" if step else name
    for start in range(begin, end, each):
        part = slice(start, min(start + each, end))
        for text, row in ((label, got[part]), ("should be", [] if right else due[part])):
            if row:
                cells = "".join(f"{x:{width}{digits}}" for x in row)
                yield f"  {text:<{_LABEL}}{cells}"
        label = ""
    words = shown["words"] or ("as it should be" if right and due else "")
    if words:
        yield from wrapped(words, " " * (_LABEL + 4), "")


def fingerprints(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """Evaluation orders that give a port's bits."""
    for dtype, found in (report.fingerprint or {}).items():
        yield Line("")
        for line in fingerprint.lines(dtype, found):
            yield from map(Line, wrapped(line, "", " " * 11, width))


def summary_rows(report: Report) -> Sequence[tuple[str, str]]:
    """What pages and job summaries show in a table of two columns."""
    laws = report.coverage.laws
    without = [name for name in report.coverage.without if name not in report.coverage.needless]
    waived = [waiver.id for waiver in report.waivers.applied]
    stale = [w.id for w in (*report.waivers.stale, *report.waivers.expired)]
    rows = [
        ("verdict", WORDS[report.verdict]),
        ("convention", report.convention or ""),
        ("laws observed", f"{laws.observed} of {laws.of}"),
        ("known faults detectable", f"{report.detectable.faults} of {report.detectable.of}"),
        ("deviations", str(len(report.unwaived))),
        ("without", ", ".join(without)),
        ("waived", ", ".join(waived)),
        ("stale waivers", ", ".join(stale)),
        ("policy", report.policy),
    ]
    return [(name, value) for name, value in rows if value]
