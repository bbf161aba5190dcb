"""Foreign text, made printable and short where it enters."""

import re
import unicodedata

# Where a line of a log begins so, it is a command to the machine that runs the workflow; a terminal
# may begin a line at any space.
_COMMAND = re.compile(r"(?:^|(?<= )):{2,}|##(?=\[)")

LONGEST = 600
"""Characters of one piece of foreign text."""


def printable(text: object, longest: int = LONGEST) -> str:
    r"""``text`` on one line: no control, direction or surrogate character, and not too long.

    Parameters
    ----------
    text : object
        Whatever a port, a program or a file calls itself or says.
    longest : int
        Characters that are kept.

    Examples
    --------
    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m b'
    """
    raw = text if isinstance(text, str) else str(text)
    # Cut first: a text of a gigabyte is not walked through.
    cut = raw[: 2 * longest]
    out = escaped(" ".join(cut.split()))
    if len(out) <= longest and len(cut) == len(raw):
        return out
    return f"{out[: longest - 3]}..."


def escaped(text: str) -> str:
    """``text``, its lines as they are, with all that `printable` allows in none escaped."""
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text
    lines = ("".join(map(_shown, line)) for line in text.split("\n"))
    return "\n".join(_COMMAND.sub(_apart, line) for line in lines)


def block(text: str, lines: int = 12, longest: int = LONGEST) -> list[str]:
    """The last lines of ``text``, each printable."""
    return [printable(line, longest) for line in text.splitlines()[-lines:] if line.strip()]


def _apart(found: re.Match[str]) -> str:
    return " ".join(found[0])


def _shown(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    return character.encode("unicode_escape").decode("ascii")
