"""The report as JSON, and the JSON Schema of it (``spec/report.schema.json``)."""

import dataclasses
import json
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .model import SCHEMA, Report


def document(value: Any) -> Any:
    """A value of the model in terms of JSON."""
    if dataclasses.is_dataclass(value):
        return {f.name: document(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: document(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [document(entry) for entry in value]
    return value


def to_json(report: Report) -> str:
    """The report as a JSON document."""
    content = document(report)
    first = {key: content.pop(key) for key in ("schema", "verdict", "headline")}
    return json.dumps({**first, **content}, indent=2, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema of the report, generated from its types."""
    definitions: dict[str, Any] = {}
    top = _schema_of(Report, definitions)
    body = definitions.pop(top["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Report of asgd verify ({SCHEMA})",
        **body,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """JSON Schema of the report, as its file."""
    return json.dumps(schema(), indent=2) + "\n"


_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _schema_of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, parts = get_origin(kind), get_args(kind)
    found: dict[str, Any]
    if origin is Annotated:
        base, *rules = parts
        found = {**_schema_of(base, definitions), **{rule.name: rule.value for rule in rules}}
    elif origin is Literal:
        found = {"const": parts[0]} if len(parts) == 1 else {"enum": list(parts)}
    elif origin in {Union, types.UnionType}:
        found = {"anyOf": [_schema_of(part, definitions) for part in parts]}
    elif origin is tuple:
        found = {"type": "array", "items": _schema_of(parts[0], definitions)}
    elif dataclasses.is_dataclass(kind):
        found = _object(kind, definitions)
    elif origin is not None:  # a mapping of strings
        found = {"type": "object", "additionalProperties": _schema_of(parts[1], definitions)}
    else:
        found = {} if kind is Any else {"type": _NAMES[kind]}
    return found


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        hints = get_type_hints(kind, include_extras=True)
        fields = [field.name for field in dataclasses.fields(kind)]
        definitions[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").splitlines()[0],
            "required": fields,
            "properties": {key: _schema_of(hints[key], definitions) for key in fields},
        }
    return {"$ref": f"#/$defs/{name}"}
