"""How far each list of an account was read: the row of ``cursors`` that a reading begins from and ends with."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import OperationsStore, upsert
from order_pipelines.operations.tables import cursors

ORDER_STREAM = "orders"


def complete_at(connection: Connection, account: str, stream: str = ORDER_STREAM) -> datetime | None:
    """Return when the last reading that went to its end began, ``None`` when none ever did."""
    query = sa.select(cursors.c.complete_at).where(cursors.c.account == account, cursors.c.stream == stream)
    return connection.execute(query).scalar()


def finish_reading(
    store: OperationsStore, account: str, stream: str, started: datetime, problem: str | None
) -> None:
    """Write down how a reading ended. With a problem the place stays, and since when that is so is kept."""
    row: dict[str, Any] = {"account": account, "stream": stream, "attempted_at": started, "reason": problem}
    with store.small_transaction() as connection:
        if problem is None:
            row |= {"complete_at": started, "failed_since": None}
        else:
            known = sa.select(cursors.c.failed_since).where(
                cursors.c.account == account, cursors.c.stream == stream
            )
            row["failed_since"] = connection.execute(known).scalar() or started
        upsert(connection, cursors, [row])
