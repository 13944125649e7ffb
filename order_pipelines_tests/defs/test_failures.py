"""What a failing outside system does to a run: what is tried again and what is not, and who still gets served."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.defs.shop_world import (
    ShopWorld,
    check_metadata,
    checks_of,
    failed_steps,
    metadata_of,
    shop_world,
    steps_of,
)

ORDERS = [dg.AssetKey(["intake", "bol__orders"])]
READ = "intake/bol__orders:bol__orders_every_account_read"
MANY = 1000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with shop_world(tmp_path_factory.mktemp("failing") / "shop", has_orders=False) as world:
        yield world


@pytest.fixture
def shop(running: ShopWorld, tmp_path: Path) -> Iterator[ShopWorld]:
    """The same outside world for each test, with a folder and an operations store of its own."""
    text = running.settings_path.read_text(encoding="utf-8")
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "products.csv").write_bytes((running.folder / "products.csv").read_bytes())
    yield ShopWorld(running.world, tmp_path, path)
    running.world.bol.faults.clear()
    running.world.exact_online.faults.clear()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def _strike(shop: ShopWorld, kind: str, count: int, account: str = "") -> Fault:
    fault = Fault(kind, count=count, match="/retailer/orders", account=account)
    shop.world.bol.faults.add(fault)
    return fault


def _failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    user = event.step_failure_data.user_failure_data
    assert user is not None
    assert user.description is not None
    return user.description


def test_a_failing_account_is_named_and_the_other_is_read(
    shop: ShopWorld, instance: dg.DagsterInstance
) -> None:
    shop.tell("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001", "quantity": 1}]})
    _strike(shop, "503", MANY, "bol_outlet")
    result = shop.run("sweep_shop", instance, asset_selection=ORDERS)
    assert result.success
    assert checks_of(result)[READ] is False
    said = check_metadata(result, "bol__orders_every_account_read")
    assert said["accounts_with_a_problem"] == 1
    assert "bol_outlet" in said["problems"]
    assert "bol_main" not in said["problems"]
    placed = len(shop.state("bol_main")["orders"])
    assert placed >= 1
    assert metadata_of(result, "intake", "bol__orders")["order_pipelines/new"] == placed


def test_a_moment_of_trouble_at_all_accounts_is_tried_again(
    shop: ShopWorld, instance: dg.DagsterInstance
) -> None:
    fault = _strike(shop, "503", 2)
    result = shop.run("sweep_shop", instance, asset_selection=ORDERS)
    assert result.success
    assert fault.count == 0
    retried = [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert len(retried) == 1
    assert checks_of(result)[READ] is True


def test_lasting_trouble_is_tried_three_times_and_then_fails(
    shop: ShopWorld, instance: dg.DagsterInstance
) -> None:
    fault = _strike(shop, "503", MANY)
    result = shop.run("sweep_shop", instance, asset_selection=ORDERS)
    assert failed_steps(result) == ["intake__bol__orders"]
    assert fault.count == MANY - 6
    assert "answered 503" in _failure(result)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert "dagster/max_retries" not in run.tags


@pytest.fixture
def retrying(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that would repeat every failed run, whatever failed."""
    overrides = {
        "telemetry": {"enabled": False},
        "run_retries": {"enabled": True, "max_retries": 3, "retry_on_asset_or_op_failure": True},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as found:
        yield found


def _would_run_again(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return bool(auto_reexecution_should_retry_run(instance, run, RunFailureReason.STEP_FAILURE))


def test_a_permanent_refusal_stops_the_step_and_every_other_retry(
    shop: ShopWorld, retrying: dg.DagsterInstance
) -> None:
    """A 403 stays one however often it is asked: one call an account, and no run after this one."""
    fault = _strike(shop, "403", MANY)
    result = shop.run("sweep_shop", retrying, asset_selection=ORDERS)
    assert failed_steps(result) == ["intake__bol__orders"]
    assert fault.count == MANY - 2
    assert "answered 403" in _failure(result)
    assert _would_run_again(retrying, result.run_id) is False
    shop.world.bol.faults.clear()
    lasting = _strike(shop, "503", MANY)
    result = shop.run("sweep_shop", retrying, asset_selection=ORDERS)
    assert lasting.count == MANY - 6
    assert _would_run_again(retrying, result.run_id) is True


def test_a_missing_secret_fails_once_and_names_the_variable_only(
    shop: ShopWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOL_MAIN_CLIENT_SECRET")
    monkeypatch.delenv("BOL_OUTLET_CLIENT_SECRET")
    calls = dict(shop.state("bol_main")["calls"])
    result = shop.run("sweep_shop", instance, asset_selection=ORDERS)
    assert failed_steps(result) == ["intake__bol__orders"]
    assert "environment variable BOL_MAIN_CLIENT_SECRET is not set" in _failure(result)
    assert dict(shop.state("bol_main")["calls"]) == calls


@pytest.mark.endurance
def test_a_channel_that_is_down_keeps_neither_files_nor_stock_nor_load_from_going_on(
    shop: ShopWorld, instance: dg.DagsterInstance
) -> None:
    """In one sweep what follows the orders waits; the load of its own, which a sensor starts, takes in the rest."""
    _strike(shop, "503", MANY)
    result = shop.run("sweep_shop", instance)
    assert failed_steps(result) == ["intake__bol__orders"]
    done = set(steps_of(result))
    assert {"intake__products", "intake__b2b_files", "intake__bol__offers", "publish__bol__stock"} <= done
    assert not {"load_core", "publish__exact_online__sales_entries"} & done
    load = shop.run("load_changes", instance)
    assert load.success
    assert metadata_of(load, "core", "products")["dagster/row_count"] == 62


@pytest.mark.endurance
def test_books_that_refuse_us_do_not_stop_the_warehouse(
    shop: ShopWorld, instance: dg.DagsterInstance
) -> None:
    """Every call fails for a moment: the entry waits. Then the right is gone: the step fails, the load goes on."""
    line = {"sku": "KEU-1002", "quantity": 1}
    order = shop.tell("/orders", {"account": "bol_main", "lines": [line]})["external_order_id"]
    shop.tell(f"/orders/bol_main/{order}/ship", {})
    published = "publish/exact_online__sales_entries:exact_online__sales_entries_every_account_served"
    shop.world.exact_online.faults.add(Fault("500", count=MANY))
    known = [dg.AssetKey(["intake", "products"]), *ORDERS]
    assert shop.run("sweep_shop", instance, asset_selection=known).success
    selection = [dg.AssetKey(["publish", "exact_online__sales_entries"])]
    moment = shop.run("sweep_shop", instance, asset_selection=selection)
    assert failed_steps(moment) == []
    assert checks_of(moment)[published] is False
    assert metadata_of(moment, *selection[0].path)["order_pipelines/postponed"] == 1
    shop.world.exact_online.faults.clear()
    shop.world.exact_online.faults.add(Fault("403", count=MANY))
    another = shop.tell("/orders", {"account": "bol_main", "lines": [line]})["external_order_id"]
    shop.tell(f"/orders/bol_main/{another}/ship", {})
    result = shop.run("sweep_shop", instance)
    assert failed_steps(result) == ["publish__exact_online__sales_entries"]
    assert {"load_core", "build_marts", "publish__warehouse_copy"} <= set(steps_of(result))
    assert metadata_of(result, "core", "invoices")["dagster/row_count"] == 2
    assert shop.state("exact")["entries"] == []


def test_a_rejected_file_is_named_and_stops_nothing(shop: ShopWorld, instance: dg.DagsterInstance) -> None:
    folder = shop.folder / "inbox" / "orders"
    folder.mkdir(parents=True)
    file = folder / "broken.xlsx"
    file.write_bytes(b"PK\x03\x04 this is no workbook")
    os.utime(file, (1, 1))
    result = shop.run(
        "sweep_shop",
        instance,
        asset_selection=[
            dg.AssetKey(["intake", f"b2b_files__{name}"])
            for name in (
                "orders",
                "stock_counts",
                "shipments",
                "goods_movements",
                "purchase_orders",
                "supplier_stock",
                "bundles",
            )
        ],
    )
    assert result.success
    assert checks_of(result)["intake/b2b_files__orders:b2b_files__orders_every_account_read"] is False
    said = check_metadata(result, "b2b_files__orders_every_account_read")
    # Named once and to the end of the sentence: what to do stands there.
    assert said["problems"].count("broken.xlsx") == 1
    assert "…" not in said["problems"]
    assert metadata_of(result, "intake", "b2b_files__orders")["order_pipelines/files_rejected"] == 1
