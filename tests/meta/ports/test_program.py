"""The protocol client: the examples conform, and every breach is named."""

import json
import subprocess
import sys
from importlib import resources

import jsonschema
import numpy as np
import pytest

from asgd.tests.ports import examples, wire
from asgd.tests.ports.examples import EXAMPLES
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.protocol import PortError, RaisedError, RefusalError
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

SCHEMA = json.loads(resources.files("asgd.spec").joinpath("protocol.schema.json").read_text())
HYPER = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 1.0, "weight_decay": 0.0}
HELLO = {
    "ok": True,
    "protocol": 1,
    "name": "broken",
    "version": "0",
    "dtypes": ["float32"],
    "reads": ["average"],
    "supports": [],
}


def command(name):
    """Command of an example; the test is skipped, aloud, where its toolchain is missing."""
    try:
        return examples.command(name)
    except PortError as error:
        pytest.skip(str(error))


def validator(name):
    return jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"})


def group(*params):
    return {**HYPER, "maximize": False, "params": [np.array(p, np.float32) for p in params]}


def stub(tmp_path, *answers, end=""):
    """Program that gives each line in turn, whatever it is asked."""
    path = tmp_path / "stub.py"
    lines = [a if isinstance(a, str) else json.dumps(a) + "\n" for a in answers]
    path.write_text(
        "import sys\n"
        "print('a log line', file=sys.stderr, flush=True)\n"
        f"for answer in {lines!r}:\n"
        "    if not sys.stdin.readline(): break\n"
        "    sys.stdout.write(answer); sys.stdout.flush()\n"
        f"{end}\n"
    )
    return [sys.executable, str(path)]


@pytest.mark.nightly
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_conform(name):
    """Each example conforms to `documented`; only what no program can show is left unobserved."""
    port = ProgramPort(command(name))
    result = verify(port, name, Options())
    assert result.verdict == "conforms"
    for dtype in result.dtypes:
        assert dtype.convention is not None
        assert dtype.convention.name == "documented"
        assert list(dtype.unobserved) == ["layouts", "twins", "gradients"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_speak_the_schema(name):
    """Every request and answer of a life with all operations is valid."""
    step = wire.step([np.array([0.5, -np.inf], np.float32), None])
    requests = [
        wire.hello(),
        wire.open_("float32", [group([1.0, 2.0], [])]),
        step,
        wire.set_(0, {"lr": 0.25, "t0": np.inf}),
        {"op": "save"},
        {"op": "close"},
    ]
    text = b"".join(map(wire.line, requests))
    run = subprocess.run(command(name), input=text, capture_output=True, check=True, timeout=60)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    for request, answer in zip(requests, answers, strict=True):
        validator("request").validate(request)
        validator(f"answer-{request['op']}").validate(answer)


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    ("key", "value"), [("lr", -1.0), ("alpha", np.nan), ("lambd", np.inf), ("t0", -0.5)]
)
def test_examples_refuse(name, key, value):
    """A bad hyperparameter is refused at open, and the program lives on."""
    port = ProgramPort(command(name))
    with pytest.raises(RefusalError, match=key):
        port.open("float32", [{**group([1.0]), key: value}])
    port.open("float32", [group([1.0])])
    port.close()


STEP = {"ok": True, "theta": [["0x1p+0"]], "average": [["0x1p+0"]]}
BREACHES = [
    ("not JSON", ["hello\n"]),
    ('not JSON, write the string "nan"', ['{"ok":NaN}\n']),
    ("must be a JSON object", ["[1]\n"]),
    ('no field "ok"', [{}]),
    ('"ok" must be true or false', [{"ok": 1}]),
    ("no end of line", ['{"ok":true}']),
    ("ended with exit code 0", []),
    ("not UTF-8", ["\udcff\n"]),
    ('"protocol" must be 1', [{**HELLO, "protocol": 2}]),
    ('"reads" may hold', [{**HELLO, "reads": ["theta"]}]),
    ('"dtypes" must be a list', [{**HELLO, "dtypes": "float32"}]),
    ("must say why", [HELLO, {"ok": False}]),
    ("no request had asked for", [HELLO, '{"ok":true}\n{"ok":true}\n', STEP]),
    ('no field "theta"', [HELLO, {"ok": True}, {"ok": True}]),
    ('no field "average"', [HELLO, {"ok": True}, {"ok": True, "theta": [["0x1p+0"]]}]),
    ("must show every parameter", [HELLO, {"ok": True}, {**STEP, "theta": [None]}]),
    ("one entry a parameter, 1, got 2", [HELLO, {"ok": True}, {**STEP, "theta": [[], []]}]),
    ("must have 1 elements, got 2", [HELLO, {"ok": True}, {**STEP, "theta": [["0x1p0"] * 2]}]),
    ("hexadecimal string", [HELLO, {"ok": True}, {**STEP, "theta": [["0.5"]]}]),
    ("got the number 1.5", [HELLO, {"ok": True}, {**STEP, "theta": [[1.5]]}]),
    ("must be a float32 number", [HELLO, {"ok": True}, {**STEP, "theta": [["0x1.0000001p0"]]}]),
    ("beyond the floats", [HELLO, {"ok": True}, {**STEP, "theta": [["0x1p9999"]]}]),
    ("was null at 4 steps", [HELLO, {"ok": True}, *[{**STEP, "average": [None]}] * 4]),
    ("must exit with 0 after close, got 3", [HELLO, {"ok": True}, *[STEP] * 4, {"ok": True}]),
]


