"""The laws of stock as checks in Dagster, and the nightly purge of what numbers went through."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.checks import conservation_check
from order_pipelines.defs.jobs import purge_history
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values
from order_pipelines.operations.tables import channel_stock_events
from order_pipelines.services.stock_events import StockEvent, note_events
from order_pipelines.settings import load_settings
from order_pipelines_tests.defs.shop_world import check_metadata, checks_of

_SETTINGS = """
[merchant]
name = "De Vries Wonen"
[[locations]]
name = "main"
"""


@pytest.fixture
def door(tmp_path: Path) -> ShopDoor:
    path = tmp_path / "settings.toml"
    path.write_text(_SETTINGS, encoding="utf-8")
    return ShopDoor(load_settings(path))


def _counted(store: OperationsStore) -> None:
    from order_pipelines.operations.ledger import Ledger

    with store.transaction() as connection:
        ledger = Ledger(connection)
        ledger.count(("MUG", "main"), 7, clock.now(), cause="count")
        ledger.flush(next_values(connection, CHANGE))


def _looked(door: ShopDoor) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(["core", "stock_positions"])],
        asset_checks=[conservation_check()],
        jobs=[dg.define_asset_job("look", selection=dg.AssetSelection.all_asset_checks())],
        resources={"shop": door},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("look").execute_in_process(instance=instance)


def test_each_law_is_a_check_that_shows_what_offends(door: ShopDoor) -> None:
    with door.store() as store:
        _counted(store)
    assert set(checks_of(_looked(door)).values()) == {True}
    with door.store() as store, store.transaction() as connection:
        connection.execute(sa.text("update stock_positions set on_hand = -3"))

    looked = _looked(door)
    broken = {name for name, passed in checks_of(looked).items() if not passed}
    assert looked.success
    assert broken == {
        "core/stock_positions:ledger_is_positions",
        "core/stock_positions:places_are_not_below_zero",
    }
    shown = check_metadata(looked, "ledger_is_positions")
    assert shown["order_pipelines/offending_rows"] == 1
    assert "| MUG | main | 10 | 0 | 0 |" in shown["sample"]
    severities = {
        evaluation.check_name: evaluation.severity for evaluation in looked.get_asset_check_evaluations()
    }
    assert severities["ledger_is_positions"] == dg.AssetCheckSeverity.ERROR
    assert severities["places_are_not_below_zero"] == dg.AssetCheckSeverity.WARN


def test_the_nightly_purge_forgets_old_events_of_offers(door: ShopDoor) -> None:
    with door.store() as store:
        for moment in (datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3)):
            with clock.frozen(moment), store.transaction() as connection:
                note_events(connection, [StockEvent("bol_main", "1", "MUG", "sent", 5, 1)])
    with dg.DagsterInstance.ephemeral() as instance:
        assert purge_history.execute_in_process(instance=instance, resources={"shop": door}).success
    store = open_store(door.settings.operations_url())
    with store.reading() as connection:
        kept = connection.execute(sa.select(channel_stock_events.c.happened_at)).scalars().all()
    store.close()
    assert kept == [datetime(2020, 1, 3, tzinfo=UTC)]
