"""Old runs go with all they leave behind, what the UI still needs stays, and dead runs are ended with their slots."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster_postgres.event_log import PostgresEventLogStorage

from order_pipelines import clock
from order_pipelines.defs.lane import LIVE_TAG
from order_pipelines.defs.upkeep import PurgeResult, purge, reap
from order_pipelines.instance_storage import PG_URL_VARIABLE

pytestmark = pytest.mark.long_on_postgresql

ROOT = Path(__file__).resolve().parents[2]
PARTS = dg.StaticPartitionsDefinition(["a", "b"])


@dg.asset
def plain() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 1})


@dg.asset(partitions_def=PARTS)
def in_parts() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult()


@dg.asset_check(asset=plain)
def plain_is_well() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


DEFINITIONS = dg.Definitions(
    assets=[plain, in_parts],
    asset_checks=[plain_is_well],
    jobs=[
        dg.define_asset_job("load", ["plain"]),
        dg.define_asset_job("parts", ["in_parts"]),
    ],
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
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as found:
        yield found


def _load(instance: dg.DagsterInstance) -> str:
    return DEFINITIONS.resolve_job_def("load").execute_in_process(instance=instance).run_id


def _part(instance: dg.DagsterInstance, key: str) -> str:
    job = DEFINITIONS.resolve_job_def("parts")
    return job.execute_in_process(instance=instance, partition_key=key).run_id


def _files(home: Path, run_id: str) -> list[str]:
    return sorted(path.name for path in home.rglob(f"*{run_id}*"))


def _count(instance: dg.DagsterInstance, table: sa.Table) -> int:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_old_runs_go_and_the_newest_state_of_every_asset_stays(
    instance: dg.DagsterInstance, home: Path
) -> None:
    first, second = _load(instance), _load(instance)
    part_a, part_b, again_b = _part(instance, "a"), _part(instance, "b"), _part(instance, "b")
    assert len(_files(home, first)) >= 1
    with clock.frozen(clock.now() + timedelta(days=31)):
        result = purge(instance, older_than_days=30, dagster_home=home)
    assert (result.runs_deleted, result.runs_kept) == (2, 3)
    assert result.check_results_deleted == 1
    assert {run.run_id for run in instance.get_runs()} == {second, part_a, again_b}
    assert _files(home, first) == []
    assert _files(home, part_b) == []
    assert instance.get_materialized_partitions(in_parts.key) == {"a", "b"}
    newest = instance.get_latest_materialization_event(plain.key)
    assert newest is not None
    assert newest.run_id == second
    assert _count(instance, AssetCheckExecutionsTable) == 1
    if isinstance(instance.event_log_storage, PostgresEventLogStorage):
        # One history in one database: passing events of the kept runs go, and no file was there to free.
        assert result.events_deleted > 10
    else:
        # Each run had a file of its own.
        assert result.events_deleted == 0
        assert result.bytes_freed > 200_000
    # Nothing more to find: a second purge changes nothing.
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert purge(instance, older_than_days=30, dagster_home=home) == PurgeResult(runs_kept=3)


def test_young_runs_stay_and_so_do_their_events(instance: dg.DagsterInstance, home: Path) -> None:
    first = _load(instance)
    _load(instance)
    events = _count(instance, SqlEventLogStorageTable)
    with clock.frozen(clock.now() + timedelta(days=29)):
        assert purge(instance, older_than_days=30, dagster_home=None) == PurgeResult()
    assert instance.has_run(first)
    assert _count(instance, SqlEventLogStorageTable) == events


def test_a_purge_of_some_jobs_leaves_the_others_alone(instance: dg.DagsterInstance, home: Path) -> None:
    first, _ = _load(instance), _load(instance)
    part, _ = _part(instance, "a"), _part(instance, "a")
    with clock.frozen(clock.now() + timedelta(days=4)):
        result = purge(instance, older_than_days=3, dagster_home=home, only_jobs=["load"])
    assert (result.runs_deleted, result.runs_kept, result.check_results_deleted) == (1, 1, 1)
    assert not instance.has_run(first)
    assert instance.has_run(part)


def _runless(instance: dg.DagsterInstance, description: str, *, tags: dict[str, str] | None = None) -> None:
    event = dg.AssetMaterialization(asset_key=plain.key, description=description, tags=tags)
    instance.report_runless_asset_event(event)


def _told(instance: dg.DagsterInstance) -> list[str | None]:
    found = instance.fetch_materializations(plain.key, limit=20).records
    events = [record.asset_materialization for record in found]
    return [event.description for event in events if event is not None]


def test_old_minutes_of_the_lane_go_except_the_newest_of_each_asset(
    instance: dg.DagsterInstance, home: Path
) -> None:
    """1,440 a day of each asset, of no run; what a person reported by hand is of no run either, and stays."""
    lane = {LIVE_TAG: "live"}
    for minute in ("one", "two", "three"):
        _runless(instance, minute, tags=lane)
    _runless(instance, "by hand")
    with clock.frozen(clock.now() + timedelta(days=2)):
        assert purge(instance, older_than_days=3, dagster_home=home, only_jobs=["load"]) == PurgeResult()
    assert _told(instance) == ["by hand", "three", "two", "one"]
    with clock.frozen(clock.now() + timedelta(days=4)):
        result = purge(instance, older_than_days=3, dagster_home=home, only_jobs=["load"])
        assert result == PurgeResult(minutes_deleted=2)
        assert purge(instance, older_than_days=3, dagster_home=home) == PurgeResult(runs_kept=0)
    assert _told(instance) == ["by hand", "three"]
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        # The second copy, in a file of those without a run, does not grow either.
        with storage.run_connection("") as connection:
            query = sa.select(sa.func.count()).select_from(SqlEventLogStorageTable)
            assert connection.execute(query).scalar_one() == 0


def test_a_purge_of_today_is_refused(instance: dg.DagsterInstance) -> None:
    run_id = _load(instance)
    with pytest.raises(ValueError, match="at least 1"):
        purge(instance, older_than_days=0, dagster_home=None)
    assert instance.has_run(run_id)


def _left(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    return instance.create_run_for_job(DEFINITIONS.resolve_job_def("load"), status=status)


def test_runs_that_a_power_cut_left_are_ended_and_give_their_slots_back(
    instance: dg.DagsterInstance,
) -> None:
    finished = _load(instance)
    started = _left(instance, dg.DagsterRunStatus.STARTED)
    starting = _left(instance, dg.DagsterRunStatus.STARTING)
    canceling = _left(instance, dg.DagsterRunStatus.CANCELING)
    waiting = _left(instance, dg.DagsterRunStatus.NOT_STARTED)
    storage = instance.event_log_storage
    storage.set_concurrency_slots("warehouse_writer", 1)
    assert storage.claim_concurrency_slot("warehouse_writer", started.run_id, "load_core").is_claimed
    assert not storage.claim_concurrency_slot("warehouse_writer", waiting.run_id, "load_core").is_claimed
    assert reap(instance) == [started.run_id, starting.run_id, canceling.run_id]
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses == {
        finished: dg.DagsterRunStatus.SUCCESS,
        started.run_id: dg.DagsterRunStatus.FAILURE,
        starting.run_id: dg.DagsterRunStatus.FAILURE,
        canceling.run_id: dg.DagsterRunStatus.CANCELED,
        waiting.run_id: dg.DagsterRunStatus.NOT_STARTED,
    }
    assert storage.claim_concurrency_slot("warehouse_writer", waiting.run_id, "load_core").is_claimed
    assert reap(instance) == []
