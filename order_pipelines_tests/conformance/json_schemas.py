"""Schemas of OpenAPI as JSON Schema, and the formats that are checked.

Stricter than OpenAPI in one thing: a member that the document does not name is a mistake. A stand-in must not promise
what the platform never sends, nor we send what it does not know.
"""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import FormatChecker

ADDRESS = "urn:published"
"""Where the definitions of a document are known to its schemas."""

FORMATS = FormatChecker(formats=())
_INT32 = range(-(2**31), 2**31)
_PLACES = ("#/components/schemas/", "#/definitions/")
_NAMED_SCHEMAS = {"properties", "patternProperties"}
_NO_SCHEMAS = {"enum", "required", "default", "const"}
_LEFT_OUT = {"nullable", "x-nullable", "example", "examples", "discriminator", "xml", "externalDocs"}


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or value in _INT32


def definitions(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document's named schemas twice: closed, and open for those that are built on them."""
    return {
        "closed": {name: converted(schema) for name, schema in schemas.items()},
        "open": {name: converted(schema, is_closed=False) for name, schema in schemas.items()},
    }


def converted(schema: Any, *, is_closed: bool = True) -> Any:
    """Return a schema as JSON Schema: ``nullable`` becomes a type, and unnamed members are refused.

    Args:
        schema: of OpenAPI 3.0, 3.1 or Swagger 2.0.
        is_closed: false for a part of a whole (``allOf``), which cannot know the members of the other parts.
    """
    if not isinstance(schema, dict):
        return schema
    has_members = "properties" in schema
    is_built = "allOf" in schema or (has_members and ("anyOf" in schema or "oneOf" in schema))
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _LEFT_OUT:
            continue
        if word == "$ref":
            made[word] = _address(value, is_closed=is_closed)
        elif word in _NAMED_SCHEMAS:
            made[word] = {member: converted(one) for member, one in value.items()}
        elif word == "allOf":
            made[word] = [converted(one, is_closed=False) for one in value]
        elif word in {"anyOf", "oneOf"}:
            made[word] = [converted(one, is_closed=is_closed and not is_built) for one in value]
        elif word in _NO_SCHEMAS or not isinstance(value, dict | list):
            made[word] = value
        else:
            made[word] = [converted(one) for one in value] if isinstance(value, list) else converted(value)
    _write_bounds_as_numbers(made)
    if is_closed and is_built:
        made.setdefault("unevaluatedProperties", False)
    elif is_closed and has_members:
        made.setdefault("additionalProperties", False)
    if schema.get("nullable") or schema.get("x-nullable"):
        return {"anyOf": [made, {"type": "null"}]}
    return made


def _address(reference: str, *, is_closed: bool) -> str:
    for place in _PLACES:
        if reference.startswith(place):
            return f"{ADDRESS}#/{'closed' if is_closed else 'open'}/{reference.removeprefix(place)}"
    raise ValueError(f"{reference} lies outside the named schemas, which are all that is read")


def _write_bounds_as_numbers(schema: dict[str, Any]) -> None:
    """OpenAPI 3.0 says of a bound that it is exclusive; JSON Schema has a bound of its own for that."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(exclusive) is True and bound in schema:
            schema[exclusive] = schema.pop(bound)
        elif isinstance(schema.get(exclusive), bool):
            del schema[exclusive]
