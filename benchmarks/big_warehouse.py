"""A warehouse full of orders, made by the database itself, and an operations store with some of them changed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines.operations import tables as operations_tables
from order_pipelines.operations.store import CHANGE, OperationsStore
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import LOAD_STATE, ORDER_LINES, ORDER_VERSIONS, ORDERS

LINES_OF_AN_ORDER = 2
_CHUNK = 1_000_000
_FIRST_NUMBER = 1_000_000_000
# Orders come one after the other: ten million lines are almost five years of them.
_FIRST_AT = datetime(2021, 1, 1, tzinfo=UTC)
_STEP_S = 30
_ARTICLES = 5_000
_CENTS = 1_995
_HASH = "0" * 64


def line_total(round_number: int) -> Decimal:
    """Return what a line costs after the ``round_number``-th change of its order; 0 is as it was filled in."""
    return Decimal(_CENTS + round_number) / 100


def fill(session: Session, orders: int) -> None:
    """Put ``orders`` orders into an empty warehouse, with their first version and two lines each, oldest first."""
    for start in range(1, orders + 1, _CHUNK):
        until = min(start + _CHUNK - 1, orders)
        for table, source in (
            (ORDERS, _ORDER),
            (ORDER_VERSIONS, _ORDER),
            (ORDER_LINES, {**_ORDER, **_LINE}),
        ):
            series = f"generate_series({start}, {until}) as numbers (n)"
            if table is ORDER_LINES:
                series += f" cross join generate_series(1, {LINES_OF_AN_ORDER}) as positions (line)"
            session.execute(_insert(table, source, series))
    session.execute(
        f"insert into {LOAD_STATE.full_name} (stream, done_seq, loaded_at) values ('orders', $1, $2)",
        [orders, _FIRST_AT],
    )


def _insert(table: Table, source: dict[str, str], series: str) -> str:
    values = ", ".join(f"cast({source.get(one.name, 'null')} as {one.sql_type})" for one in table.columns)
    return f"insert into {table.full_name} ({', '.join(table.column_names)}) select {values} from {series}"


_AT = (
    f"timestamp with time zone '{_FIRST_AT.isoformat()}' + cast(n as integer) * interval '{_STEP_S} seconds'"
)
_ORDER = {
    "order_key": f"'bol_main:' || cast({_FIRST_NUMBER} + n as text)",
    "account": "'bol_main'",
    "system": "'bol'",
    "channel": "'bol'",
    "external_order_id": f"cast({_FIRST_NUMBER} + n as text)",
    "order_number": f"cast({_FIRST_NUMBER} + n as text)",
    "order_kind": "'sale'",
    "currency_code": "'EUR'",
    "ship_country": "'NL'",
    "bill_country": "'NL'",
    "order_status": "'completed'",
    "payment_status": "'paid_to_platform'",
    "fulfilment_status": "'shipped'",
    "must_flag": "'[]'",
    "quarantine_reasons": "'[]'",
    "content_hash": f"'{_HASH}'",
    "order_total_incl_vat": "39.90",
    "order_total_current_incl_vat": "39.90",
    "order_vat_amount": "6.92",
    "commission_total": "4.80",
    "receipt_seq": "n",
    "change_seq": "n",
    "is_business": "false",
    "counts_in_revenue": "true",
    "own_fulfilment": "true",
    "is_history": "false",
    "is_test": "false",
    "is_quarantined": "false",
    "ordered_at": _AT,
    "order_date": _AT,
    "placed_at": _AT,
    "completed_at": _AT,
    "changed_at": _AT,
    "read_began_at": _AT,
    "first_received_at": _AT,
}
_LINE = {
    "line_id": "cast(line as text)",
    "line_kind": "'goods'",
    "sku_said": f"'SKU-' || cast(n % {_ARTICLES} as text)",
    "ean_said": "'8720999001018'",
    "sku": f"'SKU-' || cast(n % {_ARTICLES} as text)",
    "title": "'Theedoek geruit, katoen'",
    "offer_id": "'6ff736b5-cdd0-4150-8c67-78269ee986f5'",
    "vat_class": "'high'",
    "line_number": "line",
    "quantity": "1",
    "quantity_cancelled": "0",
    "quantity_shipped": "1",
    "quantity_departed": "1",
    "unit_price_incl_vat": "19.95",
    "line_discount_incl_vat": "0",
    "line_total_incl_vat": "19.95",
    "line_current_incl_vat": "19.95",
    "line_vat_amount": "3.46",
    "commission": "2.40",
    "vat_rate_pct": "21",
    "is_known": "true",
}


def change(store: OperationsStore, numbers: Sequence[int], round_number: int, done_seq: int) -> int:
    """Make the operations store hold these orders, each changed once after ``done_seq``; returns the last change."""
    orders, lines, counters = (
        operations_tables.metadata.tables[name] for name in ("orders", "order_lines", "counters")
    )
    last = done_seq + len(numbers)
    with store.transaction() as connection:
        connection.execute(sa.delete(lines))
        connection.execute(sa.delete(orders))
        connection.execute(
            orders.insert(),
            [_order(number, round_number, seq) for seq, number in enumerate(numbers, start=done_seq + 1)],
        )
        connection.execute(
            lines.insert(),
            [
                _line(number, line, round_number)
                for number in numbers
                for line in range(1, LINES_OF_AN_ORDER + 1)
            ],
        )
        connection.execute(sa.update(counters).where(counters.c.name == CHANGE).values(value=last))
    return last


def _placed_at(number: int) -> datetime:
    return _FIRST_AT + timedelta(seconds=_STEP_S * number)


def _order(number: int, round_number: int, change_seq: int) -> dict[str, Any]:
    text, at = str(_FIRST_NUMBER + number), _placed_at(number)
    total = line_total(round_number) * LINES_OF_AN_ORDER
    return {
        "order_key": f"bol_main:{text}",
        "account": "bol_main",
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
        "order_vat_amount": Decimal("6.92"),
        "commission_total": Decimal("4.80"),
        "is_business": False,
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "is_history": False,
        "is_test": False,
        "is_quarantined": False,
        "ordered_at": at,
        "order_date": at.date(),
        "completed_at": at,
        "changed_at": at + timedelta(seconds=round_number),
        "read_began_at": at + timedelta(seconds=round_number),
        "content_hash": f"{round_number:064}",
        "receipt_seq": change_seq,
        "first_received_at": at,
        "change_seq": change_seq,
    }


def _line(number: int, line: int, round_number: int) -> dict[str, Any]:
    sku = f"SKU-{number % _ARTICLES}"
    return {
        "order_key": f"bol_main:{_FIRST_NUMBER + number}",
        "line_id": str(line),
        "line_number": line,
        "line_kind": "goods",
        "sku_said": sku,
        "ean_said": "8720999001018",
        "sku": sku,
        "title": "Theedoek geruit, katoen",
        "offer_id": "6ff736b5-cdd0-4150-8c67-78269ee986f5",
        "vat_class": "high",
        "quantity": 1,
        "quantity_cancelled": 0,
        "quantity_shipped": 1,
        "quantity_departed": 1,
        "unit_price_incl_vat": line_total(round_number),
        "line_discount_incl_vat": Decimal(0),
        "line_total_incl_vat": line_total(round_number),
        "line_current_incl_vat": line_total(round_number),
        "line_vat_amount": Decimal("3.46"),
        "commission": Decimal("2.40"),
        "vat_rate_pct": Decimal(21),
        "own_fulfilment": True,
        "is_known": True,
        "changed_at": _placed_at(number) + timedelta(seconds=round_number),
    }
