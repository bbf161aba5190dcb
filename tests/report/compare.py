"""What changed between two JSON reports."""

from collections.abc import Iterator
from dataclasses import dataclass

from .model import Report
from .verdicts import WORDS

_RANK = ("conforms", "deviates", "error")


@dataclass(frozen=True)
class Comparison:
    """What changed: whether it is worse, and each change in a line."""

    worse: bool
    lines: tuple[str, ...]


def compare(old: Report, new: Report) -> Comparison:
    """What changed between two reports; worse is a worse verdict, or a deviation that is new."""
    before, after = _view(old), _view(new)
    appeared = after.open - before.open
    worse = _RANK.index(after.verdict) > _RANK.index(before.verdict) or bool(appeared)
    return Comparison(worse, tuple(_lines(before, after)))


@dataclass(frozen=True)
class _View:
    """The parts of a report that are compared."""

    verdict: str
    how: str
    convention: str | None
    open: frozenset[tuple[str, str, str]]
    waived: frozenset[tuple[str, str, str]]
    observed: frozenset[str]
    faults: int


def _view(report: Report) -> _View:
    entries = [((d.id, d.equation, d.dtype), d.waived) for d in report.deviations]
    return _View(
        report.verdict,
        report.port.how,
        report.convention,
        frozenset(key for key, waived in entries if not waived),
        frozenset(key for key, waived in entries if waived),
        frozenset(report.laws) - frozenset(report.coverage.laws.not_observable),
        report.detectable.faults,
    )


def _lines(before: _View, after: _View) -> Iterator[str]:
    if before.how != after.how:
        yield f"port: {before.how} -> {after.how}"
    if before.verdict != after.verdict:
        yield f"verdict: {WORDS[before.verdict]} -> {WORDS[after.verdict]}"
    if before.convention != after.convention:
        yield f"convention: {before.convention or 'none'} -> {after.convention or 'none'}"
    for what, found in (
        ("new", after.open - before.open),
        ("gone", before.open - after.open - after.waived),
        ("now waived", before.open & after.waived),
        ("no longer waived", before.waived & after.open),
    ):
        for ident, equation, dtype in sorted(found):
            yield f"{what}: {ident} ({equation}, {dtype})"
    for what, laws in (
        ("no longer observed", before.observed - after.observed),
        ("now observed", after.observed - before.observed),
    ):
        if laws:
            yield f"{what}: {', '.join(sorted(laws))}"
    if before.faults != after.faults:
        yield f"known faults detectable: {before.faults} -> {after.faults}"
