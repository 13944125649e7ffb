"""Jobs and schedules: the sweep that does everything, its deep form at night, loading alone, files, report, upkeep."""

from collections.abc import Sequence
from typing import TypeAlias

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.upkeep import purge
from order_pipelines.settings import Settings

SWEEP, DEEP_SWEEP, LOAD_CHANGES = "sweep_shop", "deep_sweep_shop", "load_changes"
TAKE_IN_FILES, WRITE_REPORT, PURGE_HISTORY = "take_in_files", "write_report", "purge_history"
COMPARE = "compare_three_ways"

# The instance lets one run at a time have a value of this tag (dagster.yaml), so that sweeps never pile up.
_ONE_AT_A_TIME = "channel"
_LONGEST = "dagster/max_runtime"
# A sweep costs 1.2 MB of history on SQLite: 288 a day are 0.35 GB. One that succeeded tells nothing after some days.
_KEEP_SWEEPS_DAYS, _KEEP_RUNS_DAYS = 3, 60
_PURGE_AT = "45 3 * * *"
# After the deep sweep and before the report, which shows what came of it.
_COMPARE_AT = "45 5 * * *"

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]

Job: TypeAlias = dg.JobDefinition | UnresolvedAssetJobDefinition


@dg.op(description="Remove old runs and their files; Dagster itself keeps them for ever.")
def purge_old_runs(context: dg.OpExecutionContext, shop: dg.ResourceParam[ShopDoor]) -> None:
    """Purge the instance this run is part of, and what the operations store need not remember."""
    from order_pipelines.services.stock_events import purge_events

    frequent = purge(
        context.instance,
        older_than_days=_KEEP_SWEEPS_DAYS,
        dagster_home=None,
        only_jobs=(SWEEP, LOAD_CHANGES, TAKE_IN_FILES),
    )
    others = purge(context.instance, older_than_days=_KEEP_RUNS_DAYS, dagster_home=None)
    context.log.info(
        "purged %d runs and %d minutes of the lane, freed %d bytes; what holds the newest state of an asset was kept",
        frequent.runs_deleted + others.runs_deleted,
        frequent.minutes_deleted + others.minutes_deleted,
        frequent.bytes_freed + others.bytes_freed,
    )
    with shop.store() as store:
        events = purge_events(store, older_than_days=shop.settings.limits.stock_event_days)
    context.log.info("purged %d events of offers; the warehouse keeps them", events)


@dg.job(
    name=PURGE_HISTORY,
    description=f"Old runs go: sweeps that succeeded, and minutes of the fast lane, after {_KEEP_SWEEPS_DAYS} days, "
    f"all after {_KEEP_RUNS_DAYS}.",
)
def purge_history() -> None:
    """Purge old runs."""
    purge_old_runs()


