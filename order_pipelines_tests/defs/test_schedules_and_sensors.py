"""When things start by themselves: schedules in the merchant's time, files that were dropped, changes, alerts."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.definitions import build_definitions
from order_pipelines.defs.access import ShopDoor
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values, upsert
from order_pipelines.operations.tables import alerts, products, receipts, warehouse_loads
from order_pipelines.services.watch import raise_alert
from order_pipelines.settings import Cadence, Merchant, Settings, load_settings

TOML = """
[merchant]
name = "Voorbeeld Handel"
[accounts.wholesale]
system = "b2b_files"
effective_from = 2026-01-01
[accounts.wholesale.options]
folder = "inbox"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text(TOML, encoding="utf-8")
    return load_settings(path)


@pytest.fixture
def store(settings: Settings) -> Iterator[OperationsStore]:
    settings.data_dir.mkdir(parents=True)
    opened = open_store(settings.operations_url())
    yield opened
    opened.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def _tick(
    settings: Settings, name: str, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    sensor = build_definitions(settings).resolve_sensor_def(name)
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"shop": ShopDoor(settings)}
    ) as context:
        answer = sensor(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def _asked(answer: dg.SensorResult | dg.SkipReason) -> int:
    return len(answer.run_requests or []) if isinstance(answer, dg.SensorResult) else 0


# ---- schedules


def test_schedules_run_in_the_merchants_time() -> None:
    cadence = Cadence(sweep_minutes=10, deep_sweep_at="01:05", report_at="07:00")
    merchant = Merchant(name="Voorbeeld", timezone="Europe/Brussels")
    definitions = build_definitions(Settings(merchant=merchant, cadence=cadence))
    schedules = {
        name: definitions.resolve_schedule_def(name)
        for name in (
            "sweep_every_10_minutes",
            "deep_sweep_nightly",
            "report_every_morning",
            "purge_history_nightly",
        )
    }
    assert {
        name: (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone)
        for name, schedule in schedules.items()
    } == {
        "sweep_every_10_minutes": ("sweep_shop", "*/10 * * * *", "Europe/Brussels"),
        "deep_sweep_nightly": ("deep_sweep_shop", "5 1 * * *", "Europe/Brussels"),
        "report_every_morning": ("write_report", "0 7 * * *", "Europe/Brussels"),
        "purge_history_nightly": ("purge_history", "45 3 * * *", "Europe/Brussels"),
    }
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}


def test_every_hour_is_a_cadence_too() -> None:
    definitions = build_definitions(
        Settings(merchant=Merchant(name="Voorbeeld"), cadence=Cadence(sweep_minutes=60))
    )
    assert definitions.resolve_schedule_def("sweep_every_60_minutes").cron_schedule == "0 * * * *"


def test_automation_can_be_left_off(settings: Settings) -> None:
    definitions = build_definitions(settings, is_automatic=False)
    assert definitions.resolve_schedule_def("sweep_every_5_minutes").default_status is (
        dg.DefaultScheduleStatus.STOPPED
    )
    for name in (
        "drop_folder",
        "unprocessed_changes",
        "house_watch",
        "run_failure_to_alert",
        "run_success_ends_alert",
    ):
        assert definitions.resolve_sensor_def(name).default_status is dg.DefaultSensorStatus.STOPPED
        assert build_definitions(settings).resolve_sensor_def(name).default_status is (
            dg.DefaultSensorStatus.RUNNING
        )


def _unfinished(instance: dg.DagsterInstance, definitions: dg.Definitions, job: str) -> None:
    run = instance.create_run_for_job(definitions.resolve_job_def(job), status=dg.DagsterRunStatus.STARTED)
    assert not run.is_finished


def test_a_sweep_is_not_started_while_one_is_under_way(settings: Settings, tmp_path: Path) -> None:
    definitions = build_definitions(settings)
    schedule = definitions.resolve_schedule_def("sweep_every_5_minutes")
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context,
    ):
        assert len(schedule.evaluate_tick(context).run_requests or []) == 1
        _unfinished(instance, definitions, "deep_sweep_shop")
        tick = schedule.evaluate_tick(context)
    assert not tick.run_requests
    assert tick.skip_message == "deep_sweep_shop is still under way"


