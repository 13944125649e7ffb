"""Both operations stores for a benchmark, each empty and with every commit on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.postgres import durable_postgres

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@contextmanager
def store_urls(folder: Path) -> Iterator[dict[str, str]]:
    """Return the URL of an empty store by the name of its database."""
    with durable_postgres(folder) as server:
        yield {SQLITE: f"sqlite:///{folder / 'operations.sqlite'}", POSTGRES: server.create_database()}
