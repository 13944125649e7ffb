"""A store full of finished orders, made by the database itself: a million of them in a minute or two."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations import tables
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.planning import CHANNEL_SHIPMENT, SALES_ENTRY

ACCOUNT = "bol_main"
_FIRST_NUMBER = 1_000_000_000
_CHUNK = 100_000
_ORDERED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_SHIPPED_AT = _ORDERED_AT + timedelta(hours=20)
_PRICE = Decimal("19.95")
_ARTICLES = 5_000
# Every so many orders one was in quarantine once.
_MENDED = 50


def number_of(number: int) -> str:
    """Return the order number of the ``number``-th order."""
    return str(_FIRST_NUMBER + number)


def lines_of(number: int) -> int:
    """Return how many lines the ``number``-th order has: every fourth has two."""
    return 2 if number % 4 == 0 else 1


def fill(store: OperationsStore, amount: int) -> int:
    """Put ``amount`` shipped and invoiced orders into an empty store; returns the rows written to all tables."""
    for start in range(1, amount + 1, _CHUNK):
        with store.transaction() as connection:
            _fill_chunk(connection, start, min(start + _CHUNK - 1, amount))
    with store.transaction() as connection:
        connection.exec_driver_sql("analyze")
    with store.reading() as connection:
        counts = [sa.select(sa.func.count()).select_from(table) for table in tables.metadata.tables.values()]
        return sum(connection.execute(count).scalar_one() for count in counts)


def _fill_chunk(connection: Connection, first: int, last: int) -> None:
    numbers = sa.select(sa.literal(first).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < last))
    n = numbers.c.n
    text = sa.cast(n + _FIRST_NUMBER, sa.String)
    key = sa.literal(f"{ACCOUNT}:") + text
    invoice = sa.literal("exact:BOL-") + text
    single, double = sa.select(numbers), sa.select(numbers).where(n % 4 == 0)
    article = sa.literal("SKU-") + sa.cast(n % _ARTICLES, sa.String)

    def insert(table: sa.Table, values: dict[str, Any], rows: sa.Select[Any] = single) -> None:
        columns = [
            sa.literal(value, table.c[name].type) if not isinstance(value, sa.ColumnElement) else value
            for name, value in values.items()
        ]
        connection.execute(table.insert().from_select(list(values), rows.with_only_columns(*columns)))

    total = sa.case(
        (n % 4 == 0, sa.literal(2 * _PRICE, tables.orders.c.order_total_incl_vat.type)),
        else_=sa.literal(_PRICE, tables.orders.c.order_total_incl_vat.type),
    )
    insert(tables.orders, _order(key, text, invoice, total, n))
    for line, rows in ((1, single), (2, double)):
        insert(tables.order_lines, _line(key, line, article), rows)
        for step, (kind, on_hand, demand) in enumerate((("sold", 0, 1), ("shipped", -1, -1))):
            insert(
                tables.stock_movements,
                {
                    "movement_seq": n * 4 + (line - 1) * 2 + step,
                    "sku": article,
                    "location": "main",
                    "kind": kind,
                    "physical_quantity": -on_hand,
                    "on_hand_delta": on_hand,
                    "open_demand_delta": demand,
                    "cause": sa.literal(f"{kind} ") + key + sa.literal(f":{line}"),
                    "order_key": key,
                    "line_id": str(line),
                    "occurred_at": _ORDERED_AT if kind == "sold" else _SHIPPED_AT,
                    "booked_at": _SHIPPED_AT,
                },
                rows,
            )
    insert(
        tables.shipments,
        {
            "shipment_key": sa.literal("parcel:") + text,
            "account": ACCOUNT,
            "order_key": key,
            "carrier": "PostNL",
            "tracking": sa.literal("3S") + sa.cast(n, sa.String),
            "location": "main",
            "shipped_at": _SHIPPED_AT,
            "lines": [{"line_id": "1", "quantity": 1}],
            "receipt_seq": n,
        },
    )
    insert(tables.invoices, _invoice(invoice, text, total, n))
    insert(
        tables.invoice_orders,
        {
            "order_key": key,
            "invoice_key": invoice,
            "amount_incl_vat": total,
            "vat_amount": Decimal("3.46"),
        },
    )
    for step, (kind, subject) in enumerate(((SALES_ENTRY, invoice), (CHANNEL_SHIPMENT, key))):
        insert(tables.outbox, _effect(kind, subject, n * 2 + step))
    insert(tables.quarantine, _mended(key, text, n), sa.select(numbers).where(n % _MENDED == 0))


def _order(
    key: sa.ColumnElement[Any],
    text: sa.ColumnElement[Any],
    invoice: sa.ColumnElement[Any],
    total: sa.ColumnElement[Any],
    n: sa.ColumnElement[Any],
) -> dict[str, Any]:
    return {
        "order_key": key,
        "account": ACCOUNT,
        "system": "bol",
        "channel": "bol",
        "external_order_id": text,
        "order_number": text,
        "order_kind": "sale",
        "currency_code": "EUR",
        "ship_country": "NL",
        "bill_country": "NL",
        "order_status": "completed",
        "payment_status": "paid_to_platform",
        "fulfilment_status": "shipped",
        "must_flag": [],
        "quarantine_reasons": [],
        "order_total_incl_vat": total,
        "order_total_current_incl_vat": total,
        "order_vat_amount": Decimal("3.46"),
        "commission_total": Decimal("2.40"),
        "is_business": False,
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "is_history": False,
        "is_test": False,
        "is_quarantined": False,
        "ordered_at": _ORDERED_AT,
        "order_date": date(2026, 3, 1),
        "completed_at": _SHIPPED_AT,
        "changed_at": _SHIPPED_AT,
        "read_began_at": _SHIPPED_AT,
        "content_hash": "0" * 64,
        "receipt_seq": n,
        "invoice_key": invoice,
        "first_received_at": _ORDERED_AT,
        "change_seq": n,
    }


def _line(key: sa.ColumnElement[Any], line: int, article: sa.ColumnElement[Any]) -> dict[str, Any]:
    return {
        "order_key": key,
        "line_id": str(line),
        "line_number": line,
        "line_kind": "goods",
        "sku_said": article,
        "ean_said": "8720999001018",
        "sku": article,
        "title": "Theedoek geruit, katoen",
        "offer_id": "6ff736b5-cdd0-4150-8c67-78269ee986f5",
        "vat_class": "high",
        "quantity": 1,
        "quantity_cancelled": 0,
        "quantity_shipped": 1,
        "quantity_departed": 1,
        "unit_price_incl_vat": _PRICE,
        "line_total_incl_vat": _PRICE,
        "line_current_incl_vat": _PRICE,
        "line_vat_amount": Decimal("3.46"),
        "vat_rate_pct": Decimal(21),
        "own_fulfilment": True,
        "is_known": True,
        "changed_at": _SHIPPED_AT,
    }


def _invoice(
    invoice: sa.ColumnElement[Any],
    text: sa.ColumnElement[Any],
    total: sa.ColumnElement[Any],
    n: sa.ColumnElement[Any],
) -> dict[str, Any]:
    return {
        "invoice_key": invoice,
        "account": ACCOUNT,
        "books": "exact",
        "reference": sa.literal("BOL-") + text,
        "grouping": "order",
        "invoice_date": date(2026, 3, 2),
        "currency_code": "EUR",
        "amount_incl_vat": total,
        "amount_excl_vat": Decimal("16.49"),
        "vat_amount": Decimal("3.46"),
        "lines": [{"ledger_account": "8000", "amount": "16.49"}],
        "state": "confirmed",
        "entry_number": sa.cast(n, sa.String),
        "planned_at": _SHIPPED_AT,
        "booked_at": _SHIPPED_AT,
        "change_seq": n,
    }


def _effect(kind: str, subject: sa.ColumnElement[Any], change_seq: sa.ColumnElement[Any]) -> dict[str, Any]:
    return {
        "effect_key": sa.literal(f"{kind}:") + subject,
        "account": ACCOUNT,
        "kind": kind,
        "subject_key": subject,
        "mode": "live",
        "payload": {"reference": kind},
        "payload_hash": "0" * 64,
        "state": "confirmed",
        "attempts": 1,
        "planned_at": _SHIPPED_AT,
        "sent_at": _SHIPPED_AT,
        "confirmed_at": _SHIPPED_AT,
        "change_seq": change_seq,
    }


def _mended(
    key: sa.ColumnElement[Any], text: sa.ColumnElement[Any], n: sa.ColumnElement[Any]
) -> dict[str, Any]:
    return {
        "quarantine_key": sa.literal("unknown_ean:") + text,
        "account": ACCOUNT,
        "entity": "order",
        "entity_key": key,
        "receipt_seq": n,
        "reason_code": "unknown_ean",
        "reason": "no article of the product master has this EAN",
        "first_seen_at": _ORDERED_AT,
        "resolved_at": _SHIPPED_AT,
        "change_seq": n,
    }
