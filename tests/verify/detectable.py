"""Known faults that a run would have found, and why it would not have found the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asgd.spec import CONVENTIONS, FAULTS, POLICIES, Fault

from ..laws.detection import Form, Seen, forms_of
from ..ports.protocol import Hello
from .coverage import status
from .result import DtypeResult

# Beyond what an integer of 16 bits holds: the widest count that `counter-wraps` is of.
_COUNTED = 2**16 + 2

# Faults of which only some kinds of ports are asked, and why the others are not.
_ASKED: Mapping[str, tuple[frozenset[str], str]] = {
    "state-aliased": (
        frozenset({"port", "program"}),
        "states are copied when they are saved, as users of state_dict must",
    ),
    "state-not-replaced": (
        frozenset({"numpy", "torch", "functional"}),
        "no protocol says that a state may be loaded into an optimizer that has run",
    ),
    "depends-on-reading": (
        frozenset({"numpy", "torch"}),
        "what each step shows is part of its answer",
    ),
}

# What a law of the lifecycle must have judged to find a fault; where nothing is said, theta.
_SHOWN = {"average-lost": "average", "state-rounded": "average", "gradient-modified": "gradient"}


@dataclass(frozen=True)
class Detectable:
    """Known faults that a run would have found.

    Attributes
    ----------
    faults, of : int
        How many, of how many that are known.
    missing : tuple of str
        Ids of the others.
    reasons : dict of str to str
        Why each of these would not have been found.
    """

    faults: int
    of: int
    missing: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def detectable_in(found: DtypeResult, hello: Hello, *, auto: bool) -> Detectable:
    """Known faults that a run in one dtype would have found.

    Parameters
    ----------
    found : DtypeResult
        What was judged.
    hello : Hello
        What the port shows and supports.
    auto : bool
        Whether the convention was looked for: then a fault that makes another convention of the
        port's own is none.
    """
    known = [fault for fault in FAULTS.values() if fault.dtype in {"", found.dtype}]
    run = _Run(found, hello, auto)
    reasons = {fault.id: why for fault in known if (why := run.why_not(fault))}
    return Detectable(len(known) - len(reasons), len(known), tuple(reasons), reasons)


def detectable_over(found: Mapping[str, Detectable]) -> Detectable:
    """Known faults that a run would have found in some dtype."""
    reasons: dict[str, str] = {}
    for fault in FAULTS.values():
        asked = [one for dtype, one in found.items() if fault.dtype in {"", dtype}]
        if all(fault.id in one.missing for one in asked):
            said = [one.reasons[fault.id] for one in asked]
            alone = f"needs {fault.dtype}, which was not judged" if found else "nothing was judged"
            reasons[fault.id] = said[0] if said else alone
    return Detectable(len(FAULTS) - len(reasons), len(FAULTS), tuple(reasons), reasons)


class _Run:
    def __init__(self, found: DtypeResult, hello: Hello, auto: bool) -> None:
        self.dtype, self.policy, self.hello = found.dtype, found.policy, hello
        self.kind = found.kind
        self.convention = found.identity.convention.name if found.identity else ""
        # A port that is of no convention is not taken for one.
        self.auto = auto and found.identity is not None and found.identity.fits
        self.outcomes = {str(o.law.key): o for o in found.outcomes}
        self.named = {deviation.id for deviation in found.deviations}

    def why_not(self, fault: Fault) -> str:
        """Why a fault would not have been found; "" where it would have been."""
        if fault.id in self.named:
            return ""
        lacking = sorted(set(fault.needs) - self.hello.supports)
        if lacking:
            why = self.hello.lacks.get(lacking[0])
            return f"the port does not support {lacking[0]}" + (f": {why}" if why else "")
        if not self.convention:
            return "no convention was looked for"
        if fault.id == "subnormals-flushed" and POLICIES[self.policy].ftz:
            return f"policy {self.policy} lets it pass"
        forms = forms_of(fault.id)
        if not forms:
            return self._in_law(fault)
        return next(filter(None, (self._form(name, form) for name, form in forms.items())), "")

    def _in_law(self, fault: Fault) -> str:
        """Of a fault that is found by what a law is about."""
        kinds, unasked = _ASKED.get(fault.id, ({self.kind}, ""))
        if self.kind not in kinds:
            return unasked
        law = "long" if fault.id == "counter-wraps" else fault.law or fault.equation
        why = self._unjudged(law)
        quantity = _SHOWN.get(fault.id, "theta")
        outcome = self.outcomes.get(law)
        if why or outcome is None:
            return why
        if law != "refusal" and quantity not in outcome.quantities:
            return f"the port does not show {quantity}"
        if law == "long" and outcome.followed < _COUNTED:
            return (
                f"the counter was followed over {outcome.followed} steps: a state that shows it, "
                "or level full, goes further"
            )
        return ""

    def _unjudged(self, law: str) -> str:
        outcome = self.outcomes.get(law)
        if outcome is None or status(outcome) in {"not observable", "skipped"}:
            return f"law {law} was not observed"
        if outcome.failure is not None:
            return f"law {law} is broken"
        return ""

    def _form(self, name: str, form: Form) -> str:
        """Of a form of a fault that is a rule."""
        rows = [row for row in form.places if self.convention in row.conventions]
        if not rows:
            return f"in convention {self.convention} it makes no difference"
        seen = [outcome.seen for outcome in self.outcomes.values()]
        if not any(name in one.forms for one in seen):
            if any(name in one.excused for one in seen):
                return f"policy {self.policy} lets it pass"
            return self._unseen([(row.law, row.quantity) for row in rows])
        same = self._same(form)
        return f"indistinguishable from convention {same} in what was judged" if same else ""

    def _unseen(self, rows: list[tuple[str, str]]) -> str:
        judged = [(law, quantity) for law, quantity in rows if not self._unjudged(law)]
        if not judged:
            return next(self._unjudged(law) for law, _ in rows)
        hidden = [
            quantity for law, quantity in judged if quantity not in self.outcomes[law].quantities
        ]
        if len(hidden) == len(judged):
            return f"the port does not show {hidden[0]}"
        return "no scenario in which it shows was judged"

    def _same(self, form: Form) -> str:
        """Another convention that the fault may make of the port's own, as far as was seen."""
        if not self.auto:
            return ""
        for other in CONVENTIONS:
            pair = f"{self.convention}>{other}"
            if other != self.convention and not any(self._separated(form, pair)):
                return other
        return ""

    def _separated(self, form: Form, pair: str) -> Iterator[bool]:
        for row in form.apart:
            outcome = self.outcomes.get(row.law)
            seen = Seen() if outcome is None else outcome.seen
            if pair in row.pairs:
                yield row.quantity in seen.whole.get(row.scenario, frozenset())
