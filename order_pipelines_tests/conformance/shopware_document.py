"""Shopware's published description, mended by rules where it is wrong everywhere in the same way.

The file is made from the definitions of entities and tells how they are written. Each rule says what is different in
what is read; `test_shopware_stand_in.py` shows for each a real answer that the published text refuses.
"""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from order_pipelines_tests.conformance.kit import Document
from order_pipelines_tests.conformance.spec import KnownError, Specification

Schema = dict[str, Any]
_LISTS = {"calculatedTaxes", "taxRules"}
_FREE_OBJECT: Schema = {"anyOf": [{"type": "object"}, {"type": "array", "maxItems": 0}]}
_RESOURCE: Schema = {
    "type": "object",
    "required": ["id", "type", "attributes", "links", "relationships", "meta"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "type": {"type": "string", "minLength": 1},
        "links": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
        "relationships": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["data", "links"],
                "properties": {
                    "data": {
                        "anyOf": [
                            {"type": "null"},
                            {"$ref": "#/components/schemas/linkage"},
                            {"type": "array", "items": {"$ref": "#/components/schemas/linkage"}},
                        ]
                    },
                    "links": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
                },
            },
        },
        "meta": {"type": "null"},
    },
}


@dataclass(frozen=True)
class Rule:
    """What is wrong at every entity.

    Args:
        name: for people.
        reason: what shows it.
        mend: changes the document.
        evidence: (operation, status, sample) as of a known error.
    """

    name: str
    reason: str
    mend: Callable[[Schema], None]
    evidence: tuple[str, int, str]


def _entities(document: Schema) -> Iterator[Schema]:
    """Yield the schemas that stand for rows: those with the time at which one was made."""
    for schema in document["components"]["schemas"].values():
        if "createdAt" in schema.get("properties", {}):
            yield schema


def _objects(schema: Schema) -> Iterator[Schema]:
    """Yield the objects with members inside the members of a schema."""
    for member in schema.get("properties", {}).values():
        if "properties" in member:
            yield member
            yield from _objects(member)
        if "properties" in member.get("items", {}):
            yield member["items"]
            yield from _objects(member["items"])


def _drop_required(document: Schema) -> None:
    for entity in _entities(document):
        entity.pop("required", None)


def _allow_null(document: Schema) -> None:
    for entity in _entities(document):
        for owner in (entity, *_objects(entity)):
            for member in owner["properties"].values():
                member["nullable"] = True


def _name_kinds(document: Schema) -> None:
    price = document["components"]["schemas"]["Price"]
    for owner in (price, *_entities(document)):
        for one in (owner, *_objects(owner)):
            one["properties"]["apiAlias"] = {"type": "string", "minLength": 1}
            one["properties"].setdefault("extensions", {})
            one["properties"]["extensions"] = dict(_FREE_OBJECT)
    for entity in _entities(document):
        entity["properties"].setdefault("translated", {"type": "object"})


def _list_taxes(document: Schema) -> None:
    for entity in _entities(document):
        for owner in _objects(entity):
            for name in _LISTS & set(owner["properties"]):
                owner["properties"][name] = {"type": "array", "items": {"type": "object"}}


def _resources(document: Schema) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            if set(content) == {"application/vnd.api+json", "application/json"}:
                data = content["application/json"]["schema"]["properties"]["data"]
                is_list = data.get("type") == "array"
                entity = data["items"] if is_list else data
                content["application/vnd.api+json"]["schema"] = _json_api(entity, is_list=is_list)


def _json_api(entity: Schema, *, is_list: bool) -> Schema:
    own: Schema = json.loads(json.dumps(_RESOURCE))
    own["properties"]["attributes"] = entity
    # What is included may be of any kind.
    other: Schema = json.loads(json.dumps(_RESOURCE))
    other["properties"]["attributes"] = {"type": "object"}
    members: Schema = {
        "data": {"type": "array", "items": own} if is_list else own,
        "included": {"type": "array", "items": other},
    }
    if is_list:
        members |= {
            "links": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
            "meta": {"type": "object"},
            "aggregations": {"type": "array"},
        }
    return {"type": "object", "required": sorted(members), "properties": members}


def _aggregations(document: Schema) -> None:
    for path, operations in document["paths"].items():
        if path.startswith("/search/"):
            content = operations["post"]["responses"]["200"]["content"]
            content["application/json"]["schema"]["properties"]["aggregations"] = {"type": "array"}


_FOUND = ("POST /api/search/order", 200, "shopware/search_order_gross_paid.json")
RULES = (
    Rule(
        "what is required",
        "the lists of required members are those of creation; of what is read, and of a change, nothing is required",
        _drop_required,
        _FOUND,
    ),
    Rule("null", "no member is marked as nullable; what is not asked for is null", _allow_null, _FOUND),
    Rule(
        "names of kinds",
        "every object tells its kind and has a place for extensions, every translated one its translations",
        _name_kinds,
        _FOUND,
    ),
    Rule("lists of taxes", "they are typed as objects and come as lists", _list_taxes, _FOUND),
    Rule(
        "aggregations",
        "the answer of a search has a place for them",
        _aggregations,
        _FOUND,
    ),
    Rule(
        "resources",
        "of JSON:API the members of a row stand under attributes, where the text has them beside id and type",
        _resources,
        ("POST /api/search/order", 200, "shopware/search_order_jsonapi_default_accept.json"),
    ),
)


@dataclass(frozen=True)
class AdminApi(Document):
    """The description of the Admin API, mended by ``rules`` and then at single places."""

    rules: tuple[Rule, ...] = RULES

    def read(self, specs: Path, known_errors: Sequence[KnownError] | None = None) -> Specification:
        errors = self.known_errors if known_errors is None else known_errors
        assert isinstance(self.source, str)
        document = json.loads(_text(specs / self.source))
        for rule in self.rules:
            rule.mend(document)
        return Specification(document, errors, base_path=self.base_path, name=self.label)


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
