"""What each law demands, in a sentence or a formula."""

from collections.abc import Mapping

from asgd.spec import EQUATIONS, EquationName

LAWS: Mapping[str, str] = {
    "window": "every step of a longer run follows E1 to E6: as the averaging window opens, as "
    "parameters skip steps or come late, as hyperparameters change",
    "long": "a run of many steps follows E1 to E6 to its end",
    "sizes": "arrays of every size follow E1 to E6, from no element to many blocks",
    "layouts": "arrays of every shape, and wherever they lie in memory, follow E1 to E6",
    "added": "a group that is added later follows E1 to E6 from its own first step",
    "special": "inf and nan stay in their own element",
    "resume": "after save and load a run goes on bit for bit as if it had not been interrupted",
    "repeat": "a new optimizer starts afresh: the same calls give the same numbers",
    "twins": "two optimizers do not affect each other",
    "gradients": "the caller's gradients are never modified",
    "refusal": "open refuses a hyperparameter outside its domain",
}
"""What a law of the lifecycle demands, by its name."""


def should(equation: EquationName, law: str = "") -> str:
    """What an equation says, or what a law of the lifecycle demands."""
    if law in LAWS:
        return LAWS[law]
    formula, _, _ = EQUATIONS[equation].text.partition("\n\n")
    # Of the formula the right side: the left one names the function and its parameters.
    lines = [line.strip() for line in formula.splitlines()]
    return (
        " ".join(lines).partition(" = ")[2]
        if " = " in lines[0]
        else "E1 to E5 in this order, with the step count of the parameter and its group's values"
    )
