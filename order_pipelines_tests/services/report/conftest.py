"""A shop, its warehouse and its settings, all on one Friday afternoon."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.settings import Settings, load_settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.services.report.written_report import NOW, SETTINGS
from order_pipelines_tests.warehouse.rows import Shop


@pytest.fixture(autouse=True)
def _on_a_friday_afternoon() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


@pytest.fixture(params=["duckdb", "postgresql"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)
    return Warehouse(request.getfixturevalue("postgres_url"), tmp_path)


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return load_settings(path)


@pytest.fixture
def shop(sqlite_url: str) -> Iterator[Shop]:
    store = open_store(sqlite_url)
    yield Shop(store)
    store.close()
