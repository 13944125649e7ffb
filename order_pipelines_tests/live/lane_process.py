"""``order-pipelines live`` as a process, with a port of its own, that can be asked to end or killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from order_pipelines_tests.live.lane_world import LaneWorld, until

ROOT = Path(__file__).parents[2]


@dataclass
class LaneProcess:
    """One instance."""

    process: subprocess.Popen[str]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        found: str = until(self._url, f"its address in:\n{self.said}")
        return found

    def _url(self) -> str | None:
        assert self.process.poll() is None, self.said
        found = re.search(r"^live +(http://\S+)", self.said, re.MULTILINE)
        return found.group(1) if found else None

    def serves(self, *accounts: str) -> bool:
        """Whether it says that it serves these accounts."""
        page: dict[str, Any] = requests.get(f"{self.url}/health", timeout=60).json()
        return all(page["accounts"][name]["served_by"] == "this instance" for name in accounts)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=100)


@contextmanager
def started(world: LaneWorld, folder: Path, name: str = "live", port: int = 0) -> Iterator[LaneProcess]:
    """Start an instance for the block; it is killed at the end if it is still there."""
    log = folder / f"{name}.log"
    command = [
        sys.executable,
        "-m",
        "order_pipelines.cli",
        "--settings",
        str(world.shop_world.path),
        "live",
        "--port",
        str(port),
    ]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield LaneProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
