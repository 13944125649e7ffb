"""What run monitoring does for a worker that is really killed, with Dagster's own launcher, queue and code server.

Two deaths: the run's process alone, and the code server with all that runs in it (a service that is restarted).
"""

import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import psutil
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from order_pipelines.defs.upkeep import reap

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120

pytestmark = [
    pytest.mark.endurance,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    # Dagster's own: its daemon says `logger.warn`.
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning"),
]
CODE = """\
import os, time
from pathlib import Path
import dagster as dg

@dg.asset(pool="warehouse_writer")
def slow() -> dg.MaterializeResult[None]:
    home = Path(os.environ["DAGSTER_HOME"])
    if not (home / "hurry").exists():
        (home / "worker").write_text(str(os.getpid()))
        time.sleep(600)
    return dg.MaterializeResult()

defs = dg.Definitions(
    assets=[slow], jobs=[dg.define_asset_job("sweep_shop", "*", tags={"dagster/max_runtime": 1800})],
    executor=dg.in_process_executor,
)
"""


def within_patience(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


class Place:
    """An instance with the project's dagster.yaml, a code server of its own, and the daemon's iterations by hand."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.home = home
        self.instance = instance
        self._workspace = workspace
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self._retries = EventLogConsumerDaemon()
        list(self._retries.run_iteration(workspace))

    def start(self) -> dg.DagsterRun:
        """Put a run into the queue, launch it, and return it when its step holds the slot and is at work."""
        context = self._workspace.create_request_context()
        location = context.get_code_location("order_pipelines")
        jobs = location.get_repositories()["__repository__"].get_all_jobs()
        (job,) = [job for job in jobs if job.name == "sweep_shop"]
        plan = location.get_execution_plan(job, {}, None, None, self.instance)
        run: dg.DagsterRun = create_run_for_test(
            self.instance,
            job_snapshot=job.job_snapshot,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_name=job.name,
            tags=dict(job.tags),
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
        )
        self.instance.submit_run(run.run_id, context)
        self.launch_queued()
        within_patience((self.home / "worker").exists)
        assert (self.status(run), self.slots()) == (dg.DagsterRunStatus.STARTED, 1)
        return run

    def launch_queued(self) -> None:
        list(self._queue.run_iteration(self._workspace))

    def watch(self, after: timedelta = timedelta(0)) -> None:
        """Do what the daemon does for runs and slots, as if it were ``after`` from now."""
        instant = datetime.now(UTC) + after  # noqa: TID251  # Dagster's clock, moved
        log = logging.getLogger("order_pipelines_tests.killed_workers")
        with (
            mock.patch("dagster._time._mockable_get_current_datetime", return_value=instant),
            mock.patch("dagster._time._mockable_get_current_timestamp", return_value=instant.timestamp()),
        ):
            assert [each for each in execute_run_monitoring_iteration(self._workspace, log) if each] == []
            assert [each for each in execute_concurrency_slots_iteration(self._workspace, log) if each] == []

    def retry(self) -> None:
        assert [each for each in self._retries.run_iteration(self._workspace) if each] == []

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    def slots(self) -> int:
        return self.instance.event_log_storage.get_concurrency_info("warehouse_writer").active_slot_count

    def kill_worker(self) -> None:
        os.kill(int((self.home / "worker").read_text()), signal.SIGKILL)
        (self.home / "worker").unlink()

    def kill_code_server(self) -> None:
        """Kill the server and the run in it, as a service is restarted."""
        worker = psutil.Process(int((self.home / "worker").read_text()))
        server = worker.parent()
        assert server is not None
        assert server.pid != os.getpid()
        for each in (server, *server.children(recursive=True)):
            each.kill()
        psutil.wait_procs([server], timeout=PATIENCE_S)
        (self.home / "worker").unlink()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    code = home / "code_location.py"
    code.write_text(CODE, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.get())
        target = PythonFileTarget(
            python_file=str(code),
            attribute="defs",
            working_directory=str(home),
            location_name="order_pipelines",
        )
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target))
        yield Place(home, instance, workspace)


def test_a_killed_run_fails_within_seconds_gives_its_slot_back_and_is_tried_again(place: Place) -> None:
    run = place.start()
    place.kill_worker()
    within_patience(lambda: place.status(run) is dg.DagsterRunStatus.FAILURE)
    # Its slot is only given back by the daemon, half a minute after the end (free_slots_after_run_end_seconds).
    place.watch(timedelta(seconds=25))
    assert place.slots() == 1
    place.watch(timedelta(seconds=35))
    assert place.slots() == 0
    (place.home / "hurry").touch()
    place.retry()
    place.launch_queued()
    again = within_patience(
        lambda: [
            each
            for each in place.instance.get_runs()
            if each.parent_run_id == run.run_id and each.is_finished
        ]
    )
    assert [each.status for each in again] == [dg.DagsterRunStatus.SUCCESS]
    assert place.slots() == 0


def test_a_run_that_died_with_its_code_server_is_found_by_the_reaper_long_before_its_time_is_over(
    place: Place,
) -> None:
    """Dagster's launcher knows nothing of a worker's health: until ``dagster/max_runtime`` such a run is STARTED.

    What ends it then is in ``test_at_length.py``. The service of the code server reaps before it starts (``deploy/``).
    """
    run = place.start()
    place.kill_code_server()
    place.watch(timedelta(minutes=29))
    assert (place.status(run), place.slots()) == (dg.DagsterRunStatus.STARTED, 1)
    assert reap(place.instance) == [run.run_id]
    assert (place.status(run), place.slots()) == (dg.DagsterRunStatus.FAILURE, 0)