# ---- files


def _drop(settings: Settings, name: str, text: str) -> Path:
    file = settings.directory / "inbox" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    os.utime(file, (time.time() - 60, time.time() - 60))
    return file


def test_the_same_files_start_one_run(settings: Settings, instance: dg.DagsterInstance) -> None:
    empty = _tick(settings, "drop_folder", instance)
    assert _asked(empty) == 0
    first = _drop(settings, "orders.csv", "Bestelnummer;Artikelnr;Aantal\n1;A;1\n")
    answer = _tick(settings, "drop_folder", instance, cursor="")
    assert isinstance(answer, dg.SensorResult)
    assert _asked(answer) == 1
    assert answer.run_requests is not None
    assert answer.run_requests[0].run_key == answer.cursor
    assert _asked(_tick(settings, "drop_folder", instance, cursor=answer.cursor)) == 0
    _drop(settings, "more.csv", "Bestelnummer;Artikelnr;Aantal\n2;A;1\n")
    second = _tick(settings, "drop_folder", instance, cursor=answer.cursor)
    assert isinstance(second, dg.SensorResult)
    assert _asked(second) == 1
    assert second.cursor != answer.cursor
    first.unlink()
    (settings.directory / "inbox" / "more.csv").unlink()
    after = _tick(settings, "drop_folder", instance, cursor=second.cursor)
    assert isinstance(after, dg.SensorResult)
    assert (_asked(after), after.cursor) == (0, "")


