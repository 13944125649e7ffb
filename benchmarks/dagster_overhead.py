"""What Dagster adds to a sweep that finds nothing new: seconds, events, bytes."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import bench_world
from benchmarks.processes import ROOT, WorkerFailedError, run_module
from benchmarks.result import Result
from order_pipelines.defs.jobs import SWEEP

# What the demo's script comes to: orders that count, and what they are worth.
_SWEPT = (37, "1122.20")
_KB = 1024


def run(small: bool) -> list[Result]:
    """Sweep the demo's shop in four ways, in turns where they share a process."""
    times = 1 if small else 5
    result = Result(
        "A sweep with nothing new, with and without Dagster",
        "The demo's merchant, two bol accounts, files and the books on stand-ins in a process of their own; all orders "
        "were read before. Plain calls are the same services in the same order with the same checks, each step opening "
        "its stores anew; Dagster's steps also count and sample rows for its pages. The in-process executor in a "
        "process that has everything loaded, its history on SQLite; and a process per run, which starts Python, "
        f"imports and defines, as a run worker does. The median of {times}. The yardstick is plain calls in the same "
        "kind of process.",
        ("way", "seconds", "CPU s", "added s", "x yardstick", "steps", "events", "KB of history"),
    )
    with (
        tempfile.TemporaryDirectory(prefix="bench-dagster-") as place,
        bench_world.opened_world(Path(place)) as world,
    ):
        home = Path(place) / "dagster_home"
        home.mkdir()
        shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
        variables = {
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "ORDER_PIPELINES_SETTINGS": str(world.settings_path),
        }
        world.tell("/world", {"action": "demo"})
        bench_world.sweep(world.settings)
        told = run_module(
            "benchmarks.dagster_sweeps", world.settings_path, str(times), environment=variables
        ).told
        plain, in_dagster = told["plain"], told["dagster"]
        _add_row(result, "plain calls", plain["seconds"], plain["seconds"], plain["cpu_s"])
        _add_row(
            result,
            "Dagster, in-process executor",
            in_dagster["seconds"],
            plain["seconds"],
            in_dagster["cpu_s"],
            (str(told["steps"]), str(told["events"]), f"{statistics.median(told['bytes']) / _KB:,.0f}"),
        )
        if not small:
            plain_alone, dagster_alone = [], []
            for _ in range(times):
                plain_alone.append(
                    _seconds(partial(run_module, "benchmarks.plain_sweep", world.settings_path))
                )
                dagster_alone.append(_seconds(partial(_run_worker, variables)))
            _add_row(result, "plain calls, a process of its own", plain_alone, plain_alone)
            _add_row(result, "Dagster, a process per run", dagster_alone, plain_alone)
        swept = bench_world.revenue(world.settings)
    result.expect("steps and checks that failed", told["failed"], [])
    result.expect("orders and revenue", (swept[0], str(swept[1])), _SWEPT)
    result.remarks.append(f"Making the definitions: {told['defining_s']:.2f} s, once a process.")
    return [result]


def _add_row(
    result: Result,
    name: str,
    seconds: Sequence[float],
    yardstick: Sequence[float],
    cpu: Sequence[float] = (),
    more: tuple[str, str, str] = ("", "", ""),
) -> None:
    taken, plain = statistics.median(seconds), statistics.median(yardstick)
    result.rows.append(
        (
            name,
            f"{taken:.2f}",
            f"{statistics.median(cpu):.2f}" if cpu else "",
            f"{taken - plain:.2f}",
            f"{taken / plain:.1f}",
            *more,
        )
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run_worker(variables: dict[str, str]) -> None:
    """Run the job in a process of its own.

    Raises:
        WorkerFailedError: the run failed.
    """
    command = [
        sys.executable,
        "-m",
        "dagster",
        "job",
        "execute",
        "-m",
        "order_pipelines.definitions",
        "-j",
        SWEEP,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise WorkerFailedError(f"the run failed: {done.stderr[-2000:]}")
