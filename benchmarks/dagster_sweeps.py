"""The same sweep as plain calls and as runs of Dagster's job, in turns, in one process that tells what each took.

``python -m benchmarks.dagster_sweeps SETTINGS TIMES``, with ``DAGSTER_HOME`` set.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks import bench_world
from benchmarks.usage import cpu_s, own_peak_mb
from order_pipelines.definitions import build_definitions
from order_pipelines.defs.jobs import SWEEP
from order_pipelines.settings import load_settings


def main(settings_path: Path, times: int) -> None:
    """Sweep ``times`` times in each way; where it is more than once, after one of each that is not counted."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    settings = load_settings(settings_path)
    began = time.perf_counter()
    job = build_definitions(settings, retry_delay_s=0.0).resolve_job_def(SWEEP)
    defining_s = time.perf_counter() - began
    home = Path(os.environ["DAGSTER_HOME"])
    ways = {"plain": _Taken(), "dagster": _Taken()}
    bytes_written: list[int] = []
    told: dict[str, Any] = {"failed": []}
    uncounted = 1 if times > 1 else 0
    with dg.DagsterInstance.get() as instance:
        for _ in range(times + uncounted):
            with ways["plain"].counting():
                bench_world.sweep(settings)
            size = size_of(home)
            with ways["dagster"].counting():
                done = job.execute_in_process(instance=instance, raise_on_error=False)
            bytes_written.append(size_of(home) - size)
            told["failed"] += [event.step_key for event in done.all_events if event.is_failure]
            told["failed"] += [
                f"{check.asset_key.to_user_string()}:{check.check_name}"
                for check in done.get_asset_check_evaluations()
                if not check.passed
            ]
            told["events"] = len(instance.all_logs(done.run_id))
            told["steps"] = sum(event.is_step_success for event in done.all_events)
    told |= {
        name: {"seconds": taken.seconds[uncounted:], "cpu_s": taken.cpu_s[uncounted:]}
        for name, taken in ways.items()
    }
    # The first run also makes the databases.
    told |= {"defining_s": defining_s, "bytes": bytes_written[uncounted:], "peak_mb": own_peak_mb()}
    sys.stdout.write(f"\n{json.dumps(told)}\n")


@dataclass
class _Taken:
    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def counting(self) -> Iterator[None]:
        began, worked = time.perf_counter(), cpu_s()
        yield
        self.seconds.append(time.perf_counter() - began)
        self.cpu_s.append(cpu_s() - worked)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
