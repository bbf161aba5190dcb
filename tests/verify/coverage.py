"""What a run observed of a port, what it did not, and how an author can show it."""

from collections.abc import Iterable, Mapping
from typing import Literal

from asgd.spec import EQUATIONS, EquationName, equation_name

from ..laws.law import LawName
from ..laws.lifecycle import LIFECYCLE_LAWS
from ..laws.outcome import Outcome

Status = Literal["holds", "broken", "undecided", "not observable", "skipped"]

LAW_NAMES: tuple[LawName, ...] = (*EQUATIONS, *LIFECYCLE_LAWS)
"""Names of all laws: those of the equations, in the order of the spec, and the lifecycle's."""

SOME_AVERAGES = "every average"
"""Mark of a law that needs averages, of a port that shows some and hides others."""

# What a port that shows no average cannot show.
_OF_AVERAGES: tuple[LawName, ...] = ("averaging_weight", "average")
# Marks of `Outcome.not_observable`, as `laws` gives them.
_EQUATIONS_HOLD = "equations that hold"
_PYTHON = ("numpy", "torch", "functional")


class WithoutError(ValueError):
    """`--without` names something that is not a law."""


def without_laws(names: Iterable[str]) -> frozenset[LawName]:
    """Names of the laws whose absence is accepted.

    Parameters
    ----------
    names : iterable of str
        "average", an equation's id or name, or a law of the lifecycle.

    Raises
    ------
    WithoutError
        If a name is none of these.
    """
    accepted: set[LawName] = set()
    for given in names:
        law = next((law for law in LAW_NAMES if law == given), equation_name(given))
        if given == "average":
            accepted.update(_OF_AVERAGES)
        elif law is not None:
            accepted.add(law)
        else:
            ids = ", ".join(entry.id for entry in EQUATIONS.values())
            raise WithoutError(
                f"without must be average, an equation ({ids}) or a law of the lifecycle "
                f"({', '.join(LIFECYCLE_LAWS)}), got {given!r}"
            )
    return frozenset(accepted)


def status(outcome: Outcome) -> Status:
    """What became of a law, in a word."""
    if outcome.failure is not None:
        return "broken"
    if outcome.not_observable:
        return "skipped" if _EQUATIONS_HOLD in outcome.not_observable else "not observable"
    return "undecided" if outcome.undecided else "holds"


def reason(outcome: Outcome, broken: Iterable[EquationName], kind: str) -> str:
    """Why a law says nothing, and how an author can change that; "" where it says something.

    Parameters
    ----------
    outcome : Outcome
        What became of the law.
    broken : iterable of str
        Equations whose laws are broken.
    kind : str
        "numpy", "torch", "functional", "port" or "program".
    """
    if not outcome.not_observable or outcome.failure is not None:
        return ""
    if _EQUATIONS_HOLD in outcome.not_observable:
        ids = [EQUATIONS[name].id for name in broken]
        verb = "are" if len(ids) > 1 else "is"
        return f"needs {', '.join(ids)}, which {verb} broken"
    return "; ".join(_missing(mark, kind) for mark in outcome.not_observable)


def _missing(mark: str, kind: str) -> str:
    mark, _, raised = mark.partition(": ")
    what, remedies = _MISSING.get(mark, (f"the port does not show {mark}", {}))
    if raised:
        return f"{what}; when it was tried, there was {raised}"
    kinds = (kind, *(("python",) if kind in _PYTHON else ()), "")
    how = next((remedies[each] for each in kinds if each in remedies), "")
    return f"{what}: {how}" if how else what


# For each mark: what is missing, and by kind of port how to show it ("" is every other kind).
_MISSING: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "average": (
        "the port shows no averages",
        {
            "numpy": "add a method averages() that returns the averaged parameters in order, or "
            'keep each in state[parameter]["average"]',
            "torch": 'keep the average of a parameter in state[parameter]["ax"] or '
            'state[parameter]["average"]',
            "functional": "keep a field `average` in the state, or add a function averages(state)",
            "program": 'list "average" in "reads" of hello, and answer step with "average"',
            "": 'list "average" in reads of hello(), and return "average" from step()',
        },
    ),
    SOME_AVERAGES: (
        "the port shows some averages and hides others",
        {"": "show the average of every parameter after each step of its window"},
    ),
    "the operation add_group": (
        "no group can be added to the port",
        {
            "python": "let a method add_param_group(group) take another group",
            "functional": "",
            "program": 'list "add_group" in "supports" of hello, and answer add_group',
            "": 'list "add_group" in supports of hello(), and add a method add_group(group)',
        },
    ),
    "arrays of several dimensions": (
        "the port takes vectors alone",
        {
            "numpy": "the optimizer raises for arrays of every other layout",
            "torch": "the optimizer raises for tensors of every other layout",
            "": "there is nothing to show",
        },
    ),
    "the operation save": (
        "the port saves no state",
        {
            "python": "add the methods state_dict() and load_state_dict(state)",
            "functional": "",
            "program": 'list "save" in "supports" of hello, and answer save and load',
            "": 'list "save" in supports of hello(), and add the methods save() and load(state)',
        },
    ),
    "a second optimizer in its process": (
        "no second optimizer can be made in the port's process",
        {
            "program": "a program has one optimizer at a time; there is nothing to show",
            "": "let the port's class be made without arguments",
        },
    ),
    "its gradients": (
        "the caller's gradients cannot be seen",
        {"": "a program has its own copy of them; there is nothing to show"},
    ),
    "a refusal of what is outside the domains": (
        "the port accepts hyperparameters outside their domains",
        {"": 'raise an error for them (asgd.md, "Bad input")'},
    ),
}
