"""What stands in Dagster for which settings: assets with all their labels, checks, jobs, and loading itself."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from order_pipelines.definitions import build_definitions
from order_pipelines.defs import naming
from order_pipelines.defs.checks import BRAKES
from order_pipelines.errors import ConfigurationError
from order_pipelines.services.conservation import FLAGS, LAWS
from order_pipelines.settings import Merchant, Settings, load_settings
from order_pipelines.warehouse.checks import checks
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES

TOML = """
[merchant]
name = "Voorbeeld Handel"
[[locations]]
name = "main"
[accounts.bol_main]
system = "bol"
effective_from = 2026-01-01
serves = ["main"]
[accounts.bol_outlet]
system = "bol"
effective_from = 2026-01-01
[accounts.wholesale]
system = "b2b_files"
effective_from = 2026-01-01
[accounts.exact]
system = "exact_online"
effective_from = 2026-01-01
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two bol accounts, wholesale files and Exact; nothing of it is ever called."""
    path = tmp_path_factory.mktemp("full") / "settings.toml"
    path.write_text(TOML, encoding="utf-8")
    return load_settings(path)


@pytest.fixture(scope="module")
def definitions(full: Settings) -> dg.Definitions:
    """What stands in Dagster for ``full``; the tests only look at it."""
    return build_definitions(full)


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """The assets of ``definitions`` by name."""
    return _specs_of(definitions)


def _specs_of(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def _specs(settings: Settings) -> dict[str, dg.AssetSpec]:
    return _specs_of(build_definitions(settings))


def _tables() -> set[str]:
    return {f"{table.schema}/{table.name}" for table in (*CORE_TABLES, *MART_TABLES)}


def test_without_accounts_the_warehouse_is_there_and_no_channel() -> None:
    settings = Settings(merchant=Merchant(name="Voorbeeld"))
    definitions = build_definitions(settings)
    dg.Definitions.validate_loadable(definitions)
    assert _specs(settings).keys() == _tables() | {
        "intake/products",
        "intake/readings",
        "publish/warehouse_copy",
        "publish/report",
    }
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert jobs - {"__ASSET_JOB"} == {
        "sweep_shop",
        "deep_sweep_shop",
        "load_changes",
        "compare_three_ways",
        "write_report",
        "purge_history",
    }


def test_every_system_with_an_enabled_account_has_its_assets(
    definitions: dg.Definitions, specs: dict[str, dg.AssetSpec]
) -> None:
    dg.Definitions.validate_loadable(definitions)
    assert specs.keys() - _tables() == {
        "intake/products",
        "intake/readings",
        "intake/bol__orders",
        "intake/bol__offers",
        "intake/bol__returns",
        "intake/b2b_files__orders",
        "intake/b2b_files__stock_counts",
        "intake/b2b_files__shipments",
        "intake/b2b_files__goods_movements",
        "intake/b2b_files__purchase_orders",
        "intake/b2b_files__supplier_stock",
        "intake/b2b_files__bundles",
        "publish/bol__stock",
        "publish/bol__shipments",
        "publish/bol__shadow",
        "publish/exact_online__sales_entries",
        "publish/warehouse_copy",
        "publish/report",
    }


def test_acceptances_have_an_asset_where_orders_wait_for_the_seller_and_go_before_parcels(
    full: Settings,
) -> None:
    """Always at Mirakl; at Shopware where the merchant chose it; nobody asks a seller at bol."""

    def names(system: str, options: dict[str, Any]) -> list[str]:
        account = full.accounts["bol_main"].model_copy(update={"system": system, "options": options})
        found = _specs(full.model_copy(update={"accounts": {"shop": account}}))
        return sorted(name for name in found if name.startswith(f"publish/{system}"))

    usual = ["shadow", "shipments", "stock"]
    assert names("bol", {}) == [f"publish/bol__{each}" for each in usual]
    assert names("mirakl", {}) == [f"publish/mirakl__{each}" for each in ["acceptances", "refunds", *usual]]
    assert names("shopware", {}) == [f"publish/shopware__{each}" for each in usual]
    chosen = names("shopware", {"in_progress_after_import": True})
    assert chosen == [f"publish/shopware__{each}" for each in ["acceptances", *usual]]

    account = full.accounts["bol_main"].model_copy(update={"system": "mirakl"})
    found = _specs(full.model_copy(update={"accounts": {"shop": account}}))
    spec = found["publish/mirakl__acceptances"]
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["intake/mirakl__orders"]
    below = {name for name, each in found.items() if spec.key in {dep.asset_key for dep in each.deps}}
    assert below == set(), "a failed acceptance keeps no parcel from being announced"
    assert naming.THEN_STOCK > naming.THEN_ACCEPT > naming.THEN_PUBLISH


def test_customers_have_an_asset_where_an_account_asks_for_them_and_feed_no_table_of_the_warehouse(
    full: Settings,
) -> None:
    shop = full.accounts["bol_main"].model_copy(update={"system": "shopware"})
    without = _specs(full.model_copy(update={"accounts": {"shop": shop}}))
    asked = shop.model_copy(update={"customers": True})
    found = _specs(full.model_copy(update={"accounts": {"shop": asked}}))
    assert found.keys() - without.keys() == {"intake/shopware__customers"}
    spec = found["intake/shopware__customers"]
    assert spec.tags["order_pipelines/pii"] == "customer"
    assert [name for name, each in found.items() if spec.key in {dep.asset_key for dep in each.deps}] == []


def test_returns_feed_their_tables_and_no_order_or_stock(full: Settings) -> None:
    specs = _specs(full)
    key = specs["intake/bol__returns"].key
    below = {name for name, each in specs.items() if key in {dep.asset_key for dep in each.deps}}
    assert below == {"core/channel_returns", "core/channel_return_lines", "publish/bol__shadow"}


def test_a_leading_account_is_the_source_of_the_master(full: Settings) -> None:
    shop = full.accounts["bol_main"].model_copy(update={"system": "shopware"})
    products = full.products.model_copy(update={"file": None, "from_account": "shop"})
    changed = full.model_copy(update={"accounts": {"shop": shop}, "products": products})
    description = _specs(changed)["intake/products"].description or ""
    assert description.endswith("Source: the account shop, once a day.")


def test_a_system_whose_accounts_are_off_has_no_assets(full: Settings) -> None:
    off = {
        name: account.model_copy(update={"enabled": account.system != "bol"})
        for name, account in full.accounts.items()
    }
    names = _specs(full.model_copy(update={"accounts": off})).keys()
    assert [name for name in names if "bol" in name] == []
    assert "intake/b2b_files__orders" in names


def test_an_account_of_an_unknown_system_is_refused(full: Settings) -> None:
    wrong = {"till": full.accounts["exact"].model_copy(update={"system": "no_such_system"})}
    with pytest.raises(ConfigurationError, match="no connector is called 'no_such_system'"):
        build_definitions(full.model_copy(update={"accounts": wrong}))


def test_every_asset_says_what_it_is_and_who_answers_for_it(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        schema = spec.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema), name
        assert len(schema.columns) >= 1, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.code_version, name
        assert spec.description is not None, name
        assert "One row:" in spec.description, name
        assert "Source:" in spec.description, name
        assert spec.tags["order_pipelines/pii"] in {"customer", "none"}, name
        assert spec.group_name not in {None, "default"}, name
        assert len(spec.key.path) == 2, name
        assert not {"bol_main", "bol_outlet", "voorbeeld"} & set(name.lower().split("/")), name


def test_groups_are_the_system_at_the_edge_and_the_domain_inside(specs: dict[str, dg.AssetSpec]) -> None:
    assert {name: specs[name].group_name for name in (
        "intake/bol__orders", "publish/bol__stock", "intake/b2b_files__shipments",
        "publish/exact_online__sales_entries", "core/order_lines", "core/quarantine", "core/stock_movements",
        "core/channel_stock", "mart/stock_per_channel", "core/invoice_lines", "core/products",
        "mart/revenue_per_channel_day", "core/outbox",
    )} == {
        "intake/bol__orders": "bol",
        "publish/bol__stock": "bol",
        "intake/b2b_files__shipments": "b2b_files",
        "publish/exact_online__sales_entries": "exact_online",
        "core/order_lines": "orders",
        "core/quarantine": "orders",
        "core/stock_movements": "stock",
        "core/channel_stock": "stock",
        "mart/stock_per_channel": "stock",
        "core/invoice_lines": "invoicing",
        "core/products": "products",
        "mart/revenue_per_channel_day": "revenue",
        "core/outbox": "house",
    }  # fmt: skip


def test_kinds_follow_the_stores_without_opening_or_knowing_them(
    full: Settings, specs: dict[str, dg.AssetSpec]
) -> None:
    """A URL in a variable is one with a password; its value is not needed to draw the graph."""
    assert specs["core/orders"].kinds == {"python", "duckdb"}
    assert specs["intake/bol__orders"].kinds == {"python", "sqlite"}
    stores = full.stores.model_copy(update={"operations_url_env": "NOT_SET", "warehouse_url_env": "NOT_SET"})
    hidden = full.model_copy(update={"stores": stores})
    unopened = _specs(hidden)
    assert unopened["core/orders"].kinds == {"python", "postgres"}
    assert unopened["intake/bol__orders"].kinds == {"python", "postgres"}


def test_column_schemas_carry_units_and_constraints(specs: dict[str, dg.AssetSpec]) -> None:
    columns = {
        column.name: column for column in specs["core/order_lines"].metadata["dagster/column_schema"].columns
    }
    assert columns["quantity"].description == "Ordered; never shrinks. [pieces]"
    assert columns["line_total_incl_vat"].type == "decimal(18, 2)"
    assert columns["line_id"].constraints.nullable is False
    assert columns["line_id"].constraints.other == ["part of the key (order_key, line_id)"]
    orders = {
        column.name: column for column in specs["core/orders"].metadata["dagster/column_schema"].columns
    }
    assert orders["order_key"].constraints.unique is True
    assert orders["order_kind"].constraints.other == ["one of: sale, credit"]
    inbox = {
        column.name: column
        for column in specs["intake/bol__orders"].metadata["dagster/column_schema"].columns
    }
    assert (inbox["ordered_at"].type, inbox["order_total_incl_vat"].type, inbox["must_flag"].type) == (
        "timestamp with time zone", "decimal(18, 2)", "json",
    )  # fmt: skip


def test_marts_depend_on_what_their_sql_reads(specs: dict[str, dg.AssetSpec]) -> None:
    deps = {name: sorted(dep.asset_key.to_user_string() for dep in spec.deps) for name, spec in specs.items()}
    assert deps["mart/revenue_per_channel_week"] == ["mart/revenue_per_channel_day"]
    assert "core/orders" in deps["mart/orders"]
    assert deps["publish/bol__stock"] == ["intake/bol__offers"]
    assert deps["publish/bol__shipments"] == ["intake/b2b_files__shipments", "intake/bol__orders"]
    assert deps["publish/exact_online__sales_entries"] == ["intake/b2b_files__orders", "intake/bol__orders"]
    assert deps["core/products"] == ["intake/products"]
    assert deps["core/orders"] == ["intake/b2b_files__orders", "intake/bol__orders"]
    assert "intake/bol__offers" in deps["core/channel_stock"]


def test_every_table_has_a_blocking_check_and_every_claim_a_check(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = {key.name: graph.get(key) for key in graph.asset_check_keys}
    blocking = {name for name, node in nodes.items() if node.blocking}
    assert blocking == {f"{table.name}_schema" for table in (*CORE_TABLES, *MART_TABLES)} | {
        "bol__orders_quarantine_share",
        "b2b_files__orders_quarantine_share",
    }
    assert nodes.keys() - blocking == {check.name for check in checks()} | {*LAWS, *FLAGS, *BRAKES} | {
        "readings_every_account_read",
        "bol__orders_every_account_read",
        "bol__offers_every_account_read",
        "bol__returns_every_account_read",
        "b2b_files__orders_every_account_read",
        "b2b_files__stock_counts_every_account_read",
        "b2b_files__shipments_every_account_read",
        "b2b_files__goods_movements_every_account_read",
        "b2b_files__purchase_orders_every_account_read",
        "b2b_files__supplier_stock_every_account_read",
        "b2b_files__bundles_every_account_read",
        "bol__stock_every_account_served",
        "bol__shipments_every_account_served",
        "bol__shadow_every_account_compared",
        "exact_online__sales_entries_every_account_served",
        "every_product_has_a_supplier",
        "every_supplier_has_an_email",
        "stock_is_correct",
        "every_product_has_an_order_multiple",
    }


def test_whatever_opens_the_warehouse_waits_in_one_pool_and_calls_wait_per_system(
    definitions: dg.Definitions,
) -> None:
    pools: dict[str, set[str]] = {}
    for node in definitions.resolve_job_def("deep_sweep_shop").all_node_defs:
        pool = getattr(node, "pool", None)
        pools.setdefault(str(pool), set()).add(node.name)
    assert pools["warehouse_writer"] == {
        "load_core",
        "build_marts",
        "check_core_declarations",
        "check_mart_declarations",
        "check_core_claims",
        "check_mart_claims",
        "publish__warehouse_copy",
    }
    assert pools["api_bol"] == {
        "intake__bol__orders",
        "intake__bol__offers",
        "intake__bol__returns",
        "publish__bol__stock",
        "publish__bol__shipments",
        "publish__bol__shadow",
    }
    assert pools["api_exact_online"] == {"publish__exact_online__sales_entries"}


def _load(folder: Path, code: str, **environment: str) -> list[str]:
    """Run code in a process of its own, as Dagster's code server is one."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ORDER_PIPELINES_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**inherited, **environment, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


