"""Types of the report's fields, with what the JSON Schema says of them beside the type."""

from typing import Annotated, Any, Literal, NamedTuple


class Rule(NamedTuple):
    """What the JSON Schema says of a value, beside its type."""

    name: str
    value: Any


Hex = Annotated[str, Rule("pattern", r"^(-?0x[01]\.[0-9a-f]+p[+-][0-9]+|-?inf|nan)$")]
Count = Annotated[int, Rule("minimum", 0)]
Size = Annotated[float, Rule("minimum", 0)]
Dtype = Literal["float32", "float64"]
EquationId = Annotated[str, Rule("pattern", "^E[0-9]+$")]
