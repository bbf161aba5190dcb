"""Explanations of every id that an output prints."""

import difflib
import re
import textwrap
from collections.abc import Iterator, Mapping

from asgd.spec import CONVENTIONS, EQUATIONS, FAULTS, POLICIES, EquationName, equation_name

from ..laws.lifecycle import LIFECYCLE_LAWS
from ..verify.waivers import UNKNOWN
from .statements import LAWS, should
from .text import WIDTH, wrapped

FINDINGS: Mapping[str, str] = {
    "average-infinity-to-nan": "One infinity of theta makes the average nan for good. While mu = 1 "
    "the average should be a copy of theta; average + 1 (theta - average) is not.",
    "close-failed": "The port raised an error, or exited with another code than 0, when it was "
    "closed. Nothing that was judged depends on it.",
    "counter-stops": "The step counter does not go on beyond 2^24 or 2^31 steps, because the type "
    "it is kept in holds no larger count. From there on eta and mu are wrong.",
    "counter-unseen": "The step counter was followed for the steps of the longest run, and no "
    "further. A counter of more bits that ends later would not be seen: that takes a saved state "
    "in which the count can be set. Level full follows it beyond 16 bits.",
    "decay-biased": "Each step is within the tolerance, but the errors of the decay all point the "
    "same way, so that theta decays faster or slower than it should, and than correctly rounded "
    "steps would make it. Chance alone finds that in one of 5e8 verdicts at most. In float32 "
    "every port that keeps theta alone loses steps of less than half an ulp: with eta lambd below "
    "3e-8 and no gradient nothing decays. asgd.fast.ASGD(..., compensated=True) keeps what "
    "rounding takes (spec/kernels.md).",
    "errors-one-sided": "The errors of a quantity are within the tolerance, and nearly all in one "
    "direction, in independent trials: it is truncated, shifted, or lags behind. Over many steps "
    "they add up. Of a port that errs either way in at least a quarter of the cases, at most one "
    "verdict in 5e8 says so.",
    "errors-where-exact": "The errors of a quantity are within the tolerance, but the numbers are "
    "so simple that every order of evaluation is exact: something adds or takes what no rounding "
    'does. A port that only rounds is never said to (spec/tolerance.md, "Where nothing rounds").',
    "hyperparameters-not-loaded": "Hyperparameters that were changed before a state was saved are "
    "not in force after it is loaded into a new optimizer: that goes on with its own. A run whose "
    "lr a scheduler has changed continues with another one, unless the caller sets it again.",
    "integers-differ": "Hyperparameters that are integers, such as lr=1, make the port raise "
    "or compute something else than the same numbers as floats do: an integer may have made an "
    "array of integers, in which a later 0.5 is 0.",
    "group-defaults-ignored": "A parameter group that leaves hyperparameters out does not take "
    "those of the constructor, or is refused.",
    "assigned-theta-ignored": "The port goes on from its own copy of theta. What a user puts into "
    "a parameter is lost, or spoils the state: weights that are loaded after the optimizer was "
    "made, clipped between two steps, or swapped for their average and back.",
    "closure-mishandled": "step(closure) does not call the closure exactly once, with gradients "
    "enabled, before it reads the gradients, or does not return what that returns; or a closure "
    "that raises leaves traces, such as a step that is counted.",
    "gradient-array-mistaken": "The port knows a gradient by its array. An array that is filled "
    "anew for the next step, as zero_grad(set_to_none=False) has it, is taken for the old one, "
    "or one array that is the gradient of two parameters for one of them.",
    "gradients-not-cleared": "zero_grad() leaves a gradient that is neither None nor 0.",
    "state-not-pickled": "A state that was pickled, as into a file, cannot be loaded, or does not "
    "go on to the bit.",
    "copy-differs": "copy.deepcopy of an optimizer together with its parameters does not go on as "
    "they do, or shares arrays with them: a state that belongs to id(parameter) is lost in a copy.",
    "loaded-state-changes": "load_state_dict() changes the dict that it is given, or keeps its "
    "arrays and updates them in place: a checkpoint that is kept in memory can be loaded once.",
    "maximize-not-changed": "maximize is read in the constructor alone; lr and the others of "
    "param_groups are read at each step.",
    "layouts-refused": "The optimizer raises an error for arrays of some layouts: 0-d, of several "
    "dimensions, transposed, strided, not at the beginning of a buffer or at an odd address. These "
    "were not asked.",
    "other-defaults": "The signature of the port's constructor gives a hyperparameter another "
    "default than the document does. Who leaves it out runs another ASGD; all that was judged had "
    "its hyperparameters given.",
    "dtype-absent": "The port was judged in one dtype alone: in the other a trial step raised an "
    "error, or gave numbers of another dtype, or the port does not list it. The verdict holds for "
    "the dtype that is named in the headline. With `--dtype float32 --dtype float64` a port that "
    "loses one has no verdict.",
    "port-warns": "The port issues Python warnings; each is shown once. What a port prints "
    "otherwise is not shown, unless the port breaks down.",
    "bad-input-accepted": "The port accepts hyperparameters outside their domains. A program must "
    "refuse them; for a Python port this is a finding.",
}
"""Findings by id: worth knowing, and without effect on the verdict."""


