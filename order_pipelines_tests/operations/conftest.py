"""An operations store that only one test uses, on each of the two databases."""

from collections.abc import Iterator

import pytest

from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines_tests.operations.memory_folder import memory_folder


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    """Return a fresh store in its present form; the test runs once on SQLite and once on PostgreSQL."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place: these tests commit thousands of times."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def postgres_url(bare_postgres_url: str) -> str:
    """URL of a database without anything in it: what makes a store is tried here."""
    return bare_postgres_url
