"""A fresh warehouse on each engine, and an operations store to load it from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import Shop, new_shop


@pytest.fixture(params=["duckdb", "postgresql"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse; the test runs once on DuckDB and once on PostgreSQL."""
    if request.param == "duckdb":
        return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)
    return Warehouse(request.getfixturevalue("postgres_url"), tmp_path)


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    """An empty warehouse on DuckDB, for what only a file can do."""
    return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path, lock_timeout_s=20)


@pytest.fixture
def shop(sqlite_url: str) -> Iterator[Shop]:
    """A merchant whose operations store is SQLite."""
    with new_shop(sqlite_url) as fresh:
        yield fresh


@pytest.fixture
def postgres_url(bare_postgres_url: str) -> str:
    """URL of a database without anything in it: a warehouse may have one of its own."""
    return bare_postgres_url
