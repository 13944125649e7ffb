"""A running ``order-pipelines up`` brought to a state worth looking at, in which nothing moves any more.

The walk of the tests and the pictures of the README begin here: one sweep has succeeded, one broken file was dropped
and refused, the report is written, schedules and sensors are off.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from order_pipelines.demo import merchant

ROOT = Path(__file__).resolve().parents[2]
BROKEN_FILE = "orders/zonder_aantallen.csv"
BROKEN_CONTENT = "Bestelnummer;Artikelnr\nGH-2077;KEU-1001\n"

_READY_S = 600
_POLL_S = 0.5
_FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}
_REPOSITORY = {"repositoryLocationName": "order_pipelines", "repositoryName": "__repository__"}
_STATE = """{
  assetNodes { assetKey { path } assetMaterializations(limit: 1) { timestamp } }
  runsOrError(limit: 50) { ... on Runs { results { runId jobName status } } }
}"""
_INSTIGATORS = """query ($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) { ... on Repository {
    schedules { scheduleState { id } } sensors { sensorState { id } }
  } }
}"""
_STOP_SCHEDULE = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_STOP_SENSOR = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
_LAUNCH = """mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) { ... on LaunchRunSuccess { run { runId } } }
}"""


class Dagster:
    """The few questions and orders that a walk needs, by GraphQL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of one answer.

        Raises:
            RuntimeError: Dagster refused it.
        """
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        if "errors" in answer:
            raise RuntimeError(f"Dagster refused a query: {answer['errors'][0]['message']}")
        return answer["data"]

    def runs(self) -> dict[str, tuple[str, str]]:
        """Return (job, status) of the newest runs by their id."""
        found = self.ask(_STATE)["runsOrError"]["results"]
        return {run["runId"]: (run["jobName"], run["status"]) for run in found}

    def launch(self, job: str) -> str:
        """Put a run of a job into the queue and return its id."""
        answer = self.ask(_LAUNCH, selector={**_REPOSITORY, "jobName": job})
        run_id: str = answer["launchRun"]["run"]["runId"]
        return run_id

    def stop_automation(self) -> None:
        """Turn schedules and sensors off."""
        found = self.ask(_INSTIGATORS, selector=_REPOSITORY)["repositoryOrError"]
        for schedule in found["schedules"]:
            self.ask(_STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
        for sensor in found["sensors"]:
            self.ask(_STOP_SENSOR, id=sensor["sensorState"]["id"])

    def succeeded(self, job: str) -> str:
        """Wait until a run of a job has succeeded and return its id."""
        run_id: str = self._until(
            lambda: next((key for key, run in self.runs().items() if run == (job, "SUCCESS")), None), job
        )
        return run_id

    def run(self, job: str) -> str:
        """Run a job to its end and return the run's id.

        Raises:
            RuntimeError: it did not succeed.
        """
        run_id = self.launch(job)
        self.quiet()
        if self.runs()[run_id] != (job, "SUCCESS"):
            raise RuntimeError(f"{job} ended as {self.runs()[run_id][1]}")
        return run_id

    def quiet(self) -> None:
        """Wait until no run is under way."""
        self._until(lambda: all(status in _FINISHED for _, status in self.runs().values()), "a quiet moment")

    def _until(self, found: Any, what: str) -> Any:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if answer := found():
                return answer
            time.sleep(_POLL_S)
        raise RuntimeError(f"after {_READY_S} s there is no {what}")


@dataclass(frozen=True)
class Standstill:
    """What there is to look at: Dagster's address, the run of a whole sweep, and the folder of the merchant."""

    dagster: Dagster
    sweep: str
    merchant: Path

    @property
    def report(self) -> Path:
        return self.merchant / "data" / "report.html"


@contextmanager
def everything_up(folder: Path) -> Iterator[str]:
    """Run ``order-pipelines up`` in ``folder`` for the block and hand out the address of Dagster's web UI.

    Raises:
        RuntimeError: it did not come up; with what it said.
    """
    command = ["up", "--port", "0", "--sandbox-port", "0", "--folder", str(folder), "--per-minute", "6"]
    process = subprocess.Popen(
        [sys.executable, "-m", "order_pipelines.cli", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.match(r"Dagster +(http://\S+)", line):
                break
        else:
            raise RuntimeError(f"order-pipelines up did not come up:\n{''.join(said)}")
        yield found.group(1)
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.stdout.close()
        process.wait()


@contextmanager
def standstill(folder: Path) -> Iterator[Standstill]:
    """Bring everything up, let it work, drop a broken file, and stop all that moves, for the block."""
    with everything_up(folder) as url:
        dagster = Dagster(url)
        sweep = dagster.succeeded("sweep_shop")
        dagster.stop_automation()
        # What sensors had asked for already is taken in before the file that this is about.
        dagster.quiet()
        merchant.drop(folder / "merchant", BROKEN_FILE, BROKEN_CONTENT)
        dagster.run("take_in_files")
        dagster.run("write_report")
        yield Standstill(dagster, sweep, folder / "merchant")
