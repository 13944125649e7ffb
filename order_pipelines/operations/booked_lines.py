"""What is booked of lines of orders: pieces owed, and departures by the statement that dates them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import line_demand, line_shipped

Line = tuple[str, str]
"""An order and its line, as it is booked: a part of a bundle is a line of its own."""


@dataclass
class BookedLines:
    """Rows of ``line_demand`` by line, those of parts of bundles by order; of ``line_shipped`` by line and evidence."""

    demand: dict[Line, Any] = field(default_factory=dict)
    parts: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    shipped: dict[Line, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))


def read_booked_lines(connection: Connection, order_keys: Iterable[str]) -> BookedLines:
    """Return what is booked of orders now."""
    booked = BookedLines()
    for part in chunks(sorted(set(order_keys))):
        for row in connection.execute(sa.select(line_demand).where(line_demand.c.order_key.in_(part))):
            booked.demand[(row.order_key, row.line_id)] = row
            if row.bundle_sku is not None:
                booked.parts[row.order_key].append(row)
        for row in connection.execute(sa.select(line_shipped).where(line_shipped.c.order_key.in_(part))):
            booked.shipped[(row.order_key, row.line_id)][row.evidence_key] = row
    return booked
