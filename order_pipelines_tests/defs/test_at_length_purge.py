"""Days of runs with the nightly purge: after the days that are kept nothing grows, and nothing newest is lost.

The days pass by the clock, four runs a day with an asset and two checks each; the job and the ages are those of
``purge_history``. On PostgreSQL a plain ``VACUUM`` stands for its autovacuum, which comes by once a minute.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs import SqlRunStorage

from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.jobs import purge_history
from order_pipelines.instance_storage import PG_URL_VARIABLE
from order_pipelines.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
# Not far ahead: what the database itself calls now is not moved.
BEGAN = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
RUNS_A_DAY = 4
DAYS = 6
_real_time = time.time


@dg.asset
def offers() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 7, "sample": dg.MetadataValue.md("| a |" * 100)}
    )


@dg.asset_check(asset=offers)
def offers_schema() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"sample": dg.MetadataValue.md("| a |" * 100)})


@dg.asset_check(asset=offers)
def offers_every_account_read() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


DEFINITIONS = dg.Definitions(
    assets=[offers],
    asset_checks=[offers_schema, offers_every_account_read],
    jobs=[dg.define_asset_job("sweep_shop", "*")],
    executor=dg.in_process_executor,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home with the project's dagster.yaml, its history on SQLite and on PostgreSQL."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    if request.param == "postgresql":
        monkeypatch.setenv(PG_URL_VARIABLE, request.getfixturevalue("postgres_url"))
    return folder


@pytest.fixture
def set_clocks() -> Iterator[Callable[[datetime], None]]:
    """Move the clocks of Dagster, of its events and of the product to an instant."""
    moved = timedelta(0)

    def now() -> datetime:
        return datetime.fromtimestamp(_real_time(), UTC) + moved

    def timestamp() -> float:
        return now().timestamp()

    def to(instant: datetime) -> None:
        nonlocal moved
        moved = instant - datetime.fromtimestamp(_real_time(), UTC)
        clock.follow(moved.total_seconds())

    with (
        mock.patch("dagster._time._mockable_get_current_datetime", now),
        mock.patch("dagster._time._mockable_get_current_timestamp", timestamp),
        mock.patch("time.time", timestamp),
    ):
        yield to
    clock.follow(0)


def rows(instance: dg.DagsterInstance) -> dict[str, int]:
    """Return how many rows each table of the history has, where it has any."""
    found: dict[str, int] = {}
    assert isinstance(instance.event_log_storage, SqlEventLogStorage)
    assert isinstance(instance.run_storage, SqlRunStorage)
    for connect in (instance.event_log_storage.index_connection, instance.run_storage.connect):
        with connect() as connection:
            for table in sa.inspect(connection).get_table_names():
                name = sa.table(table)
                if count := connection.execute(sa.select(sa.func.count()).select_from(name)).scalar_one():
                    found[table] = int(count)
    return found


def size(instance: dg.DagsterInstance, home: Path) -> int:
    """Return the bytes that the history takes."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    in_files = sum(
        file.stat().st_size for file in home.rglob("*") if file.is_file() and file.suffix != ".yaml"
    )
    with storage.index_connection() as connection:
        if connection.dialect.name != "postgresql":
            return in_files
        raw = connection.execution_options(isolation_level="AUTOCOMMIT")
        raw.execute(sa.text("vacuum"))
        in_database = raw.execute(sa.text("select pg_database_size(current_database())")).scalar_one()
    return in_files + int(in_database)


@pytest.mark.endurance
@pytest.mark.timeout(600)
def test_after_the_days_that_are_kept_nothing_grows(
    home: Path, set_clocks: Callable[[datetime], None]
) -> None:
    sweep = DEFINITIONS.resolve_job_def("sweep_shop")
    merchant = {"merchant": {"name": "De Vries Wonen"}, "stores": {"data_dir": str(home.parent / "shop")}}
    shop = ShopDoor(Settings.model_validate(merchant))
    counted, sizes = [], []
    last = ""
    with dg.DagsterInstance.get() as instance:
        for day in range(DAYS):
            for number in range(RUNS_A_DAY):
                set_clocks(BEGAN + timedelta(days=day, hours=5 * number))
                last = sweep.execute_in_process(instance=instance).run_id
            set_clocks(BEGAN + timedelta(days=day, hours=23))
            assert purge_history.execute_in_process(instance=instance, resources={"shop": shop}).success
            counted.append(rows(instance))
            sizes.append(size(instance, home))
        sweeps = instance.get_runs(dg.RunsFilter(job_name="sweep_shop"))
        newest = instance.get_latest_materialization_event(offers.key)
        results = [
            instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
            for check in (offers_schema, offers_every_account_read)
            for key in check.check_keys
        ]
    # Three days are kept, and with the evening of the third before the morning of the fourth is deleted again.
    assert len(sweeps) == 3 * RUNS_A_DAY
    assert newest is not None
    assert newest.run_id == last
    assert [len(found) for found in results] == [3 * RUNS_A_DAY] * 2
    assert [found[0].run_id for found in results] == [last] * 2
    # The purge's own runs stay for sixty days: one a day, and its seven events or so.
    before, after = counted[-2:]
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)}
    assert set(grown) <= {"runs", "run_tags", "event_logs"}
    assert grown["runs"] == 1
    assert grown.get("event_logs", 0) < 20
    # No VACUUM FULL, and none on SQLite: what was freed is used again. What still grows are the purge's own runs.
    assert sizes[-1] - sizes[-3] < (sizes[2] - sizes[0]) / 2
