"""Planning what must exist outside, level-triggered: whatever is due and has no row gets one; a crash loses nothing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.invoicing import (
    Hold,
    InvoiceLine,
    InvoiceOrder,
    LedgerMap,
    LedgerTarget,
    PlannedEntry,
    plan_collective_entry,
    plan_entry,
    why_not_due,
)
from order_pipelines.identifiers import OrderKey, outside_reference
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import (
    invoice_holds,
    invoice_orders,
    invoices,
    order_lines,
    orders,
)
from order_pipelines.services import parcels
from order_pipelines.services.accepting import plan_acceptances
from order_pipelines.services.shop import Shop
from order_pipelines.settings import AccountSettings, Settings

log = logging.getLogger(__name__)

SALES_ENTRY = "sales_entry"
CHANNEL_SHIPMENT = parcels.CHANNEL_SHIPMENT
_BATCH = 500


@dataclass
class Planned:
    """What one round of planning wrote down."""

    invoices: int = 0
    orders_invoiced: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    shipments: int = 0
    acceptances: int = 0


def plan_all(shop: Shop) -> Planned:
    """Plan acceptances, sales entries and shipments of every account."""
    planned = Planned(acceptances=plan_acceptances(shop))
    for name, account in shop.accounts():
        if account.invoicing.trigger != "off":
            plan_invoices(shop, name, planned)
    plan_shipments(shop, planned)
    return planned


def plan_invoices(shop: Shop, name: str, planned: Planned) -> None:
    """Plan the sales entries of one account; an order is in one entry or none, decided in one transaction."""
    account = shop.account(name)
    after = ""
    while True:
        with shop.store.transaction() as connection:
            heads = _candidates(connection, name, account, after)
            if not heads:
                return
            after = heads[-1].order_key
            rows = _invoice_orders(connection, heads)
            _plan_batch(connection, shop.settings, name, account, heads, rows, planned)
        if account.invoicing.grouping == "day":
            # A day's entry needs all its orders at once; the query above returned them all.
            return


def _candidates(connection: Connection, name: str, account: AccountSettings, after: str) -> list[Any]:
    query = sa.select(orders).where(
        orders.c.account == name,
        orders.c.invoice_key.is_(None),
        orders.c.is_history.is_(False),
        orders.c.is_quarantined.is_(False),
        orders.c.is_test.is_(False),
    )
    if account.invoicing.trigger == "shipped":
        query = query.where(orders.c.completed_at.is_not(None))
    if account.invoicing.grouping == "order":
        query = query.where(orders.c.order_key > after).order_by(orders.c.order_key).limit(_BATCH)
    return list(connection.execute(query))


def _invoice_orders(connection: Connection, heads: Sequence[Any]) -> dict[str, InvoiceOrder]:
    lines: dict[str, list[Any]] = {}
    for part in chunks([head.order_key for head in heads]):
        for row in connection.execute(
            sa.select(order_lines)
            .where(order_lines.c.order_key.in_(part))
            .order_by(order_lines.c.order_key, order_lines.c.line_number)
        ):
            lines.setdefault(row.order_key, []).append(row)
    return {head.order_key: _invoice_order(head, lines.get(head.order_key, [])) for head in heads}


def _invoice_order(head: Any, rows: Sequence[Any]) -> InvoiceOrder:
    by_gross = any(row.line_total_incl_vat is not None for row in rows)
    lines = [_invoice_line(row, by_gross) for row in rows]
    if head.order_discounts:
        lines.append(
            InvoiceLine("order_discount", "discount", "order discount", 1, 0, 0, -head.order_discounts)
        )
    return InvoiceOrder(
        OrderKey(head.order_key),
        head.order_number,
        head.ordered_at,
        head.currency_code,
        head.ship_country or head.bill_country,
        tuple(lines),
        head.order_total_incl_vat if by_gross else head.order_total_current_incl_vat,
        head.shipping_cost_incl_vat,
        head.order_status,
        head.order_kind,
        head.counts_in_revenue,
        head.is_quarantined,
        head.is_test,
    )


def _invoice_line(row: Any, by_gross: bool) -> InvoiceLine:
    cancelled = row.quantity_cancelled or 0
    gross: Decimal | None = row.line_total_incl_vat
    if not by_gross:
        gross = row.line_current_incl_vat if cancelled == 0 else None
    shipped = max(row.quantity_shipped or 0, row.quantity_departed or 0)
    return InvoiceLine(
        row.line_id,
        row.line_kind,
        row.sku or row.ean_said or row.line_id,
        row.quantity,
        cancelled,
        min(shipped, max(0, (row.quantity or 0) - cancelled)),
        gross,
        row.vat_class or ("said" if row.vat_rate_pct is not None else None),
        row.vat_rate_pct,
    )


def ledgers_of(settings: Settings, books: str) -> LedgerMap:
    """Return how the settings book VAT in ``books``; nowhere, where they say nothing of these books."""
    mapping = settings.books.get(books)
    if mapping is None:
        return LedgerMap({})
    return LedgerMap(
        {
            (item.country, item.vat_class): LedgerTarget(
                item.ledger_account, item.vat_code, settings.vat.rate(item.country, item.vat_class)
            )
            for item in mapping.mapping
            if item.vat_rate is None
        },
        mapping.shipping_ledger_account,
        mapping.rounding_ledger_account,
        {
            (item.country, item.vat_class, item.vat_rate): LedgerTarget(
                item.ledger_account, item.vat_code, item.vat_rate
            )
            for item in mapping.mapping
            if item.vat_rate is not None
        },
    )


def _plan_batch(
    connection: Connection,
    settings: Settings,
    name: str,
    account: AccountSettings,
    heads: Sequence[Any],
    rows: dict[str, InvoiceOrder],
    planned: Planned,
) -> None:
    zone = settings.merchant.zone
    due = [
        head
        for head in heads
        if why_not_due(
            account.invoicing.trigger, rows[head.order_key], effective_from=account.effective_from, zone=zone
        )
        is None
    ]
    books = account.invoicing.books or ""
    ledgers = ledgers_of(settings, books)
    tolerance = settings.limits.total_tolerance
    holds: list[Hold] = []
    entries: list[PlannedEntry] = []
    if account.invoicing.grouping == "order":
        for head in due:
            moment = head.completed_at if account.invoicing.trigger == "shipped" else head.ordered_at
            entry = plan_entry(
                rows[head.order_key],
                reference=outside_reference(account.reference_prefix or name, head.order_number),
                entry_date=clock.order_date(moment, zone),
                ledgers=ledgers,
                rounding_tolerance=tolerance,
            )
            if isinstance(entry, Hold):
                holds.append(entry)
            else:
                entries.append(entry)
    else:
        today = clock.order_date(clock.now(), zone)
        days: dict[date, list[InvoiceOrder]] = {}
        for head in due:
            moment = head.completed_at if account.invoicing.trigger == "shipped" else head.ordered_at
            days.setdefault(clock.order_date(moment, zone), []).append(rows[head.order_key])
        for day in sorted(days):
            if day >= today:
                continue
            plan = plan_collective_entry(
                sorted(days[day], key=lambda order: order.order_key),
                reference=_day_reference(connection, name, account, day),
                entry_date=day,
                title=f"{name} {day.isoformat()}",
                ledgers=ledgers,
                rounding_tolerance=tolerance,
            )
            holds.extend(plan.held)
            if plan.entry is not None:
                entries.append(plan.entry)
    taken = _taken_references(connection, books, [entry.reference for entry in entries])
    for entry in entries:
        if entry.reference in taken:
            # Two orders may carry one number, and a prefix and number together what another pair makes.
            reason = f"the books' entry {entry.reference} is another order's; book this one by hand"
            holds.extend(Hold(order.order_key, "reference_taken", reason) for order in entry.orders)
            continue
        taken.add(entry.reference)
        _write_entry(connection, settings, name, books, entry)
        planned.invoices += 1
        planned.orders_invoiced += len(entry.orders)
    _write_holds(connection, name, [head.order_key for head in heads], holds)
    for hold in holds:
        planned.holds[hold.code] = planned.holds.get(hold.code, 0) + 1


def _taken_references(connection: Connection, books: str, references: Sequence[str]) -> set[str]:
    taken: set[str] = set()
    for part in chunks(list(references)):
        query = sa.select(invoices.c.reference).where(
            invoices.c.books == books, invoices.c.reference.in_(part)
        )
        taken.update(connection.execute(query).scalars())
    return taken


def _day_reference(connection: Connection, name: str, account: AccountSettings, day: date) -> str:
    """A late order of a day that has its entry already gets the next one: an entry is never changed."""
    number = connection.execute(
        sa.select(sa.func.count())
        .select_from(invoices)
        .where(invoices.c.account == name, invoices.c.grouping == "day", invoices.c.invoice_date == day)
    ).scalar_one()
    return outside_reference(account.reference_prefix or name, f"{day:%Y%m%d}-{number + 1}")


def _write_entry(
    connection: Connection, settings: Settings, name: str, books: str, entry: PlannedEntry
) -> None:
    account = settings.accounts[name]
    key = f"{books}:{entry.reference}"
    both_live = account.mode == "live" and settings.accounts[books].mode == "live"
    mode = "live" if both_live else "observe"
    lines = [
        {
            "ledger_account": line.ledger_account,
            "vat_code": line.vat_code or "",
            "amount_excl_vat": str(line.net),
            "vat_amount": str(line.vat),
            "vat_rate_pct": None if line.rate_pct is None else str(line.rate_pct),
            "description": line.description,
        }
        for line in entry.lines
    ]
    connection.execute(
        invoices.insert().values(
            invoice_key=key,
            account=name,
            books=books,
            reference=entry.reference,
            grouping=account.invoicing.grouping,
            invoice_date=entry.entry_date,
            currency_code=entry.currency,
            amount_incl_vat=entry.gross,
            amount_excl_vat=entry.gross - entry.vat,
            vat_amount=entry.vat,
            lines=lines,
            state="planned",
            planned_at=clock.now(),
            change_seq=next_values(connection, CHANGE),
        )
    )
    counted = _counted_now(connection, [order.order_key for order in entry.orders])
    connection.execute(
        invoice_orders.insert(),
        [
            {
                "order_key": order.order_key,
                "invoice_key": key,
                "amount_incl_vat": order.gross,
                "vat_amount": order.vat,
                "planned_total_incl_vat": counted[order.order_key],
            }
            for order in entry.orders
        ],
    )
    first = next_values(connection, CHANGE, len(entry.orders))
    for number, order in enumerate(entry.orders, start=first):
        connection.execute(
            sa.update(orders)
            .where(orders.c.order_key == order.order_key)
            .values(invoice_key=key, change_seq=number)
        )
    payload = {
        "reference": entry.reference,
        "entry_date": entry.entry_date.isoformat(),
        "customer": account.invoicing.customer or "",
        "journal": account.invoicing.journal or "",
        "payment_condition": account.invoicing.payment_condition,
        "currency": entry.currency,
        "description": entry.description,
        "lines": lines,
    }
    outbox.plan(connection, [Effect(f"{SALES_ENTRY}:{key}", books, SALES_ENTRY, key, mode, payload)])


def _counted_now(connection: Connection, order_keys: Sequence[str]) -> dict[str, Decimal | None]:
    """Return what each order is worth in the figures now: who compares later must know what it was at this moment."""
    found: dict[str, Decimal | None] = {}
    for part in chunks(order_keys):
        query = sa.select(orders.c.order_key, orders.c.order_total_current_incl_vat).where(
            orders.c.order_key.in_(part)
        )
        found |= {row.order_key: row.order_total_current_incl_vat for row in connection.execute(query)}
    return found


def _write_holds(connection: Connection, name: str, seen: Sequence[str], holds: Sequence[Hold]) -> None:
    """Note what waits, since when it does for that reason, and what waits no longer."""
    held = {hold.order_key: hold for hold in holds}
    known: dict[str, tuple[str, str]] = {}
    for part in chunks(sorted({*seen, *held})):
        query = sa.select(invoice_holds).where(
            invoice_holds.c.order_key.in_(part), invoice_holds.c.released_at.is_(None)
        )
        known |= {row.order_key: (row.reason_code, row.reason) for row in connection.execute(query)}
    now = clock.now()
    free = [key for key in known if key not in held]
    rows = [
        {
            "order_key": hold.order_key,
            "account": name,
            "reason_code": hold.code,
            "reason": hold.reason,
            "since": now,
            "released_at": None,
        }
        for hold in held.values()
        if known.get(hold.order_key) != (hold.code, hold.reason)
    ]
    if not free and not rows:
        return
    number = next_values(connection, CHANGE, len(free) + len(rows))
    for key in free:
        connection.execute(
            sa.update(invoice_holds)
            .where(invoice_holds.c.order_key == key)
            .values(released_at=now, change_seq=number)
        )
        number += 1
    upsert(connection, invoice_holds, [{**row, "change_seq": number + i} for i, row in enumerate(rows)])


def plan_shipments(shop: Shop, planned: Planned) -> None:
    """Plan the announcement of every parcel whose channel wants to know it."""
    planned.shipments += parcels.plan_parcels(shop)
