"""Programs that exit, crash, hang, flood or answer nonsense: told, in time, and nothing is left."""

import subprocess
import sys
import time

import pytest
from memory_peak import bounded

from asgd.tests.ports.process import Limits
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.protocol import PortError, greet
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
    "segfault": ("import ctypes; ctypes.string_at(0)", "was ended by SIGSEGV"),
    "a signal without a name": ("os.kill(os.getpid(), 40)", "was ended by signal 40"),
    "terminate": ("os.kill(os.getpid(), 15)", "was ended by SIGTERM"),
    "an alarm": ("signal.alarm(1); time.sleep(600)", ""),
    "exit(255)": ("os._exit(255)", "ended with exit code 255"),
    "fork and exit": ("os.fork() or time.sleep(600); sys.exit(0)", "ended with exit code 0"),
    "many children": (
        f"[subprocess.Popen(['sleep', '{SLEEP}']) for _ in range(20)]; time.sleep(600)",
        "no answer within",
    ),
    "stop the supervisor": ("os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)", ""),
    "two answers": ("say(b'{\"ok\":true}\\n' * 2); ask()", "theta"),
    "half an answer": ("say(b'{\"ok\":'); time.sleep(600)", "no answer within"),
    "an answer in bytes": (
        "[(say(bytes([c])), time.sleep(0.02)) for c in b'{\"ok\":true}' * 50]",
        "",
    ),
    "carriage returns": ("say(b'\\r' * 10**4 + b'\\n'); ask()", "not JSON"),
    "a mark of the byte order": ("say(b'\\xef\\xbb\\xbf{}\\n'); ask()", "not JSON"),
    "UTF-16": ("say('{}\\n'.encode('utf-16')); ask()", "not UTF-8"),
    "an infinity": ("say(b'{\"ok\":-Infinity}\\n'); ask()", "is not JSON"),
    "an empty object": ("say(b'{}\\n'); ask()", "ok"),
    "ok as text": ('say(b\'{"ok":"true"}\\n\'); ask()', "ok"),
    "ok as a number": ("say(b'{\"ok\":1}\\n'); ask()", "ok"),
    "null": ("say(b'null\\n'); ask()", "must be a JSON object"),
    "a text": ("say(b'\"\\\\u001b[31m\"\\n'); ask()", "must be a JSON object"),
    "a refusal that is a list": ('say(b\'{"ok":false,"error":[]}\\n\'); ask()', "must say why"),
    "theta without parameters": ('say(b\'{"ok":true,"theta":[]}\\n\'); ask()', "one entry"),
    "theta of null": ('say(b\'{"ok":true,"theta":[null]}\\n\'); ask()', "must show every"),
    "theta of numbers": ('say(b\'{"ok":true,"theta":[[1,2]]}\\n\'); ask()', "hexadecimal"),
    "theta in decimal": (
        'say(b\'{"ok":true,"theta":[["1.5","2"]]}\\n\'); ask()',
        "hexadecimal",
    ),
    "theta beyond the floats": (
        'say(b\'{"ok":true,"theta":[["0x1p9999","0x1p0"]]}\\n\'); ask()',
        "beyond the floats",
    ),
    "theta of long numbers": (
        'say(b\'{"ok":true,"theta":[["0x\' + b\'1\' * 9999 + b\'","0x1p0"]]}\\n\'); ask()',
        "",
    ),
    "theta too long": (
        'say(b\'{"ok":true,"theta":[[\' + b\'"0x1p0",\' * 99 + b\'"0x1p0"]]}\\n\'); ask()',
        "must have 2 elements",
    ),
    "ignores the end": ("signal.signal(15, signal.SIG_IGN); os.close(0); time.sleep(600)", ""),
    "limits itself": (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
        "",
    ),
}


def left():
    """Processes that programs have left behind."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if line == f"sleep {SLEEP}"]


HELLOS = {
    "nothing": "",
    "no protocol": HELLO.replace('"protocol":1,', ""),
    "another protocol": HELLO.replace('"protocol":1', '"protocol":2'),
    "a protocol that is true": HELLO.replace('"protocol":1', '"protocol":true'),
    "a name that is a number": HELLO.replace('"x"', "7"),
    "no name": HELLO.replace('"name":"x",', ""),
    "no dtypes": HELLO.replace('["float64"]', "[]"),
    "dtypes as text": HELLO.replace('["float64"]', '"float64"'),
    "another dtype": HELLO.replace("float64", "float16"),
    "dtypes of lists": HELLO.replace('["float64"]', "[[]]"),
    "reads of null": HELLO.replace('"reads":[]', '"reads":null'),
    "reads of numbers": HELLO.replace('"reads":[]', '"reads":[1]'),
    "supports of objects": HELLO.replace('"supports":[]', '"supports":[{}]'),
    "a refusal": '{"ok":false,"error":"\x1b[31m"}',
    "deep": "[" * 10_000,
    "a long name": HELLO.replace('"x"', '"' + "y" * 10**6 + '"'),
    "not a greeting": "Welcome to my port!",
}


@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("name", HELLOS)
def test_a_wrong_greeting_is_told(name):
    """What is no greeting is shown, in printable lines."""
    code = (
        f"import sys; sys.stdin.readline(); print({HELLOS[name]!r}, flush=True); sys.stdin.read()"
    )
    port = ProgramPort([sys.executable, "-S", "-c", code], limits=Limits(0.3))
    try:
        with pytest.raises(PortError) as caught:
            greet(port)
    finally:
        port.kill()
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert len(str(caught.value)) < 10**4


@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("name", ENDS)
def test_no_answer_is_no_verdict(name):
    """Whatever is no answer is told in printable lines, within the time that it may take."""
    code, words = ENDS[name]
    limits = Limits(0.3, memory=2 * 10**8 if name == "memory" else None)
    port = ProgramPort([sys.executable, "-S", "-c", BEGIN + code], limits=limits)
    start = time.monotonic()
    try:
        with bounded(), pytest.raises(PortError) as caught:
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
