"""What bundles are made of, from the newest complete file: what it does not name is no bundle any more.

A bundle of which one row cannot be read stays as it was: short of a part it would be promised too often.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Problem
from order_pipelines.domain.supply import nested_bundles
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import bundle_parts, line_demand
from order_pipelines.services.booking import settle_orders
from order_pipelines.services.complete_lists import (
    ListName,
    Stamp,
    is_from_the_future,
    newest_list,
    note_list,
    shrunk,
    stamp_of,
)
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.shop import Shop
from order_pipelines.services.supply_files import Problems, Supplies, from_the_future, twice

# Bundles are articles of the merchant, of no account: the newest file stands, wherever it was dropped.
_NAME = ListName("", "bundles")
_ORDERS_AT_ONCE = 500
_Parts = dict[str, dict[str, int]]


@dataclass
class BundleList:
    """The bundles of one file: those that can be believed, those that stay as they were, and when it was stated."""

    stamp: Stamp
    good: _Parts = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    rows: dict[str, list[int | None]] = field(default_factory=dict)


def bundle_list(
    shop: Shop, catalogue: Catalogue, receipt: Receipt, supplies: Supplies
) -> tuple[BundleList, Problems]:
    """Return the bundles of a file, and what is not believed, by row."""
    problems: Problems = []
    found = BundleList(stamp_of(None, receipt))
    stated = [part.stated_at for part in supplies.bundle_parts if part.stated_at is not None]
    if stated:
        found.stamp = stamp_of(max(stated), receipt)
    for said in supplies.spoiled:
        sku = catalogue.find(said, None)
        found.spoiled.add(sku if isinstance(sku, str) else said)
    for row in supplies.bundle_parts:
        bundle, part = catalogue.find(row.bundle_sku, None), catalogue.find(row.sku, row.ean)
        if is_from_the_future(row.stated_at, shop.settings.limits.max_future_hours):
            part = from_the_future()
        if isinstance(bundle, Problem):
            problems.append((row.row, bundle))
            found.spoiled.add(row.bundle_sku)
            continue
        if isinstance(part, Problem):
            problems.append((row.row, part))
            found.spoiled.add(bundle)
            continue
        parts = found.good.setdefault(bundle, {})
        found.rows.setdefault(bundle, []).append(row.row)
        if parts.setdefault(part, row.quantity) != row.quantity:
            problems.append((row.row, twice(f"part {part} of bundle {bundle}")))
            found.spoiled.add(bundle)
    for sku in found.spoiled:
        found.good.pop(sku, None)
    return found, problems


def why_bundles_not_believed(
    connection: Connection, shop: Shop, receipt: Receipt, found: BundleList
) -> list[str]:
    """Return why the file may hold half of the bundles."""
    newest = newest_list(connection, _NAME)
    if newest is not None and newest >= found.stamp:
        return []
    known = set(connection.execute(sa.select(bundle_parts.c.bundle_sku).distinct()).scalars())
    missing = known - found.good.keys() - found.spoiled
    reason = shrunk("the list of bundles", len(known), len(missing), shop.account(receipt.account).options)
    return [] if reason is None else [reason]


def book_bundles(connection: Connection, shop: Shop, found: BundleList) -> Problems:
    """Let the list replace the former one, and what open orders wait for follow it; an older one does nothing."""
    newest = newest_list(connection, _NAME)
    if newest is not None and newest > found.stamp:
        return []
    before: _Parts = {}
    for row in connection.execute(sa.select(bundle_parts)):
        before.setdefault(row.bundle_sku, {})[row.part_sku] = row.quantity
    now, nested = _together(found, before)
    note_list(connection, _NAME, found.stamp)
    changed = {sku for sku in before.keys() | now.keys() if before.get(sku) != now.get(sku)}
    for part in chunks(sorted(changed)):
        connection.execute(sa.delete(bundle_parts).where(bundle_parts.c.bundle_sku.in_(part)))
    at = clock.now()
    rows = [
        {"bundle_sku": sku, "part_sku": part, "quantity": pieces, "updated_at": at}
        for sku in sorted(changed & now.keys())
        for part, pieces in sorted(now[sku].items())
    ]
    upsert(connection, bundle_parts, rows)
    _settle_open_orders(connection, shop, changed)
    refresh_desired(connection, shop.settings, changed)
    return [
        (row, Problem("bundle_in_bundle", f"bundle {sku} holds a bundle, or is a part of one", value=sku))
        for sku in sorted(nested)
        for row in found.rows[sku]
    ]


def _together(found: BundleList, before: _Parts) -> tuple[_Parts, set[str]]:
    """Return the bundles as they are from now on, and those of the list that may not be; what stays stays whole."""
    kept = {sku: parts for sku, parts in before.items() if sku in found.spoiled}
    nested: set[str] = set()
    while True:
        new = {sku: parts for sku, parts in found.good.items() if sku not in kept}
        bad = nested_bundles(new, kept)
        nested |= bad
        staying = {sku: before[sku] for sku in bad if sku in before}
        if not staying:
            return {sku: parts for sku, parts in new.items() if sku not in bad} | kept, nested
        kept |= staying


def _settle_open_orders(connection: Connection, shop: Shop, changed: Iterable[str]) -> None:
    """What is still owed of a changed bundle moves to its new parts; orders that were delivered stay as booked."""
    keys: set[str] = set()
    for part in chunks(sorted(changed)):
        ordered = sa.func.coalesce(line_demand.c.bundle_sku, line_demand.c.sku)
        query = sa.select(line_demand.c.order_key).where(ordered.in_(part), line_demand.c.open_quantity > 0)
        keys |= set(connection.execute(query).scalars())
    for some in chunks(sorted(keys), _ORDERS_AT_ONCE):
        settle_orders(connection, shop.settings, some)
