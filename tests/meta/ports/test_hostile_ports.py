"""Ports that exit, crash, hang, flood or forge: the judge says so, in time, and nothing is left."""

import subprocess
import sys
import time
from pathlib import Path

import hostile_acts
import hostile_ports
import pytest
from memory_peak import bounded

from asgd.fast import ASGD
from asgd.tests.ports.adapters import NumpyPort
from asgd.tests.ports.loading import load
from asgd.tests.ports.process import Limits
from asgd.tests.ports.protocol import PortError, RaisedError
from asgd.tests.ports.scenario import Scenario, drive
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import PLAIN, verify

FILE = Path(hostile_ports.__file__)
ACTS = Path(hostile_acts.__file__)
LONG = Scenario(PLAIN.groups, PLAIN.events * 10)

ENDS = {
    "SysExit": "SystemExit",
    "SysExitText": "SystemExit",
    "OsExit": "ended with exit code 0",
    "OsExit1": "ended with exit code 1",
    "Abort": "was ended by SIGABRT",
    "Segfault": "was ended by SIGSEGV",
    "KillsItself": "was ended by SIGKILL",
    "KillsItsGroup": "was ended by SIGKILL",
    "KillsItsSupervisor": "ended its supervisor",
    "Stops": "no answer within",
    "Executes": "ended with exit code 0",
    "ExecutesSleep": "closed its pipe",
    "Hangs": "no answer within",
    "HangsDeaf": "no answer within",
    "HangsInC": "no answer within",
    "Spins": "no answer within",
    "ClosesAll": "instead of answering",
    "Interrupts": "KeyboardInterrupt",
    "RaisesBase": "BaseException: no way",
    "EatsMemory": "used more than",
    "DiesWithDaemon": "ended with exit code 3",
    "SetsAlarm": "was ended by SIGALRM",
    "ForgesFrame": "bytes long",
    "ForgesLength": "bytes long",
    "ForgesBody": "cannot be read",
    "ForgesNothing": "cannot be read",
    "ForgesDeep": "cannot be read",
    "ForgesKind": "cannot be read",
    "AnswersText": "average must be",
    "AnswersForever": "average must be",
    "AnswersWide": "average must be",
    "AnswersObjects": "average must be",
    "AnswersHuge": "average must be",
    "AnswersSlowly": "no answer within",
    "AnswersExit": "SystemExit: 0",
    "AnswersComplex": "average must be",
    "AnswersRecords": "average must be",
    "ForksTwice": "no answer within",
    "RaisesGroup": "BaseExceptionGroup",
    "RaisesGeneratorExit": "GeneratorExit",
    "RaisesPortError": "forged\\x1b[31m",
    "ClosesPipe": "instead of answering",
    "ReplacesPipe": "instead of answering",
    "SpendsTime": "was ended by SIGXCPU",
    "DumpsLater": "ended with exit code 1",
    "PatchesJson": "instead of answering",
    "ClearsModules": "SystemExit: 0",
    "Terminates": "was ended by SIGTERM",
    "Hangups": "was ended by SIGHUP",
    "Quits": "was ended by SIGQUIT",
    "ExitsHuge": "ended with exit code 255",
    "StopsItsSupervisor": "no answer within",
    "JoinsForever": "no answer within",
    "ExecsPython": "ended with exit code 0",
}
"""No verdict: what is said."""

RAISES = (
    "Recurses",
    "RaisesUnshowable",
    "RaisesControl",
    "RaisesMemory",
    "EatsAddressSpace",
    "Shrinks",
    "RaisesStop",
    "RaisesRefusal",
    "RaisesItself",
    "RaisesUnicode",
    "RaisesAssertion",
    "RaisesWarning",
    "RaisesTimeout",
    "RaisesImport",
    "PatchesNumpy",
    "Traces",
    "AnswersNothing",
    "AnswersItself",
)
"""An exception, where a plain run works."""

JUDGED = (
    "AnswersGenerator",
    "AnswersBackwards",
    "TerminatesItsSupervisor",
    "Floods",
    "ClosesStdout",
    "RedirectsStdout",
    "ReadsStdin",
    "RaisesFloatErrors",
    "LeavesThreads",
    "LeavesChildren",
    "LeavesDaemons",
    "ChangesFolder",
    "ForksBoth",
    "ForksOnce",
    "PatchesJudge",
    "WritesForever",
    "KeepsThreads",
    "DeletesFolder",
    "Finalizes",
    "Deaf",
    "ReplacesStreams",
    "ChangesLocale",
    "StopsCollecting",
    "WarnsAlways",
    "Profiles",
    "FewFiles",
    "NoCore",
    "Nice",
    "OwnGroup",
    "Umask",
    "Hooks",
    "SwitchesFast",
    "Excepts",
    "UsesSockets",
    "Decimal",
    "Precision",
    "PrintsOptions",
    "Seeds",
    "AnswersMasked",
    "AnswersLies",
    "AnswersReadOnly",
    "OddModule",
)
"""Right ports with bad manners, which have their verdict."""


