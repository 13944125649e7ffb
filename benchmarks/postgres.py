"""A PostgreSQL for benchmarks: the tests' server, with its files where there is room, and durable like a real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from order_pipelines_tests.postgres import TestPostgres, running_postgres

# What the tests switch off. All of it works without a restart.
_DURABLE = ("fsync = on", "full_page_writes = on", "synchronous_commit = on", "max_wal_size = '4GB'")


@contextmanager
def durable_postgres(folder: Path) -> Iterator[TestPostgres]:
    """Run a server with its files in ``folder`` that has every commit on disk before it answers."""
    with running_postgres(folder) as server:
        url = server.url("postgres").replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in _DURABLE:
                connection.execute(f"alter system set {setting}".encode())
            connection.execute("select pg_reload_conf()")
        yield server


@contextmanager
def roomy_postgres(folder: Path) -> Iterator[str]:
    """Run such a server for the block and return the URL of an empty database."""
    with durable_postgres(folder) as server:
        yield server.create_database()
