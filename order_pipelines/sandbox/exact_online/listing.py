"""Reading: one row or a page of rows, with the vendor's query options and the vendor's changing envelopes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any
from urllib.parse import quote

from order_pipelines.sandbox.exact_online.edm import EntityType, Row
from order_pipelines.sandbox.exact_online.odata import parse_filter, parse_literals, write_literal
from order_pipelines.sandbox.exact_online.wire import ApiError, wire_value

PAGE_ROWS = 60

_OPTIONS = {
    "$select",
    "$filter",
    "$orderby",
    "$top",
    "$skip",
    "$skiptoken",
    "$expand",
    "$inlinecount",
    "$format",
}

Children = Callable[[str, Row], tuple[EntityType, Sequence[Row]]]
"""Given a link name and a parent row: the type and the rows of its children."""


@dataclass(frozen=True)
class Query:
    """The query options of one request, checked for names and numbers."""

    options: dict[str, str]

    @classmethod
    def read(cls, pairs: Sequence[tuple[str, str]]) -> "Query":
        """Return the options among the parameters of a request; ApiError 400 for an unknown one or a double."""
        options: dict[str, str] = {}
        for name, value in pairs:
            if not name.startswith("$"):
                continue
            if name not in _OPTIONS or name in options:
                raise ApiError(400, f"The query parameter '{name}' is not supported or appears twice.")
            options[name] = value
        return cls(options)

    def text(self, name: str) -> str | None:
        """Return an option, ``None`` where it is absent or empty."""
        return self.options.get(name) or None

    def number(self, name: str) -> int | None:
        """Return an option that must be a count; ApiError 400 where it is none."""
        value = self.text(name)
        if value is None:
            return None
        if not value.isdecimal():
            raise ApiError(400, f"Incorrect format for {name} argument '{value}'.")
        return int(value)


class Reader:
    """Writes rows of one resource as JSON for one request.

    ``root`` is the division's address, without a slash at the end; ``children`` gives the rows behind a link.
    """

    def __init__(self, entity: EntityType, root: str, query: Query, children: Children) -> None:
        self._entity = entity
        self._root = root
        self._query = query
        self._children = children
        self._expanded = [part.strip() for part in (query.text("$expand") or "").split(",") if part.strip()]
        for name in self._expanded:
            if entity.field(name).type != "Many":
                raise ApiError(400, f"The property '{name}' is no link and cannot be expanded.")
        self._selected, self._selected_below = self._read_select()

    def one(self, row: Row) -> dict[str, Any]:
        """Return the envelope of a single row."""
        return {"d": self._row(row)}

    def page(self, rows: Sequence[Row], address: str | None = None) -> dict[str, Any]:
        """Return the envelope of one page of those ``rows`` that the query asks for.

        ``address`` is where the list was asked for, if not at its own resource.

        At most 60 rows. With ``$top`` of 60 or less and no ``$skiptoken`` the envelope is a bare list; otherwise
        it has ``results`` and, when more follows, ``__next`` with ``$top`` less the rows already given.
        """
        filter_text = self._query.text("$filter")
        if filter_text:
            wanted, _ = parse_filter(filter_text, self._entity)
            rows = [row for row in rows if wanted(row)]
        total = len(rows)
        order = self._order()
        compare = _comparer(order)
        place = cmp_to_key(compare)
        rows = sorted(rows, key=lambda row: place(_values(order, row)))
        skiptoken = self._query.text("$skiptoken")
        if skiptoken:
            after = parse_literals(skiptoken)
            if len(after) != len(order):
                raise ApiError(400, "The $skiptoken does not fit the order of this request.")
            rows = [row for row in rows if compare(_values(order, row), after) > 0]
        rows = rows[self._query.number("$skip") or 0 :]
        top = self._query.number("$top")
        asked = len(rows) if top is None else min(top, len(rows))
        given = rows[: min(asked, PAGE_ROWS)]
        results = [self._row(row) for row in given]
        counted = self._query.text("$inlinecount")
        if counted not in {None, "none", "allpages"}:
            raise ApiError(400, f"Unknown $inlinecount option '{counted}'.")
        if top is not None and top <= PAGE_ROWS and not skiptoken and counted != "allpages":
            return {"d": results}
        envelope: dict[str, Any] = {"results": results}
        if counted == "allpages":
            envelope["__count"] = str(total)
        if asked > len(given):
            left = None if top is None else top - len(given)
            start = address or f"{self._root}/{self._entity.path}"
            envelope["__next"] = f"{start}?{self._next_query(left, order, given[-1])}"
        return {"d": envelope}

    def _order(self) -> list[tuple[str, bool]]:
        """Return (property, descending) pairs that end with the key, so that the order is total."""
        order: list[tuple[str, bool]] = []
        for part in (self._query.text("$orderby") or "").split(","):
            words = part.split()
            if not words:
                continue
            if len(words) > 2 or (len(words) == 2 and words[1] not in {"asc", "desc"}):
                raise ApiError(400, f"Syntax error in $orderby: '{part.strip()}'.")
            if self._entity.field(words[0]).type == "Many":
                raise ApiError(400, f"The property '{words[0]}' cannot be used in $orderby.")
            order.append((words[0], words[-1] == "desc"))
        if self._entity.key not in [name for name, _ in order]:
            order.append((self._entity.key, False))
        return order

    def _next_query(self, top: int | None, order: list[tuple[str, bool]], last: Row) -> str:
        options = {
            name: value
            for name, value in self._query.options.items()
            if name not in {"$top", "$skip", "$skiptoken"} and value
        }
        if top is not None:
            options["$top"] = str(top)
        options["$skiptoken"] = ",".join(
            write_literal(last[name], self._entity.field(name).type) for name, _ in order
        )
        return "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in options.items())

    def _read_select(self) -> tuple[list[str], dict[str, list[str]]]:
        """Return the properties asked for and, per link, those asked for below it (``Lines/AmountFC``)."""
        chosen: list[str] = []
        below: dict[str, list[str]] = {}
        for part in (self._query.text("$select") or "*").split(","):
            name, _, child = part.strip().partition("/")
            if name == "*":
                chosen.extend(self._entity.fields)
                continue
            if self._entity.field(name).type == "Many" and child:
                below.setdefault(name, []).append(child)
            chosen.append(name)
        return chosen, below

    def _row(self, row: Row) -> dict[str, Any]:
        uri = f"{self._root}/{self._entity.path}({_key_text(self._entity, row)})"
        shown: dict[str, Any] = {"__metadata": {"uri": uri, "type": self._entity.name}}
        chosen = set(self._selected)
        for name, field in self._entity.fields.items():
            if name not in chosen:
                continue
            if field.type != "Many":
                shown[name] = wire_value(row[name], field.type)
            elif name in self._expanded:
                shown[name] = {"results": self._child_rows(name, row)}
            else:
                shown[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
        return shown

    def _child_rows(self, link: str, row: Row) -> list[dict[str, Any]]:
        entity, rows = self._children(link, row)
        below = self._selected_below.get(link)
        query = Query({"$select": ",".join(below)} if below else {})
        reader = Reader(entity, self._root, query, self._children)
        return [reader._row(child) for child in rows]


_UNQUOTED = "$,'()"


def _key_text(entity: EntityType, row: Row) -> str:
    return write_literal(row[entity.key], entity.fields[entity.key].type)


def _values(order: list[tuple[str, bool]], row: Row) -> list[Any]:
    return [row[name] for name, _ in order]


def _comparer(order: list[tuple[str, bool]]) -> Callable[[list[Any], list[Any]], int]:
    def compare(one: list[Any], other: list[Any]) -> int:
        for (_, descending), left, right in zip(order, one, other, strict=True):
            difference = _difference(left, right)
            if difference:
                return -difference if descending else difference
        return 0

    return compare


def _difference(left: Any, right: Any) -> int:
    """Return -1, 0 or 1; null comes first, as in the vendor's database."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if not _comparable(left, right):
        raise ApiError(400, "The $skiptoken does not fit the order of this request.")
    return 1 if left > right else -1 if left < right else 0


def _comparable(left: Any, right: Any) -> bool:
    numbers = (int, Decimal)
    for kinds in (numbers, str, datetime):
        if isinstance(left, kinds):
            return isinstance(right, kinds)
    return False
