"""Workers of one pytest run share what one of them judged, and nothing that a port wrote."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from asgd.tests.report.shared import Shared
from asgd.tests.verify.pickling import pickled
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import no_verdict


def result(text):
    """Result that says a text."""
    return no_verdict("port", Options(), text)


def test_a_dtype_is_judged_once(tmp_path):
    """The second worker turns to another dtype, or waits."""
    shared = Shared(tmp_path / "asgd", b"secret")
    begun, told = Event(), Event()

    def judge():
        begun.set()
        assert told.wait(30)
        return result("first")

    def again():
        raise AssertionError

    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(shared.result, "float32", judge, waits=True)
        assert begun.wait(30)
        assert shared.result("float32", again, waits=False) is None
        other = shared.result("float64", lambda: result("other"), waits=False)
        second = workers.submit(shared.result, "float32", again, waits=True)
        told.set()
        assert first.result().error == second.result().error == "first"
    assert other.error == "other"


def test_what_a_port_wrote_is_not_read(tmp_path):
    """Only the workers know the secret that results are signed with."""
    forger, shared = (Shared(tmp_path, secret) for secret in (b"guessed", b"secret"))
    forger.result("float32", lambda: result("forged"), waits=True)
    assert shared.result("float32", lambda: result("judged"), waits=True).error == "judged"
    (tmp_path / "float64.result").write_bytes(pickled(result("forged")))
    assert shared.result("float64", lambda: result("judged"), waits=True).error == "judged"
