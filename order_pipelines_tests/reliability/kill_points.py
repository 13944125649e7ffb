"""The points at which a process may be killed: each commit, each HTTP call, each file that gets its name.

Laid around the product from outside, in the process that is to die; the product knows nothing of them. Each point has a
name (what happens, and which function of the product does it) and a number in the order of passing. The process dies by
SIGKILL at the number it was told, so that nothing of it runs any more: no ``finally``, no rollback, no lease released.
"""

import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.session import DuckSession, PostgresSession

_PACKAGE = "order_pipelines."
# How things are done, not who does them: never part of a point's name.
_PLUMBING = (
    "order_pipelines.cli",
    "order_pipelines.commands.",
    "order_pipelines.connectors.http",
    "order_pipelines.connectors.bol.client",
    "order_pipelines.connectors.exact_online.client",
    "order_pipelines.connectors.mirakl.client",
    "order_pipelines.connectors.shopware.client",
    "order_pipelines.operations.store",
    "order_pipelines.services.shop",
    "order_pipelines.warehouse.engine",
    "order_pipelines.warehouse.session",
)
_WRITES = ("insert", "update", "delete")
_CHANGES = (*_WRITES, "create", "alter", "drop", "grant", "merge", "checkpoint")
# Ids of orders, shipments, offers, process statuses and divisions in a path.
_ID = re.compile(r"(?<=/)(?=[^/]*\d)(?!v\d+(?:/|$))[^/]+")
_CALLERS = 2
_WROTE = "order_pipelines_tests_wrote"


class Points:
    """Counts the points as they are passed and ends the process at one of them.

    Args:
        log: file that gets the name of each point, one a line, before anything else happens there.
        kill_at: the name of a point and the how manieth passing of it the process dies at; ``None`` = nowhere.
        ignored: ``host:port`` whose calls are no points (the sandbox's own clock).
    """

    def __init__(self, log: Path, kill_at: tuple[str, int] | None, ignored: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kill_at = kill_at
        self._ignored = ignored
        self._passed: Counter[str] = Counter()

    def reach(self, what: str) -> None:
        """Pass a point, or die at it."""
        name = f"{what}: {_who()}"
        self._passed[name] += 1
        os.write(self._log, f"{name}\n".encode())
        if self._kill_at == (name, self._passed[name]):
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Lay all points around the product, for the rest of this process."""
        self._around_commits()
        self._around_calls()
        self._around_the_warehouse()
        self._around_files()

    # --- operations store: the commits that carry something

    def _around_commits(self) -> None:
        @sa.event.listens_for(sa.Engine, "before_cursor_execute")
        def note_writes(
            connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
        ) -> None:
            del cursor, parameters, context, many
            if statement.lstrip()[:6].lower() in _WRITES:
                connection.info[_WROTE] = True

        @sa.event.listens_for(sa.Engine, "rollback")
        def forget_writes(connection: sa.Connection) -> None:
            connection.info.pop(_WROTE, None)

        @sa.event.listens_for(sa.Engine, "commit")
        def before_commit(connection: sa.Connection) -> None:
            if connection.info.get(_WROTE):
                self.reach("before commit")

        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
            self._after_commit(dialect)

    def _after_commit(self, dialect: Any) -> None:
        commit = dialect.do_commit

        def committing(it: Any, dbapi_connection: Any) -> None:
            commit(it, dbapi_connection)
            if dbapi_connection.info.pop(_WROTE, False):
                self.reach("after commit")

        dialect.do_commit = committing

    # --- HTTP: before the request leaves, and when its answer is there and nobody has read it

    def _around_calls(self) -> None:
        adapter: Any = requests.adapters.HTTPAdapter
        send = adapter.send

        def sending(it: Any, request: requests.PreparedRequest, *more: Any, **options: Any) -> Any:
            url = urlsplit(str(request.url))
            if url.netloc == self._ignored:
                return send(it, request, *more, **options)
            call = f"{request.method} {_ID.sub('*', url.path)}"
            self.reach(f"before {call}")
            answer = send(it, request, *more, **options)
            self.reach(f"after {call}")
            return answer

        adapter.send = sending

    # --- warehouse: commits of both engines, and the closing of DuckDB's file, which moves its log into it

    def _around_the_warehouse(self) -> None:
        in_transaction = []

        def committing(session: Any) -> None:
            transaction = session.transaction

            @contextmanager
            def wrapped(it: Any) -> Iterator[None]:
                in_transaction.append(True)
                try:
                    with transaction(it):
                        yield
                        self.reach("before warehouse commit")
                finally:
                    in_transaction.pop()
                self.reach("after warehouse commit")

            session.transaction = wrapped

        def by_itself(session: Any, name: str) -> None:
            run = getattr(session, name)

            def wrapped(it: Any, sql: str, params: Any = ()) -> Any:
                word = sql.lstrip().split(None, 1)[0].lower()
                if in_transaction or word not in _CHANGES:
                    return run(it, sql, params)
                self.reach(f"before warehouse {word}")
                done = run(it, sql, params)
                self.reach(f"after warehouse {word}")
                return done

            setattr(session, name, wrapped)

        for session in (DuckSession, PostgresSession):
            committing(session)
            by_itself(session, "execute")
            by_itself(session, "change")

        door: Any = Warehouse
        duckdb = door._duckdb

        @contextmanager
        def opened(it: Warehouse, path: Path, *, read_only: bool) -> Iterator[DuckSession]:
            with duckdb(it, path, read_only=read_only) as session:
                yield session
                self.reach("before closing the DuckDB file")
            self.reach("after closing the DuckDB file")

        door._duckdb = opened

    # --- files: half a copy, a complete one without its name, and with it

    def _around_files(self) -> None:
        copies: Any = shutil
        copyfileobj = copies.copyfileobj

        def copying(source: Any, target: Any, length: int = 0) -> None:
            size = os.fstat(source.fileno()).st_size
            target.write(source.read(size // 2))
            target.flush()
            self.reach("amid a copy")
            copyfileobj(source, target, length)

        copies.copyfileobj = copying
        self._around(shutil, "move", "move")
        self._around(os, "fsync", "fsync")
        self._around(Path, "replace", "rename")
        self._around(Path, "unlink", "unlink")
        self._around(Path, "write_text", "write")

    def _around(self, holder: Any, name: str, what: str) -> None:
        do: Callable[..., Any] = getattr(holder, name)

        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.reach(f"before {what}")
            done = do(*arguments, **options)
            self.reach(f"after {what}")
            return done

        setattr(holder, name, wrapped)


def _who() -> str:
    """Return the innermost function of the product that decides something, and the one that called it."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and len(found) < _CALLERS:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_PACKAGE) and not module.startswith(_PLUMBING):
            name = f"{module.removeprefix(_PACKAGE).split('.', 1)[-1]}.{frame.f_code.co_qualname}"
            if name != "leases.holding" and name not in found:
                found.append(name)
        frame = frame.f_back
    return " < ".join(found) or "the command"
