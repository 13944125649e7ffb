"""The real order lines through the whole pipeline, in a process of its own that tells how long and how big it was.

``python -m order_pipelines_tests.conformance.uci_run SETTINGS`` takes in what waits in the drop folder, loads and
publishes the warehouse, writes the report, and prints a JSON object. Tests and benchmarks start it; what must come out
is theirs to know.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.report import write_report
from order_pipelines.services.shop import open_shop
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.house.checkout import ROOT

ACCOUNT = "uci"
EXAMPLE = ROOT / "examples" / "uci_online_retail"
SETTLED = timedelta(0)
# From the first invoice of the data set to its last.
_LAST_DAY, _DAYS = date(2011, 12, 9), 374
# Kilobytes on Linux, bytes on macOS. What the starting process held when it forked counts too: an upper bound.
_MAXRSS_PER_MB = 1024**2 if sys.platform == "darwin" else 1024
_OPERATIONS_VARIABLE, _WAREHOUSE_VARIABLE = "UCI_OPERATIONS_URL", "UCI_WAREHOUSE_URL"

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """One stage: rows it read, and its seconds on the clock of the wall."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class UciRun:
    """A finished run.

    Args:
        settings: the settings file; ``report.html`` lies beside it.
        rows_read: rows of the file.
        counts: what became of them, as the file's result says.
        reported: orders and things in quarantine, as the report says.
        stages: in their order.
        peak_mb: the most memory the process ever held.
    """

    settings: Path
    rows_read: int
    counts: dict[str, int]
    reported: dict[str, int]
    stages: tuple[Stage, ...]
    peak_mb: int

    @property
    def seconds(self) -> float:
        """All stages together; starting Python and importing are not in it."""
        return sum(stage.seconds for stage in self.stages)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        stages = [
            f"  {one.name:<12}{one.seconds:7.1f} s  {one.rows:>9,} rows  {one.rows / one.seconds:>9,.0f} rows/s"
            for one in self.stages
        ]
        return [*stages, f"  {'all':<12}{self.seconds:7.1f} s  peak memory {self.peak_mb} MB"]


def prepare(folder: Path, source: Path, stores_url: str | None = None) -> Path:
    """Lay out the example in ``folder`` with the data in its drop folder; returns the settings file.

    Args:
        folder: an empty folder.
        source: the file of the data set.
        stores_url: database of both stores instead of files in ``folder``.
    """
    settings = (EXAMPLE / "settings.toml").read_text(encoding="utf-8")
    if stores_url is not None:
        stores = (
            f'operations_url_env = "{_OPERATIONS_VARIABLE}"\nwarehouse_url_env = "{_WAREHOUSE_VARIABLE}"\n'
        )
        settings = settings.replace("[stores]\n", f"[stores]\n{stores}")
    path = folder / "settings.toml"
    path.write_text(settings, encoding="utf-8")
    drop(folder, source, "uci_online_retail.csv.gz")
    return path


def drop(folder: Path, source: Path, name: str) -> None:
    """Put the data set into the drop folder under a name."""
    (folder / "inbox").mkdir(exist_ok=True)
    shutil.copyfile(source, folder / "inbox" / name)


def environment(stores_url: str | None) -> dict[str, str]:
    """Return the variables that the settings of :func:`prepare` name."""
    return {} if stores_url is None else {_OPERATIONS_VARIABLE: stores_url, _WAREHOUSE_VARIABLE: stores_url}


def run(settings: Path, stores_url: str | None = None) -> UciRun:
    """Run the pipeline over what waits, in a process of its own.

    Raises:
        RuntimeError: the process failed; the message holds what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "order_pipelines_tests.conformance.uci_run", str(settings)],
        cwd=ROOT,
        env={**os.environ, **environment(stores_url)},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the run over {settings} failed: {done.stderr}")
    told = json.loads(done.stdout)
    stages = tuple(Stage(**stage) for stage in told["stages"])
    return UciRun(settings, told["rows_read"], told["counts"], told["reported"], stages, told["peak_mb"])


def _timed(stages: list[Stage], name: str, work: Callable[[], T], rows: Callable[[T], int]) -> T:
    began = time.perf_counter()
    result = work()
    stages.append(Stage(name, rows(result), time.perf_counter() - began))
    return result


def main(settings: Path) -> None:
    """Run every stage and print what it took."""
    stages: list[Stage] = []
    with open_shop(settings) as shop:
        (file,) = _timed(
            stages,
            "take in",
            lambda: take_in(shop, ACCOUNT, settle=SETTLED),
            lambda files: sum(one.rows_read for one in files),
        )
        warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        _timed(
            stages,
            "load core",
            lambda: load_core(shop.store, warehouse),
            lambda loaded: sum(loaded.rows_read.values()),
        )
        _timed(stages, "build marts", lambda: build_marts(warehouse), lambda built: built.orders_touched)
        _timed(stages, "publish", warehouse.publish, lambda _: file.rows_read)
        report = _timed(
            stages,
            "report",
            lambda: write_report(
                warehouse, shop.settings, settings.with_name("report.html"), days=_DAYS, until=_LAST_DAY
            ),
            lambda written: written.rows,
        )
    told = {
        "rows_read": file.rows_read,
        "counts": file.counts,
        "reported": {"orders": report.orders, "quarantined": report.quarantined},
        "stages": [asdict(stage) for stage in stages],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MAXRSS_PER_MB,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
