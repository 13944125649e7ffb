"""Orders that were read again and say what they said before: no row is written for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import order_lines, orders
from order_pipelines.services.order_rows import Judged, fitted, line_rows, order_row
from order_pipelines.settings import Settings


def note_unchanged(
    connection: Connection, settings: Settings, judged: Sequence[Judged], known: Mapping[str, Any]
) -> set[str]:
    """Return the keys of orders of which nothing new is said; only their later reading is noted, which wakes nobody up.

    The same body may still be judged otherwise, after the product master or a rule was mended: rows are compared.
    """
    again = {
        item.arrived.key: item
        for item in judged
        if item.arrived.key in known and known[item.arrived.key].content_hash == item.arrived.content_hash
    }
    stored_lines: dict[str, list[Any]] = defaultdict(list)
    same: list[dict[str, Any]] = []
    for part in chunks(list(again)):
        lines = sa.select(order_lines).where(order_lines.c.order_key.in_(part))
        for row in connection.execute(lines.order_by(order_lines.c.order_key, order_lines.c.line_number)):
            stored_lines[row.order_key].append(row)
        for row in connection.execute(sa.select(orders).where(orders.c.order_key.in_(part))):
            item = again[row.order_key]
            values = fitted(orders, order_row(item, row.first_received_at, 0, settings.merchant.zone))
            wanted = [fitted(order_lines, line) for line in line_rows(item)]
            stored = stored_lines[row.order_key]
            if (
                _says(row, values)
                and len(wanted) == len(stored)
                and all(_says(*pair) for pair in zip(stored, wanted, strict=True))
            ):
                arrived = item.arrived
                same.append(
                    {
                        "of_key": row.order_key,
                        "read_at": arrived.read_began_at,
                        "number": arrived.receipt_seq,
                    }
                )
    if same:
        connection.execute(
            sa.update(orders)
            .where(orders.c.order_key == sa.bindparam("of_key"))
            # Both: judged again from the receipt of an earlier reading, the order would count as stale for ever.
            .values(read_began_at=sa.bindparam("read_at"), receipt_seq=sa.bindparam("number")),
            same,
        )
    return {row["of_key"] for row in same}


_OF_THE_READING = frozenset(
    {"read_began_at", "receipt_seq", "first_received_at", "change_seq", "completed_at", "quantity_departed"}
)


def _says(row: Any, values: dict[str, Any]) -> bool:
    """Tell whether a stored row says what ``values`` say, apart from when and how often it was read."""
    stored = row._mapping
    return all(stored[name] == value for name, value in values.items() if name not in _OF_THE_READING)
