"""Exact Online's published entities: may this member be read or written, and is its value of the published type?"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from order_pipelines_tests.conformance.exchanges import Exchange

_RESOURCE = re.compile(r"/api/v1/(?:\d+/)?([a-z]+/[A-Za-z]+|current/Me)(?:\([^)]*\))?(?:/([A-Za-z]+))?")
_DATE = re.compile(r"/Date\(-?\d+\)/")
_WORDS = re.compile(r"'[^']*'|\b(?:eq|ne|gt|ge|lt|le|and|or|not|guid|datetime|true|false|null)\b")
# Members of the protocol and not of the entity.
_PROTOCOL = {"__metadata", "__deferred"}
_PARAMETERS = {"$select", "$filter", "$top", "$orderby", "$skiptoken", "$expand", "$inlinecount"}

_RANGES = {"Byte": range(256), "Int16": range(-(2**15), 2**15), "Int32": range(-(2**31), 2**31)}


class ExactEntities:
    """The file ``exact-entities.json``: resources with their members, types and whether a POST may carry them."""

    def __init__(self, specs: Path) -> None:
        document = json.loads((specs / "exact" / "exact-entities.json").read_text(encoding="utf-8"))
        self._resources: dict[str, Any] = document["resources"]

    def resource_of(self, exchange: Exchange) -> str | None:
        """Return the published resource of a call; that of the rows when the call follows a link."""
        found = _RESOURCE.fullmatch(exchange.path)
        if found is None:
            return None
        resource, link = found.groups()
        return resource if link is None else self._named(self._resources[resource]["fields"][link]["type"])

    def problems(self, exchange: Exchange) -> list[str]:
        """Return what is not published of a call or its answer."""
        resource = self.resource_of(exchange)
        if resource not in self._resources:
            return [f"{exchange}: {resource} is not published"]
        # The newest resources are published without their methods.
        methods = self._resources[resource].get("methods", [exchange.method])
        found = [] if exchange.method in methods else ["the method is not published"]
        found += self._query_problems(resource, exchange)
        if exchange.sent:
            found += self._written_problems(resource, exchange.sent_json())
        if exchange.status < 300 and exchange.body:
            for row in _rows(exchange.json()):
                found += self._row_problems(resource, row)
        return [f"{exchange}: {problem}" for problem in dict.fromkeys(found)]

    def _query_problems(self, resource: str, exchange: Exchange) -> Iterator[str]:
        fields = self._resources[resource]["fields"]
        for name, value in exchange.query:
            if name not in _PARAMETERS:
                yield f"parameter {name} is not known"
            if name in {"$select", "$filter", "$orderby"}:
                words = re.findall(r"[A-Za-z_][A-Za-z_0-9]*", _WORDS.sub(" ", value))
                yield from (f"{name}: {resource} has no {word}" for word in words if word not in fields)

    def _written_problems(self, resource: str, row: Mapping[str, Any]) -> Iterator[str]:
        for name, value in row.items():
            field = self._resources[resource]["fields"].get(name)
            if field is None:
                yield f"{resource} has no {name}"
            elif field.get("post") is False:
                yield f"{resource}.{name} cannot be written"
            elif isinstance(value, list):
                for one in value:
                    yield from self._written_problems(self._named(field["type"]), one)

    def _row_problems(self, resource: str, row: Mapping[str, Any]) -> Iterator[str]:
        fields = self._resources[resource]["fields"]
        for name, value in row.items():
            if name in _PROTOCOL:
                continue
            if name not in fields:
                yield f"{resource} has no {name}"
            elif isinstance(value, dict) and "results" not in value:
                if set(value) != {"__deferred"}:
                    yield f"{resource}.{name}: neither rows nor a link"
            elif isinstance(value, dict | list):
                for one in _rows({"d": value}):
                    yield from self._row_problems(self._named(fields[name]["type"]), one)
            elif value is not None and not _fits(fields[name]["type"], value):
                yield f"{resource}.{name}: {value!r} is no {fields[name]['type']}"

    def _named(self, kind: str) -> str:
        """Return the resource whose last part is ``kind``, as collections are typed in the file."""
        fitting = [path for path in self._resources if path.rpartition("/")[2].lower() == kind.lower()]
        return min(fitting, key=len)


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = answer["d"]
    rows: list[Mapping[str, Any]] = (
        content if isinstance(content, list) else content.get("results", [content])
    )
    return rows


def _fits(kind: str, value: Any) -> bool:
    edm = kind.removeprefix("Edm.").removeprefix("php:")
    if edm in _RANGES:
        return isinstance(value, int) and not isinstance(value, bool) and value in _RANGES[edm]
    if edm in {"Double", "float", "int"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if edm in {"Boolean", "bool"}:
        return isinstance(value, bool)
    if edm == "DateTime":
        return isinstance(value, str) and _DATE.fullmatch(value) is not None
    if edm == "Guid":
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    # OData writes 64-bit numbers as text, and everything else is text.
    return isinstance(value, str)
