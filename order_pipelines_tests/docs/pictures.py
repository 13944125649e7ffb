"""Makes the pictures of the README: ``make pictures``. No test imports it.

Brings everything up on free ports, waits until all assets are made, stops schedules and sensors so that nothing moves,
and takes pictures of Dagster's pages and of the report with an installed Chromium, which it never downloads.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 300_000

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last five keep it from calling anybody: these pages are all on this machine.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_READY_S = 600
_POLL_S = 1.0
_SETTLE_MS = 3_000
_REPOSITORY = {"repositoryLocationName": "order_pipelines", "repositoryName": "__repository__"}
_GROUPS = ("b2b_files", "bol", "exact_online", "house", "invoicing", "orders", "products", "revenue", "stock")
_STORY = (
    "intake/b2b_files__orders",
    "intake/bol__offers",
    "intake/bol__orders",
    "core/orders",
    "mart/orders",
    "mart/revenue_per_channel_day",
    "publish/bol__stock",
    "publish/exact_online__sales_entries",
)
_STATE = """{
  assetNodes { assetKey { path } assetMaterializations(limit: 1) { timestamp } }
  runsOrError(limit: 50) { ... on Runs { results { jobName status } } }
}"""
_INSTIGATORS = """query ($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) { ... on Repository {
    schedules { scheduleState { id } } sensors { sensorState { id } }
  } }
}"""
_STOP_SCHEDULE = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_STOP_SENSOR = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
_LAUNCH = """mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) { __typename }
}"""


def find_browser() -> str:
    """Return the path of an installed Chromium; ends the program with what to do when there is none."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else _BROWSERS:
        if found := shutil.which(name):
            return found
    raise SystemExit(
        f"{named} is no program" if named else "no Chromium was found: install it (Debian, Ubuntu: apt install "
        "chromium), or name it: CHROMIUM=/path/to/chromium make pictures"
    )  # fmt: skip


@contextmanager
def everything_up(folder: Path) -> Iterator[str]:
    """Run ``order-pipelines up`` in ``folder`` for the block and hand out the address of Dagster's web UI."""
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
            raise SystemExit(f"order-pipelines up did not come up:\n{''.join(said)}")
        yield found.group(1)
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.wait()


class Dagster:
    """The few questions and orders that the pictures need, by GraphQL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of one answer."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        if "errors" in answer:
            raise SystemExit(f"Dagster refused a query: {answer['errors'][0]['message']}")
        return answer["data"]

    def launch(self, job: str) -> None:
        """Put a run of a job into the queue."""
        self.ask(_LAUNCH, selector={**_REPOSITORY, "jobName": job})

    def stop_automation(self) -> None:
        """Turn schedules and sensors off."""
        found = self.ask(_INSTIGATORS, selector=_REPOSITORY)["repositoryOrError"]
        for schedule in found["schedules"]:
            self.ask(_STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
        for sensor in found["sensors"]:
            self.ask(_STOP_SENSOR, id=sensor["sensorState"]["id"])

    def wait(self, *, succeeded: str | None = None) -> None:
        """Return when a run of a job has succeeded, or, without one, when nothing runs and every asset is made."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            state = self.ask(_STATE)
            runs = state["runsOrError"]["results"]
            if succeeded is not None:
                if any(run["jobName"] == succeeded and run["status"] == "SUCCESS" for run in runs):
                    return
            elif all(run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} for run in runs) and all(
                node["assetMaterializations"] for node in state["assetNodes"]
            ):
                return
            time.sleep(_POLL_S)
        raise SystemExit(f"after {_READY_S} s: {succeeded or 'something'} is not ready")


def take_pictures(browser: Browser, url: str, report: Path) -> Mapping[str, bytes]:
    """Return the pictures by file name, as PNG."""
    context = browser.new_context(timezone_id="Europe/Amsterdam", locale="en-GB")
    page = context.new_page()
    pictures = {}

    page.set_viewport_size({"width": 2000, "height": 1400})
    selection = quote(" or ".join(f'key:"{key}"' for key in _STORY), safe="")
    expanded = quote(",".join(f"global@global:{group}" for group in _GROUPS))
    page.goto(f"{url}/asset-groups~{selection}?expanded={expanded}")
    page.wait_for_selector("text=bol__orders", timeout=60_000)
    page.click("text=Hide navigation")
    page.wait_for_timeout(_SETTLE_MS)
    pictures["asset_graph.png"] = page.screenshot()

    page.set_viewport_size({"width": 1500, "height": 1000})
    page.goto(f"{url}/assets/mart/revenue_per_channel_day")
    page.wait_for_selector("text=revenue_per_channel_day", timeout=60_000)
    page.wait_for_timeout(_SETTLE_MS)
    pictures["asset.png"] = page.screenshot()

    page.set_viewport_size({"width": 1340, "height": 1120})
    page.goto(report.as_uri())
    page.wait_for_timeout(_SETTLE_MS)
    pictures["report.png"] = page.screenshot()
    context.close()
    return pictures


def main() -> None:
    """Make the pictures and write them, if none is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "pictures")
    folder: Path = parser.parse_args().folder
    chromium = find_browser()
    with tempfile.TemporaryDirectory(prefix="order-pipelines-pictures-") as scratch:
        up = Path(scratch) / "up"
        with everything_up(up) as url:
            dagster = Dagster(url)
            dagster.wait(succeeded="sweep_shop")
            dagster.stop_automation()
            dagster.launch("write_report")
            dagster.wait()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
                pictures = take_pictures(browser, url, up / "merchant" / "data" / "report.html")
                browser.close()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{folder / name}: {len(content) // 1000} kB\n")
    large = [name for name, content in pictures.items() if len(content) >= LARGEST_BYTES]
    if large:
        raise SystemExit(f"larger than {LARGEST_BYTES // 1000} kB: {', '.join(large)}")


if __name__ == "__main__":
    main()
