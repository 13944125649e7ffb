"""What brakes a push as checks in Dagster: warnings that name accounts and inputs, and pass when it is over."""

from pathlib import Path

import dagster as dg
import pytest

from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.checks import BRAKES, conservation_check
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values, upsert
from order_pipelines.operations.tables import channel_stock, cursors
from order_pipelines.services.account_stops import let_account_go, stop_account
from order_pipelines.settings import load_settings
from order_pipelines_tests.defs.shop_world import check_metadata, checks_of

_SETTINGS = """
[merchant]
name = "De Vries Wonen"
[[locations]]
name = "main"
max_age_hours = 24
[accounts.bol_main]
system = "bol"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
[accounts.bol_main.secrets]
client_id = "BOL_ID"
client_secret = "BOL_SECRET"
"""
_ALL = ("no_account_is_stopped", "no_number_waits_for_a_person", "stock_inputs_are_fresh")


@pytest.fixture
def door(tmp_path: Path) -> ShopDoor:
    path = tmp_path / "settings.toml"
    path.write_text(_SETTINGS, encoding="utf-8")
    return ShopDoor(load_settings(path))


def _looked(door: ShopDoor) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(["core", "stock_positions"])],
        asset_checks=[conservation_check()],
        jobs=[dg.define_asset_job("look", selection=dg.AssetSelection.all_asset_checks())],
        resources={"shop": door},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("look").execute_in_process(instance=instance)


def _broken(looked: dg.ExecuteInProcessResult) -> list[str]:
    found = [name.split(":")[1] for name, passed in checks_of(looked).items() if not passed]
    return sorted(name for name in found if name in BRAKES)


def _fresh(store: OperationsStore) -> None:
    with store.transaction() as connection:
        ledger = Ledger(connection)
        ledger.count(("MUG", "main"), 7, clock.now(), cause="count")
        ledger.flush(next_values(connection, CHANGE))
        read = {
            "account": "bol_main",
            "stream": "orders",
            "attempted_at": clock.now(),
            "complete_at": clock.now(),
        }
        upsert(connection, cursors, [read])


def _hold(store: OperationsStore) -> None:
    row = {
        "account": "bol_main",
        "offer_id": "o-1",
        "sku": "MUG",
        "desired_quantity": 0,
        "desired_version": 2,
        "available_quantity": 0,
        "own_open_quantity": 0,
        "sent_version": 1,
        "confirmed_version": 1,
        "confirmed_quantity": 7,
        "state": "on_hold",
        "attempts": 0,
        "change_seq": 1,
    }
    with store.transaction() as connection:
        connection.execute(channel_stock.insert().values(**row))


def test_a_shop_that_nothing_brakes_passes(door: ShopDoor) -> None:
    with door.store() as store:
        _fresh(store)
    looked = _looked(door)
    assert (looked.success, _broken(looked), len(BRAKES)) == (True, [], 3)


def test_each_brake_is_a_warning_that_names_what_it_is(door: ShopDoor) -> None:
    with door.store() as store:
        stop_account(store, "bol_main", "stock", "a check of prices")
        _hold(store)

    looked = _looked(door)

    assert (looked.success, _broken(looked)) == (True, list(_ALL))
    severities = {one.check_name: one.severity for one in looked.get_asset_check_evaluations()}
    assert {severities[name] for name in _ALL} == {dg.AssetCheckSeverity.WARN}
    stale = check_metadata(looked, "stock_inputs_are_fresh")["sample"]
    assert "bol_main (never)" in stale
    assert "main (never)" in stale
    stopped = check_metadata(looked, "no_account_is_stopped")["sample"]
    assert "| bol_main | stock |" in stopped
    assert "prices" not in stopped
    assert "| bol_main | 1 |" in check_metadata(looked, "no_number_waits_for_a_person")["sample"]

    with door.store() as store:
        let_account_go(store, "bol_main", "all")
        _fresh(store)
    assert _broken(_looked(door)) == ["no_number_waits_for_a_person"]
