"""The report as JUnit XML: a case for each law, each deviation, and what else decides."""

from collections import Counter
from xml.etree import ElementTree as ET

from .model import DtypeReport, Report
from .text import Merged, deviation


def junit(report: Report) -> str:
    """JUnit XML; each deviation is one case, however many laws it breaks."""
    suite = ET.Element("testsuite", name=f"asgd {_clean(report.port.name)}")
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("verdict", report.verdict),
        ("headline", report.headline),
        ("port", report.port.how),
        ("without", " ".join(report.coverage.without)),
        ("command", report.reproduce.command),
    ):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for dtype, found in report.dtypes.items():
        _dtype(suite, dtype, found)
    stale = (*report.waivers.stale, *report.waivers.expired)
    if stale:
        case = ET.SubElement(suite, "testcase", classname="asgd", name="waivers")
        message = f"stale waiver: {', '.join(w.id for w in stale)}"
        ET.SubElement(case, "failure", message=_clean(message))
    case = ET.SubElement(suite, "testcase", classname="asgd", name="verdict")
    if report.verdict == "error":
        ET.SubElement(case, "error", message=_clean(report.error or ""))
    counts = Counter(child.tag for case in suite.findall("testcase") for child in case)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("time", str(report.seconds))
    suite.set("timestamp", report.date)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _dtype(suite: ET.Element, dtype: str, found: DtypeReport) -> None:
    named = {d.law for d in found.deviations}
    for key, law in found.laws.items():
        if key in named:
            continue
        case = ET.SubElement(suite, "testcase", classname=f"asgd.{dtype}", name=key)
        if law.status == "broken":
            causes = ", ".join(f"{d.id} ({d.equation})" for d in found.deviations)
            ET.SubElement(case, "skipped", message=_clean(f"broken as well; see {causes}"))
        elif law.status == "undecided":
            ET.SubElement(case, "skipped", message=f"{law.undecided} numbers stayed undecided")
        elif law.status != "holds":
            ET.SubElement(case, "skipped", message=_clean(law.reason))
    for one in found.deviations:
        name = f"{one.law}: {one.id}"
        case = ET.SubElement(suite, "testcase", classname=f"asgd.{dtype}", name=name)
        if one.waived:
            ET.SubElement(case, "skipped", message=_clean(f"waived: {one.waiver}"))
        else:
            failure = ET.SubElement(case, "failure", message=_clean(one.title))
            failure.text = _clean("\n".join(deviation(Merged(one, (dtype,)))))


def _clean(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n" or (c >= " " and not _is_forbidden(c)) else "?" for c in text)


def _is_forbidden(char: str) -> bool:
    return "\ud800" <= char <= "\udfff" or char in "\ufffe\uffff"
