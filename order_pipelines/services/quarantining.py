"""Opening and closing rows of the quarantine: what waits for a person, since when, and why."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import quarantine
from order_pipelines.services.order_rows import fitted


def resolve_quarantine(connection: Connection, keys: Sequence[str]) -> None:
    """Close rows of the quarantine: what they name is not wrong any more."""
    if not keys:
        return
    number = next_values(connection, CHANGE, len(keys))
    for offset, key in enumerate(keys):
        connection.execute(
            sa.update(quarantine)
            .where(quarantine.c.quarantine_key == key)
            .values(resolved_at=clock.now(), change_seq=number + offset)
        )


def _restate(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Say what is wrong now; the rest of an open row stays: its age counts from when it was first seen."""
    if not rows:
        return
    number = next_values(connection, CHANGE, len(rows))
    for offset, row in enumerate(rows):
        connection.execute(
            sa.update(quarantine)
            .where(quarantine.c.quarantine_key == row["quarantine_key"])
            .values(reason=row["reason"], value=row["value"], change_seq=number + offset)
        )


def settle_quarantine(
    connection: Connection, rows: Sequence[dict[str, Any]], entity_keys: Sequence[str]
) -> None:
    """Open the rows given and resolve all other open rows of ``entity_keys``."""
    unique = {row["quarantine_key"]: fitted(quarantine, row) for row in rows}
    is_open = quarantine.c.resolved_at.is_(None)
    open_before: set[str] = set()
    for part in chunks(entity_keys):
        keys = sa.select(quarantine.c.quarantine_key).where(quarantine.c.entity_key.in_(part), is_open)
        open_before.update(connection.execute(keys).scalars())
    restated: list[dict[str, Any]] = []
    gone = [key for key in sorted(open_before) if key not in unique]
    for part in chunks(list(unique)):
        known = sa.select(quarantine.c.quarantine_key, quarantine.c.reason, quarantine.c.value)
        for row in connection.execute(known.where(quarantine.c.quarantine_key.in_(part), is_open)):
            open_before.add(row.quarantine_key)
            now = unique[row.quarantine_key]
            if (row.reason, row.value) != (now["reason"], now["value"]):
                restated.append(now)
    _restate(connection, restated)
    fresh = [row for key, row in unique.items() if key not in open_before]
    resolve_quarantine(connection, gone)
    if not fresh:
        return
    number = next_values(connection, CHANGE, len(fresh))
    upsert(connection, quarantine, [{**row, "change_seq": number + index} for index, row in enumerate(fresh)])
