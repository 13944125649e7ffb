"""What a channel lists and nobody can read: given up after a day of trying, kept, and tried again by command.

Also entries whose id is none: they would fail the whole page on one store and get in on the other.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import Listed
from order_pipelines.domain.orders import Problem
from order_pipelines.errors import ConnectorError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.tables import fetch_backlog, receipts
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.quarantining import settle_quarantine
from order_pipelines.services.shop import Shop

LONGEST_ID = 200
# Half a minute, two, ten, then hourly: with these many it was asked for during most of a day.
GIVE_UP_AFTER = 24
ORDER = "order"


def is_usable_id(text: str) -> bool:
    """Whether an id fits its column on both stores; PostgreSQL takes no NUL and no longer text."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


def set_aside(connection: Connection, account: str, system: str, listed: Sequence[Listed]) -> None:
    """Keep entries without a usable id as they were listed, each once, with a row in quarantine."""
    for entry in listed:
        digest = hashlib.sha256(entry.external_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        name = f"unusable-{digest}"
        known = sa.select(sa.literal(1)).where(
            receipts.c.account == account, receipts.c.kind == ORDER, receipts.c.external_id == name
        )
        if connection.execute(known.limit(1)).first() is not None:
            continue
        body = Incoming(account, system, ORDER, name, entry.body, clock.now(), "listing", entry.request)
        (number,) = inbox.receive(connection, [body])
        problem = Problem(
            "unusable_id",
            f"the channel lists an order with an id that is none ({len(entry.external_id)} characters; at most "
            f"{LONGEST_ID} printable ones); it is not read, the entry is kept",
        )
        row = quarantine_row(account, ORDER, f"{account}:{name}", problem, number)
        settle_quarantine(connection, [row], ())
        inbox.mark(connection, [number], inbox.REJECTED, "see quarantine")


def note_unreadable(
    connection: Connection, row: Any, attempts: int, error: ConnectorError
) -> datetime | None:
    """Open the quarantine of a listed order that its channel refuses to show; returns when it was given up, if so.

    Args:
        connection: a writing transaction.
        row: of ``fetch_backlog``.
        attempts: how often it was asked for, this time included.
        error: the newest refusal; a breakdown (5xx, no answer) says nothing about the order and never ends it.
    """
    key = f"{row.account}:{row.external_id}"
    if attempts < GIVE_UP_AFTER:
        problem = Problem("unreadable_order", f"the order was listed but cannot be read: {error}")
        settle_quarantine(connection, [quarantine_row(row.account, ORDER, key, problem, 0)], ())
        return None
    problem = Problem(
        "order_given_up",
        f"the order was listed and could not be read {attempts} times since {row.listed_at:%Y-%m-%d %H:%M} UTC: "
        f"{error}; it is read again when the channel lists a newer version of it, or after "
        "'order-pipelines quarantine retry'",
    )
    settle_quarantine(connection, [quarantine_row(row.account, ORDER, key, problem, 0)], [key])
    return clock.now()


def read_given_up_again(shop: Shop, account: str | None = None) -> int:
    """Put what was given up back on the list of what to read, of one account or of all; returns how many."""
    change = sa.update(fetch_backlog).where(fetch_backlog.c.given_up_at.is_not(None))
    if account is not None:
        change = change.where(fetch_backlog.c.account == account)
    with shop.store.transaction() as connection:
        return connection.execute(change.values(given_up_at=None, not_before=None, attempts=0)).rowcount
