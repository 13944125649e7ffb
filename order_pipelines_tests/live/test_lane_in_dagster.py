"""Minutes of the lane in Dagster: one event an asset and minute, told once, whatever becomes of a tick."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.lane import lane_sensor
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import lane_minutes
from order_pipelines.services.lane_reports import forget_reported, take_minutes
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import shop_settings

ORDERS, STOCK = "intake/bol__orders", "publish/bol__stock"
NOW = at(9) + timedelta(minutes=7, seconds=30)


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    with clock.frozen(NOW):
        yield opened
    opened.close()


def _door(store_url: str, folder: Path) -> ShopDoor:
    stores = {"operations_url": store_url, "data_dir": str(folder)}
    return ShopDoor(shop_settings(stores=stores))


def _write(store: OperationsStore, minutes_ago: int, asset: str, account: str, **figures: Any) -> None:
    minute = NOW.replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    row = {
        "minute": minute,
        "instance": "one",
        "account": account,
        "asset": asset,
        "figures": json.dumps(figures),
        "reported_at": None,
    }
    with store.transaction() as connection:
        connection.execute(lane_minutes.insert().values(**row))


def _tick(
    door: ShopDoor, instance: dg.DagsterInstance, cursor: str | None, *, ends_well: bool = True
) -> tuple[list[dg.AssetMaterialization], str | None]:
    """Do what the daemon does: evaluate, keep the events, then the cursor; a tick that fails keeps neither."""
    sensor = lane_sensor(is_automatic=True)
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"shop": door}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    events = [event for event in result.asset_events if isinstance(event, dg.AssetMaterialization)]
    if not ends_well:
        return [], cursor
    for event in events:
        instance.report_runless_asset_event(event)
    return events, result.cursor


def test_a_minute_is_one_event_of_an_asset_with_its_figures(
    store: OperationsStore, store_url: str, tmp_path: Path
) -> None:
    _write(store, 2, STOCK, "bol_main", sent=3, rejected=0, known_to_sent_p95_ms=120, backlog=1)
    _write(store, 2, STOCK, "bol_outlet", sent=2, rejected=1, known_to_sent_p95_ms=80, backlog=0)
    _write(store, 2, ORDERS, "bol_main", polls=1, orders_new=4, backlog=0)
    # Of this minute there may be more to come.
    _write(store, 0, ORDERS, "bol_main", polls=1, orders_new=9, backlog=0)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        events, cursor = _tick(_door(store_url, tmp_path), instance, None)
        assert [event.asset_key.to_user_string() for event in events] == [ORDERS, STOCK]
        (told,) = instance.fetch_materializations(dg.AssetKey(["publish", "bol__stock"]), limit=10).records
        again, _ = _tick(_door(store_url, tmp_path), instance, cursor)
    assert again == []
    assert told.asset_materialization is not None
    metadata = {name: value.value for name, value in told.asset_materialization.metadata.items()}
    assert (metadata["order_pipelines/sent"], metadata["order_pipelines/rejected"]) == (5, 1)
    assert (metadata["order_pipelines/known_to_sent_p95_ms"], metadata["order_pipelines/backlog"]) == (120, 1)
    assert metadata["order_pipelines/accounts"] == 2
    assert "| bol_outlet | 2 | 1 | 80 | 0 |" in str(metadata["by_account"])


def test_a_tick_that_fails_tells_its_minutes_again_and_one_that_ended_well_does_not(
    store: OperationsStore, store_url: str, tmp_path: Path
) -> None:
    door = _door(store_url, tmp_path)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        _write(store, 4, ORDERS, "bol_main", orders_new=1)
        _, cursor = _tick(door, instance, None)
        _write(store, 3, ORDERS, "bol_main", orders_new=2)
        _, cursor = _tick(door, instance, cursor, ends_well=False)
        events, cursor = _tick(door, instance, cursor)
        assert [event.metadata["order_pipelines/orders_new"].value for event in events] == [2]
        assert _tick(door, instance, cursor)[0] == []
        told = instance.fetch_materializations(dg.AssetKey(["intake", "bol__orders"]), limit=10).records
    assert len(told) == 2


def test_quiet_minutes_are_told_every_tenth(store: OperationsStore) -> None:
    for minutes_ago in range(1, 12):
        _write(store, minutes_ago, ORDERS, "bol_main", polls=1, orders_new=0, backlog=5)
    minutes, stamp = take_minutes(store, None)
    assert [minute.minute.minute for minute in minutes if minute.is_worth_telling] == [0]
    assert take_minutes(store, stamp)[0] == []


def test_a_clock_that_was_set_back_makes_no_stamp_older_than_the_last(store: OperationsStore) -> None:
    _write(store, 200, ORDERS, "bol_main", orders_new=1)
    _, stamp = take_minutes(store, None)
    _write(store, 199, ORDERS, "bol_main", orders_new=2)
    with clock.frozen(NOW - timedelta(hours=1)):
        minutes, later = take_minutes(store, stamp)
    assert [minute.totals["orders_new"] for minute in minutes] == [2]
    assert later > stamp
    assert take_minutes(store, later)[0] == []


def test_old_minutes_are_removed(store: OperationsStore) -> None:
    _write(store, 60 * 24 * 31, ORDERS, "bol_main", orders_new=1)
    _write(store, 5, ORDERS, "bol_main", orders_new=2)
    assert forget_reported(store, 30) == 1
    with store.reading() as connection:
        assert len(connection.execute(lane_minutes.select()).all()) == 1


def test_the_sensor_is_among_the_definitions(tmp_path: Path, store_url: str) -> None:
    from order_pipelines.definitions import build_definitions

    definitions = build_definitions(_door(store_url, tmp_path).settings)
    sensor = definitions.resolve_sensor_def("fast_lane")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