@pytest.mark.sample(8)
@pytest.mark.parametrize(("words", "answers"), BREACHES)
def test_breach(words, answers, tmp_path):
    """Every breach of the protocol is a PortError that shows the exchange."""
    end = "sys.exit(3)" if "got 3" in words else ""
    port = ProgramPort(stub(tmp_path, *answers, end=end), timeout=20)

    def live():
        grad = [np.array([1.0], np.float32)]
        port.hello()
        port.open("float32", [group([1.0])])
        for _ in range(4):
            port.step(grad)
        port.close()

    with pytest.raises(PortError) as caught:
        live()
    assert words in str(caught.value)
    assert "request: {" in str(caught.value)
    assert "a log line" in str(caught.value)


def test_a_refused_step_is_no_breach(tmp_path):
    """A program that refuses a step has answered: it is asked on."""
    answers = [HELLO, {"ok": True}, {"ok": False, "error": "no"}, {"ok": True}, STEP]
    port = ProgramPort(stub(tmp_path, *answers), timeout=20)
    port.hello()
    port.open("float32", [group([1.0])])
    with pytest.raises(RaisedError, match=r"step\(\) was refused: no"):
        port.step([np.array([1.0], np.float32)])
    port.open("float32", [group([1.0])])
    assert port.step([np.array([1.0], np.float32)])["theta"]
    port.kill()


def test_timeout():
    """A program that hangs is ended after the timeout, and so is what it started."""
    sleep = "import time; time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"
    port = ProgramPort([sys.executable, "-c", code], timeout=0.2)
    with pytest.raises(PortError, match=r"no answer within 2 s"):
        port.hello()


def test_no_such_program():
    """A program that cannot be started is named."""
    with pytest.raises(PortError, match=r"cannot start \./nothing"):
        ProgramPort(["./nothing"]).hello()


@pytest.mark.parametrize("name", ["asgd_port.py"])
def test_transcript_repeats_the_exchange(name, tmp_path):
    """The file that is kept, redirected into the program, gives the same answers."""
    port = ProgramPort(command(name))
    port.open("float32", [group([1.0])])
    port.open("float64", [group([2.0])])
    seen = port.step([np.array([0.5])])
    path = tmp_path / "transcript.jsonl"
    port.write_transcript(path)
    port.close()
    with path.open("rb") as lines:
        run = subprocess.run(
            command(name), stdin=lines, capture_output=True, check=True, timeout=60
        )
    last = json.loads(run.stdout.splitlines()[-1])
    assert [float.fromhex(x) for x in last["theta"][0]] == seen["theta"][0].tolist()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0x1.8p-3", 0.1875),
        ("0X1P+1", 2.0),
        ("-Infinity", -np.inf),
        ("0x.8", 0.5),
        ("-nan", np.nan),
    ],
)
def test_number(text, number):
    """What C, Java and Python write is read; the schema agrees."""
    assert np.array_equal(wire.value(text, "x"), number, equal_nan=True)
    validator("number").validate(text)


@pytest.mark.parametrize("text", ["0.5", "1", "0x", "0x1p", "1e5", " 0x1p0", "٣", "0x1.g"])
def test_no_number(text):
    """A decimal number is never taken for a hexadecimal one; the schema agrees."""
    with pytest.raises(wire.BreachError):
        wire.value(text, "x")
    assert not validator("number").is_valid(text)
