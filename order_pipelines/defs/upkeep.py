"""Care for Dagster's own instance: old runs are removed, dead ones are ended. Dagster does neither by itself.

Its storage classes are imported where they are used: the code location is loaded without them in half the time.
"""

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.defs.lane import LIVE_TAG

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 500
_SIDE_FILES = ("", "-wal", "-shm", "-journal")
# Events of a kept run that nobody reads later. On SQLite they lie in the run's own file and are too few to matter.
_PASSING_EVENTS = (
    "ENGINE_EVENT",
    "STEP_WORKER_STARTING",
    "STEP_WORKER_STARTED",
    "RESOURCE_INIT_STARTED",
    "RESOURCE_INIT_SUCCESS",
    "STEP_INPUT",
    "STEP_OUTPUT",
    "HANDLED_OUTPUT",
    "LOADED_INPUT",
    "LOGS_CAPTURED",
    "PIPELINE_ENQUEUED",
    "PIPELINE_STARTING",
    "ASSET_MATERIALIZATION_PLANNED",
)


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """What a purge did. ``runs_kept`` were old enough and hold the newest state of an asset or partition."""

    runs_deleted: int = 0
    runs_kept: int = 0
    check_results_deleted: int = 0
    events_deleted: int = 0
    minutes_deleted: int = 0
    bytes_freed: int = 0


def purge(
    instance: dg.DagsterInstance,
    *,
    older_than_days: int,
    dagster_home: Path | None,
    only_jobs: Collection[str] | None = None,
) -> PurgeResult:
    """Delete finished runs that ended more than ``older_than_days`` days ago, with the files Dagster leaves behind.

    Kept are runs that hold the latest materialisation of an asset or of a partition: without them the UI would call
    it missing. Results of checks go with their run, and old ones anyway, except the latest of each check. Minutes of
    the fast lane, which belong to no run, go at that age too, except the latest of each asset.

    Args:
        instance: the instance to clean.
        older_than_days: age in days, at least 1.
        dagster_home: where compute logs lie; the instance's own place when ``None``.
        only_jobs: look at successful runs of these jobs only, and at no rows of others; all runs when ``None``.

    Raises:
        ValueError: ``older_than_days`` is less than 1.
    """
    if older_than_days < 1:
        raise ValueError(
            f"older_than_days is {older_than_days}: at least 1, the newest runs are still in use"
        )
    cutoff = clock.now() - timedelta(days=older_than_days)
    needed = _runs_of_newest_states(instance)
    home = dagster_home if dagster_home is not None else _artifacts(instance)
    deleted: list[str] = []
    kept = freed = 0
    for run_id in _old_runs(instance, cutoff, only_jobs):
        if run_id in needed:
            kept += 1
            continue
        instance.delete_run(run_id)
        freed += _remove_files(instance, run_id, home)
        deleted.append(run_id)
    checks = _delete_check_results(instance, deleted)
    older, events = _delete_rows(instance, cutoff) if only_jobs is None else (0, 0)
    minutes = _delete_minutes(instance, cutoff)
    return PurgeResult(len(deleted), kept, checks + older, events, minutes, freed)


def _old_runs(
    instance: dg.DagsterInstance, cutoff: datetime, only_jobs: Collection[str] | None
) -> Iterator[str]:
    if only_jobs is None:
        yield from _finished(instance, dg.RunsFilter(statuses=_FINISHED, updated_before=cutoff))
        return
    for job_name in sorted(only_jobs):
        statuses = [dg.DagsterRunStatus.SUCCESS]
        yield from _finished(
            instance, dg.RunsFilter(job_name=job_name, statuses=statuses, updated_before=cutoff)
        )


def _finished(instance: dg.DagsterInstance, filters: dg.RunsFilter) -> Iterator[str]:
    cursor = None
    while True:
        records = instance.get_run_records(filters=filters, limit=_PAGE, cursor=cursor)
        for record in records:
            yield record.dagster_run.run_id
        if len(records) < _PAGE:
            return
        # A deleted run is no place to go on from; what is left older than it is found from the last one kept.
        cursor = next(
            (
                record.dagster_run.run_id
                for record in reversed(records)
                if instance.has_run(record.dagster_run.run_id)
            ),
            cursor,
        )


def _runs_of_newest_states(instance: dg.DagsterInstance) -> set[str]:
    found = set()
    for key in instance.all_asset_keys():
        newest = instance.fetch_materializations(key, limit=1).records
        by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        if by_partition:
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(by_partition.values()))
            newest = [*newest, *instance.fetch_materializations(wanted, limit=len(by_partition)).records]
        found |= {record.run_id for record in newest}
    return found


def _artifacts(instance: dg.DagsterInstance) -> Path | None:
    return Path(instance.storage_directory()).parent if instance.is_persistent else None


