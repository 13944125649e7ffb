"""Criteria: what a search asks for, checked as Shopware checks it, and the rows that fit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware.http import Problem
from order_pipelines.sandbox.shopware.schema import ENTITIES, LIVE_VERSION, Entity
from order_pipelines.sandbox.shopware.store import Row, Store

MAX_LIMIT = 500
_DEFAULT_LIMIT = 100
_PAGES_LOOKED_AHEAD = 6
_INHERITED = ("name", "description", "price", "taxId")
_RANGES: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda left, right: bool(left > right),
    "gte": lambda left, right: bool(left >= right),
    "lt": lambda left, right: bool(left < right),
    "lte": lambda left, right: bool(left <= right),
}
_WORDS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "prefix": lambda text, part: text.startswith(part),
    "suffix": lambda text, part: text.endswith(part),
}
Test = Callable[[Row], bool]


@dataclass
class Criteria:
    """What one search, or one association of it, asks for."""

    entity: Entity
    page: int = 1
    limit: int | None = None
    tests: list[Test] = field(default_factory=list)
    sorts: list[tuple[str, bool]] = field(default_factory=list)
    associations: dict[str, "Criteria"] = field(default_factory=dict)
    includes: dict[str, list[str]] = field(default_factory=dict)
    ids: list[str] | None = None
    total_count_mode: int = 0


@dataclass
class Found:
    """The rows of one page and the number that is told with them."""

    rows: list[Row]
    total: int


class Reader:
    """Reads criteria over one shop's rows, in one version, variants with or without what their parent leaves them."""

    def __init__(self, store: Store, version: str = LIVE_VERSION, *, inherits: bool = False) -> None:
        self._store = store
        self._version = version
        self._inherits = inherits

    def shown(self, entity: Entity, row: Row) -> Row:
        """Return a row as it is shown: a variant with what it leaves to its parent, where that was asked for."""
        parent = self._store.get("product", row["parentId"]) if entity.name == "product" else None
        if parent is None or not self._inherits:
            return row
        return row | {name: parent[name] for name in _INHERITED if row[name] is None}

    def read(self, entity: Entity, body: dict[str, Any], *, is_nested: bool = False) -> Criteria:
        """Read the body of a search.

        Raises:
            Problem: 400, a member is wrong; the text says which.
        """
        ids = body.get("ids")
        if isinstance(ids, str):
            ids = ids.split("|")
        criteria = Criteria(
            entity,
            page=_whole(body.get("page", 1), "page", "FRAMEWORK__INVALID_PAGE_QUERY") or 1,
            limit=self._limit(body.get("limit"), is_nested=is_nested),
            tests=[
                self._test(entity, one) for one in (*_filters(body, "filter"), *_filters(body, "post-filter"))
            ],
            sorts=[self._sort(entity, one) for one in _sorts(body)],
            includes=dict(body.get("includes") or {}),
            ids=None if ids is None else [str(one) for one in ids],
            total_count_mode=_mode(body.get("total-count-mode", 0)),
        )
        if body.get("term"):
            criteria.tests.append(self._term(entity, str(body["term"])))
        for name, nested in (body.get("associations") or {}).items():
            self._associate(criteria, name, nested or {})
        return criteria

    def find(self, criteria: Criteria) -> Found:
        """Return the page that fits; with ids the limit does not count."""
        rows = self.ordered(criteria, self._store.rows(criteria.entity.name, self._version))
        if criteria.ids is not None:
            wanted = set(criteria.ids)
            rows = [row for row in rows if row["id"] in wanted]
            return Found(rows, len(rows))
        limit = criteria.limit or _DEFAULT_LIMIT
        start = (criteria.page - 1) * limit
        page = rows[start : start + limit]
        if criteria.total_count_mode == 1:
            return Found(page, len(rows))
        if criteria.total_count_mode == 2:
            return Found(page, len(rows[start : start + limit * _PAGES_LOOKED_AHEAD + 1]))
        return Found(page, len(page))

    def ordered(self, criteria: Criteria, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that fit, sorted; without a sort by id, which is by chance."""
        found = [row for row in rows if all(test(row) for test in criteria.tests)]
        found.sort(key=lambda row: str(row["id"]))
        for path, is_descending in reversed(criteria.sorts):
            found.sort(
                key=lambda row, path=path: _sortable(self.values(criteria.entity, row, path)),  # type: ignore[misc]
                reverse=is_descending,
            )
        return found

    def related(self, criteria: Criteria, row: Row, name: str) -> list[Row]:
        """Return what an association of a row leads to, as its own criteria want it."""
        nested = criteria.associations[name]
        rows = self._store.related(criteria.entity, row, name, self._version)
        if not criteria.entity.associations[name].is_list:
            return rows
        found = (
            self.ordered(nested, rows)
            if nested.sorts
            else [one for one in rows if all(test(one) for test in nested.tests)]
        )
        if nested.limit is not None:
            start = (nested.page - 1) * nested.limit
            found = found[start : start + nested.limit]
        return found

    def values(self, entity: Entity, row: Row, path: str) -> list[Any]:
        """Return what a dotted path leads to from a row; over lists all of it.

        Raises:
            Problem: 400, an entity on the way has no such member.
        """
        name, _, rest = path.removeprefix(f"{entity.name}.").partition(".")
        if name in entity.associations:
            association = entity.associations[name]
            target = ENTITIES[association.entity]
            rows = self._store.related(entity, row, name, self._version)
            return [value for one in rows for value in self.values(target, one, rest or "id")] or [None]
        if name not in entity.fields:
            raise _unmapped(entity, name)
        value = row.get(name)
        for step in rest.split(".") if rest else ():
            value = value.get(step) if isinstance(value, dict) else None
        return [value]

    def _check_path(self, entity: Entity, path: object) -> str:
        """Refuse a path that leads nowhere, also where no row is looked at."""
        if not isinstance(path, str) or not path:
            raise Problem(400, "FRAMEWORK__INVALID_FILTER_QUERY", 'Parameter "field" for filter is missing.')
        here, rest = entity, path.removeprefix(f"{entity.name}.")
        while rest:
            name, _, rest = rest.partition(".")
            if name in here.associations:
                here = ENTITIES[here.associations[name].entity]
            elif name in here.fields:
                return path
            else:
                raise _unmapped(here, name)
        return path

    def _limit(self, value: Any, *, is_nested: bool) -> int | None:
        if value is None:
            return None
        limit = _whole(value, "limit", "FRAMEWORK__INVALID_LIMIT_QUERY")
        if limit is not None and limit > MAX_LIMIT and not is_nested:
            raise Problem(
                400,
                "FRAMEWORK__QUERY_LIMIT_EXCEEDED",
                f"The limit must be lower than or equal to MAX_LIMIT(={MAX_LIMIT}). Given: {limit}",
                parameters={"maxLimit": MAX_LIMIT, "limit": limit},
                pointer="/limit",
            )
        return limit

    def _associate(self, criteria: Criteria, path: str, nested: Any) -> None:
        """Ask for an association, all those on the way to it included (``lineItems.product``)."""
        name, _, rest = path.partition(".")
        if name not in criteria.entity.associations:
            raise Problem(
                400,
                "FRAMEWORK__ASSOCIATION_NOT_FOUND",
                f"Can not find association by name {name}",
                parameters={"association": name},
            )
        target = ENTITIES[criteria.entity.associations[name].entity]
        if rest:
            self._associate(criteria.associations.setdefault(name, Criteria(target)), rest, nested)
            return
        read = self.read(target, nested if isinstance(nested, dict) else {}, is_nested=True)
        known = criteria.associations.get(name)
        if known is not None:
            read.associations = known.associations | read.associations
        criteria.associations[name] = read

    def _sort(self, entity: Entity, sort: Any) -> tuple[str, bool]:
        if not isinstance(sort, dict) or "field" not in sort:
            raise Problem(400, "FRAMEWORK__INVALID_SORT_QUERY", 'The "field" of a sorting is missing.')
        return self._check_path(entity, sort["field"]), str(sort.get("order", "ASC")).upper() == "DESC"

    def _term(self, entity: Entity, term: str) -> Test:
        words = term.casefold().split()

        def fits(row: Row) -> bool:
            text = " ".join(str(row.get(name) or "") for name in entity.term_fields).casefold()
            return all(word in text for word in words)

        return fits

    def _test(self, entity: Entity, query: Any) -> Test:
        kind = query.get("type") if isinstance(query, dict) else None
        if kind in {"multi", "not"}:
            return self._group(entity, query)
        if kind not in {"equals", "equalsAny", "range", *_WORDS}:
            raise Problem(
                400,
                "FRAMEWORK__INVALID_FILTER_QUERY",
                f"Unsupported filter type: {kind}",
                pointer="/filter",
            )
        path = self._check_path(entity, query.get("field"))
        fits = _range(query) if kind == "range" else _comparison(str(kind), query)
        return lambda row: any(fits(value) for value in self.values(entity, row, path))

    def _group(self, entity: Entity, query: dict[str, Any]) -> Test:
        tests = [self._test(entity, one) for one in query.get("queries") or ()]
        operator = str(query.get("operator", "AND")).upper()
        if operator not in {"AND", "OR", "XOR"}:
            raise Problem(400, "FRAMEWORK__INVALID_FILTER_QUERY", f"Operator {operator} not allowed")

        def together(row: Row) -> bool:
            results = [test(row) for test in tests]
            if operator == "OR":
                return any(results)
            return sum(results) == 1 if operator == "XOR" else all(results)

        return together if query["type"] == "multi" else lambda row: not together(row)


def _unmapped(entity: Entity, name: str) -> Problem:
    return Problem(
        400,
        "FRAMEWORK__UNMAPPED_FIELD",
        f'Field "{name}" in entity "{entity.name}" was not found.',
        parameters={"field": name, "entity": entity.name},
    )


def _filters(body: dict[str, Any], name: str) -> list[Any]:
    """Return filters; an object of fields with values is short for one that equals each."""
    found = body.get(name) or []
    if isinstance(found, dict):
        return [{"type": "equals", "field": field, "value": value} for field, value in found.items()]
    if not isinstance(found, list):
        raise Problem(
            400, "FRAMEWORK__INVALID_FILTER_QUERY", "The filter parameter has to be a list of filters."
        )
    return found


def _sorts(body: dict[str, Any]) -> list[Any]:
    """Return sorts; a text of fields between commas is short for them, with a minus for the other way."""
    found = body.get("sort") or []
    if isinstance(found, str):
        parts = [part for part in found.split(",") if part]
        return [
            {"field": part.removeprefix("-"), "order": "DESC" if part[0] == "-" else "ASC"} for part in parts
        ]
    if not isinstance(found, list):
        raise Problem(400, "FRAMEWORK__INVALID_SORT_QUERY", "A value for the sort parameter is required.")
    return found


def _mode(value: Any) -> int:
    words = {"none": 0, "exact": 1, "next-pages": 2}
    mode = words.get(str(value), value)
    return int(mode) if str(mode) in {"0", "1", "2"} else 0


def _whole(value: Any, name: str, code: str) -> int | None:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise Problem(
            400,
            code,
            f"The {name} parameter must be a positive integer greater or equals than 1. Given: {value}",
            parameters={name: value},
            pointer=f"/{name}",
        )
    return number


def _comparison(kind: str, query: dict[str, Any]) -> Callable[[Any], bool]:
    if "value" not in query:
        raise Problem(
            400, "FRAMEWORK__INVALID_FILTER_QUERY", f'Parameter "value" for {kind} filter is missing.'
        )
    wanted = query["value"]
    if kind == "equals":
        return lambda value: _plain(value) == _plain(wanted)
    if kind == "equalsAny":
        words = wanted.split("|") if isinstance(wanted, str) else list(wanted or ())
        plain = {_plain(word) for word in words}
        return lambda value: value is not None and _plain(value) in plain
    part = str(wanted).casefold()
    return lambda value: value is not None and _WORDS[kind](str(value).casefold(), part)


def _range(query: dict[str, Any]) -> Callable[[Any], bool]:
    bounds = query.get("parameters")
    if not isinstance(bounds, dict) or not bounds or set(bounds) - set(_RANGES):
        raise Problem(
            400, "FRAMEWORK__INVALID_FILTER_QUERY", 'Parameter "parameters" for range filter is missing.'
        )

    def fits(value: Any) -> bool:
        if value is None:
            return False
        pairs = [(word, *_alike(value, bound)) for word, bound in bounds.items()]
        return all(_RANGES[word](left, right) for word, left, right in pairs)

    return fits


def _alike(value: Any, bound: Any) -> tuple[Any, Any]:
    """Return both as numbers or instants where both are, else as text."""
    if isinstance(value, int | float):
        try:
            return float(value), float(bound)
        except (TypeError, ValueError):
            return str(value), str(bound)
    return (
        (_instant(value), _instant(bound))
        if _is_instant(value) and _is_instant(bound)
        else (
            str(value),
            str(bound),
        )
    )


def _is_instant(value: Any) -> bool:
    try:
        _instant(value)
    except ValueError:
        return False
    return "-" in str(value)


def _instant(value: Any) -> datetime:
    """Read an instant; one without a zone is UTC, as the shop's database has it."""
    text = str(value).replace("Z", "+00:00")
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else datetime.fromisoformat(f"{instant.isoformat()}+00:00")


def _plain(value: Any) -> Any:
    """Return a value as the database compares it: without regard to case, numbers and booleans as numbers."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    return value.casefold() if isinstance(value, str) else value


def _sortable(values: list[Any]) -> tuple[int, Any]:
    """Return a key: null before everything, as in MySQL."""
    value = values[0] if values else None
    if value is None:
        return (0, 0.0)
    if isinstance(value, int | float):
        return (1, float(value))
    return (2, str(value).casefold())
