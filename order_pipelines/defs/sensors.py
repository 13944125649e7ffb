"""Sensors: dropped files, changes the warehouse has not taken in, what the fast lane did, alerts for failed runs.

None of them opens the warehouse: one reader would keep the next load out.
"""

import hashlib
from pathlib import Path

import dagster as dg

from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.jobs import DEEP_SWEEP, LOAD_CHANGES, SWEEP, TAKE_IN_FILES, Job, runs_in_progress
from order_pipelines.defs.lane import lane_sensor

# A load of its own costs a run (0.2 MB of SQLite history): what the sweep will take in anyway may wait a minute.
_LOAD_INTERVAL_S = 60
_SCAN_INTERVAL_S = 30
_WATCH_INTERVAL_S = 300
_BLOCK = 1 << 20


def build_sensors(
    jobs: dict[str, Job], file_accounts: list[str], *, is_automatic: bool
) -> list[dg.SensorDefinition]:
    """Return the sensors; the one over drop folders only where ``file_accounts`` have one."""
    status = dg.DefaultSensorStatus.RUNNING if is_automatic else dg.DefaultSensorStatus.STOPPED
    sensors = [
        _unprocessed_changes(jobs[LOAD_CHANGES], status),
        _house_watch(status),
        lane_sensor(is_automatic=is_automatic),
        *_alert_sensors(status),
    ]
    if file_accounts:
        sensors.append(_drop_folder(jobs[TAKE_IN_FILES], file_accounts, status))
    return sensors


def _drop_folder(job: Job, accounts: list[str], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="drop_folder",
        job=job,
        minimum_interval_seconds=_SCAN_INTERVAL_S,
        default_status=status,
        description="Starts a run when finished files lie in a drop folder; the same files start one run only.",
    )
    def drop_folder(
        context: dg.SensorEvaluationContext, shop: dg.ResourceParam[ShopDoor]
    ) -> dg.SensorResult | dg.SkipReason:
        from order_pipelines.services.drop_folder import scan

        with shop.open() as opened:
            marks = [f"{account}:{_hash(path)}" for account in accounts for path in scan(opened, account)]
        if not marks:
            return dg.SensorResult(skip_reason="no finished file is waiting", cursor="")
        key = hashlib.sha256("\n".join(sorted(marks)).encode()).hexdigest()
        if key == context.cursor:
            return dg.SkipReason(
                "a run was asked for with these files already; a sweep takes in what it left"
            )
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=key)

    return drop_folder


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unprocessed_changes(job: Job, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="unprocessed_changes",
        job=job,
        minimum_interval_seconds=_LOAD_INTERVAL_S,
        default_status=status,
        description="Starts a load when the operations store has changes that the warehouse has not taken in, and no "
        "sweep is under way that will.",
    )
    def unprocessed_changes(
        context: dg.SensorEvaluationContext, shop: dg.ResourceParam[ShopDoor]
    ) -> dg.SensorResult | dg.SkipReason:
        from order_pipelines.services.warehouse_streams import STREAMS
        from order_pipelines.services.watch import waiting_for_warehouse

        busy = runs_in_progress(context.instance, SWEEP, DEEP_SWEEP, LOAD_CHANGES, TAKE_IN_FILES)
        if busy:
            return dg.SkipReason(f"{busy} is under way and loads what is waiting")
        with shop.store() as store:
            waiting = waiting_for_warehouse(store, {stream.name: stream.sequence for stream in STREAMS})
        if not waiting:
            return dg.SkipReason("the warehouse has taken in everything")
        reached = ",".join(f"{name}={number}" for name, number in sorted(waiting.items()))
        if reached == context.cursor:
            # A load that was blocked or failed: asking again for the same would only fail again.
            return dg.SkipReason("a load was asked for up to here and did not finish; see its run")
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=reached)

    return unprocessed_changes


def _house_watch(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="house_watch",
        minimum_interval_seconds=_WATCH_INTERVAL_S,
        default_status=status,
        description="Writes alerts for what did not happen: orders not read, work that waits, consents about to end; "
        "and for too much in quarantine. Ends those that are over, starts no run.",
    )
    def house_watch(shop: dg.ResourceParam[ShopDoor]) -> dg.SkipReason:
        from order_pipelines.services.house_watch import look_after

        with shop.store() as store:
            concerns = look_after(store, shop.settings)
        return dg.SkipReason(f"{len(concerns)} alerts are open of what is watched here")

    return house_watch


def _alert_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    @dg.run_failure_sensor(
        name="run_failure_to_alert",
        default_status=status,
        description="Writes an alert for a run that failed, naming job and steps and nothing of their data.",
    )
    def run_failure_to_alert(context: dg.RunFailureSensorContext, shop: dg.ResourceParam[ShopDoor]) -> None:
        from order_pipelines.services.watch import raise_alert

        run = context.dagster_run
        steps = sorted({event.step_key for event in context.get_step_failure_events() if event.step_key})
        where = f"in {', '.join(steps)}" if steps else "outside its steps (stopped or killed)"
        message = f"job {run.job_name} failed {where}; open run {run.run_id} in Dagster for the reason"
        with shop.store() as store, store.transaction() as connection:
            raise_alert(connection, alert_key(run.job_name), severity="error", message=message)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="run_success_ends_alert",
        default_status=status,
        description="Ends the alert of a job when a later run of it succeeds.",
    )
    def run_success_ends_alert(context: dg.RunStatusSensorContext, shop: dg.ResourceParam[ShopDoor]) -> None:
        from order_pipelines.services.watch import resolve_alert

        with shop.store() as store, store.transaction() as connection:
            resolve_alert(connection, alert_key(context.dagster_run.job_name))

    return [run_failure_to_alert, run_success_ends_alert]


def alert_key(job_name: str) -> str:
    """Return the key of the alert that a job's runs fail."""
    return f"run_failed:{job_name}"
