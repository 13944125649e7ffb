"""``order-pipelines up`` as a process: it comes up, works by itself, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import orders

ROOT = Path(__file__).parents[2]
RUNS = "{ runsOrError(limit: 20) { ... on Runs { results { jobName status tags { key value } } } } }"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command with free ports, started as a shell starts a command in the background."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = ["up", "--port", "0", "--sandbox-port", "0", "--folder", str(tmp_path), "--per-minute", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "order_pipelines.cli", *command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    family = psutil.Process(process.pid)
    yield process
    left = [family, *family.children(recursive=True)] if process.poll() is None else []
    for each in left:
        each.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(wanted, line):
            return found.group(1)
    raise AssertionError("".join(said))


def runs(url: str) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/graphql", json={"query": RUNS}, timeout=30).json()
    found: list[dict[str, Any]] = answer["data"]["runsOrError"]["results"]
    return found


def started_by_itself(run: dict[str, Any]) -> bool:
    return any(tag["key"] in {"dagster/schedule_name", "dagster/sensor_name"} for tag in run["tags"])


@pytest.mark.endurance
def test_it_comes_up_works_by_itself_and_leaves_no_process(
    everything: subprocess.Popen[str], tmp_path: Path
) -> None:
    url = read_until(everything, r"^Dagster +(http://127\.0\.0\.1:\d+)$")
    lane = requests.get(read_until(everything, r"^live +(http://127\.0\.0\.1:\d+/health)"), timeout=30).json()
    assert lane["status"] == "ready"
    assert {account["served_by"] for account in lane["accounts"].values()} == {"this instance"}
    deadline = time.monotonic() + 200
    found: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        found = runs(url)
        done = [run for run in found if run["status"] == "SUCCESS"]
        if any(map(started_by_itself, done)) and any(run["jobName"] == "sweep_shop" for run in done):
            break
        assert everything.poll() is None
        time.sleep(0.5)
    else:
        raise AssertionError(f"no run succeeded by itself: {found}")
    assert [run for run in found if run["status"] == "FAILURE"] == []

    store = OperationsStore(f"sqlite:///{tmp_path / 'merchant' / 'data' / 'operations.sqlite'}")
    with store.reading() as connection:
        counted = connection.execute(sa.select(orders.c.account, sa.func.count()).group_by(orders.c.account))
        by_account = {account: int(count) for account, count in counted}
    store.close()
    # The demo's own forty, eleven and three, and whatever the shoppers bought since.
    assert by_account["bol_main"] >= 25
    assert by_account["bol_outlet"] >= 15
    assert by_account["blokker"] >= 5
    assert by_account["webshop"] >= 6
    assert by_account["wholesale"] == 3

    family = psutil.Process(everything.pid).children(recursive=True)
    assert len(family) >= 4
    everything.send_signal(signal.SIGINT)
    assert read_until(everything, r"^(everything is stopped)$") == "everything is stopped"
    assert everything.wait(timeout=10) == 0
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []


def test_a_taken_port_is_one_line_and_starts_nothing(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = subprocess.run(
            [sys.executable, "-m", "order_pipelines.cli", "up", "--port", str(port), "--sandbox-port", "0"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
        )
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"Error: port {port} cannot be opened (Address already in use)")
    assert not (tmp_path / ".order_pipelines" / "up" / "merchant" / "settings.toml").exists()
