"""Which inputs of an account's numbers are too old: orders, places that report their stock, lists of suppliers.

Each is named with its age and the limit it broke. What follows is decided by whoever asks: a push raises nothing that
rests on it. Purchase orders have no age: a week without one is a quiet week, and one that is overdue is no longer
expected by its day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import complete_lists, stock_positions, supplier_stock
from order_pipelines.services.account_stops import all_stops
from order_pipelines.services.availability import policy_of, read_bundles
from order_pipelines.services.desired_stock import stale_order_sources
from order_pipelines.services.supply_files import SUPPLIES
from order_pipelines.settings import Settings

ORDERS, LOCATION, SUPPLIER = "orders", "location", "supplier"
_SAID = {
    ORDERS: "orders last read completely too long ago: {}; no quantity is raised until they are read",
    LOCATION: "counted too long ago: {}; no quantity that rests on it is raised until it reports",
    SUPPLIER: "lists of suppliers too old: {}; no quantity that rests on them is raised until new ones come",
}


@dataclass(frozen=True, slots=True)
class StaleLocation:
    """A place whose last count is older than allowed; ``age_hours`` ``None``: it was never counted."""

    name: str
    age_hours: float | None
    max_age_hours: int


@dataclass(frozen=True, slots=True)
class StaleInput:
    """An input of an account's numbers that is older than allowed; ``age`` ``None``: it never came.

    ``subject`` is an account whose orders are read, a location, or a supplier.
    """

    kind: Literal["orders", "location", "supplier"]
    subject: str
    age: timedelta | None
    limit: timedelta

    @property
    def words(self) -> str:
        """Name and age, as people say them."""
        if self.age is None:
            return f"{self.subject} (never)"
        if self.kind == ORDERS:
            return f"{self.subject} ({self.age.total_seconds() / 60:.0f} min)"
        return f"{self.subject} ({_hours(self.age)}, at most {_hours(self.limit)})"


def describe(stale: Sequence[StaleInput]) -> str | None:
    """Return what is too old and what follows, ``None`` of nothing."""
    parts = []
    for kind, said in _SAID.items():
        if names := ", ".join(each.words for each in stale if each.kind == kind):
            parts.append(said.format(names))
    return "; ".join(parts) or None


def stale_inputs(connection: Connection, settings: Settings, account: str) -> list[StaleInput]:
    """Return every input of an account's numbers that is too old, orders first."""
    found = _stale_orders(connection, settings, account)
    serves = settings.accounts[account].serves
    for place in stale_locations(connection, settings, serves):
        age = None if place.age_hours is None else timedelta(hours=place.age_hours)
        found.append(StaleInput("location", place.name, age, timedelta(hours=place.max_age_hours)))
    return [*found, *_stale_suppliers(connection, settings, account)]


def brakes_on(connection: Connection, settings: Settings) -> list[str]:
    """Return what keeps numbers of any account from going out, or up: stops by people, inputs that are too old."""
    stops = [stop.words for stop in all_stops(connection) if stop.account in settings.accounts]
    return [*stops, *(f"{name}: {said}" for name, said in stale_by_account(connection, settings).items())]


def stale_by_account(connection: Connection, settings: Settings) -> dict[str, str]:
    """Return what is too old, by account that is sent stock; those whose inputs are fresh are left out."""
    found = {}
    for name, account in settings.accounts.items():
        if not account.enabled or not account.stock.push or connector_of(account.system).stock_sink is None:
            continue
        if (said := describe(stale_inputs(connection, settings, name))) is not None:
            found[name] = said
    return found