def test_a_file_that_is_still_being_written_starts_nothing(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    file = _drop(settings, "orders.csv", "Bestelnummer;Artikelnr;Aantal\n1;A;1\n")
    os.utime(file)
    _drop(settings, "orders.csv.part", "Bestelnummer")
    assert _asked(_tick(settings, "drop_folder", instance)) == 0


def test_without_file_accounts_there_is_no_sensor_for_them() -> None:
    definitions = build_definitions(Settings(merchant=Merchant(name="Voorbeeld")))
    assert [sensor.name for sensor in definitions.sensors or []] == [
        "unprocessed_changes",
        "house_watch",
        "fast_lane",
        "run_failure_to_alert",
        "run_success_ends_alert",
    ]


# ---- changes


def _change(store: OperationsStore) -> int:
    with store.transaction() as connection:
        number = next_values(connection, CHANGE)
        row = {"sku": f"S{number}", "source": "file", "updated_at": clock.now(), "change_seq": number}
        upsert(connection, products, [row])
    return number


def _loaded(store: OperationsStore, number: int) -> None:
    with store.transaction() as connection:
        upsert(
            connection,
            warehouse_loads,
            [{"stream": "products", "done_seq": number, "loaded_at": clock.now()}],
        )


def test_changes_start_one_load_and_never_open_the_warehouse(
    settings: Settings, store: OperationsStore, instance: dg.DagsterInstance
) -> None:
    assert _asked(_tick(settings, "unprocessed_changes", instance)) == 0
    number = _change(store)
    began = time.process_time()
    answer = _tick(settings, "unprocessed_changes", instance)
    assert time.process_time() - began < 1
    assert isinstance(answer, dg.SensorResult)
    assert (_asked(answer), answer.cursor) == (1, f"products={number}")
    # The load was blocked: the same changes do not start it again and again, new ones do.
    assert _asked(_tick(settings, "unprocessed_changes", instance, cursor=answer.cursor)) == 0
    newer = _change(store)
    assert _asked(_tick(settings, "unprocessed_changes", instance, cursor=answer.cursor)) == 1
    _loaded(store, newer)
    assert _asked(_tick(settings, "unprocessed_changes", instance, cursor=None)) == 0
    assert not Path(settings.warehouse_url().removeprefix("duckdb:///")).exists()


def test_no_load_is_started_beside_a_sweep(
    settings: Settings, store: OperationsStore, instance: dg.DagsterInstance
) -> None:
    _change(store)
    _unfinished(instance, build_definitions(settings), "sweep_shop")
    answer = _tick(settings, "unprocessed_changes", instance)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == "sweep_shop is under way and loads what is waiting"


# ---- alerts


@dg.op
def refuse_payload() -> None:
    raise ValueError("Jan de Vries, Dorpsstraat 1")


@dg.job
def failing_job() -> None:
    refuse_payload()


@dg.op
def succeed() -> None:
    return None


@dg.job(name="failing_job")
def mended_job() -> None:
    succeed()


def test_a_failed_run_is_an_alert_without_payload_and_success_ends_it(
    settings: Settings, store: OperationsStore, instance: dg.DagsterInstance
) -> None:
    definitions = build_definitions(settings)
    on_failure = definitions.resolve_sensor_def("run_failure_to_alert")
    on_success = definitions.resolve_sensor_def("run_success_ends_alert")
    resources = {"shop": ShopDoor(settings)}
    for times in (1, 2):
        failed = failing_job.execute_in_process(instance=instance, raise_on_error=False)
        with dg.build_run_status_sensor_context(
            sensor_name="run_failure_to_alert",
            dagster_instance=instance,
            dagster_run=failed.dagster_run,
            dagster_event=failed.get_run_failure_event(),
            resources=resources,
        ).for_run_failure() as context:
            on_failure(context)
        with store.reading() as connection:
            (row,) = connection.execute(sa.select(alerts))
        assert (row.alert_key, row.severity, row.times, row.resolved_at) == (
            "run_failed:failing_job",
            "error",
            times,
            None,
        )
        assert row.message == (
            f"job failing_job failed in refuse_payload; open run {failed.run_id} in Dagster for the reason"
        )
    mended = mended_job.execute_in_process(instance=instance)
    with dg.build_run_status_sensor_context(
        sensor_name="run_success_ends_alert",
        dagster_instance=instance,
        dagster_run=mended.dagster_run,
        dagster_event=mended.get_run_success_event(),
        resources=resources,
    ) as context:
        on_success(context)
    with store.reading() as connection:
        (row,) = connection.execute(sa.select(alerts))
    assert row.resolved_at is not None


def test_the_watch_over_the_house_asks_for_no_run_and_writes_what_is_amiss(
    settings: Settings, instance: dg.DagsterInstance, store: OperationsStore
) -> None:
    with store.transaction() as connection:
        connection.execute(
            sa.insert(receipts).values(
                receipt_seq=1,
                account="wholesale",
                system="b2b_files",
                kind="order",
                external_id="1",
                content_hash="0",
                received_at=clock.now() - timedelta(hours=2),
                read_began_at=clock.now() - timedelta(hours=2),
                arrived_by="file",
                state="received",
            )
        )
    assert _asked(_tick(settings, "house_watch", instance)) == 0
    with store.reading() as connection:
        (row,) = connection.execute(sa.select(alerts))
    assert (row.alert_key, row.severity) == ("backlog:wholesale", "warning")
    assert row.message == "wholesale: 1 bodies received more than 1 h ago and not booked"


def test_an_alert_that_comes_back_begins_anew(store: OperationsStore) -> None:
    first = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    with clock.frozen(first), store.transaction() as connection:
        raise_alert(connection, "k", severity="error", message="one")
    with clock.frozen(first + timedelta(hours=1)), store.transaction() as connection:
        connection.execute(sa.update(alerts).values(resolved_at=clock.now()))
    with clock.frozen(first + timedelta(hours=2)), store.transaction() as connection:
        raise_alert(connection, "k", severity="error", message="two")
        raise_alert(connection, "k", severity="error", message="three")
    with store.reading() as connection:
        (row,) = connection.execute(sa.select(alerts))
    assert (row.message, row.times, row.resolved_at) == ("three", 3, None)
    assert (row.first_seen_at, row.last_seen_at) == (first + timedelta(hours=2), first + timedelta(hours=2))
