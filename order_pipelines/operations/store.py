"""Opening the operations store, its transactions and its counters. One code path for SQLite and PostgreSQL."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from order_pipelines.errors import ConfigurationError
from order_pipelines.operations import tables

T = TypeVar("T")

# With a root logger at DEBUG SQLAlchemy would write every row that is read into the log: people, and tokens.
logging.getLogger("sqlalchemy").setLevel(logging.WARNING)

_SQLITE_BUSY_MS = 30_000
_WRITER_LOCK = 7_305_118_002
CHANGE = "change_seq"
RECEIPT = "receipt_seq"
MOVEMENT = "movement_seq"
STOCK_EVENT = "stock_event_seq"
OVERSELL_DONE = "oversell_done_seq"
AUDIT = "audit_seq"
DIFFERENCE = "difference_seq"


class OperationsStore:
    """The operations store behind one URL (``sqlite:///…`` or ``postgresql+psycopg://…``).

    Holds an engine; safe to share between threads. Build it with :func:`open_store`, which also migrates.
    """

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.engine = _engine(self.url)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open the write transaction; committed at the end, rolled back by any exception.

        One writer at a time on both stores: SQLite's write lock is taken at once, PostgreSQL's by an advisory lock.
        So nothing read inside can be stale when it is written, and numbers of counters become visible in order.
        """
        with self.engine.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER_LOCK)))
            yield connection

    @contextmanager
    def small_transaction(self) -> Iterator[Connection]:
        """Open a short transaction on rows of their own (leases, tokens, cursors) without the writer's lock."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a consistent view for reads."""
        with self.engine.connect() as plain:
            if self.dialect == "postgresql":
                connection = plain.execution_options(isolation_level="REPEATABLE READ")
            else:
                connection = plain.execution_options(order_pipelines_reading=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            url,
            connect_args={"timeout": _SQLITE_BUSY_MS / 1000, "check_same_thread": False},
            hide_parameters=True,
        )

        @sa.event.listens_for(engine, "connect")
        def _configure(connection: Any, record: Any) -> None:
            del record
            # The driver's own implicit BEGIN is deferred; ours is emitted below.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"pragma busy_timeout = {_SQLITE_BUSY_MS}")
            cursor.execute("pragma journal_mode = wal")
            cursor.execute("pragma synchronous = full")
            cursor.execute("pragma foreign_keys = on")
            cursor.close()

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            reading = connection.get_execution_options().get("order_pipelines_reading")
            connection.exec_driver_sql("begin" if reading else "begin immediate")

        return engine
    if url.get_backend_name() == "postgresql":
        # An error's text must not hold the row: rows name people.
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)

        @sa.event.listens_for(engine, "connect")
        def _read_in_utc(connection: Any, record: Any) -> None:
            del record
            # The driver converts to the session's zone: west of Greenwich the first hours of year 1 do not exist.
            connection.execute("set time zone 'UTC'")
            connection.commit()

        return engine
    raise ConfigurationError(
        f"stores.operations_url: {url.get_backend_name()} is not supported; use sqlite:///… or postgresql://…"
    )


def next_values(connection: Connection, name: str, count: int = 1) -> int:
    """Reserve ``count`` numbers of a counter inside the transaction and return the first.

    Call it only inside :meth:`OperationsStore.transaction`: its lock makes numbers visible in order.
    """
    last = connection.execute(
        sa.update(tables.counters)
        .where(tables.counters.c.name == name)
        .values(value=tables.counters.c.value + count)
        .returning(tables.counters.c.value)
    ).scalar_one()
    return int(last) - count + 1


def upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows or overwrite those with the same primary key. All rows must have the same keys."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as dialect_insert
    else:
        from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
    statement = dialect_insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = (
        statement.on_conflict_do_update(index_elements=keys, set_=changed)
        if changed
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    connection.execute(statement, rows)


def insert_new(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, leaving those whose primary key exists untouched."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as dialect_insert
    else:
        from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
    keys = [column.name for column in table.primary_key]
    connection.execute(dialect_insert(table).on_conflict_do_nothing(index_elements=keys), rows)


def chunks(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Yield ``values`` in pieces small enough for one statement's parameters."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
