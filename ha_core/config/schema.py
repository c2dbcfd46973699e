"""JSON Schema of the configuration file, for editors, made from the parser's own tables.

Source: JSON Schema, draft 2020-12.
"""

from ha_core.config import keys
from ha_core.config.kinds import Kind

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, object]:
    """Return the schema of a whole configuration file."""
    head: dict[str, object] = {"$schema": _DRAFT, "title": "Beatkeeper cluster configuration"}
    return head | _schema(keys.CONFIGURATION)


def _schema(shape: keys.Shape) -> dict[str, object]:
    match shape:
        case Kind():
            return {**shape.schema, "description": f"Allowed: {shape.allowed}."}
        case keys.Object():
            found: dict[str, object] = {
                "type": "object",
                "properties": {key: _schema(value) for key, value in shape.keys.items()},
                "additionalProperties": False,
            }
            return {**found, "required": list(shape.needed)} if shape.needed else found
        case keys.MapOf():
            return {"type": ["object", "null"], "additionalProperties": _schema(shape.value)}
        case keys.ListOf():
            one = _schema(shape.value)
            return {"anyOf": [{"type": "array", "items": one}, one]}
        case keys.OneOf():
            choices = [
                {**_schema(item), "required": [name, *(n for n in item.needed if n != name)]}
                for name, item in shape.choices.items()
            ]
            return {"oneOf": choices}
