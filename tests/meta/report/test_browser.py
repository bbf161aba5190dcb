"""Pages in a browser: all there on the first screen, nothing loaded, nothing inaccessible."""

import browser
import pytest
import tutorials

import asgd
from asgd.tests.report.build import build
from asgd.tests.report.site import site


@pytest.mark.nightly
def test_pages_in_a_browser(tmp_path):
    """Of a port that deviates, one that conforms, and one without a verdict; and the index."""
    tutorials.saved((tutorials.FOLDER / "numpy.md").read_text("utf-8"), tmp_path)
    ports = f"{tmp_path / 'mine.py'}:ASGD", "asgd.fast:ASGD", "no.such:Port"
    results = [asgd.verify(port, dtype="float32") for port in ports]
    assert [result.verdict for result in results] == ["deviates", "conforms", "error"]
    pages = []
    for name, text in site([build(result) for result in results]).items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pages += browser.looks(path)
    assert len(pages) == 4 * 4
    for page, seen in zip(pages, browser.look(pages), strict=True):
        assert not seen.errors, page
        assert not seen.requests, page
        assert not seen.faults, page
        assert seen.verdict <= page.height, page
        assert seen.first <= page.height, page
        assert seen.wide <= page.width, page