def left():
    """Processes that ports have left behind."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if line == f"sleep {hostile_ports.SLEEP}"]


def check_text(error):
    """A message is printable, and short."""
    assert all(line.isprintable() for line in str(error).splitlines())
    assert len(str(error)) < 10**4


def run(name, **limits):
    """Put a port through many steps, in a child."""
    limits.setdefault("timeout", 0.4)
    file = FILE if name in vars(hostile_ports) else ACTS
    port = load(f"{file}:{name}", limits=Limits(**limits))
    try:
        with bounded():
            seen = drive(port, LONG, "float64")
    finally:
        port._child.stop()
        # The last of them is ended by the kernel in its own time.
        until = time.monotonic() + 5
        while left() and time.monotonic() < until:
            time.sleep(0.05)
        assert not left()
    return seen


def test_every_port_is_tried():
    """No class of the fixture is forgotten."""
    made = {
        name
        for name, value in (*vars(hostile_ports).items(), *vars(hostile_acts).items())
        if isinstance(value, type) and issubclass(value, hostile_ports.Hostile)
    }
    assert made - {"Hostile"} == {*ENDS, *RAISES, *JUDGED}


@pytest.mark.sample(2, rest="nightly")
@pytest.mark.parametrize("name", ENDS)
def test_no_answer_is_no_verdict(name):
    """Whatever is no answer is told, within the time that it may take."""
    limits = {"memory": 500 * 10**6, "timeout": 5.0} if name == "EatsMemory" else {}
    start = time.monotonic()
    with pytest.raises(PortError) as caught:
        run(name, **limits)
    check_text(caught.value)
    assert not isinstance(caught.value, RaisedError)
    assert ENDS[name] in str(caught.value)
    assert time.monotonic() - start < 60


@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("name", RAISES)
def test_an_exception_is_told(name):
    """An exception is no end: the port can be opened afresh, and it is said at which step."""
    with pytest.raises(RaisedError) as caught:
        run(name, timeout=10.0)
    check_text(caught.value)
    assert caught.value.call > 0


@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("name", JUDGED)
def test_bad_manners_cost_no_verdict(name):
    """A right port is seen in full, whatever else it does."""
    assert len(run(name, timeout=20.0)) == LONG.steps


@pytest.mark.sample(4, rest="nightly")
@pytest.mark.parametrize("name", hostile_acts.MODULES)
def test_a_file_that_cannot_be_a_port_is_told(name, tmp_path):
    """Whatever its import does, there is one message, in time."""
    source, words = hostile_acts.MODULES[name]
    (tmp_path / "port.py").write_text(source)
    with pytest.raises(PortError) as caught:
        load(f"{tmp_path / 'port.py'}:Port", limits=Limits(0.3))
    check_text(caught.value)
    assert words in str(caught.value)


class LargeEta(NumpyPort):
    """It shows a step size beyond float32."""

    def step(self, grads):
        return super().step(grads) | {"eta": [1e308] * len(grads)}


@pytest.mark.slow
def test_numbers_beyond_the_format_are_no_warnings():
    """Warnings are errors here, and lines on standard error elsewhere."""
    result = verify(LargeEta(ASGD, "large", "1"), "large", Options(dtypes=("float32",)))
    assert [deviation.id for deviation in result.deviations] == ["eta-misreported"]


def test_a_process_that_cannot_be_started_is_told(monkeypatch):
    """For example where no file can be opened any more."""

    def none(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("asgd.tests.ports.exchange.Process", none)
    with pytest.raises(PortError, match=r"cannot start a process .*: Too many open files"):
        load("asgd.fast:ASGD")


def test_the_run_has_a_limit():
    """The limit of the run ends a request before its own."""
    with pytest.raises(PortError, match=r"the run reached its limit of 1 s"):
        run("Hangs", timeout=100.0, seconds=1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only there is there a subreaper")
def test_a_killed_judge_leaves_nothing(tmp_path):
    """Where the judge is killed, the supervisor ends all that the port started."""
    code = (
        "from asgd.tests.ports.loading import load\n"
        "from asgd.tests.ports.scenario import drive\n"
        "from asgd.tests.verify.run import PLAIN\n"
        "from asgd.tests.ports.process import Limits\n"
        f"port = load({str(FILE)!r} + ':LeavesDaemons', limits=Limits(20))\n"
        "for _ in range(8): drive(port, PLAIN, 'float64')\n"
        "print('ready', flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    judge = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path, text=True
    )
    with judge:
        assert judge.stdout.readline() == "ready\n"
        assert left()
        judge.kill()
    until = time.monotonic() + 10
    while left() and time.monotonic() < until:
        time.sleep(0.05)
    assert not left()


def test_a_name_that_the_locale_cannot_hold_is_found(tmp_path):
    """In an ASCII locale the command line has escapes in the place of its bytes."""
    (tmp_path / "port.py").write_text("名前 = 7\n", encoding="utf-8")
    name = "名前".encode().decode("ascii", "surrogateescape")
    with pytest.raises(PortError, match="must be a class or a callable") as caught:
        load(f"{tmp_path / 'port.py'}:{name}")
    check_text(caught.value)
