"""All commands together, processes that end with everything they started, and care for Dagster's history."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil
import pytest
import requests
from click.testing import CliRunner

from order_pipelines.cli import _MODULES, cli
from order_pipelines.connectors.registry import CONNECTORS
from order_pipelines.demo.processes import Processes

ROOT = Path(__file__).parents[2]

PARENT_AND_CHILD = """
import subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", sorted(_MODULES))
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help
    for sub in getattr(command, "commands", {}).values():
        assert sub.help


def test_the_overview_lists_every_command() -> None:
    said = CliRunner().invoke(cli, ["--help"]).output
    assert [name for name in _MODULES if not re.search(rf"^  {name} +[A-Z]", said, re.MULTILINE)] == []


def test_a_connector_is_found_by_the_name_of_its_package() -> None:
    """``inspect`` imports one connector only, by name."""
    for system, connector in CONNECTORS.items():
        module = __import__(f"order_pipelines.connectors.{system}", fromlist=["CONNECTOR"])
        assert module.CONNECTOR is connector


def test_a_child_that_will_not_end_is_ended_with_its_parent(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ, tmp_path)
    started = processes.start("stubborn", [sys.executable, "-c", PARENT_AND_CHILD])
    deadline = time.monotonic() + 20
    while not started.log.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.05)
    child = psutil.Process(int(started.last_lines()))
    assert processes.ended() is None
    processes.stop(patience_s=0.5)
    assert started.process.returncode == -signal.SIGTERM
    child.wait(timeout=10)
    processes.stop()


def test_a_process_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ, tmp_path)
    started = processes.start("short", [sys.executable, "-c", "print('port taken')"])
    started.process.wait(timeout=20)
    assert processes.ended() is started
    assert started.last_lines() == "port taken"
    processes.stop()


def test_the_sandbox_says_where_it_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "order_pipelines.cli", "sandbox", "--port", "0", "--relaxed"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    url = first.split()[-1]
    assert requests.get(f"{url}/health", timeout=5).json() == {"status": "ok", "relaxed": True}
    assert process.stdout.readline().startswith("RELAXED: ")
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert rest.endswith("sandbox stopped\n")
    assert process.wait(timeout=10) == 0
    process.stdout.close()


def test_a_sandbox_port_that_is_taken_is_one_line() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(cli, ["sandbox", "--port", port])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: port {port} for control cannot be opened")


def test_purge_and_reap_work_on_a_dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    purged = CliRunner().invoke(cli, ["purge", "--older-than-days", "7"])
    assert (purged.exit_code, purged.stdout) == (
        0,
        "0 runs removed, 0 kept as the newest of an asset; 0 minutes of the lane removed; 0.0 MB freed\n",
    )
    reaped = CliRunner().invoke(cli, ["reap"])
    assert (reaped.exit_code, reaped.stdout) == (0, "0 runs ended\n")
    monkeypatch.delenv("DAGSTER_HOME")
    assert "Missing option '--dagster-home'" in CliRunner().invoke(cli, ["purge"]).stderr
