"""Dagster's daemon in one process and on a clock of ours: an hour of schedules, sensors and queue in seconds.

The iterations are Dagster's own (scheduler, sensors, run queue, run monitoring, slots, retries of runs), on a real
instance with the project's ``dagster.yaml``, over the real definitions. Only three things are not those of production:
what Dagster takes for now, that a run is executed where it is launched, and that a run can be killed by a word.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import yaml
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from dagster._serdes import ConfigurableClassData

from order_pipelines import clock
from order_pipelines_tests.defs.shop_world import ShopWorld

ROOT = Path(__file__).resolve().parents[2]
POOL = "warehouse_writer"
WORKED_ON = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_LOGGER = logging.getLogger("order_pipelines_tests.virtual_daemon")
_DEFINITIONS = """\
from pathlib import Path
from order_pipelines.definitions import build_definitions
from order_pipelines.settings import load_settings
defs = build_definitions(load_settings(Path({settings!r})), retry_delay_s=0.0)
"""
_real_time = time.time


class MortalLauncher(SyncInMemoryRunLauncher):
    """Executes a run where it is launched. The next run of a job that stands in ``doomed`` is killed at work."""

    doomed: dict[str, str] = {}  # noqa: RUF012  # an instance makes its launcher itself, out of anybody's reach
    killed: list[str] = []  # noqa: RUF012

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "MortalLauncher":
        return cls(inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        fate = self.doomed.pop(context.dagster_run.job_name, None)
        if fate is None:
            super().launch_run(context)
            return
        run = context.dagster_run
        instance = self._instance
        instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name, message="begun"), run.run_id
        )
        instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "load_core")
        self.killed.append(run.run_id)
        if fate == "noticed":
            # What a code server says of a run whose process it finds dead.
            message = "Run execution process unexpectedly exited with return code -9."
            instance.report_run_failed(run, message)

    def terminate(self, run_id: str) -> bool:
        """Answer as Dagster's own launcher does for a run whose process nobody has any more."""
        return False


class Clocks:
    """Dagster's, which stands still while it is looked at; the product's and the sandbox's, which go on from there."""

    def __init__(self, shop: ShopWorld, now: datetime) -> None:
        self._sandbox = shop.world.clock
        self.now = now
        self.advance_to(now)

    def advance_to(self, instant: datetime) -> None:
        """Move all clocks to an instant; those that go on never go back."""
        self.now = instant
        ahead = instant.timestamp() - _real_time()
        self._sandbox.set_offset(max(self._sandbox.offset_s, ahead))
        clock.follow(self._sandbox.offset_s)

    @contextmanager
    def rule(self) -> Iterator[None]:
        """Let Dagster go by this clock for the block."""
        with (
            mock.patch("dagster._time._mockable_get_current_datetime", self._instant),
            mock.patch("dagster._time._mockable_get_current_timestamp", self._timestamp),
            mock.patch("time.time", self._moving),
        ):
            yield

    def _instant(self) -> datetime:
        return self.now

    def _timestamp(self) -> float:
        return self.now.timestamp()

    def _moving(self) -> float:
        return _real_time() + self._sandbox.offset_s


class VirtualDaemon:
    """An instance, and all that a daemon does with it."""

    def __init__(
        self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, clocks: "Clocks"
    ) -> None:
        self.instance = instance
        self.clocks = clocks
        self._workspace = workspace
        self._iteration_times: dict[str, ScheduleIterationTimes] = {}
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self._retries = EventLogConsumerDaemon()
        self.problems: list[str] = []

    def work(self) -> None:
        """Do once what the daemon's threads do, and execute what is launched, until nothing more can be launched.

        While a killed run keeps a slot nothing is launched: a run would wait for the slot in its own process, here in
        the only one there is.
        """
        self._done(
            launch_scheduled_runs(
                self._workspace,
                _LOGGER,
                end_datetime_utc=self.clocks.now,
                iteration_times=self._iteration_times,
            )
        )
        self._done(execute_sensor_iteration(self._workspace, _LOGGER, None, None))
        self._done(execute_run_monitoring_iteration(self._workspace, _LOGGER))
        self._done(execute_concurrency_slots_iteration(self._workspace, _LOGGER))
        self._done(self._retries.run_iteration(self._workspace))
        while self.waiting() and not self.claimed_slots():
            before = self.waiting()
            self._done(self._queue.run_iteration(self._workspace))
            if self.waiting() == before:
                return

    def waiting(self) -> int:
        """Return how many runs wait in the queue."""
        return self.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))

    def claimed_slots(self) -> dict[str, int]:
        """Return the claimed slots of each pool, and steps that wait for one, where there are any."""
        storage = self.instance.event_log_storage
        found = {key: storage.get_concurrency_info(key) for key in storage.get_concurrency_keys()}
        return {
            key: info.active_slot_count + info.pending_step_count
            for key, info in found.items()
            if info.active_slot_count or info.pending_step_count
        }

    def ticks(self) -> dict[str, dict[str, int]]:
        """Return how often each schedule and sensor ticked, by what came of it."""
        counted: dict[str, dict[str, int]] = {}
        for state in self.instance.all_instigator_state():
            found: dict[str, int] = {}
            for tick in self.instance.get_ticks(state.instigator_origin_id, state.selector_id):
                found[tick.status.value] = found.get(tick.status.value, 0) + 1
            counted[state.instigator_name] = dict(sorted(found.items()))
        return counted

    def cursors(self) -> dict[str, str]:
        """Return what each sensor keeps from tick to tick."""
        return {
            state.instigator_name: getattr(state.instigator_data, "cursor", None) or ""
            for state in self.instance.all_instigator_state()
        }

    def _done(self, iteration: Iterator[Any]) -> None:
        self.problems += [str(each) for each in iteration if each is not None and not isinstance(each, bool)]


@contextmanager
def virtual_daemon(folder: Path, shop: ShopWorld, began_at: datetime) -> Iterator[VirtualDaemon]:
    """Open an instance in ``folder`` with the project's dagster.yaml and its daemon at ``began_at``, for the block.

    The environment must already say where the instance's history goes (``DAGSTER_HOME`` = ``folder``).
    """
    folder.mkdir(exist_ok=True)
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    launcher = {"module": MortalLauncher.__module__, "class": MortalLauncher.__name__}
    (folder / "dagster.yaml").write_text(
        yaml.safe_dump({**config, "run_launcher": launcher}), encoding="utf-8"
    )
    code = folder / "code_location.py"
    code.write_text(_DEFINITIONS.format(settings=str(shop.settings_path)), encoding="utf-8")
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(python_file=str(code), attribute="defs", working_directory=str(folder)),
        location_name="order_pipelines",
    )
    MortalLauncher.doomed.clear()
    MortalLauncher.killed.clear()
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(folder)))
        clocks = Clocks(shop, began_at)
        stack.enter_context(clocks.rule())
        workspace = stack.enter_context(
            WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin))
        )
        yield VirtualDaemon(instance, workspace, clocks)


def steps(began_at: datetime, length: timedelta, each: timedelta) -> Iterator[datetime]:
    """Yield the instants of a span, its first and its last among them."""
    instant = began_at
    while instant <= began_at + length:
        yield instant
        instant += each