def unsafe_raises(
    connection: Connection, settings: Settings, account: str, stale: Sequence[StaleInput], rows: Iterable[Any]
) -> set[str]:
    """Return the offers among these rows of ``due_rows`` whose number may not be raised with these inputs.

    What shows a number whatever there is (``always``) rests on none of them. ``hidden`` does: going from none to
    some is a promise like any other.
    """
    raised = [
        row
        for row in rows
        if (row.shown is None or row.desired_quantity > row.shown)
        and policy_of(settings.accounts[account], row.sku).kind != "always"
    ]
    if not stale or not raised:
        return set()
    if any(each.kind == ORDERS for each in stale):
        return {row.offer_id for row in raised}
    bundles = read_bundles(connection, {row.sku for row in raised})
    goods = {part for row in raised for part in bundles.get(row.sku, (row.sku,))}
    resting = _resting_on(connection, stale, sorted(goods))
    return {
        row.offer_id for row in raised if any(part in resting for part in bundles.get(row.sku, (row.sku,)))
    }


def _resting_on(connection: Connection, stale: Sequence[StaleInput], skus: Sequence[str]) -> set[str]:
    """Which articles have a number that one of these inputs is a term of."""
    places = [each.subject for each in stale if each.kind == LOCATION]
    suppliers = [each.subject for each in stale if each.kind == SUPPLIER]
    found: set[str] = set()
    for part in chunks(skus):
        if places:
            query = sa.select(stock_positions.c.sku).where(
                stock_positions.c.sku.in_(part), stock_positions.c.location.in_(places)
            )
            found |= set(connection.execute(query).scalars())
        if suppliers:
            query = sa.select(supplier_stock.c.sku).where(
                supplier_stock.c.sku.in_(part),
                supplier_stock.c.supplier.in_(suppliers),
                supplier_stock.c.quantity > 0,
            )
            found |= set(connection.execute(query).scalars())
    return found


def stale_locations(
    connection: Connection, settings: Settings, only: Iterable[str] | None = None
) -> list[StaleLocation]:
    """Return the places whose newest count, of whatever article, is older than ``locations.max_age_hours``.

    Only counts are a report: goods that others sent to a place, or sold from it, say nothing about whether it reports.
    """
    asked = None if only is None else set(only)
    now = clock.now()
    stale = []
    for place in settings.locations:
        limit = place.max_age_hours
        if limit is None or (asked is not None and place.name not in asked):
            continue
        here = stock_positions.c.location == place.name
        # A place that reports is recognised by the first row that is new; only of the others the newest is looked for.
        new = sa.select(sa.literal(1)).where(
            here, stock_positions.c.counted_at >= now - timedelta(hours=limit)
        )
        if connection.execute(new.limit(1)).first() is not None:
            continue
        newest = sa.select(sa.func.max(stock_positions.c.counted_at, type_=stock_positions.c.counted_at.type))
        at = connection.execute(newest.where(here)).scalar()
        age = None if at is None else (now - at).total_seconds() / 3600
        stale.append(StaleLocation(place.name, age, limit))
    return stale


def _stale_orders(connection: Connection, settings: Settings, account: str) -> list[StaleInput]:
    sources = [
        name
        for name, one in settings.accounts.items()
        if one.enabled and connector_of(one.system).order_source is not None
    ]
    limit = timedelta(minutes=settings.accounts[account].stock.max_order_age_minutes)
    return [
        StaleInput("orders", name, None if age == float("inf") else timedelta(minutes=age), limit)
        for name, age in stale_order_sources(connection, settings, account, sources)
    ]


def _stale_suppliers(connection: Connection, settings: Settings, account: str) -> list[StaleInput]:
    policy = settings.accounts[account].stock
    if not policy.supplier_direct:
        return []
    limit, now = timedelta(hours=policy.max_supplier_age_hours), clock.now()
    query = (
        sa.select(
            complete_lists.c.scope,
            sa.func.min(complete_lists.c.stated_at, type_=complete_lists.c.stated_at.type),
        )
        .where(complete_lists.c.kind == SUPPLIES)
        .group_by(complete_lists.c.scope)
        .order_by(complete_lists.c.scope)
    )
    return [
        StaleInput("supplier", supplier, now - stated_at, limit)
        for supplier, stated_at in connection.execute(query)
        if now - stated_at > limit
    ]


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"
