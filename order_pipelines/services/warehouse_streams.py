"""The streams of the operations store that the warehouse takes in, and reading them as Arrow in bounded pieces.

Rows are read by plain SQL and not through the store's column types: half a million of them a load would spend their
time in per-value conversion. Money and instants are text on SQLite and become decimals and UTC instants in Arrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.errors import DataContractError
from order_pipelines.operations.store import AUDIT, CHANGE, MOVEMENT, STOCK_EVENT
from order_pipelines.warehouse.tables import (
    AUDIT_LOG,
    CHANNEL_RETURN_LINES,
    CHANNEL_RETURNS,
    CHANNEL_STOCK,
    CHANNEL_STOCK_EVENTS,
    DAY_READINGS,
    ENTRY_READINGS,
    INVOICE_HOLDS,
    INVOICE_LINES,
    INVOICE_ORDERS,
    INVOICES,
    ORDER_LINES,
    ORDER_READINGS,
    ORDER_VERSIONS,
    ORDERS,
    OUTBOX,
    OVERSELL_CASES,
    PRODUCTS,
    QUARANTINE,
    STOCK_LOCATIONS,
    STOCK_MOVEMENTS,
    STOCK_POSITIONS,
    Table,
)

_PIECE_ROWS = 25_000
MAX_LINES = 100_000


@dataclass(frozen=True, slots=True)
class Stream:
    """A table of the operations store whose rows carry a sequence, and the tables of ``core`` made from it.

    Args:
        name: the operations table, and the stream's name in ``core.load_state``.
        targets: tables made from it, the one of its own rows first.
        sequence: column that orders changes.
        counter: that the column's numbers come from; called as the column where it is not said.
    """

    name: str
    targets: tuple[Table, ...]
    sequence: str = CHANGE
    counter: str | None = None


ORDERS_STREAM = Stream("orders", (ORDERS, ORDER_VERSIONS, ORDER_LINES))
INVOICES_STREAM = Stream("invoices", (INVOICES, INVOICE_LINES, INVOICE_ORDERS))
RETURNS_STREAM = Stream("channel_returns", (CHANNEL_RETURNS, CHANNEL_RETURN_LINES))
QUARANTINE_STREAM = Stream("quarantine", (QUARANTINE,))
STREAMS = (
    ORDERS_STREAM,
    Stream("products", (PRODUCTS,)),
    Stream("stock_movements", (STOCK_MOVEMENTS,), MOVEMENT),
    Stream("stock_positions", (STOCK_POSITIONS,)),
    Stream("stock_locations", (STOCK_LOCATIONS,)),
    Stream("channel_stock", (CHANNEL_STOCK,)),
    Stream("channel_stock_events", (CHANNEL_STOCK_EVENTS,), "event_seq", STOCK_EVENT),
    Stream("oversell_cases", (OVERSELL_CASES,)),
    INVOICES_STREAM,
    Stream("invoice_holds", (INVOICE_HOLDS,)),
    RETURNS_STREAM,
    QUARANTINE_STREAM,
    Stream("outbox", (OUTBOX,)),
    Stream("day_readings", (DAY_READINGS,)),
    Stream("order_readings", (ORDER_READINGS,)),
    Stream("entry_readings", (ENTRY_READINGS,)),
    Stream("audit_log", (AUDIT_LOG,), AUDIT),
)

# Where a table's rows come from when they are not the stream's own rows. ``owner`` is the stream's table.
_FROM = {
    ORDER_LINES.full_name: "orders as owner inner join order_lines as own on owner.order_key = own.order_key",
    CHANNEL_RETURN_LINES.full_name: (
        "channel_returns as owner inner join channel_return_lines as own on owner.return_key = own.return_key"
    ),
    INVOICE_ORDERS.full_name: (
        "invoices as owner inner join invoice_orders as own on owner.invoice_key = own.invoice_key"
    ),
}
_PLACED_AT = "coalesce(owner.ordered_at, owner.first_received_at)"
_EXPRESSIONS = {
    (ORDERS.full_name, "placed_at"): _PLACED_AT,
    (ORDER_LINES.full_name, "placed_at"): _PLACED_AT,
}


def next_bound(source: Connection, stream: Stream, since: int, rows: int) -> int | None:
    """Return the number up to which the next batch goes, ``None`` when nothing is newer than ``since``.

    A batch has about ``rows`` rows: rows of one change stay together. Orders also end a batch when their lines reach
    :data:`MAX_LINES`, which is what memory depends on.
    """
    page = (
        f"select * from {stream.name} where {stream.sequence} > :since order by {stream.sequence} limit :rows"
    )
    statement = f"select max({stream.sequence}) from ({page}) as page"
    values = {"since": since, "rows": rows}
    if stream is ORDERS_STREAM:
        statement = (
            "select coalesce(min(case when lines >= :lines then change_seq end), max(change_seq)) from ("
            "select page.change_seq, sum(count(own.line_id)) over (order by page.change_seq) as lines "
            f"from ({page}) as page left join order_lines as own on page.order_key = own.order_key "
            "group by page.change_seq) as sizes"
        )
        values["lines"] = MAX_LINES
    newest = source.execute(sa.text(statement), values).scalar_one()
    return None if newest is None else int(newest)


def read(source: Connection, stream: Stream, table: Table, since: int, until: int) -> Iterator[pa.Table]:
    """Yield the rows of ``table`` that belong to the changes after ``since`` up to ``until``, in exact Arrow types."""
    if table is INVOICE_LINES:
        yield from _invoice_lines(source, since, until)
        return
    origin = _FROM.get(table.full_name, f"{stream.name} as owner")
    own = "own" if table.full_name in _FROM else "owner"
    columns = ", ".join(
        _EXPRESSIONS.get((table.full_name, name), f"{own}.{name}") for name in table.column_names
    )
    sequence = f"owner.{stream.sequence}"
    statement = f"select {columns} from {origin} where {sequence} > {{since}} and {sequence} <= {{until}}"
    for rows in _pieces(source, statement, since, until):
        yield _to_arrow(table, rows)


def _pieces(source: Connection, statement: str, since: int, until: int) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the rows of a select with the two numbers filled in, straight from the driver inside our transaction."""
    cursor = source.connection.cursor()
    try:
        cursor.execute(statement.format(since=int(since), until=int(until)))
        while rows := cursor.fetchmany(_PIECE_ROWS):
            yield rows
    finally:
        cursor.close()


