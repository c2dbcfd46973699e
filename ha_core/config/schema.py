"""JSON Schema of the configuration file, for editors, made from the parser's own tables.

Source: JSON Schema, draft 2020-12.
"""

from typing import Final

from ha_core.config import keys, shapes
from ha_core.config.kinds import Kind

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, object]:
    """Return the schema of a whole configuration file."""
    head: dict[str, object] = {"$schema": DRAFT, "title": "Beatkeeper cluster configuration"}
    named = {shape.name: _object(shape) for shape in keys.NAMED}
    return head | _schema(keys.CONFIGURATION) | {"$defs": named}


def _object(shape: shapes.Object) -> dict[str, object]:
    found: dict[str, object] = {
        "type": "object" if shape.needed() else ["object", "null"],
        "properties": {name: _key(key) for name, key in shape.keys.items()},
        "additionalProperties": False,
    }
    return {**found, "required": list(shape.needed())} if shape.needed() else found


def _schema(shape: shapes.Shape) -> dict[str, object]:
    match shape:
        case Kind():
            return dict(shape.schema)
        case shapes.Object(name=""):
            return _object(shape)
        case shapes.Object(name=name):
            return {"$ref": f"#/$defs/{name}"}
        case shapes.MapOf():
            return {
                "type": ["object", "null"],
                "propertyNames": dict(shape.name.schema),
                "additionalProperties": _schema(shape.value),
            }
        case shapes.ListOf():
            one = _schema(shape.value)
            return {"anyOf": [{"type": "array", "items": one}, one, {"type": "null"}]}
        case shapes.Either():
            return {"anyOf": [dict(shape.short.schema), _schema(shape.long)]}
        case shapes.Names():
            return _names(shape)
        case shapes.OneOf():
            return {"oneOf": [_schema(item) for item in shape.choices.values()]}


def _names(shape: shapes.Names) -> dict[str, object]:
    """Return the schema of names; a single one needs no list where one is enough."""
    several = {"type": "array", "items": dict(shape.name.schema), "minItems": shape.least}
    ways = [several] if shape.least > 1 else [several, dict(shape.name.schema)]
    if shape.value is not None:
        valued = {
            "type": "object",
            "additionalProperties": _schema(shape.value),
            "minProperties": shape.least,
        }
        ways.append(valued)
    return {"anyOf": ways}


def _key(key: shapes.Key) -> dict[str, object]:
    """Return a key's schema with the words that an editor shows beside it."""
    words = key.meaning
    if isinstance(key.shape, Kind):
        words += f" Allowed: {key.shape.allowed}."
    if key.default:
        words += f" Default: {key.default}."
    return {**_schema(key.shape), "description": words}
