"""Whatever a port sends, it is understood or refused: parsers raise nothing but what they say."""

import json

from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from asgd.tests.ports import wire
from asgd.tests.ports.exchange import _header
from asgd.tests.ports.frames import Observations, unpack
from asgd.tests.ports.process import in_words
from asgd.tests.ports.protocol import PortError
from asgd.tests.ports.text import LONGEST, block, escaped, printable

ODD = st.sampled_from(["nan", "-inf", "0x1p9999", "0x1.8p0", "\x1b[31m", "::error::", "\ud800"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | ODD,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = ("ok", "error", "protocol", "name", "version", "dtypes", "reads", "supports")
KEYS += ("theta", "average", "eta", "mu", "state", "steps", "more", "raised", "broken")
ANSWERS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=9)
LINES = st.binary(max_size=200) | ANSWERS.map(lambda x: json.dumps(x).encode())


@examples(150)
@given(LINES)
def test_lines_of_programs(raw):
    """An answer of a program."""
    reads = frozenset({"average", "eta", "mu"})
    for read in (
        wire.succeeded,
        wire.introduction,
        lambda answer: wire.observation(answer, "float32", [2, 1], reads),
    ):
        try:
            read(wire.parse(raw))
        except wire.BreachError:
            continue


@examples(100)
@given(LINES)
def test_frames_of_ports(raw):
    """Header and body of what a child sends, and what a supervisor says."""
    for read in (_header, lambda data: unpack(data, "float64", [2, 1])):
        said = ""
        try:
            read(raw)
        except PortError as error:
            said = str(error)
        assert said.isprintable()
    codec = Observations("float32", [2, 1])
    whole = raw + bytes(-len(raw) % codec.bytes)
    assert len(codec.unpack(whole)) == len(whole) // codec.bytes
    assert in_words(raw).isprintable()


@examples(200)
@given(st.text(st.characters()) | st.text(st.sampled_from("\x1b\n\r\u202e\ud800\u2028:#[ x")))
def test_foreign_text(text):
    """On one line, printable, short, and no command; once is enough."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= LONGEST
    assert not shown.startswith("::")
    assert " ::" not in shown
    assert "##[" not in shown
    assert printable(shown) == shown
    assert escaped(escaped(text)) == escaped(text)
    assert all(map(str.isprintable, escaped(text).split("\n")))
    assert all(map(str.isprintable, block(text)))
