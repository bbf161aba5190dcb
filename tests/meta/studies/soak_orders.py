"""Long search for a false alarm: correct ports in all orders of evaluation, seed after seed.

    python tests/meta/studies/soak_orders.py --seeds 1000 --from 0

A seed draws one scenario of each law, from the strategies that `asgd verify` draws from; every
order of ``orders.py`` runs it in each convention and dtype. Exits with 1 where a correct port was
refused, or a number stayed undecided.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from evaluation_orders import ORDERS, OrderPort

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.law import Law, missing, worst
from asgd.tests.laws.outcome import Subject
from asgd.tests.laws.search import strategy
from asgd.tests.ports.protocol import DTYPES, greet
from asgd.tests.ports.scenario import Scenario, Step
from asgd.tests.scenarios.drawing import sample

_REPORT_EVERY = 10
"""Seeds between two lines of progress."""


@dataclass
class Tally:
    """What was covered, and what was found.

    Attributes
    ----------
    scenarios, elements, judged : int
        Runs of a scenario; steps of single elements in them; numbers judged.
    undecided : int
        Numbers whose exact value stayed undecided.
    largest : dict
        Largest error of a number that passed, in bounds, and where that was; by law.
    alarms : list of str
        Correct ports that were refused, and why.
    """

    scenarios: int = 0
    elements: int = 0
    judged: int = 0
    undecided: int = 0
    largest: dict[str, tuple[float, str]] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The tally in a line."""
        largest = max((error for error, _ in self.largest.values()), default=0.0)
        return (
            f"{self.scenarios} scenarios, {self.elements} element-steps, {self.judged} numbers: "
            f"{len(self.alarms)} false alarms, {self.undecided} undecided, "
            f"largest error {largest:.3f} bounds"
        )


def drawn(law: Law, supports: frozenset[str], seed: int) -> Scenario:
    """Scenario that the seed draws; both dtypes run it, as its numbers are float32 ones."""
    return sample(strategy(law.drawn, DTYPES[0], supports), count=1, seed=seed)[0]


@cache
def subjects() -> tuple[tuple[str, Subject], ...]:
    """Every order in every convention and dtype, by a name."""
    made = []
    for (name, order), rule, dtype in product(ORDERS.items(), CONVENTIONS.values(), DTYPES):
        port = OrderPort(order, rule.name)
        subject = Subject(port, greet(port), dtype, rule, POLICIES["native"])
        made.append((f"{name}, {rule.name}, {dtype}", subject))
    return tuple(made)


def _elements(scenario: Scenario) -> int:
    """Steps of single elements in a scenario."""
    steps = [event for event in scenario.events if isinstance(event, Step)]
    return sum(len(grad) for step in steps for grad in step.grads if grad is not None)


def _runs(seed: int) -> Iterator[tuple[str, Subject, Law, Scenario]]:
    """What a seed puts through what."""
    for law in LAWS.values():
        scenarios: dict[frozenset[str], Scenario] = {}
        for name, subject in subjects():
            supports = subject.hello.supports
            if missing(law, subject.hello):
                continue
            if supports not in scenarios:
                scenarios[supports] = drawn(law, supports, seed)
            yield name, subject, law, scenarios[supports]


def soak(seed: int, tally: Tally) -> None:
    """Hold every order, in every convention and dtype, to what ``seed`` draws for each law."""
    for name, subject, law, scenario in _runs(seed):
        trace = subject.trace(scenario)
        failure, counts = worst(law.check(scenario, trace, subject.rule))
        tally.scenarios += 1
        tally.elements += _elements(scenario)
        tally.judged += counts["judged"]
        tally.undecided += counts["undecided"]
        found = (counts["largest"], f"{name}, seed {seed}")
        tally.largest[law.key] = max(tally.largest.get(law.key, (0.0, "")), found)
        if failure is not None:
            tally.alarms.append(f"{law.key}, {name}, seed {seed}: {failure}\n  in {scenario}")


def main(first: int, count: int) -> bool:
    """Run the seeds, say how far it is, and end with the tally."""
    tally, start = Tally(), time.monotonic()
    for done, seed in enumerate(range(first, first + count), 1):
        known = len(tally.alarms)
        soak(seed, tally)
        for alarm in tally.alarms[known:]:
            print(f"FALSE ALARM: {alarm}", flush=True)
        if done % _REPORT_EVERY == 0 or done == count:
            seconds = time.monotonic() - start
            print(f"{done} of {count} seeds in {seconds:.0f} s: {tally.line()}", flush=True)
    for law, (error, where) in tally.largest.items():
        print(f"{law}: largest error {error:.3f} bounds ({where})")
    print(
        f"seeds {first} to {first + count - 1}, {len(ORDERS)} orders, {len(CONVENTIONS)} "
        f"conventions, {len(DTYPES)} dtypes: {tally.line()}"
    )
    return not tally.alarms and not tally.undecided


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    given = parser.parse_args()
    sys.exit(not main(given.first, given.seeds))
