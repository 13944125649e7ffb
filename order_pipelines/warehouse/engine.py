"""Opening the warehouse: one class for the DuckDB file and for PostgreSQL.

DuckDB lets one process in at a time: it is opened late, closed early, and an open that meets another process is tried
again with growing, random pauses. On PostgreSQL writers take an advisory lock, so that both behave the same.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pyarrow as pa

from order_pipelines.errors import ConfigurationError, OrderPipelinesError
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.migrate import migrate
from order_pipelines.warehouse.publish import Published, latest_copy, publish_copy, publish_grants
from order_pipelines.warehouse.session import DuckSession, PostgresSession, Session

if TYPE_CHECKING:
    import pandas as pd

_DUCKDB = "duckdb:///"
_POSTGRES = "postgresql+psycopg://"
# Any number, the same in every process: "warehouse writer of order_pipelines".
_WRITER_LOCK = 7_204_119_305
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class WarehouseBusyError(OrderPipelinesError):
    """Another process kept the warehouse for longer than we wait; try again, or stop what holds the file open."""


class WarehouseUnavailableError(OrderPipelinesError):
    """The warehouse cannot be read or written now: full disk, server away, damaged file. What was committed stays."""

    retryable = True


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a driver says of disk, memory and connection into one line; errors of a statement stay as they are.

    Raises:
        WarehouseUnavailableError: with the first line of the driver's text, which names no row.
    """
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.FatalException,
        duckdb.OutOfMemoryException,
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.InternalError,
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WarehouseUnavailableError(
            f"the warehouse cannot be used now: {reason}; nothing is half written, the next load goes on"
        ) from error


class _Door:
    """Lets one thread of this process at a time to one file: DuckDB refuses mixed modes inside a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def passing(self, path: Path, timeout_s: float) -> Iterator[None]:
        if self._owner == threading.get_ident():
            raise RuntimeError(f"{path} is already open in this thread: use the session that is open")
        if not self._lock.acquire(timeout=timeout_s):
            raise WarehouseBusyError(f"{path}: another thread kept the warehouse for {timeout_s:.0f} s")
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._lock.release()


_doors: dict[Path, _Door] = {}
_doors_lock = threading.Lock()


def _door(path: Path) -> _Door:
    with _doors_lock:
        return _doors.setdefault(path, _Door())


class Warehouse:
    """The warehouse behind one URL: ``duckdb:///path`` or ``postgresql+psycopg://…``. Holds nothing open.

    Args:
        url: where it is.
        data_dir: published copies of a DuckDB warehouse go to ``data_dir/published``.
        lock_timeout_s: how long an open waits for others.

    Raises:
        ConfigurationError: the URL is of another kind.
    """

    def __init__(self, url: str, data_dir: Path, *, lock_timeout_s: float = 60.0) -> None:
        self.url = url
        self.published_dir = data_dir / "published"
        self._lock_timeout_s = lock_timeout_s
        self._is_migrated = False
        if url.startswith(_DUCKDB):
            self.path: Path | None = Path(url.removeprefix(_DUCKDB)).absolute()
        elif url.startswith(_POSTGRES):
            self.path = None
        else:
            raise ConfigurationError(
                f"stores.warehouse_url: {url.partition(':')[0]} is not supported; use duckdb:///… or postgresql://…"
            )

    @property
    def engine(self) -> str:
        """``duckdb`` or ``postgresql``."""
        return "duckdb" if self.path is not None else "postgresql"

    def migrate(self) -> list[str]:
        """Create the warehouse or bring it up to date, and return what was done."""
        with self._writing() as session:
            done = migrate(session)
        self._is_migrated = True
        return done

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open for writing, alone; every statement commits by itself unless in ``session.transaction()``.

        Raises:
            WarehouseBusyError: others kept it for longer than the lock timeout.
        """
        self._ensure_migrated()
        with self._writing() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open the live warehouse for reading; for checks and reports of our own, analysts use the published copy.

        Raises:
            WarehouseBusyError: others kept it for longer than the lock timeout.
        """
        self._ensure_migrated()
        if self.path is None:
            with self._postgres() as session, session.transaction():
                session.execute("set transaction isolation level repeatable read, read only")
                yield session
        else:
            with self._duckdb(self.path, read_only=True) as duck:
                yield duck

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a select (values bound as ``$1`` …) as an Arrow table, decimals exact."""
        with self.read() as session:
            return session.query(sql, params)

    def read_table(self, table: Table, where: str | None = None, params: Sequence[Any] = ()) -> pa.Table:
        """Return a declared table, or the rows ``where`` keeps, in its exact Arrow schema."""
        with self.read() as session:
            pieces = list(session.batches(table, where, params))
        return pa.concat_tables(pieces) if pieces else table.arrow_schema().empty_table()

    def read_frame(
        self, table: Table, where: str | None = None, params: Sequence[Any] = ()
    ) -> "pd.DataFrame":
        """Return a declared table as a frame of Arrow-backed columns: exact decimals, UTC instants, ``pd.NA``."""
        import pandas as pd

        frame: pd.DataFrame = self.read_table(table, where, params).to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def publish(self) -> Published:
        """Make the present state readable for analysts: a new copy on DuckDB, read rights on PostgreSQL."""
        self._ensure_migrated()
        if self.path is None:
            with self._postgres() as session:
                return publish_grants(session)
        with self._duckdb(self.path, read_only=False) as duck:
            return publish_copy(duck, self.path, self.published_dir)

    def published_path(self) -> Path:
        """Return the newest published copy of a DuckDB warehouse.

        Raises:
            ConfigurationError: nothing was published yet.
        """
        return latest_copy(self.published_dir)

    def _ensure_migrated(self) -> None:
        if not self._is_migrated:
            self.migrate()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        if self.path is None:
            with self._postgres() as session:
                self._take_writer_lock(session)
                yield session
        else:
            with self._duckdb(self.path, read_only=False) as duck:
                yield duck

    @contextmanager
    def _postgres(self) -> Iterator[PostgresSession]:
        url = "postgresql://" + self.url.removeprefix(_POSTGRES)
        with (
            _plain_errors(),
            psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection,
        ):
            yield PostgresSession(connection)

    def _take_writer_lock(self, session: Session) -> None:
        """Take the lock that ends with the connection, so that a killed writer never blocks the next."""
        session.execute(f"set lock_timeout = '{int(self._lock_timeout_s * 1000)}ms'")
        try:
            session.rows("select pg_advisory_lock($1)", [_WRITER_LOCK])
        except psycopg.errors.LockNotAvailable as error:
            raise WarehouseBusyError(
                f"the warehouse was being written by others for {self._lock_timeout_s:.0f} s; try again"
            ) from error

    @contextmanager
    def _duckdb(self, path: Path, *, read_only: bool) -> Iterator[DuckSession]:
        with _plain_errors(), _door(path).passing(path, self._lock_timeout_s):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._open(path, read_only=read_only)
            try:
                yield DuckSession(connection)
            finally:
                connection.close()

    def _open(self, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self._lock_timeout_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return duckdb.connect(str(path), read_only=read_only)
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise
                if time.monotonic() + pause_s > deadline:
                    raise WarehouseBusyError(
                        f"{path} was open in another process for {self._lock_timeout_s:.0f} s; "
                        "analysts should open the published copy (see docs/warehouse.md)"
                    ) from error
            time.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