def _to_arrow(table: Table, rows: Sequence[Sequence[Any]]) -> pa.Table:
    schema = table.arrow_schema()
    arrays = [
        _array(list(values), field.type)
        for values, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: list[Any], wanted: pa.DataType) -> pa.Array:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str) and not pa.types.is_string(wanted):
        return pa.array(values, pa.string()).cast(wanted)
    if isinstance(first, int) and pa.types.is_boolean(wanted) and not isinstance(first, bool):
        return pa.array(values, pa.int64()).cast(wanted)
    if isinstance(first, Decimal) and pa.types.is_decimal(wanted):
        # The store's scale may be finer than ours; a digit that would get lost is an error.
        return pa.array(values, pa.decimal128(38, 10)).cast(wanted)
    return pa.array(values, wanted)


def _invoice_lines(source: Connection, since: int, until: int) -> Iterator[pa.Table]:
    """Take the lines out of the entries' JSON; each is what ``ports.EntryLine`` holds, amounts as decimal strings."""
    statement = "select invoice_key, lines from invoices where change_seq > {since} and change_seq <= {until}"
    for rows in _pieces(source, statement, since, until):
        lines: list[tuple[Any, ...]] = []
        for invoice_key, text in rows:
            try:
                lines.extend(
                    (
                        invoice_key,
                        line["ledger_account"],
                        line["vat_code"],
                        number,
                        str(line["amount_excl_vat"]),
                        str(line["vat_amount"]),
                    )
                    for number, line in enumerate(orjson.loads(text), start=1)
                )
            except (KeyError, TypeError, ValueError) as error:
                raise DataContractError(
                    f"invoices: the lines of {invoice_key} are not readable ({type(error).__name__}: {error})",
                    rows=1,
                ) from error
        if lines:
            yield _to_arrow(INVOICE_LINES, lines)
