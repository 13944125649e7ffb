"""Work in a process of its own, which tells in JSON what came out and how much memory it took."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
_LOOK_EVERY_S = 0.2
_BYTES_PER_MB = 1024**2


class WorkerFailedError(Exception):
    """A process ended without telling anything; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process told, and the most megabytes it and its children held together."""

    told: dict[str, Any]
    peak_mb: int


def run_module(
    module: str,
    *arguments: str | Path,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``python -m module arguments``; the last line it prints is a JSON object, with ``peak_mb`` if it knows it.

    Args:
        module: to run, found from the checkout.
        arguments: of the command line.
        python: another interpreter than this one.
        environment: variables besides those of this process.

    Raises:
        WorkerFailedError: the process failed or told nothing.
    """
    command = [str(python or sys.executable), "-m", module, *map(str, arguments)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        seen_mb, output, errors = 0, "", ""
        is_over = False
        try:
            while not is_over:
                try:
                    output, errors = process.communicate(timeout=_LOOK_EVERY_S)
                    is_over = True
                except subprocess.TimeoutExpired:
                    seen_mb = max(seen_mb, _held_mb(process.pid))
        except BaseException:
            process.kill()
            raise
    told = last_object(output) if process.returncode == 0 else None
    if told is None:
        raise WorkerFailedError(f"{' '.join(command)} ended with {process.returncode}: {errors[-2000:]}")
    return Finished(told, max(seen_mb, int(told.pop("peak_mb", 0))))


def last_object(output: str) -> dict[str, Any] | None:
    """Return the JSON object in the last line that has something on it, ``None`` when it is none."""
    lines: Sequence[str] = output.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _held_mb(pid: int) -> int:
    held = 0
    try:
        for one in (found := psutil.Process(pid), *found.children(recursive=True)):
            held += one.memory_info().rss
    except psutil.Error:
        return 0
    return held // _BYTES_PER_MB
