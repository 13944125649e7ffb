"""Everything the operations store knows of one order, shown on a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.commands.common import local, money, show_table
from order_pipelines.operations.tables import (
    invoice_holds,
    invoices,
    order_lines,
    order_people,
    outbox,
    quarantine,
    shipments,
    stock_movements,
)
from order_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Rows of the operations store about one order; ``people`` only when asked for."""

    head: Any
    lines: Sequence[Any]
    movements: Sequence[Any]
    parcels: Sequence[Any]
    invoice: Any | None
    hold: Any | None
    effects: Sequence[Any]
    problems: Sequence[Any]
    people: Any | None


def read_page(connection: Connection, head: Any, *, with_people: bool) -> OrderPage:
    """Return all that is known of an order."""
    key = head.order_key

    def rows(query: sa.Select[Any]) -> Sequence[Any]:
        return connection.execute(query).all()

    subjects = [key] if head.invoice_key is None else [key, head.invoice_key]
    invoice = sa.select(invoices).where(invoices.c.invoice_key == head.invoice_key)
    people = sa.select(order_people).where(order_people.c.order_key == key)
    return OrderPage(
        head,
        rows(
            sa.select(order_lines).where(order_lines.c.order_key == key).order_by(order_lines.c.line_number)
        ),
        rows(
            sa.select(stock_movements)
            .where(stock_movements.c.order_key == key)
            .order_by(stock_movements.c.movement_seq)
        ),
        rows(sa.select(shipments).where(shipments.c.order_key == key).order_by(shipments.c.shipped_at)),
        connection.execute(invoice).first() if head.invoice_key is not None else None,
        connection.execute(
            sa.select(invoice_holds).where(
                invoice_holds.c.order_key == key, invoice_holds.c.released_at.is_(None)
            )
        ).first(),
        rows(sa.select(outbox).where(outbox.c.subject_key.in_(subjects)).order_by(outbox.c.change_seq)),
        rows(
            sa.select(quarantine)
            .where(quarantine.c.entity_key == key, quarantine.c.resolved_at.is_(None))
            .order_by(quarantine.c.first_seen_at)
        ),
        connection.execute(people).first() if with_people else None,
    )


def show_page(page: OrderPage, settings: Settings) -> None:
    """Print the page."""
    _show_head(page, settings)
    _show_lines(page)
    if page.people is not None:
        _show_people(page.people)
    if page.movements:
        show_table(
            "Stock",
            ("when", "sku", "location", "what", "pieces", "on hand", "open demand"),
            [
                (
                    local(row.occurred_at, settings),
                    row.sku,
                    row.location,
                    row.kind,
                    row.physical_quantity,
                    f"{row.on_hand_delta:+d}",
                    f"{row.open_demand_delta:+d}",
                )
                for row in page.movements
            ],
            numbers=(4, 5, 6),
        )
    if page.parcels:
        show_table(
            "Parcels",
            ("left", "carrier", "tracking", "pieces"),
            [
                (
                    local(row.shipped_at, settings),
                    row.carrier,
                    row.tracking,
                    sum(each["quantity"] for each in row.lines),
                )
                for row in page.parcels
            ],
            numbers=(3,),
        )
    _show_invoice(page, settings)
    if page.effects:
        show_table(
            "Sent out",
            ("what", "to", "state", "planned", "confirmed", "remark"),
            [
                (
                    row.kind.replace("_", " "),
                    row.account,
                    row.state,
                    local(row.planned_at, settings),
                    local(row.confirmed_at, settings),
                    row.reason,
                )
                for row in page.effects
            ],
        )


def _show_head(page: OrderPage, settings: Settings) -> None:
    head = page.head
    facts = [
        ("order", head.order_number or head.external_order_id),
        ("key", head.order_key),
        ("account", f"{head.account} ({head.channel})"),
        ("ordered", local(head.ordered_at, settings)),
        ("status", f"{head.order_status or 'unknown'}, {head.fulfilment_status or 'shipping unknown'}"),
        ("payment", head.payment_status),
        ("country", head.ship_country),
        ("total", money(head.order_total_current_incl_vat, head.currency_code)),
        ("VAT in it", money(head.order_vat_amount, head.currency_code) or "unknown"),
        ("complete", local(head.completed_at, settings)),
        ("remarks", ", ".join(head.must_flag)),
    ]
    if head.order_total_incl_vat != head.order_total_current_incl_vat:
        facts.insert(8, ("before cancellations", money(head.order_total_incl_vat, head.currency_code)))
    if head.is_history:
        facts.append(("history", "before effective_from: no stock, no invoice"))
    for name, value in facts:
        if value:
            click.echo(f"{name:<21}{value}")
    for row in page.problems:
        click.echo(f"{'in quarantine':<21}{row.reason} ({row.reason_code})")
    click.echo()


def _show_lines(page: OrderPage) -> None:
    currency = page.head.currency_code
    show_table(
        "Lines",
        ("line", "sku", "ean", "title", "ordered", "cancelled", "left", "price", "total", "VAT %"),
        [
            (
                row.line_id,
                row.sku or (f"{row.sku_said} (unknown)" if row.sku_said else None),
                row.ean_said,
                row.title,
                row.quantity,
                row.quantity_cancelled,
                max(row.quantity_shipped or 0, row.quantity_departed or 0),
                money(_stated(row.unit_price_incl_vat, row.unit_price_excl_vat), currency),
                money(_stated(row.line_total_incl_vat, row.line_total_excl_vat), currency),
                None if row.vat_rate_pct is None else f"{row.vat_rate_pct.normalize():f}",
            )
            for row in page.lines
        ],
        numbers=(4, 5, 6, 7, 8, 9),
    )


def _stated(incl_vat: Decimal | None, excl_vat: Decimal | None) -> Decimal | None:
    """Return the amount as the channel said it: wholesale prices come without VAT."""
    return excl_vat if incl_vat is None else incl_vat


def _show_invoice(page: OrderPage, settings: Settings) -> None:
    invoice = page.invoice
    if invoice is not None:
        number = f", entry {invoice.entry_number}" if invoice.entry_number else ""
        click.echo(
            f"Invoice {invoice.reference} in {invoice.books}: {money(invoice.amount_incl_vat, invoice.currency_code)}, "
            f"VAT {money(invoice.vat_amount, invoice.currency_code)}, {invoice.state}{number}\n"
        )
    elif page.hold is not None:
        click.echo(f"No invoice since {local(page.hold.since, settings)}: {page.hold.reason}\n")


def _show_people(people: Any) -> None:
    rows = [
        ("buyer", people.buyer),
        ("ships to", people.shipping_address),
        ("bills to", people.billing_address),
    ]
    show_table(
        "People",
        ("who", "what"),
        [(who, _in_words(facts)) for who, facts in rows if facts],
    )


def _in_words(facts: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value not in (None, "")
    )
