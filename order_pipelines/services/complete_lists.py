"""Lists that name everything: which one is the newest of its kind, and the brake for those that lost half of it.

A list that leaves out more than it should may be half a file. Nothing of it is booked until a person lets it through;
the file itself is kept and read again then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.orders import Problem
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.store import upsert
from order_pipelines.operations.tables import complete_lists, quarantine
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.quarantining import settle_quarantine
from order_pipelines.services.watch import raise_alert, resolve_alert

_ENTITY = "file"
FILE_SHRANK = "file_shrank"
_SHARE = 50
Stamp = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class ListName:
    """Which list it is: of an account and kind, and in that of a supplier or location (``scope``)."""

    account: str
    kind: str
    scope: str = ""


def newest_list(connection: Connection, name: ListName) -> Stamp | None:
    """Return when the newest complete list was stated and received, ``None`` before the first."""
    row = connection.execute(
        sa.select(complete_lists.c.stated_at, complete_lists.c.receipt_seq).where(
            complete_lists.c.account == name.account,
            complete_lists.c.kind == name.kind,
            complete_lists.c.scope == name.scope,
        )
    ).first()
    return None if row is None else (row.stated_at, row.receipt_seq)


def note_list(connection: Connection, name: ListName, stamp: Stamp) -> None:
    """Write down that this is the newest complete list."""
    row = {"account": name.account, "kind": name.kind, "scope": name.scope}
    upsert(connection, complete_lists, [{**row, "stated_at": stamp[0], "receipt_seq": stamp[1]}])


def shrunk(what: str, known: int, missing: int, options: Mapping[str, Any]) -> str | None:
    """Return why a list is not believed that lacks ``missing`` of ``known`` articles, ``None`` when it is."""
    share = int(options.get("max_share_missing", _SHARE))
    if missing * 100 <= share * known:
        return None
    return f"{what} lacks {missing} of {known} known articles, more than {share} %"


def hold(connection: Connection, receipt: Receipt, reasons: list[str]) -> tuple[str, str]:
    """Open the quarantine and the alert of a held file; returns the key of its row there, and the reason."""
    reason = (
        f"{receipt.external_id}: {'; '.join(reasons)}; nothing of the file was booked. "
        f"If it is true, run 'order-pipelines release-stock {receipt.account}'"
    )
    problem = Problem("file_shrank", reason)
    key = f"{receipt.account}:{receipt.content_hash[:12]}"
    row = quarantine_row(receipt.account, _ENTITY, key, problem, receipt.receipt_seq)
    settle_quarantine(connection, [row], ())
    raise_alert(connection, held_alert_key(receipt.account), severity="error", message=reason)
    return str(row["quarantine_key"]), reason


def held_files(connection: Connection, account: str) -> list[int]:
    """Return the receipts of the files of an account that wait for a person, oldest first."""
    query = sa.select(quarantine.c.receipt_seq).where(
        quarantine.c.account == account,
        quarantine.c.entity == _ENTITY,
        quarantine.c.reason_code == FILE_SHRANK,
        quarantine.c.resolved_at.is_(None),
    )
    return sorted(set(connection.execute(query).scalars()))


def settle_held_alert(connection: Connection, account: str) -> None:
    """End the alert once no file of the account is held any more."""
    if not held_files(connection, account):
        resolve_alert(connection, held_alert_key(account))


def held_alert_key(account: str) -> str:
    """Return the key of the alert that files of an account wait for a person."""
    return f"files_held:{account}"


def stamp_of(stated_at: datetime | None, receipt: Receipt) -> Stamp:
    """Return how new a statement is: by its own date, else by when it came; of one date the later receipt is newer."""
    return (stated_at or receipt.received_at, receipt.receipt_seq)


def is_from_the_future(stated_at: datetime | None, hours: int) -> bool:
    """Whether a statement is dated so far ahead that it would stand above all that follow."""
    return stated_at is not None and (stated_at - clock.now()).total_seconds() > hours * 3600
