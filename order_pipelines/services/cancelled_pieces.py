"""When pieces of a line were cancelled: no channel dates it, but the earliest version that says so does.

The books of today need only how many; what was owed at a past moment needs when. Like the evidence of shipments it is
kept from every version, stale ones too, so that it does not depend on the order in which versions came.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import cancellation_evidence
from order_pipelines.services.order_rows import Arrived


def note_cancellations(connection: Connection, versions: Sequence[Arrived]) -> None:
    """Keep the earliest moment at which each total of cancelled pieces was shown; a cancelled order cancels all."""
    found: dict[tuple[str, str, int], datetime] = {}
    for arrived in versions:
        is_cancelled = arrived.order.order_status == "cancelled"
        for line in arrived.order.lines:
            pieces = (line.quantity if is_cancelled else line.quantity_cancelled) or 0
            if line.line_kind != "goods" or not line.own_fulfilment or pieces < 1:
                continue
            key = (arrived.key, line.external_line_id, pieces)
            moment = None if is_cancelled else line.changed_at
            occurred_at = moment or arrived.version[0]
            found[key] = min(occurred_at, found.get(key, occurred_at))
    if not found:
        return
    stored: dict[tuple[str, str, int], datetime] = {}
    for part in chunks(sorted({key[0] for key in found})):
        query = sa.select(cancellation_evidence).where(cancellation_evidence.c.order_key.in_(part))
        for row in connection.execute(query):
            stored[(row.order_key, row.line_id, row.quantity)] = row.occurred_at
    rows: list[dict[str, Any]] = [
        {"order_key": key[0], "line_id": key[1], "quantity": key[2], "occurred_at": occurred_at}
        for key, occurred_at in found.items()
        if key not in stored or occurred_at < stored[key]
    ]
    upsert(connection, cancellation_evidence, rows)
