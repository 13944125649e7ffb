"""Customers of a shop, read by change where the merchant asks for it. Personal: the operations store and nowhere else.

Guests ordered without an account and make none: who they are stands with their order.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.aftersales import Customer
from order_pipelines.connectors.ports import Since
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import channel_customers
from order_pipelines.services.order_rows import fitted
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import complete_at, finish_reading
from order_pipelines.services.unreadable import is_usable_id

STREAM = "customers"
_BATCH = 200
_READ_EVERY = timedelta(minutes=55)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass
class CustomerSweep:
    """What one reading of an account's customers did; ``problem`` names no person."""

    account: str
    is_read: bool = True
    is_busy: bool = False
    listed: int = 0
    guests: int = 0
    written: int = 0
    unchanged: int = 0
    forgotten: int = 0
    problem: str | None = None
    retryable: bool = True


def sweep_customers(shop: Shop, account: str, *, deep: bool = False) -> CustomerSweep:
    """Read the customers that changed at one account, unless that was done within the hour.

    ``deep`` reads all of them, and who is not there any more is forgotten here too.

    Never raises for what the other side does: the sweep's ``problem`` says it, and the next one goes on there.
    """
    sweep = CustomerSweep(account)
    started = clock.now()
    with shop.store.reading() as connection:
        last = complete_at(connection, account, STREAM)
    if not shop.account(account).customers or (
        not deep and last is not None and timedelta(0) <= started - last < _READ_EVERY
    ):
        sweep.is_read = False
        return sweep
    with holding(shop.store, f"{STREAM}:{account}") as lease:
        if lease is None:
            sweep.problem = "another process reads the customers of this account now"
            sweep.is_busy = True
            return sweep
        try:
            deadline = started + timedelta(seconds=shop.settings.cadence.deep_deadline_s)
            source = shop.connect(account, lambda connector: connector.customer_source, deadline)
            page: list[Customer] = []
            seen: set[str] = set()
            for customer in source.list_customers(Since(None if deep else last)):
                sweep.listed += 1
                seen.add(f"{account}:{customer.customer_id}")
                page.append(customer)
                if len(page) >= _BATCH:
                    _take(shop, account, page, started, sweep)
                    page = []
            _take(shop, account, page, started, sweep)
            if deep:
                _forget_others(shop, account, seen, started, sweep)
        except OrderPipelinesError as error:
            sweep.problem = str(error)
            sweep.retryable = getattr(error, "retryable", False)
        finish_reading(shop.store, account, STREAM, started, sweep.problem)
    return sweep


def _take(
    shop: Shop, account: str, page: list[Customer], read_began_at: datetime, sweep: CustomerSweep
) -> None:
    rows: dict[str, dict[str, Any]] = {}
    for customer in page:
        if customer.is_guest or not is_usable_id(customer.customer_id):
            sweep.guests += customer.is_guest
            continue
        row = _row(account, customer, read_began_at)
        known = rows.get(row["customer_key"])
        if known is None or known["changed_at"] <= row["changed_at"]:
            rows[row["customer_key"]] = row
    if not rows:
        return
    with shop.store.transaction() as connection:
        fresh = _newer(connection, rows)
        upsert(connection, channel_customers, fresh)
    sweep.written += len(fresh)
    sweep.unchanged += len(rows) - len(fresh)


def _forget_others(
    shop: Shop, account: str, seen: set[str], read_began_at: datetime, sweep: CustomerSweep
) -> None:
    """Remove who was deleted at the shop, or left its sales channels; whoever comes again is read again."""
    table = channel_customers
    with shop.store.transaction() as connection:
        query = sa.select(table.c.customer_key).where(
            table.c.account == account, table.c.read_began_at < read_began_at
        )
        gone = sorted(set(connection.execute(query).scalars()) - seen)
        for part in chunks(gone):
            connection.execute(sa.delete(table).where(table.c.customer_key.in_(part)))
    sweep.forgotten = len(gone)


def _newer(connection: Connection, rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is known in this version or a newer one."""
    before: dict[str, Any] = {}
    for part in chunks(list(rows)):
        query = sa.select(channel_customers).where(channel_customers.c.customer_key.in_(part))
        before |= {row.customer_key: row for row in connection.execute(query)}
    return [
        row
        for key, row in rows.items()
        if key not in before
        or row["changed_at"] > before[key].changed_at
        or (row["changed_at"] == before[key].changed_at and _differs(row, before[key]))
    ]


def _differs(row: dict[str, Any], before: Any) -> bool:
    names = ("customer_number", "buyer", "billing_address")
    return row["read_began_at"] >= before.read_began_at and any(
        row[name] != getattr(before, name) for name in names
    )


def _row(account: str, customer: Customer, read_began_at: datetime) -> dict[str, Any]:
    # A change later than its own reading is a wrong clock; believed, it would shut out every later version.
    changed_at = min(customer.changed_at or read_began_at, read_began_at + _CLOCK_SKEW)
    address = customer.billing_address
    return fitted(
        channel_customers,
        {
            "customer_key": f"{account}:{customer.customer_id}",
            "account": account,
            "external_customer_id": customer.customer_id,
            "customer_number": customer.customer_number,
            "buyer": asdict(customer.buyer),
            "billing_address": None if address is None else asdict(address),
            "changed_at": changed_at,
            "read_began_at": read_began_at,
        },
    )
