"""Production's shape: operations store, warehouse and Dagster's own history on PostgreSQL, one real sweep over them."""

import shutil
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from order_pipelines.demo.merchant import OPERATIONS_VARIABLE, WAREHOUSE_VARIABLE
from order_pipelines.instance_storage import PG_URL_VARIABLE
from order_pipelines_tests.defs.shop_world import checks_of, failed_steps, metadata_of, shop_world
from order_pipelines_tests.postgres import TestPostgres

pytestmark = pytest.mark.endurance

ROOT = Path(__file__).resolve().parents[2]


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_the_whole_job_runs_on_postgres_alone(
    tmp_path: Path, postgres_server: TestPostgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = postgres_server.create_database()
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv(PG_URL_VARIABLE, history)
    monkeypatch.chdir(tmp_path)
    with shop_world(tmp_path / "shop", has_orders=True, store_url=postgres_url) as shop:
        assert (shop.settings.stores.operations_url_env, shop.settings.stores.warehouse_url_env) == (
            OPERATIONS_VARIABLE,
            WAREHOUSE_VARIABLE,
        )
        with dg.DagsterInstance.get() as instance:
            result = shop.run("sweep_shop", instance)
            assert failed_steps(result) == []
            assert [name for name, passed in checks_of(result).items() if not passed] == []
            core = metadata_of(result, "core", "orders")
            assert (core["dagster/row_count"], core["order_pipelines/row_count_is_estimated"]) == (40, False)
            assert metadata_of(result, "mart", "invoices")["dagster/row_count"] == 5
            assert metadata_of(result, "publish", "warehouse_copy").keys() == {"done"}
            monkeypatch.setattr("order_pipelines.services.warehouse_load._COUNTED_BELOW", 20)
            with psycopg.connect(_plain(postgres_url), autocommit=True) as connection:
                connection.execute("analyze core.orders")
            core = metadata_of(shop.run("load_changes", instance), "core", "orders")
            assert (core["dagster/row_count"], core["order_pipelines/row_count_is_estimated"]) == (40, True)
        assert len(shop.state("exact")["entries"]) == 5
        data = shop.settings.data_dir
    assert [path.name for path in tmp_path.rglob("*.duckdb")] == []
    assert [path.name for path in data.rglob("*.sqlite")] == []
    with psycopg.connect(_plain(postgres_url)) as connection:
        found = connection.execute(
            "select account, count(*) from mart.orders group by 1 order by 1"
        ).fetchall()
    assert found == [("bol_main", 25), ("bol_outlet", 15)]
    with psycopg.connect(_plain(history)) as connection:
        assert connection.execute("select status from runs").fetchall() == [("SUCCESS",), ("SUCCESS",)]
    postgres_server.drop_database(history)
