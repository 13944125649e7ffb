"""Where deliveries of webhooks lie until the store takes them in, so that an answer never waits for the writer's lock.

On SQLite a transaction that books two hundred orders keeps every other writer waiting; a shop that pushes does not wait
so long. There deliveries first go to a small file of their own beside the store, durably, and are moved from it. On
PostgreSQL rows of their own wait for nobody and are written at once.
"""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import webhook_deliveries

PENDING, DONE, REFUSED = "pending", "done", "refused"
_BUSY_S = 5.0
_MOVED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One piece of news of an account; ``delivery_key`` is the same however often it is delivered."""

    account: str
    delivery_key: str
    topic: str
    external_id: str | None
    received_at: datetime


class Letterbox:
    """Takes deliveries durably and moves them into the store; safe to share between threads and processes."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        if store.dialect == "sqlite" and store.url.database:
            self._file = _open(Path(f"{store.url.database}.deliveries"))

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries durably before returning; one that is known already changes nothing."""
        if not deliveries:
            return
        if self._file is None:
            self._into_store(deliveries)
            return
        rows = [(*_key(one), one.topic, one.external_id, one.received_at.isoformat()) for one in deliveries]
        with self._lock, self._file as file:
            file.execute("begin immediate")
            file.executemany("insert or ignore into deliveries values (?, ?, ?, ?, ?)", rows)

    def move(self) -> int:
        """Move what lies in the file into the store; returns how many. Killed in between, it is moved again."""
        if self._file is None:
            return 0
        with self._lock:
            found = self._file.execute(
                "select * from deliveries order by received_at limit ?", (_MOVED_AT_ONCE,)
            ).fetchall()
        if not found:
            return 0
        deliveries = [
            Delivery(row[0], row[1], row[2], row[3], datetime.fromisoformat(row[4])) for row in found
        ]
        self._into_store(deliveries)
        with self._lock, self._file as file:
            file.execute("begin immediate")
            file.executemany(
                "delete from deliveries where account = ? and delivery_key = ?", map(_key, deliveries)
            )
        return len(deliveries)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def _into_store(self, deliveries: Sequence[Delivery]) -> None:
        rows: list[dict[str, Any]] = [{**asdict(one), "state": PENDING, "attempts": 0} for one in deliveries]
        with self._store.small_transaction() as connection:
            insert_new(connection, webhook_deliveries, rows)


def _key(one: Delivery) -> tuple[str, str]:
    return one.account, one.delivery_key


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute(
        "create table if not exists deliveries (account text not null, delivery_key text not null, "
        "topic text not null, external_id text, received_at text not null, "
        "primary key (account, delivery_key)) without rowid"
    )
    return connection
