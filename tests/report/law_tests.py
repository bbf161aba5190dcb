"""One port under pytest: judged once a dtype; each law is a test of that."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import pytest

from ..ports.loading import load
from ..ports.process import Limits
from ..ports.protocol import Hello, PortError, greet
from ..verify.result import Options, Result
from ..verify.run import no_verdict, verify
from .build import build
from .model import Deviation, Report
from .shared import Shared
from .snippet import snippet
from .text import Line, Merged, deviation, render


class Judged:
    """The port under test, judged in one dtype after the other as tests ask for them."""

    def __init__(
        self,
        name: str,
        options: Options,
        limits: Limits | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.name, self.options, self._shared = name, options, shared
        self._results: dict[str, Result] = {}
        self._port: Any = None
        self._hello: Hello | None = None
        self.error = ""
        try:
            self._port = load(name, limits=limits)
            self._hello = greet(self._port)
        except PortError as error:
            self.error = str(error)

    @property
    def dtypes(self) -> Sequence[str]:
        """Dtypes that are judged."""
        known = self._hello.dtypes if self._hello else ()
        return [d for d in known if d in (self.options.dtypes or known)]

    @property
    def seen(self) -> list[str]:
        """Dtypes that have been judged, in the port's order, whichever was asked first."""
        return [dtype for dtype in self.dtypes if dtype in self._results]

    def report(self, dtypes: Sequence[str]) -> Report:
        """Report over dtypes."""
        if self.error or not dtypes:
            text = self.error or f"the port has no {' or '.join(self.options.dtypes)}"
            return build(no_verdict(self.name, self.options, text))
        for dtype in dtypes:
            if dtype not in self._results:
                self._judge(dtype)
        whole = no_verdict(self.name, self.options, "")
        for dtype in dtypes:
            one = self._results[dtype]
            whole.hello, whole.kind, whole.isolated = one.hello, one.kind, one.isolated
            whole.take(one)
        return build(whole)

    def _judge(self, dtype: str) -> None:
        """Judge a dtype; while another worker is at it, the others first."""
        others = [d for d in self.dtypes if d not in (dtype, *self._results)]
        for one, waits in ((dtype, not others), *((d, False) for d in others), (dtype, True)):
            if dtype in self._results:
                return
            options = replace(self.options, dtypes=(one,))
            judge = partial(verify, self._port, self.name, options)
            found = self._shared.result(one, judge, waits=waits) if self._shared else judge()
            if found is not None:
                self._results[one] = found

    def diagnosis(self) -> dict[str, Any] | None:
        """Terminal summary of everything that was judged, or None."""
        if not (self.error or self.seen):
            return None
        lines = [line.text for line in _ending(self.report(self.seen))]
        return {"dtypes": self.seen, "lines": lines}


def _ending(report: Report) -> Sequence[Line]:
    if report.laws:
        return list(render(report))
    return [Line(f"no verdict on {report.port.how}: {report.error}", "error")]


def hold_to(judged: Judged, dtype: str, key: str, test: str) -> None:
    """End a test as a law ended: passed, failed, skipped, or xfailed where that is waived."""
    report = judged.report([dtype])
    found = report.dtypes[dtype]
    mine = [d for d in found.deviations if d.law == key]
    if open_ := [d for d in mine if not d.waived]:
        _fail(judged, report, open_, test)
    if mine:
        pytest.xfail("; ".join(f"{d.id}: {d.waiver}" for d in mine))
    law = found.laws.get(key)
    if law is None:
        pytest.skip(f"not judged: {(report.error or '').splitlines()[0]}")
    if law.status == "broken":
        causes = ", ".join(dict.fromkeys(f"{d.equation} ({d.id})" for d in found.deviations))
        pytest.skip(f"needs {causes}, which is broken")
    if law.status == "undecided":
        pytest.fail(f"{law.undecided} numbers stayed undecided", pytrace=False)
    if law.status != "holds":
        pytest.skip(law.reason)


def _fail(judged: Judged, report: Report, found: Sequence[Deviation], test: str) -> NoReturn:
    lines = []
    for one in found:
        shown = snippet(one, report.port)
        lines += deviation(Merged(one, (one.dtype,)), brief=bool(shown))
        lines += [f"   {line}" for line in shown]
    again = f"pytest --pyargs asgd.tests --asgd-port {judged.name}"
    lines += [
        f"reproduce with: {report.reproduce.command}",
        f"repeat with: {again} -k '{test} and {found[0].dtype}'",
    ]
    pytest.fail("\n".join(lines), pytrace=False)
