"""The same files of bol's order details into tables: by this product, by dlt and by DuckDB alone."""

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bench_shop, bol_ingest_dlt, bol_payloads
from benchmarks.bol_payloads import Sums
from benchmarks.processes import Finished, run_module
from benchmarks.result import Result
from order_pipelines_tests.environments import python_of

_LIVE, _HISTORY, _DUCKDB = "ours, live orders", "ours, historic orders", "DuckDB alone"
_DLT_DEFAULT, _DLT_BEST, _DLT_ARROW = "dlt, default", "dlt, best setting", "dlt, flat tables from pyarrow"
# What won whenever all were tried; --small takes it unseen.
_USUALLY_BEST = "parquet_pages"
_TIMES_DLT, _TIMES_DUCKDB, _MOST_MB = 5.0, 0.3, 600

Contender = Callable[[Path], Finished]


@dataclass(frozen=True)
class _Scale:
    orders: int
    repetitions: int
    tries_all: bool
    many: int


_SMALL = _Scale(orders=1_000, repetitions=1, tries_all=False, many=0)
_FULL = _Scale(orders=10_000, repetitions=3, tries_all=True, many=100_000)


def run(small: bool) -> list[Result]:
    """Write the files once and let every contender take them in, in turns, each in a process of its own."""
    scale = _SMALL if small else _FULL
    result = Result(
        f"{scale.orders:,} order details of bol, beside dlt and DuckDB",
        "The same files, JSON with one order a line. Ours: every body stored in the inbox (200 a transaction, on disk "
        "each time), interpreted, judged, booked with demand and ledger on SQLite, loaded into core on DuckDB; "
        "historic orders lie before effective_from and make no demand. dlt types them and merges them by key into "
        "DuckDB; it keeps no bodies, matches, judges and books nothing. DuckDB alone: read_json and merge into typed "
        f"tables. Each in a process of its own, in turns, the best of {scale.repetitions}; starting Python and making "
        "empty tables is not counted. All end with the same orders, lines and amounts per month.",
        ("way", "seconds", "CPU s", "orders/s", "x dlt best", "x DuckDB", "peak MB"),
    )
    dlt_python = python_of("dlt")
    with tempfile.TemporaryDirectory(prefix="bench-bol-") as place:
        folder = Path(place)
        sums = _write(folder / "orders", scale.orders)
        best = _USUALLY_BEST
        if scale.tries_all:
            best = _try_all(result, dlt_python, folder / "orders", sums)
        contenders: dict[str, Contender] = {
            _LIVE: lambda source: run_module("benchmarks.bol_ingest_ours", source, "live"),
            _HISTORY: lambda source: run_module("benchmarks.bol_ingest_ours", source, "history"),
            _DLT_DEFAULT: lambda source: _with_dlt(dlt_python, source, "default"),
            _DLT_BEST: lambda source: _with_dlt(dlt_python, source, best),
            _DLT_ARROW: lambda source: _with_dlt(dlt_python, source, "arrow"),
            _DUCKDB: lambda source: run_module("benchmarks.bol_ingest_duckdb", source),
        }
        runs = _take_turns(contenders, folder / "orders", scale.repetitions)
        fastest = {
            name: min(each, key=lambda done: float(done.told["seconds"])) for name, each in runs.items()
        }
        for name, each in runs.items():
            for done in each:
                _check(result, f"{name}, {scale.orders:,}", done, sums)
        _add_rows(result, scale.orders, fastest, "")
        if scale.many:
            # The slow way of dlt would take minutes and gigabytes, and nobody would choose it.
            few = {name: way for name, way in contenders.items() if name != _DLT_DEFAULT}
            many_sums = _write(folder / "many", scale.many)
            many = {name: way(folder / "many") for name, way in few.items()}
            for name, done in many.items():
                _check(result, f"{name}, {scale.many:,}", done, many_sums)
            _add_rows(result, scale.many, many, f", {scale.many:,}")
            _judge_memory(result, many, scale.many)
    if not small:
        _judge_speed(result, fastest)
    return [result, _stages(fastest, runs, sums)]


def _write(folder: Path, amount: int) -> Sums:
    folder.mkdir()
    return bol_payloads.write_files(folder, amount, bol_payloads.articles(bench_shop.ARTICLES))


def _with_dlt(python: Path, source: Path, setting: str) -> Finished:
    return run_module("benchmarks.bol_ingest_dlt", source, setting, python=python)


