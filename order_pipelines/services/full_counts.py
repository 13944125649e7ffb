"""Counts of everything at a location: what the list leaves out is gone, and a list that lost half of it is held.

What is gone is counted as 0 at the time of the first row, so that what came later is there. Only a file of which every
row was read does that: an article whose row cannot be read was counted all the same.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import StockCount
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.ledger import Ledger, Position
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import stock_positions
from order_pipelines.services.complete_lists import ListName, newest_list, note_list, shrunk, stamp_of
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.shop import Shop

_KIND = "stock_counts"
NOT_NAMED = "not named by the full count of "
"""How the cause of a count begins that a list made by leaving an article out."""


def full_locations(shop: Shop, account: str) -> tuple[str, ...]:
    """Return the locations whose count files name everything that lies there (option ``full_counts``)."""
    said = shop.account(account).options.get("full_counts", ())
    return (said,) if isinstance(said, str) else tuple(said)


def why_not_believed(
    connection: Connection, shop: Shop, catalogue: Catalogue, receipt: Receipt, counts: Iterable[StockCount]
) -> list[str]:
    """Return for each fully counted location why the file may be half of one."""
    reasons = []
    for location, (began_at, skus) in sorted(_by_location(shop, catalogue, receipt, counts).items()):
        newest = newest_list(connection, ListName(receipt.account, _KIND, location))
        if newest is not None and newest >= (began_at, receipt.receipt_seq):
            continue
        query = sa.select(stock_positions.c.sku).where(
            stock_positions.c.location == location,
            stock_positions.c.on_hand > 0,
            stock_positions.c.counted_at < began_at,
        )
        known = set(connection.execute(query).scalars())
        reason = shrunk(
            f"the count of {location}", len(known), len(known - skus), shop.account(receipt.account).options
        )
        if reason is not None:
            reasons.append(reason)
    return reasons


def _by_location(
    shop: Shop, catalogue: Catalogue, receipt: Receipt, counts: Iterable[StockCount]
) -> dict[str, tuple[datetime, set[str]]]:
    """When each full count began, and the articles it names."""
    wanted = set(full_locations(shop, receipt.account))
    began: dict[str, datetime] = {}
    named: dict[str, set[str]] = {}
    for count in counts:
        if count.location not in wanted:
            continue
        began[count.location] = min(began.get(count.location, count.taken_at), count.taken_at)
        skus = named.setdefault(count.location, set())
        sku = catalogue.find(count.sku, count.ean)
        if isinstance(sku, str):
            skus.add(sku)
    return {location: (began[location], skus) for location, skus in named.items()}


def settle_full_counts(
    connection: Connection,
    shop: Shop,
    catalogue: Catalogue,
    receipt: Receipt,
    counts: Iterable[StockCount],
    *,
    is_whole: bool,
) -> None:
    """Count as 0 what the file left out, where it counted everything and every row of it was read."""
    if not full_locations(shop, receipt.account):
        return
    said = list(counts)
    if is_whole:
        for location, (began_at, _) in _by_location(shop, catalogue, receipt, said).items():
            name = ListName(receipt.account, _KIND, location)
            stamp = stamp_of(began_at, receipt)
            newest = newest_list(connection, name)
            if newest is None or stamp > newest:
                note_list(connection, name, stamp)
    ledger = Ledger(connection)
    for location in sorted({count.location for count in said}):
        newest = newest_list(connection, ListName(receipt.account, _KIND, location))
        if newest is not None:
            _count_what_is_gone(connection, ledger, location, newest[0])
    if ledger.has_changes:
        skus = ledger.flush(next_values(connection, CHANGE))
        refresh_desired(connection, shop.settings, skus)


def keep_full_counts(
    connection: Connection, shop: Shop, account: str, ledger: Ledger, positions: Collection[Position]
) -> None:
    """Count as 0 what came to light at these positions after a full count that does not name them."""
    for location in full_locations(shop, account):
        skus = {sku for sku, place in positions if place == location}
        newest = newest_list(connection, ListName(account, _KIND, location)) if skus else None
        if newest is None:
            continue
        query = sa.select(stock_positions.c.sku, stock_positions.c.counted_at).where(
            stock_positions.c.location == location, stock_positions.c.sku.in_(skus)
        )
        counted = {row.sku: row.counted_at for row in connection.execute(query)}
        for sku in sorted(skus):
            at = counted.get(sku)
            if at is None or at < newest[0]:
                ledger.count((sku, location), 0, newest[0], cause=_cause(location))


def _count_what_is_gone(connection: Connection, ledger: Ledger, location: str, began_at: datetime) -> None:
    query = sa.select(stock_positions.c.sku).where(
        stock_positions.c.location == location,
        sa.or_(stock_positions.c.counted_at.is_(None), stock_positions.c.counted_at < began_at),
    )
    for sku in sorted(connection.execute(query).scalars()):
        ledger.count((sku, location), 0, began_at, cause=_cause(location))


def _cause(location: str) -> str:
    return f"{NOT_NAMED}{location}"
