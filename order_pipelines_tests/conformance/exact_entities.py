"""Exact Online's published entities: may this member be read or written, and is its value of the published type?"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from order_pipelines_tests.conformance.exchanges import Exchange

_CALL = re.compile(r"/api/v1/(?:\d+/)?([a-z]+/[A-Za-z]+|current/Me)(\([^)]*\))?(?:/([A-Za-z]+))?")
_DATE = re.compile(r"/Date\(-?\d+\)/")
_WORDS = re.compile(
    r"'[^']*'|\b(?:eq|ne|gt|ge|lt|le|and|or|not|guid|datetime|true|false|null|asc|desc|substringof|startswith|trim)\b"
)
# Members of the protocol and not of the entity.
_PROTOCOL = {"__metadata", "__deferred"}
_PARAMETERS = {"$select", "$filter", "$top", "$skip", "$orderby", "$skiptoken", "$expand", "$inlinecount"}
# Of the paths in use; the file lists methods and not which of them need a key.
_NEED_A_KEY = {"PUT", "DELETE"}

_RANGES = {"Byte": range(256), "Int16": range(-(2**15), 2**15), "Int32": range(-(2**31), 2**31)}


@dataclass(frozen=True)
class NewMember:
    """A member that the published file does not have and real answers do; an answer among the samples shows it."""

    resource: str
    member: str
    type: str
    sample: str


class ExactEntities:
    """The file ``exact-entities.json``: resources with their members, types and whether a POST may carry them."""

    def __init__(self, document: Path, newer: tuple[NewMember, ...] = ()) -> None:
        self._resources: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))["resources"]
        for one in newer:
            self._resources[one.resource]["fields"].setdefault(one.member, {"type": one.type})

    def operation_of(self, exchange: Exchange) -> str | None:
        """Return a call as method and resource, with ``({key})`` and the link where it has them."""
        found = _CALL.fullmatch(exchange.path)
        if found is None or found[1] not in self._resources:
            return None
        resource, key, link = found.groups()
        if link is not None and link not in self._resources[resource]["fields"]:
            return None
        # The newest resources are published without their methods.
        if exchange.method not in self._resources[resource].get("methods", ["GET", "POST", "PUT", "DELETE"]):
            return None
        if (exchange.method in _NEED_A_KEY) != (key is not None) and exchange.method != "GET":
            return None
        return f"{exchange.method} {resource}{'({key})' if key else ''}{f'/{link}' if link else ''}"

    def request_problems(self, exchange: Exchange) -> list[str]:
        """Return what is not published of a request."""
        if self.operation_of(exchange) is None:
            return ["no such operation is published"]
        found = []
        if "application/json" not in exchange.accepted:
            found.append("JSON is not asked for")
        resource = self._rows_resource(exchange)
        found += self._query_problems(resource, exchange)
        if exchange.method in {"POST", "PUT"}:
            if exchange.sent_media_type != "application/json":
                found.append(f"{exchange.sent_media_type} was sent, application/json is known")
            else:
                found += self._body_problems(resource, exchange)
        return list(dict.fromkeys(found))

    def rows_problems(self, exchange: Exchange) -> list[str]:
        """Return what is not published of the rows in an answer."""
        resource = self._rows_resource(exchange)
        answer = exchange.json()
        if not isinstance(answer, dict) or list(answer) != ["d"]:
            return ["the answer is not wrapped in d"]
        found = [problem for row in _rows(answer) for problem in self._row_problems(resource, row)]
        return list(dict.fromkeys(found))

    def _rows_resource(self, exchange: Exchange) -> str:
        found = _CALL.fullmatch(exchange.path)
        assert found is not None
        resource, _, link = found.groups()
        return resource if link is None else self._named(self._resources[resource]["fields"][link]["type"])

    def _query_problems(self, resource: str, exchange: Exchange) -> Iterator[str]:
        fields = self._resources[resource]["fields"]
        for name, value in exchange.query:
            if name not in _PARAMETERS:
                yield f"parameter {name} is not known"
            if name in {"$top", "$skip"} and not value.isdecimal():
                yield f"parameter {name}: {value} is no number"
            if name in {"$select", "$filter", "$orderby"}:
                words = re.findall(r"[A-Za-z_][A-Za-z_0-9]*", _WORDS.sub(" ", value))
                yield from (f"{name}: {resource} has no {word}" for word in words if word not in fields)

    def _body_problems(self, resource: str, exchange: Exchange) -> Iterator[str]:
        try:
            row = exchange.sent_json()
        except ValueError:
            row = None
        if not isinstance(row, dict):
            yield "the body is no JSON object"
            return
        yield from self._written_problems(resource, row)

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