def _take_turns(contenders: Mapping[str, Contender], source: Path, times: int) -> dict[str, list[Finished]]:
    runs: dict[str, list[Finished]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, way in contenders.items():
            runs[name].append(way(source))
    return runs


def _try_all(result: Result, python: Path, source: Path, sums: Sums) -> str:
    """Load once with each setting of dlt; returns the fastest of those that leave nested values to dlt."""
    seconds: dict[str, float] = {}
    version = ""
    for name, setting in bol_ingest_dlt.SETTINGS.items():
        done = _with_dlt(python, source, name)
        _check(result, f"dlt, {setting.title}", done, sums)
        seconds[name] = float(done.told["seconds"])
        version = str(done.told["version"])
    own_work = {name for name, setting in bol_ingest_dlt.SETTINGS.items() if setting.rows == "tables"}
    best = min(seconds.keys() - own_work, key=seconds.__getitem__)
    tried = "; ".join(f"{bol_ingest_dlt.SETTINGS[name].title} {taken:.1f}" for name, taken in seconds.items())
    result.remarks.append(
        f"dlt {version}, tried once each, seconds: {tried}. Best: {bol_ingest_dlt.SETTINGS[best].title}."
    )
    result.remarks.append(
        "Flat tables from pyarrow are no setting of dlt: code of ours for bol's payloads takes them apart, leaves out "
        "discounts and services, and dlt only copies and merges."
    )
    return best


def _check(result: Result, name: str, done: Finished, sums: Sums) -> None:
    result.expect(
        f"{name}: orders, lines and total per month",
        {month: tuple(found) for month, found in done.told["months"].items()},
        {month: (orders, lines, str(total)) for month, (orders, lines, total) in sums.months.items()},
    )
    if "booked" not in done.told:
        return
    result.expect(f"{name}: orders booked and in quarantine", done.told["booked"], [sums.orders, 0])
    result.expect(
        f"{name}: revenue, units and open demand",
        done.told["revenue"],
        {
            "revenue": str(sums.total),
            "units": sums.units,
            "open_demand": 0 if _HISTORY in name else sums.units,
        },
    )


def _add_rows(result: Result, orders: int, done: Mapping[str, Finished], more: str) -> None:
    seconds = {name: float(one.told["seconds"]) for name, one in done.items()}
    for name, taken in seconds.items():
        result.rows.append(
            (
                f"{name}{more}",
                f"{taken:.2f}",
                f"{float(done[name].told['cpu_s']):.2f}",
                f"{orders / taken:,.0f}",
                f"{seconds[_DLT_BEST] / taken:.2f}",
                f"{seconds[_DUCKDB] / taken:.3f}",
                f"{done[name].peak_mb:,}",
            )
        )


def _judge_speed(result: Result, fastest: Mapping[str, Finished]) -> None:
    seconds = {name: float(one.told["seconds"]) for name, one in fastest.items()}
    for ours in (_LIVE, _HISTORY):
        by_dlt, by_duckdb = seconds[_DLT_BEST] / seconds[ours], seconds[_DUCKDB] / seconds[ours]
        result.target(
            f"{ours}: {by_dlt:.2f} x dlt's best setting, at least {_TIMES_DLT:g} wanted",
            by_dlt >= _TIMES_DLT,
        )
        result.target(
            f"{ours}: {by_duckdb:.3f} x DuckDB alone, at least {_TIMES_DUCKDB:g} wanted",
            by_duckdb >= _TIMES_DUCKDB,
        )
        stages: dict[str, float] = fastest[ours].told["stages"]
        longest = max((name for name in stages if name != "marts"), key=stages.__getitem__)
        result.remarks.append(
            f"{ours}: {stages[longest] / seconds[ours]:.0%} of the time goes into the stage '{longest}' (next table)."
        )


def _judge_memory(result: Result, many: Mapping[str, Finished], orders: int) -> None:
    for ours in (_LIVE, _HISTORY):
        result.target(
            f"{ours}: {many[ours].peak_mb} MB at most for {orders:,} orders, {_MOST_MB} allowed",
            many[ours].peak_mb <= _MOST_MB,
        )


def _stages(fastest: Mapping[str, Finished], runs: Mapping[str, list[Finished]], sums: Sums) -> Result:
    result = Result(
        f"Where the time goes with {sums.orders:,} order details of bol",
        f"The stages of the fastest runs above, {sums.lines:,} lines, and building the marts after them; the median of "
        "all runs beside.",
        ("stage", "live s", "live median s", "live orders/s", "historic s", "historic median s"),
    )
    live: dict[str, float] = fastest[_LIVE].told["stages"]
    history: dict[str, float] = fastest[_HISTORY].told["stages"]
    for stage, seconds in live.items():
        result.rows.append(
            (
                stage,
                f"{seconds:.2f}",
                f"{_median(runs[_LIVE], stage):.2f}",
                f"{sums.orders / seconds:,.0f}",
                f"{history[stage]:.2f}",
                f"{_median(runs[_HISTORY], stage):.2f}",
            )
        )
    return result


def _median(runs: list[Finished], stage: str) -> float:
    return statistics.median(float(done.told["stages"][stage]) for done in runs)