def build_jobs(
    *,
    file_intake: Sequence[dg.AssetKey],
    guards: Sequence[dg.AssetCheckKey],
    sent: Sequence[dg.AssetKey],
    entries: Sequence[dg.AssetKey],
    report: Sequence[dg.AssetKey],
    readings: Sequence[dg.AssetKey],
) -> dict[str, Job]:
    """Return the jobs by name.

    Args:
        file_intake: what comes from drop folders, and the product master that it is held against; empty without any.
        guards: blocking checks of the intake; they guard every job that carries its orders on.
        sent: all that goes out, ``entries`` and the warehouse's copy included.
        entries: sales entries.
        report: the report, which the sweep leaves out.
        readings: what is read anew for the three-way comparison, once a day and not with every sweep.
    """
    everything = dg.AssetSelection.all() - dg.AssetSelection.assets(*report, *readings)
    warehouse = dg.AssetSelection.key_prefixes(["core"], ["mart"]) | dg.AssetSelection.assets(
        naming.publish_key("warehouse_copy")
    )
    guarded = warehouse | dg.AssetSelection.checks(*guards)
    jobs: dict[str, Job] = {
        SWEEP: dg.define_asset_job(
            SWEEP,
            everything,
            description="Everything once: read what changed, send what is due, load the warehouse, build the marts.",
            tags={_ONE_AT_A_TIME: "sweep", _LONGEST: 1800},
        ),
        DEEP_SWEEP: dg.define_asset_job(
            DEEP_SWEEP,
            everything,
            description="The sweep, reading recent days and all offers again and checking every row of the warehouse.",
            tags={_ONE_AT_A_TIME: "sweep", _LONGEST: 4 * 3600, naming.DEEP_TAG: "true"},
        ),
        LOAD_CHANGES: dg.define_asset_job(
            LOAD_CHANGES,
            guarded | dg.AssetSelection.assets(*entries),
            description="What changed in the operations store goes to the books and the warehouse; no channel is read.",
            tags={_ONE_AT_A_TIME: "load", _LONGEST: 1800},
        ),
        COMPARE: dg.define_asset_job(
            COMPARE,
            warehouse | dg.AssetSelection.assets(*readings),
            description="Channels and books are read anew and compared with the warehouse, day by day.",
            tags={_ONE_AT_A_TIME: "compare", _LONGEST: 4 * 3600},
        ),
        WRITE_REPORT: dg.define_asset_job(
            WRITE_REPORT, dg.AssetSelection.assets(*report), description="The HTML report, from the marts."
        ),
        PURGE_HISTORY: purge_history,
    }
    if file_intake:
        jobs[TAKE_IN_FILES] = dg.define_asset_job(
            TAKE_IN_FILES,
            guarded | dg.AssetSelection.assets(*file_intake, *sent),
            description="Files that were dropped are read, and what follows from them goes out at once.",
            tags={_ONE_AT_A_TIME: "files", _LONGEST: 3600},
        )
    return jobs


def build_schedules(
    settings: Settings, jobs: dict[str, Job], *, is_automatic: bool
) -> list[dg.ScheduleDefinition]:
    """Return the schedules, in the merchant's time zone."""
    cadence = settings.cadence
    zone = settings.merchant.timezone
    status = dg.DefaultScheduleStatus.RUNNING if is_automatic else dg.DefaultScheduleStatus.STOPPED
    minutes = cadence.sweep_minutes
    every = "0 * * * *" if minutes == 60 else f"*/{minutes} * * * *"

    def at(time_of_day: str) -> str:
        hour, minute = time_of_day.split(":")
        return f"{int(minute)} {int(hour)} * * *"

    @dg.schedule(
        name=f"sweep_every_{minutes}_minutes",
        job=jobs[SWEEP],
        cron_schedule=every,
        execution_timezone=zone,
        default_status=status,
        description="A sweep, unless one is still under way: it would only wait for the same accounts.",
    )
    def sweep_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        busy = runs_in_progress(context.instance, SWEEP, DEEP_SWEEP)
        return dg.SkipReason(f"{busy} is still under way") if busy else dg.RunRequest()

    return [
        sweep_schedule,
        dg.ScheduleDefinition(
            name="deep_sweep_nightly",
            job=jobs[DEEP_SWEEP],
            cron_schedule=at(cadence.deep_sweep_at),
            execution_timezone=zone,
            default_status=status,
        ),
        dg.ScheduleDefinition(
            name="compare_every_morning",
            job=jobs[COMPARE],
            cron_schedule=_COMPARE_AT,
            execution_timezone=zone,
            default_status=status,
        ),
        dg.ScheduleDefinition(
            name="purge_history_nightly",
            job=jobs[PURGE_HISTORY],
            cron_schedule=_PURGE_AT,
            execution_timezone=zone,
            default_status=status,
        ),
        dg.ScheduleDefinition(
            name="report_every_morning",
            job=jobs[WRITE_REPORT],
            cron_schedule=at(cadence.report_at),
            execution_timezone=zone,
            default_status=status,
        ),
    ]


def runs_in_progress(instance: dg.DagsterInstance, *job_names: str) -> str | None:
    """Return the name of one of these jobs that runs or waits to, else ``None``."""
    for name in job_names:
        if instance.get_runs_count(dg.RunsFilter(job_name=name, statuses=IN_PROGRESS)):
            return name
    return None
