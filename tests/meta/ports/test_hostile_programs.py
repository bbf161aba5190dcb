"""Programs that exit, crash, hang, flood or answer nonsense: told, in time, and nothing is left."""

import subprocess
import sys
import time

import pytest

from asgd.tests.ports.process import Limits
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.protocol import PortError
from asgd.tests.ports.scenario import drive
from asgd.tests.verify.run import PLAIN

SLEEP = "86398.5"
HELLO = (
    '{"ok":true,"protocol":1,"name":"x","version":"1","dtypes":["float64"],'
    '"reads":[],"supports":[]}'
)
# Answers the greeting and the first open; what follows is each program's own.
BEGIN = (
    "import os, signal, subprocess, sys, time\n"
    "def say(text): sys.stdout.buffer.write(text); sys.stdout.flush()\n"
    "def ask(): return sys.stdin.readline()\n"
    f"ask(); say({HELLO.encode()!r} + b'\\n'); ask(); say(b'{{\"ok\":true}}\\n'); ask()\n"
)

ENDS = {
    "exit(0)": ("sys.exit(0)", "ended with exit code 0"),
    "exit(3)": ("sys.exit(3)", "ended with exit code 3"),
    "abort": ("os.abort()", "was ended by SIGABRT"),
    "kill": ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
    "kill the group": ("os.killpg(0, 9)", "was ended by SIGKILL"),
    "kill the supervisor": (
        "os.kill(os.getppid(), 9); time.sleep(60)",
        "ended its supervisor",
    ),
    "exec": ("os.execvp('true', ['true'])", "ended with exit code 0"),
    "hang": ("time.sleep(600)", "no answer within"),
    "hang deaf": ("signal.signal(15, signal.SIG_IGN); time.sleep(600)", "no answer within"),
    "stop": ("os.kill(os.getpid(), signal.SIGSTOP)", "no answer within"),
    "close stdout": ("os.close(1); time.sleep(600)", "closed its standard output"),
    "close all": ("os.closerange(0, 99); time.sleep(600)", "closed its standard output"),
    "leave a child": (
        f"subprocess.Popen(['sleep', '{SLEEP}']); sys.exit(0)",
        "ended with exit code 0",
    ),
    "leave a daemon": (
        f"subprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True); sys.exit(0)",
        "ended with exit code 0",
    ),
    "hang with a daemon": (
        f"subprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True); time.sleep(600)",
        "no answer within",
    ),
    "no end of line": ("say(b'{')", "has no end of line"),
    "a long line": ("say(b'x' * 10**6)", "longer than"),
    "a line without end": (
        "[say(b'x' * 65536) for _ in iter(int, 1)]",
        "longer than",
    ),
    "lines without end": (
        "[say(b'[]\\n') for _ in iter(int, 1)]",
        "must be a JSON object",
    ),
    "errors without end": (
        "[os.write(2, b'\\x1b[31m::error::\\n') for _ in iter(int, 1)]",
        "no answer within",
    ),
    "an empty line": ("say(b'\\n'); ask()", "not JSON"),
    "zeros": ("say(bytes(100) + b'\\n'); ask()", "not JSON"),
    "not UTF-8": ("say(b'\\xff\\n'); ask()", "not UTF-8"),
    "deep": ("say(b'[' * 50000 + b'\\n'); ask()", "nested too deeply"),
    "a nan": ("say(b'{\"ok\":NaN}\\n'); ask()", "NaN is not JSON"),
    "a long integer": ("say(b'{\"ok\":' + b'1' * 5000 + b'}\\n'); ask()", "not JSON"),
    "a refusal without a reason": ("say(b'{\"ok\":false}\\n'); ask()", "must say why"),
    "no theta": ("say(b'{\"ok\":true}\\n'); ask()", "theta"),
    "theta that is null": ('say(b\'{"ok":true,"theta":null}\\n\'); ask()', "must be a list"),
    "theta as text": (
        'say(b\'{"ok":true,"theta":"\\\\u001b[31m"}\\n\'); ask()',
        "must be a list",
    ),
    "control characters": (
        'say(b\'{"ok":false,"error":"\\\\u001b[31m\\\\n::error::\\\\ud800"}\\n\'); ask()',
        "was refused",
    ),
    "memory": ("x = b'x' * (3 * 10**8); time.sleep(600)", "used more than"),
}


def left():
    """Processes that programs have left behind."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if line == f"sleep {SLEEP}"]


@pytest.mark.sample(8)
@pytest.mark.parametrize("name", ENDS)
def test_no_answer_is_no_verdict(name):
    """Whatever is no answer is told in printable lines, within the time that it may take."""
    code, words = ENDS[name]
    limits = Limits(0.3, memory=2 * 10**8 if name == "memory" else None)
    port = ProgramPort([sys.executable, "-S", "-c", BEGIN + code], limits=limits)
    start = time.monotonic()
    try:
        with pytest.raises(PortError) as caught:
            drive(port, PLAIN, "float64")
    finally:
        port.kill()
    assert words in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert len(str(caught.value)) < 10**4
    assert time.monotonic() - start < 60
    until = time.monotonic() + 5
    while left() and time.monotonic() < until:
        time.sleep(0.05)
    assert not left()
