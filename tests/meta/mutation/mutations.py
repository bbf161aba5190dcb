"""Mutants of a source file: one small change each, made by mutmut's operators and a few of ours.

mutmut's own runner gives each function a switch, so it leaves out module constants and whatever is
decorated: tables, cached functions, properties. Here its operators are applied to the whole file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators


@dataclass(frozen=True)
class Mutant:
    """A source file with one change.

    Attributes
    ----------
    module : str
        Path of the file from the root of the checkout.
    function : str
        Qualified name of the function that is changed; empty for what stands outside of one.
    before, after : str
        The lines that differ, stripped and joined: with ``function``, the mutant's name.
    lines : range
        Numbers of the lines that the change touches.
    once : bool
        Whether the statement is run at import, or in a function that keeps its results.
    source : str
        The whole file, changed.
    """

    module: str
    function: str
    before: str
    after: str
    lines: range
    once: bool
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names the mutant as long as its line stays as it is."""
        return self.module, self.function, self.before, self.after


# What mutmut's operators lack, and numerical code needs: bounds that are one too small, the other
# extreme, and branches that are always or never taken.


def smaller(node: cst.Integer | cst.Float) -> Iterator[cst.CSTNode]:
    """A number less one; mutmut has it one larger."""
    value = node.evaluated_value - 1
    if value >= 0:
        yield node.with_changes(value=repr(value))
    elif value == -1:
        yield cst.UnaryOperation(
            cst.Minus(),
            node.with_changes(value=repr(-value)),
            lpar=[cst.LeftParen()],
            rpar=[cst.RightParen()],
        )


_EXTREMES = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "any": "all",
    "all": "any",
}


def other_extreme(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Greatest for least, any for all, and the other way round."""
    name = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    if isinstance(name, cst.Name) and name.value in _EXTREMES:
        yield node.with_deep_changes(name, value=_EXTREMES[name.value])


def one_branch(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """A branch that is never taken, or always; mutmut does so to conditional expressions."""
    inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    choices = [(cst.And(), "False")]
    if isinstance(node, cst.If):
        choices.append((cst.Or(), "True"))
    for operator, literal in choices:
        yield node.with_changes(test=cst.BooleanOperation(inner, operator, cst.Name(literal)))


OPERATORS = [
    *mutation_operators,
    (cst.Integer, smaller),
    (cst.Float, smaller),
    (cst.Call, other_extreme),
    ((cst.If, cst.While), one_branch),
]

_NAMED = (cst.ClassDef, cst.FunctionDef)
_STATEMENT = (cst.SimpleStatementLine, cst.BaseCompoundStatement)
# Not behaviour: texts of errors and of repr, checks of what holds anyway, types, what is announced.
_NOISE = (
    cst.Raise,
    cst.Assert,
    cst.Annotation,
    cst.Decorator,
    cst.Import,
    cst.ImportFrom,
)
_NOISY_NAMES = {"__all__", "__slots__", "__repr__"}


class _Visitor(cst.CSTVisitor):
    """Collects the changes that the operators make, and where."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.names: list[str] = []
        self.statements: list[range] = []
        self.tops: list[cst.CSTNode] = []
        self.decorated: list[bool] = [True]
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode, str, range, bool]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Apply each operator."""
        if isinstance(node, _STATEMENT):
            self.statements.append(self._lines(node))
            self.tops.append(node)
        if isinstance(node, _NAMED):
            self.names.append(node.name.value)
            self.decorated.append(bool(node.decorators) or isinstance(node, cst.ClassDef))
            return node.name.value not in _NOISY_NAMES
        if _is_noise(node):
            return False
        for kinds, operator in OPERATORS:
            if isinstance(node, kinds):
                for changed in operator(node):
                    if not _is_dull(node, changed):
                        place = ".".join(self.names), self.statements[-1], self.decorated[-1]
                        self.found.append((node, changed, self.tops[0], *place))
        return True

    def on_leave(self, node: cst.CSTNode) -> None:
        """Leave a statement."""
        if isinstance(node, _STATEMENT):
            self.statements.pop()
            self.tops.pop()
        if isinstance(node, _NAMED):
            self.names.pop()
            self.decorated.pop()

    def _lines(self, node: cst.CSTNode) -> range:
        """Lines of a statement, without its body."""
        span = self.get_metadata(PositionProvider, node)
        end = span.end.line
        body = getattr(node, "body", None)
        if isinstance(body, cst.BaseSuite):
            end = max(self.get_metadata(PositionProvider, body).start.line - 1, span.start.line)
        return range(span.start.line, end + 1)


def _is_noise(node: cst.CSTNode) -> bool:
    if isinstance(node, _NOISE):
        return True
    if isinstance(node, cst.Expr):
        return isinstance(node.value, cst.BaseString)
    if m.matches(node, m.Arg(keyword=m.Name("strict"))):
        return True
    if isinstance(node, cst.Assign):
        target = node.targets[0].target
        alias = isinstance(node.value, cst.Subscript) and isinstance(target, cst.Name)
        names = m.matches(node.value, m.Call(func=m.Name("TypeVar")))
        return names or (alias and target.value[:1].isupper()) or _is_named(target)
    return False


def _is_named(target: cst.CSTNode) -> bool:
    return isinstance(target, cst.Name) and target.value in _NOISY_NAMES


def _is_dull(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """Whether a change says no more than that the line is run, or changes no number at all."""
    match node, changed:
        case (cst.Integer(), cst.Integer()) | (cst.Float(), cst.Float()):
            return bool(node.evaluated_value == changed.evaluated_value)
        case cst.SimpleString(), cst.SimpleString():
            return "XX" not in changed.value
        case (cst.Assign(), cst.Assign()) | (cst.AnnAssign(), cst.AnnAssign()):
            return True
        case cst.Call(), cst.Call():
            return node.func is changed.func and _is_dull_call(node, changed)
    return False


def _is_dull_call(node: cst.Call, changed: cst.Call) -> bool:
    if len(node.args) == len(changed.args):  # None for an argument
        return True
    gone = next(a for a in node.args if a not in changed.args)
    return gone is not node.args[-1] if gone.keyword is None else gone.keyword.value == "strict"


def mutants(root: Path, module: str) -> list[Mutant]:
    """All mutants of a file, each once."""
    text = (root / module).read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    visitor = _Visitor()
    wrapper.visit(visitor)
    seen = {text}
    out = []
    for node, changed, whole, function, lines, once in visitor.found:
        # Only the statement that stands at the top is written anew: a whole file takes long.
        old = wrapper.module.code_for_node(whole)
        new = wrapper.module.code_for_node(whole.deep_replace(node, changed))
        assert text.count(old) == 1
        source = text.replace(old, new)
        if source not in seen and _compiles(source):
            seen.add(source)
            out.append(Mutant(module, function, *_difference(text, source), lines, once, source))
    return out


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(text: str, source: str) -> tuple[str, str]:
    """Lines that differ, without those around them."""
    before, after = text.splitlines(), source.splitlines()
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    old, new = (" ".join(map(str.strip, lines)) for lines in (before, after))
    return old, new
