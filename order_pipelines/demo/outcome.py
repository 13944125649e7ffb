"""What came of the demo, read back: revenue from the warehouse, entries and offers from the stand-ins themselves.

What the outside holds is asked of the sandbox's control port and not of our own tables: the demo shows what arrived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.demo.merchant import BOOKS, ELSEWHERE, Sandbox
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.tables import (
    alerts,
    invoice_holds,
    quarantine,
)
from order_pipelines.services.stock_table import StockLine, as_shown, read_stock_table
from order_pipelines.services.three_way import DEFAULT_DAYS
from order_pipelines.services.three_way_report import Sides, read_three_way
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse

_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Revenue:
    """What one account sold; amounts in euro after cancellations, net only where the VAT is known."""

    channel: str
    account: str
    orders: int
    units: int
    gross: Decimal
    net: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books hold for one debtor."""

    account: str
    entries: int
    total: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Traced:
    """One article as shoppers see it at every channel: before somebody bought ``sold`` pieces at one, and after."""

    sku: str
    sold_at: str
    sold: int
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a person, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the demo ends with."""

    revenue: Sequence[Revenue]
    booked: Sequence[Booked]
    double_entries: int
    stock: Sequence[StockLine]
    settings: Settings
    parcels_announced: Mapping[str, int]
    quarantined: Sequence[Waiting]
    held_invoices: Sequence[Waiting]
    traced: Traced
    compared: Sequence[Sides]
    alerts: Sequence[Waiting]
    report: Path | None


def channels_of(sandbox: Sandbox) -> list[str]:
    """Return the merchant's accounts at channels, in the order in which they are shown."""
    return [*(row["account"] for row in sandbox.systems if row["system"] == "bol"), *ELSEWHERE]


def shown(sandbox: Sandbox, sku: str) -> dict[str, int]:
    """Return what shoppers can buy of an article at every channel now, as the stand-ins hold it."""
    found = {}
    for account in channels_of(sandbox):
        offers = [offer for offer in _state(sandbox, account)["offers"] if offer["sku"] == sku]
        found[account] = _for_sale(offers[0])
    return found


def _for_sale(offer: Mapping[str, Any]) -> int:
    """Return the number for shoppers: bol takes orders off what it was told, the others hold one number."""
    return max(0, int(offer["corrected_stock"] if "corrected_stock" in offer else offer["quantity"]))


def read_outcome(settings: Settings, sandbox: Sandbox, report: Path | None, traced: Traced) -> Outcome:
    """Ask the warehouse, the stores and the outside what there is now."""
    accounts = channels_of(sandbox)
    states = {account: _state(sandbox, account) for account in accounts}
    books = _state(sandbox, BOOKS)
    customers = {customer: name for name, customer in sandbox.account(BOOKS)["customers"].items()}
    store = open_store(settings.operations_url())
    try:
        with store.reading() as connection:
            return Outcome(
                revenue=_revenue(settings),
                booked=_booked(books["entries"], customers),
                double_entries=len(books["duplicates_by_your_ref"]),
                stock=as_shown(read_stock_table(connection), _held(states)),
                settings=settings,
                parcels_announced=_parcels(states),
                quarantined=[
                    Waiting(f"{row.entity.replace('_', ' ')} {row.entity_key}", row.reason)
                    for row in connection.execute(
                        sa.select(quarantine)
                        .where(quarantine.c.resolved_at.is_(None))
                        .order_by(quarantine.c.entity_key)
                    )
                ],
                held_invoices=[
                    Waiting(f"order {row.order_key}", row.reason)
                    for row in connection.execute(
                        sa.select(invoice_holds)
                        .where(invoice_holds.c.released_at.is_(None))
                        .order_by(invoice_holds.c.order_key)
                    )
                ],
                traced=traced,
                compared=_compared(settings),
                alerts=[
                    Waiting(row.alert_key, row.message)
                    for row in connection.execute(
                        sa.select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.alert_key)
                    )
                ],
                report=report,
            )
    finally:
        store.close()


def _parcels(states: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Count parcels that came from here, each in its channel's own words."""
    found = {}
    for account, state in states.items():
        if "deliveries" in next(iter(state["orders"]), {}):
            found[account] = sum(
                len(delivery["tracking_codes"])
                for order in state["orders"]
                for delivery in order["deliveries"]
            )
        else:
            found[account] = sum(bool(each.get("reference", True)) for each in state["shipments"])
    return found


def _compared(settings: Settings) -> list[Sides]:
    today = clock.order_date(clock.now(), settings.merchant.zone)
    with Warehouse(settings.warehouse_url(), settings.data_dir).read() as session:
        return read_three_way(session, today - timedelta(days=DEFAULT_DAYS), today)


def _state(sandbox: Sandbox, account: str) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.control_url}/state/{account}", timeout=_TIMEOUT_S)
    answer.raise_for_status()
    state: dict[str, Any] = answer.json()
    return state


def _revenue(settings: Settings) -> list[Revenue]:
    warehouse = Warehouse(settings.warehouse_url(), settings.data_dir)
    rows = warehouse.query(
        "select channel, account, sum(orders) as orders, sum(units) as units, sum(gross_revenue_incl_vat) as gross, "
        "sum(net_revenue_excl_vat) as net, sum(vat_amount) as vat from mart.revenue_per_channel_day "
        "group by channel, account order by channel desc, account"
    ).to_pylist()
    return [
        Revenue(
            row["channel"],
            row["account"],
            int(row["orders"]),
            int(row["units"]),
            row["gross"] or Decimal(0),
            row["net"] or Decimal(0),
            row["vat"] or Decimal(0),
        )
        for row in rows
    ]


def _booked(entries: Sequence[Mapping[str, Any]], customers: Mapping[str, str]) -> list[Booked]:
    by_account: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_account.setdefault(customers.get(entry["customer"], "another debtor"), []).append(entry)
    return [
        Booked(
            account,
            len(found),
            sum((Decimal(entry["amount_fc"]) for entry in found), Decimal(0)),
            sum((Decimal(entry["vat_amount_fc"]) for entry in found), Decimal(0)),
        )
        for account, found in sorted(by_account.items(), reverse=True)
    ]


def _held(states: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Return the number that each offer holds at its channel: at bol what it was told, elsewhere what it shows."""
    # Mirakl's offers are known by the seller's own article number, the others by an id.
    return {
        (account, str(offer[name])): offer.get("amount", offer.get("quantity"))
        for account, state in states.items()
        for offer in state["offers"]
        for name in ("sku", "offer_id")
    }
