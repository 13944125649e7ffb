"""The shape of what Shopware sends, read member by member: a value of the right type, or ``None`` and a problem.

Both answer shapes become the plain one here: JSON:API (``attributes``, ``relationships``, ``included``) is what comes
without ``Accept: application/json``. An empty object may be ``[]`` and an empty list ``{}``: PHP knows no difference.
Nothing here raises for bad content and nothing here decides what a value means.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from order_pipelines.connectors import bodies
from order_pipelines.connectors.bodies import LARGEST_AMOUNT, JsonObject, exact
from order_pipelines.money import round_to_cents

_DEEPEST = 8
_PRICE = Decimal("0.0001")

# What Shopware's other payloads are recognised by, so that a person who offers one here is told what it is.
_OTHER_PAYLOADS = (
    ("errors", "an answer that tells of errors"),
    ("access_token", "an answer of the token end point"),
    ("grant_type", "a request for a token"),
    ("trackingCodes", "a delivery"),
    ("productNumber", "a product"),
    ("customerNumber", "a customer"),
    ("technicalName", "a state"),
    ("associations", "a search request"),
    ("source", "a webhook"),
    ("notFound", "an answer of the sync end point"),
)


def plain_entity(row: Any, content: Mapping[str, Any]) -> Any:
    """Return one row in the plain shape, with what it is related to in its place; plain rows stay as they are.

    A relation whose entity is not in ``included`` is left out: it was not asked for.
    """
    if not isinstance(row, dict) or not isinstance(row.get("attributes"), dict):
        return row
    more = content.get("included")
    shelf = _Shelf(more if isinstance(more, list) else [])
    return shelf.plain(row, 0)


class _Shelf:
    """The entities that came along, each made plain once and put wherever it is referred to."""

    def __init__(self, included: list[Any]) -> None:
        self._rows = {_key(entry): entry for entry in included if isinstance(entry, dict)}
        self._done: dict[tuple[str, str], JsonObject] = {}
        self._under_way: set[tuple[str, str]] = set()

    def plain(self, row: JsonObject, depth: int) -> JsonObject:
        """Return a row with its relations in their place."""
        attributes = row.get("attributes")
        entity: JsonObject = dict(attributes) if isinstance(attributes, dict) else {}
        entity["id"] = row.get("id")
        relations = row.get("relationships")
        for name, relation in relations.items() if isinstance(relations, dict) and depth < _DEEPEST else ():
            data = relation.get("data") if isinstance(relation, dict) else None
            references = data if isinstance(data, list) else [data]
            found = [each for each in (self._get(_key(one), depth) for one in references) if each is not None]
            if isinstance(data, list):
                if found or not data:
                    entity[name] = found
            elif found:
                entity[name] = found[0]
        return entity

    def _get(self, key: tuple[str, str], depth: int) -> JsonObject | None:
        row = self._rows.get(key)
        # Relations lead back to where they came from: order, delivery, order …
        if row is None or key in self._under_way:
            return None
        if key not in self._done:
            self._under_way.add(key)
            self._done[key] = self.plain(row, depth + 1)
            self._under_way.discard(key)
        return self._done[key]


def _key(reference: object) -> tuple[str, str]:
    if not isinstance(reference, dict):
        return "", ""
    return str(reference.get("type")), str(reference.get("id"))


def describe_other(payload: object) -> str:
    """Return what a payload that is no order seems to be, for the sentence ``it looks like …``."""
    return bodies.describe(payload, _OTHER_PAYLOADS)


class Reader(bodies.Reader):
    """Reads the members of one entity of Shopware."""

    __slots__ = ()

    def missing(self, name: str) -> None:
        """Report a member that must be there: what is related must be asked for as an association."""
        self.report("missing_field", name, "is missing; was it asked for?")

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return a number with exactly the digits that were sent."""
        value = self.source.get(name)
        if (type(value) is float or type(value) is int) and abs(value) < LARGEST_AMOUNT:
            return exact(value)
        if value is not None:
            self.wrong(name, "an amount below a thousand million, as a number", value)
        elif required:
            self.missing(name)
        return None

    def money(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return an amount in cents: PHP's floats bring 84.85000000000001 at times."""
        value = self.number(name, required=required)
        return None if value is None else round_to_cents(value)

    def price(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return a price per piece with at most four decimals."""
        value = self.number(name, required=required)
        return None if value is None else short_price(value)

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        """Return an instant in UTC. Shopware keeps all times in UTC; its own storage format has no offset."""
        value = self.source.get(name)
        if type(value) is str:
            try:
                moment = datetime.fromisoformat(value)
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        if value is not None:
            self.wrong(name, "a date and time", value)
        elif required:
            self.missing(name)
        return None

    def entity(self, name: str, *, required: bool = False) -> "Reader | None":
        """Return a reader of a member that is an object; ``[]`` is an empty one."""
        return self.at(name, {}) if self.source.get(name) == [] else self.object(name, required=required)

    def entities(self, name: str, *, required: bool = False) -> "list[Reader] | None":
        """Return readers of a member that is a list of objects; an object stands for the list of its values."""
        value = self.source.get(name)
        entries = list(value.values()) if type(value) is dict else self.items(name, required=required)
        return None if entries is None else self.objects_of(name, entries)


def short_price(value: Decimal) -> Decimal:
    """Return a price with at most four decimals, without zeros that say nothing."""
    return value.quantize(_PRICE)
