"""A running ``order-pipelines up`` brought to a state worth looking at, in which nothing moves any more.

The walk of the tests and the pictures of the README begin here: one sweep has succeeded, a sale went through the fast
lane and Dagster was told, a broken file was dropped and refused, the report is written, nobody buys any more, schedules
and sensors are off.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.demo import merchant
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import cursors

ROOT = Path(__file__).resolve().parents[2]
BROKEN_FILE = "orders/zonder_aantallen.csv"
BROKEN_CONTENT = "Bestelnummer;Artikelnr\nGH-2077;KEU-1001\n"

LANE_ASSETS = {"intake/bol__orders": "orders_new", "publish/bol__stock": "confirmed"}
_SALE = {"account": "bol_main", "lines": [{"sku": "KEU-1007", "quantity": 1}]}

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
_MINUTES = """query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { assetMaterializations(limit: 50) {
    runId timestamp description tags { key value } metadataEntries { label ... on IntMetadataEntry { intValue } }
  } } }
}"""
_SENSORS = """query ($selector: RepositorySelector!) {
  sensorsOrError(repositorySelector: $selector) { ... on Sensors { results { name sensorState { status } } } }
}"""
_STOP_SCHEDULE = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_STOP_SENSOR = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
_LAUNCH = """mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) { ... on LaunchRunSuccess { run { runId } } }
}"""


@dataclass(frozen=True)
class LaneMinute:
    """What Dagster was told of one minute of an asset: Dagster's own moment of it, the words and the figures."""

    timestamp: str
    description: str
    figures: dict[str, int]


def _until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(_POLL_S)
    raise RuntimeError(f"after {_READY_S} s there is no {what}")


def read_since(merchant: Path, moment: datetime) -> None:
    """Wait until every account was read to its end by a reading that began after ``moment``."""
    store = OperationsStore(f"sqlite:///{merchant / 'data' / 'operations.sqlite'}")
    query = sa.select(cursors.c.complete_at).where(cursors.c.stream == "orders")

    def is_read() -> bool:
        with store.reading() as connection:
            return all(
                complete_at is not None and complete_at > moment
                for (complete_at,) in connection.execute(query)
            )

    _until(is_read, f"reading of all accounts since {moment}")
    store.close()


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

    def sensor(self, name: str) -> str:
        """Return whether a sensor is running or stopped, in Dagster's word."""
        found = self.ask(_SENSORS, selector=_REPOSITORY)["sensorsOrError"]["results"]
        status: str = next(sensor["sensorState"]["status"] for sensor in found if sensor["name"] == name)
        return status

    def lane_minutes(self, asset: str) -> list["LaneMinute"]:
        """Return the minutes of the fast lane that Dagster was told of an asset, the newest first."""
        answer = self.ask(_MINUTES, key={"path": asset.split("/")})
        return [
            LaneMinute(
                event["timestamp"],
                event["description"],
                {
                    entry["label"].rpartition("/")[2]: entry["intValue"]
                    for entry in event["metadataEntries"]
                    if entry.get("intValue") is not None
                },
            )
            for event in answer["assetNodeOrError"]["assetMaterializations"]
            if {"key": "order_pipelines/lane", "value": "live"} in event["tags"] and event["runId"] == ""
        ]

    def told_of_a_sale(self) -> dict[str, "LaneMinute"]:
        """Wait for minutes of the fast lane with orders at bol and with numbers that it sent; return both by asset."""
        found = {}
        for asset, figure in LANE_ASSETS.items():
            found[asset] = _until(partial(self._minute_with, asset, figure), f"minute with {figure}")
        return found

    def _minute_with(self, asset: str, figure: str) -> "LaneMinute | None":
        return next((minute for minute in self.lane_minutes(asset) if minute.figures.get(figure)), None)

    def succeeded(self, job: str) -> str:
        """Wait until a run of a job has succeeded and return its id."""
        run_id: str = _until(
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
        _until(lambda: all(status in _FINISHED for _, status in self.runs().values()), "a quiet moment")


@dataclass(frozen=True)
class Standstill:
    """What there is to look at: Dagster's address, the run of a whole sweep, the lane's minutes of a sale and its
    sensor as it was while things moved, and the folder of the merchant.
    """

    dagster: Dagster
    sweep: str
    minutes: dict[str, LaneMinute]
    lane_sensor: str
    merchant: Path

    @property
    def report(self) -> Path:
        return self.merchant / "data" / "report.html"


@contextmanager
def everything_up(folder: Path) -> Iterator[tuple[str, str]]:
    """Run ``order-pipelines up`` in ``folder`` for the block; hand out the addresses of Dagster and of the sandbox.

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
        addresses: dict[str, str] = {}
        for line in process.stdout:
            said.append(line)
            if found := re.match(r"(sandbox control|Dagster|live) +(http://\S+)", line):
                addresses[found.group(1)] = found.group(2)
            if len(addresses) == 3:
                break
        else:
            raise RuntimeError(f"order-pipelines up did not come up:\n{''.join(said)}")
        yield addresses["Dagster"], addresses["sandbox control"]
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.stdout.close()
        process.wait()


@contextmanager
def standstill(folder: Path) -> Iterator[Standstill]:
    """Bring everything up, buy, let it work, drop a broken file, and stop all that moves, for the block."""
    with everything_up(folder) as (url, sandbox):
        dagster = Dagster(url)
        requests.post(f"{sandbox}/orders", json=_SALE, timeout=60).raise_for_status()
        sweep = dagster.succeeded("sweep_shop")
        minutes = dagster.told_of_a_sale()
        lane_sensor = dagster.sensor("fast_lane")
        # The fast lane goes on to take in what shoppers buy, Blokker's each minute: they leave, and all of it is read.
        requests.post(f"{sandbox}/world", json={"action": "stop"}, timeout=60).raise_for_status()
        read_since(folder / "merchant", clock.now())
        dagster.stop_automation()
        # What sensors had asked for already is taken in before the file that this is about.
        dagster.quiet()
        merchant.drop(folder / "merchant", BROKEN_FILE, BROKEN_CONTENT)
        dagster.run("take_in_files")
        dagster.run("write_report")
        yield Standstill(dagster, sweep, minutes, lane_sensor, folder / "merchant")