def _lagged(steps: int) -> str:
    return f"t {'-' if steps > 0 else '+'} {abs(steps)}" if steps else "t"


_TYPESET = re.compile(r"^\$\$.*?\$\$\n\n", re.MULTILINE | re.DOTALL)

_UNKNOWN = (
    "A deviation that no fault of the catalogue describes. The report shows what the port computes "
    "in its place: eta, decay, gradient and averaging weights, measured with impulses. A waiver of "
    "it must name dtype and equation."
)


def ids() -> dict[str, dict[str, str]]:
    """A line about every id, by kind."""
    return {
        "equations, and the laws that hold a port to them": {
            e.id: f"{name}: {should(name)}" for name, e in EQUATIONS.items()
        },
        "laws of the lifecycle": {
            law.name: LAWS.get(law.name, law.title) for law in LIFECYCLE_LAWS.values()
        },
        "conventions": {name: entry.summary for name, entry in CONVENTIONS.items()},
        "faults": {
            **{name: entry.title for name, entry in FAULTS.items()},
            UNKNOWN: "a deviation that no known fault describes",
        },
        "findings": {name: text.partition(". ")[0].rstrip(".") for name, text in FINDINGS.items()},
        "policies": {name: entry.summary for name, entry in POLICIES.items()},
    }


def overview() -> Iterator[str]:
    """A table of all ids, by kind."""
    for kind, entries in ids().items():
        yield kind
        size = min(32, max(map(len, entries)))
        for name, text in entries.items():
            lines = textwrap.wrap(text, WIDTH - size - 4) or [""]
            yield f"  {name:<{size}}  {lines[0]}"
            yield from (" " * (size + 4) + line for line in lines[1:])
        yield ""


def explain(ident: str) -> list[str] | None:
    """Full explanation of an id, or None if the id is unknown.

    Parameters
    ----------
    ident : str
        Equation (id or name), law, convention, fault, finding or policy. An id of two kinds is
        explained as both.
    """
    found = [list(part) for part in _parts(ident)]
    return [line for part in found for line in part] or None


def nearest(ident: str) -> list[str]:
    """Ids that look like an unknown one."""
    known = [name for entries in ids().values() for name in entries]
    return difflib.get_close_matches(ident, known, n=3)


def _parts(ident: str) -> Iterator[Iterator[str]]:
    equation = equation_name(ident)
    if equation is not None:
        yield _equation(equation)
    name: str = equation or ident
    law = next((law for law in LIFECYCLE_LAWS.values() if law.key == name), None)
    if law is not None:
        rows = {"must hold": LAWS.get(name, ""), "broken means": law.title, "look at": law.fix}
        yield _rows(f"{name} (law of the lifecycle, E6)", rows)
    if name in FAULTS:
        fault = FAULTS[name]
        rows = {
            "does": fault.instead,
            "should": should(fault.equation, fault.law),
            "shows": fault.shows,
            "fix": fault.fix,
            "law": fault.law or fault.equation,
            "needs": ", ".join(fault.needs),
            "dtype": fault.dtype,
            "seen in": "; ".join(fault.seen),
        }
        head = f"{name} (fault of {EQUATIONS[fault.equation].id}): {fault.title}"
        yield _rows(head, rows)
    if name in FINDINGS:
        yield _rows(f"{name} (finding)", {"": FINDINGS[name]})
    if name == UNKNOWN:
        yield _rows(f"{name} (deviation)", {"": _UNKNOWN})
    if name in CONVENTIONS:
        entry = CONVENTIONS[name]
        rows = {
            "average": entry.window,
            "eta": f"step t uses step_size({_lagged(entry.eta_lag)})",
            "mu": f"step t uses averaging_weight({_lagged(entry.mu_lag)})",
            "hyperparameters": entry.hyperparameters,
            "t0": entry.t0_reading,
            "divisor": entry.divisor,
            "ports": "; ".join(entry.ports),
            "source": entry.source,
        }
        yield _rows(f"{name} (convention): {entry.summary}", rows)
    if name in POLICIES:
        policy = POLICIES[name]
        flush = "flushed to zero" if policy.ftz else "kept"
        rows = {"eta and mu in": policy.precision, "subnormal numbers": flush}
        yield _rows(f"{name} (policy): {policy.summary}", rows)


def _equation(name: EquationName) -> Iterator[str]:
    entry = EQUATIONS[name]
    yield f"{entry.id} {entry.name} (equation, and the law of that name)"
    yield ""
    # The formula in words comes first; the same, typeset, is for pages.
    yield from _TYPESET.sub("", entry.text).splitlines()


def _rows(head: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield from wrapped(head)
    for label, text in rows.items():
        if text:
            yield from wrapped(f"{label}: {text}" if label else text, "  ")
