"""Buffers measured from what happened: how late sales elsewhere became known, and how many there were.

Only what other accounts sell from the same stock is unseen by an account: its own orders lower its own number.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.buffers import Elsewhere, buffer_of, lost_per_day, percentile
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import channel_offers, order_lines, orders, stock_buffers
from order_pipelines.services.availability import Stockroom, read_bundles, read_stockroom
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.shop import Shop

WINDOW = timedelta(days=28)
_SHARE = 0.95
_DAY_S = 86_400
_DATED_BY_US = "dated_by_receipt"
_AT_ONCE = 5_000


@dataclass
class Sales:
    """What the accounts sold in the window, as articles that lie on shelves; bundles are their parts."""

    pieces_per_day: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    revenue: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    priced: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def price(self, accounts: Iterable[str], sku: str) -> Decimal | None:
        """Return what a piece brought on average at these accounts, with VAT, ``None`` when nothing tells."""
        keys = [(name, sku) for name in accounts]
        pieces = sum(self.priced.get(key, 0) for key in keys)
        return (
            sum((self.revenue.get(key, Decimal(0)) for key in keys), Decimal(0)) / pieces if pieces else None
        )


def measure_buffers(shop: Shop, accounts: Collection[str] | None = None) -> int:
    """Compute the buffers of all accounts that take stock, or of some, and write them down; returns how many.

    They are held back where ``accounts.NAME.stock.measured_buffer`` says so; what channels show follows at once.
    """
    names = [
        name
        for name, settings in shop.accounts(lambda able: able.stock_sink)
        if settings.stock.push and (accounts is None or name in accounts)
    ]
    count = 0
    with shop.store.reading() as connection:
        lags, sales = measured_lags(connection, shop), measured_sales(connection, shop)
        found = {name: _buffers(connection, shop, name, lags, sales) for name in names}
    for name, rows in found.items():
        with shop.store.transaction() as connection:
            query = sa.select(stock_buffers.c.sku, stock_buffers.c.buffer).where(
                stock_buffers.c.account == name
            )
            before = {row.sku: row.buffer for row in connection.execute(query)}
            connection.execute(sa.delete(stock_buffers).where(stock_buffers.c.account == name))
            for part in chunks(rows, _AT_ONCE):
                upsert(connection, stock_buffers, list(part))
            now = {row["sku"]: row["buffer"] for row in rows}
            changed = {sku for sku in before.keys() | now.keys() if before.get(sku, 0) != now.get(sku, 0)}
            refresh_desired(connection, shop.settings, changed)
        count += len(rows)
    return count


def measured_lags(connection: Connection, shop: Shop) -> dict[str, float]:
    """Return for each account after how many seconds 95 of 100 of its sales are known; an unread one is left out.

    What was there when the account was first read says nothing about it, and neither does an order that we dated.
    """
    now = clock.now()
    query = sa.select(orders.c.account, sa.func.min(orders.c.first_received_at)).group_by(orders.c.account)
    began: dict[str, datetime] = {row[0]: row[1] for row in connection.execute(query)}
    lags: dict[str, list[float]] = defaultdict(list)
    for name, began_at in began.items():
        settings = shop.settings.accounts.get(name)
        if settings is None:
            continue
        is_file = connector_of(settings.system).file_interpreter is not None
        columns = [orders.c.ordered_at, orders.c.first_received_at]
        wanted = sa.select(*columns, *([orders.c.must_flag] if is_file else [])).where(
            orders.c.account == name,
            orders.c.ordered_at >= max(now - WINDOW, began_at),
            orders.c.is_test.is_(False),
            orders.c.is_history.is_(False),
        )
        for row in connection.execute(wanted.execution_options(yield_per=_AT_ONCE)):
            if not is_file or _DATED_BY_US not in (row.must_flag or ()):
                lags[name].append(max(0.0, (row.first_received_at - row.ordered_at).total_seconds()))
    return {name: lag for name, values in lags.items() if (lag := percentile(values, _SHARE)) is not None}


def measured_sales(connection: Connection, shop: Shop) -> Sales:
    """Return what each account sold of each article a day, over 28 days or since its first order."""
    now = clock.now()
    first = sa.select(orders.c.account, sa.func.min(orders.c.ordered_at)).group_by(orders.c.account)
    days = {
        row[0]: max(1.0, min(WINDOW, now - row[1]).total_seconds() / _DAY_S)
        for row in connection.execute(first)
        if row[1] is not None
    }
    # Rows of the same article, pieces and price are one: the prices of an article are few, its sales are not.
    what = (
        orders.c.account,
        orders.c.currency_code,
        order_lines.c.sku,
        order_lines.c.quantity,
        order_lines.c.line_total_incl_vat,
    )
    query = (
        sa.select(*what, sa.func.count().label("times"))
        .join(order_lines, order_lines.c.order_key == orders.c.order_key)
        .where(
            orders.c.ordered_at >= now - WINDOW,
            orders.c.is_test.is_(False),
            orders.c.order_kind == "sale",
            order_lines.c.line_kind == "goods",
            order_lines.c.is_known.is_(True),
            order_lines.c.own_fulfilment.is_(True),
            order_lines.c.quantity > 0,
        )
        .group_by(*what)
    )
    rows = [row for row in connection.execute(query) if row.sku is not None]
    bundles = read_bundles(connection, {row.sku for row in rows})
    sales = Sales()
    for row in rows:
        pieces = row.quantity * row.times
        for sku, times in bundles.get(row.sku, {row.sku: 1}).items():
            sales.pieces_per_day[(row.account, sku)] += pieces * times / days[row.account]
        is_priced = (
            row.line_total_incl_vat is not None and row.currency_code == shop.settings.merchant.currency
        )
        if is_priced and row.sku not in bundles:
            sales.revenue[(row.account, row.sku)] += row.line_total_incl_vat * row.times
            sales.priced[(row.account, row.sku)] += pieces
    return sales


def _buffers(
    connection: Connection, shop: Shop, name: str, lags: dict[str, float], sales: Sales
) -> list[dict[str, Any]]:
    account = shop.settings.accounts[name]
    others = [
        other
        for other, settings in shop.settings.accounts.items()
        if other != name and settings.enabled and settings.ships_from in account.serves and other in lags
    ]
    wanted = sorted(
        _offered(connection, name) & {sku for other, sku in sales.pieces_per_day if other in others}
    )
    rows = []
    for part in chunks(wanted, _AT_ONCE):
        room = read_stockroom(connection, shop.settings, set(part))
        rows += [_row(shop, room, name, others, sku, lags, sales) for sku in part]
    return rows


def _offered(connection: Connection, name: str) -> set[str]:
    """Return the articles that the account offers, of bundles their parts."""
    query = sa.select(channel_offers.c.sku).where(
        channel_offers.c.account == name,
        channel_offers.c.is_listed.is_(True),
        channel_offers.c.sku.is_not(None),
    )
    skus = set(connection.execute(query).scalars())
    bundles = read_bundles(connection, skus)
    return {part for sku in skus for part in bundles.get(sku, {sku: 1})}


def _row(
    shop: Shop,
    room: Stockroom,
    name: str,
    others: Collection[str],
    sku: str,
    lags: dict[str, float],
    sales: Sales,
) -> dict[str, Any]:
    sold = {other: sales.pieces_per_day.get((other, sku), 0.0) for other in others}
    sources = [Elsewhere(lags[other], pieces) for other, pieces in sold.items() if pieces > 0]
    buffer = buffer_of(
        sources,
        level=float(shop.settings.accounts[name].stock.buffer_service_level / 100),
        real_time_s=shop.settings.limits.real_time_lag_seconds,
    )
    terms = room.terms(name, sku)
    price = sales.price([name], sku) or sales.price(others, sku)
    own = sales.pieces_per_day.get((name, sku), 0.0)
    return {
        "account": name,
        "sku": sku,
        "buffer": buffer,
        "lag_seconds": round(max(source.lag_s for source in sources)),
        "demand_milli_per_day": round(sum(sold.values()) * 1000),
        "lost_per_day": lost_per_day(own, max(0, terms.balance + terms.buffer), buffer, price),
        "computed_at": clock.now(),
    }