def _remove_files(instance: dg.DagsterInstance, run_id: str, home: Path | None) -> int:
    """Remove the run's own database file and its logs, which ``delete_run`` leaves behind; returns the bytes."""
    from dagster._core.storage.event_log import SqliteEventLogStorage

    freed = 0
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        shard = storage.path_for_shard(run_id)
        for suffix in _SIDE_FILES:
            file = Path(f"{shard}{suffix}")
            if file.exists():
                freed += file.stat().st_size
                file.unlink()
    folder = home / "storage" / run_id if home is not None else None
    if folder is not None and folder.is_dir():
        freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        shutil.rmtree(folder)
    return freed


def _delete_check_results(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> int:
    """Delete the results of checks of these runs, which ``delete_run`` leaves behind; returns how many.

    A sweep writes 43 of them, 80 kB: kept for as long as the rest they would be more than all else after two months.
    """
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    storage, checks = instance.event_log_storage, AssetCheckExecutionsTable
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    deleted = 0
    for first in range(0, len(run_ids), _PAGE):
        page = run_ids[first : first + _PAGE]
        with storage.index_connection() as connection:
            deleted += connection.execute(
                checks.delete().where(checks.c.run_id.in_(page), checks.c.id.not_in(_newest_results()))
            ).rowcount
    return deleted


def _newest_results() -> sa.Select[tuple[int]]:
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    checks = AssetCheckExecutionsTable
    return sa.select(sa.func.max(checks.c.id)).group_by(
        checks.c.asset_key, checks.c.check_name, checks.c.partition
    )


def _delete_rows(instance: dg.DagsterInstance, cutoff: datetime) -> tuple[int, int]:
    """Delete old results of checks and, on PostgreSQL, events of kept runs; returns how many of each."""
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
    from dagster_postgres.event_log import PostgresEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0, 0
    naive = cutoff.astimezone(UTC).replace(tzinfo=None)
    checks, log = AssetCheckExecutionsTable, SqlEventLogStorageTable
    events_deleted = 0
    with storage.index_connection() as connection:
        checks_deleted = connection.execute(
            checks.delete().where(checks.c.create_timestamp < naive, checks.c.id.not_in(_newest_results()))
        ).rowcount
        if isinstance(storage, PostgresEventLogStorage):
            passing = sa.or_(
                log.c.dagster_event_type.is_(None), log.c.dagster_event_type.in_(_PASSING_EVENTS)
            )
            events_deleted = connection.execute(log.delete().where(log.c.timestamp < naive, passing)).rowcount
    return checks_deleted, events_deleted


def _delete_minutes(instance: dg.DagsterInstance, cutoff: datetime) -> int:
    """Delete old events of the fast lane, except the latest of each asset; returns how many.

    They are up to 1,440 a day of each asset, and no run takes them along.
    """
    from dagster._core.instance.utils import RUNLESS_RUN_ID
    from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

    storage, log = instance.event_log_storage, SqlEventLogStorageTable
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    naive = cutoff.astimezone(UTC).replace(tzinfo=None)
    # Dagster puts no tag but its own into a table: ours stands in the text of the event only.
    ours = sa.and_(
        log.c.run_id == RUNLESS_RUN_ID,
        log.c.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        log.c.event.contains(f'"{LIVE_TAG}"', autoescape=True),
    )
    newest = sa.select(sa.func.max(log.c.id)).where(ours).group_by(log.c.asset_key).subquery()
    with storage.index_connection() as connection:
        gone = connection.execute(
            log.delete().where(ours, log.c.timestamp < naive, log.c.id.not_in(sa.select(newest)))
        ).rowcount
    if gone and isinstance(storage, SqliteEventLogStorage):
        # There every event lies once more in the file of its run; of those without a run nobody reads that.
        with storage.run_connection(RUNLESS_RUN_ID) as connection:
            connection.execute(log.delete().where(log.c.timestamp < naive))
    return int(gone)


def reap(instance: dg.DagsterInstance) -> list[str]:
    """End runs that nothing works on any more and give their pool slots back; returns their ids, oldest first.

    To be called on a single machine before its daemon starts: after a power cut Dagster would call such a run STARTED
    for ever and keep its slots. Runs that wait in the queue are left alone, the daemon starts them.
    """
    storage = instance.event_log_storage
    ended = []
    records = instance.get_run_records(
        filters=dg.RunsFilter(
            statuses=[
                dg.DagsterRunStatus.STARTED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.CANCELING,
            ]
        ),
        ascending=True,
    )
    for record in records:
        run = record.dagster_run
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(
                run, message="Ended at start-up: nothing works on this run any more."
            )
        else:
            instance.report_run_failed(run, message="Ended at start-up: nothing works on this run any more.")
        ended.append(run.run_id)
    if storage.supports_global_concurrency_limits:
        for run_id in storage.get_concurrency_run_ids():
            holder = instance.get_run_by_id(run_id)
            if holder is None or holder.is_finished:
                storage.free_concurrency_slots_for_run(run_id)
    return ended