_SHOW = """
import sys
from order_pipelines.definitions import defs
specs = defs.resolve_all_asset_specs()
print(len(specs), specs[0].key.to_user_string(), specs[0].description)
print(sorted({"pandas", "pandera", "matplotlib"} & sys.modules.keys()))
"""


def test_without_a_settings_file_one_asset_says_what_to_do(tmp_path: Path) -> None:
    shown, _ = _load(tmp_path, _SHOW)
    assert shown == (
        f"1 intake/settings Nothing can run yet. {tmp_path}/settings.toml: cannot be read (No such file or directory); "
        "run 'order-pipelines init' to write one"
    )


def test_a_wrong_settings_file_is_one_visible_problem(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[merchant]\nname = "X"\ntimezone = "Mars/Base"\n', encoding="utf-8")
    shown, _ = _load(tmp_path, _SHOW, ORDER_PIPELINES_SETTINGS=str(tmp_path / "shop.toml"))
    assert shown == (
        f"1 intake/settings Nothing can run yet. {tmp_path}/shop.toml: line 3, merchant.timezone: "
        "a time zone name such as Europe/Amsterdam"
    )


def test_the_code_location_loads_without_frames_and_charts(tmp_path: Path) -> None:
    """The code server imports it at every reload and each run once; pandas and matplotlib stay out."""
    (tmp_path / "settings.toml").write_text(TOML, encoding="utf-8")
    shown, heavy = _load(tmp_path, _SHOW, ORDER_PIPELINES_SETTINGS=str(tmp_path / "settings.toml"))
    assert shown.startswith("53 ")
    assert heavy == "[]"


def test_the_asset_for_missing_settings_fails_once_with_the_reason(tmp_path: Path, monkeypatch: Any) -> None:
    from order_pipelines.definitions import _without_settings

    definitions = _without_settings("settings.toml: cannot be read; run 'order-pipelines init' to write one")
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert failure.step_failure_data.user_failure_data.description == (
        "settings.toml: cannot be read; run 'order-pipelines init' to write one"
    )
