"""Who starts processes can be killed without a moment to end them: they end all the same, and with nobody's help."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from order_pipelines.demo.processes import Processes
from order_pipelines_tests.cli.test_up import everything, read_until

ROOT = Path(__file__).parents[2]
STARTER = """
import signal, sys, time
from pathlib import Path
from order_pipelines.demo.processes import Processes
processes = Processes(Path(sys.argv[1]), {"PATH": "/usr/bin:/bin"}, Path(sys.argv[1]))
processes.start("obedient", ["sh", "-c", "sleep 600 & sleep 600"])
if sys.argv[2] == "deaf":
    processes.start("deaf", [sys.executable, "-c",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"])
    while not (Path(sys.argv[1]) / "deaf.log").read_bytes():
        time.sleep(0.05)
print("started", flush=True)
time.sleep(600)
"""

__all__ = ["everything"]  # the fixture, which starts the real command


@contextmanager
def starter(folder: Path, also: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that starts a group of three which ends when asked, and one that hears nothing if ``deaf``."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), also],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    family = psutil.Process(process.pid)
    try:
        assert process.stdout.readline() == "started\n"
        yield process
    finally:
        if process.poll() is None:
            for each in [family, *family.children(recursive=True)]:
                each.kill()
        process.wait()
        process.stdout.close()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still do something; an ended one that nobody waited for does not."""
    found = []
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def wait_until_ended(processes: list[psutil.Process], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while alive(processes):
        assert time.monotonic() < deadline, alive(processes)
        time.sleep(0.1)


def _family(process: subprocess.Popen[str], members: int) -> list[psutil.Process]:
    """Return what a process has started, once its shell has started the rest."""
    deadline = time.monotonic() + 20
    while len(family := psutil.Process(process.pid).children(recursive=True)) < members:
        assert time.monotonic() < deadline, family
        time.sleep(0.02)
    assert len(family) == members
    return family


@pytest.mark.endurance
@pytest.mark.parametrize(
    ("number", "also", "members"), [(signal.SIGHUP, "", 4), (signal.SIGKILL, "deaf", 5)], ids=["hup", "kill"]
)
def test_what_a_killed_process_had_started_ends(
    number: signal.Signals, also: str, members: int, tmp_path: Path
) -> None:
    with starter(tmp_path, also) as process:
        # The guardian, a group of three, and the one that hears nothing.
        family = _family(process, members)
        process.send_signal(number)
        assert process.wait(timeout=10) == -number
        wait_until_ended(family, within_s=60)


def test_what_was_stopped_in_time_is_not_guarded_any_more(tmp_path: Path) -> None:
    processes = Processes(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path)
    first = processes.start("first", ["sleep", "600"])
    guardian = processes._guardian
    assert guardian is not None
    processes.stop()
    assert (first.process.returncode, guardian.returncode) == (-signal.SIGTERM, 0)


def _words(processes: list[psutil.Process]) -> set[str]:
    """Return the words of the command lines of those that live."""
    words: set[str] = set()
    for each in alive(processes):
        with suppress(psutil.NoSuchProcess):
            words.update(each.cmdline())
    return words


@pytest.mark.endurance
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_up_leaves_no_process_of_dagster(everything: subprocess.Popen[str]) -> None:
    """``kill -9`` of it once left code server, web server and daemon at work, and the next start met their ports."""
    read_until(everything, r"^Dagster +(http://127\.0\.0\.1:\d+)$")
    wanted = {"code-server", "dagster._daemon", "dagster_webserver"}
    deadline = time.monotonic() + 60
    while not wanted <= _words(family := psutil.Process(everything.pid).children(recursive=True)):
        assert time.monotonic() < deadline, _words(family)
        time.sleep(0.2)
    everything.kill()
    assert everything.wait(timeout=10) == -signal.SIGKILL
    wait_until_ended(family, within_s=120)
