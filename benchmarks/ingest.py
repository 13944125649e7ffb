"""The same files of a system's orders into tables: by this product, by dlt and by DuckDB alone."""

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bench_shop, bol_payloads, ingest_dlt, order_payloads
from benchmarks.bol_payloads import Sums
from benchmarks.processes import Finished, run_module
from benchmarks.result import Result
from order_pipelines_tests.environments import python_of

_LIVE, _HISTORY, _DUCKDB = "ours, live orders", "ours, historic orders", "DuckDB alone"
_DLT_DEFAULT, _DLT_BEST, _DLT_ARROW = "dlt, default", "dlt, best setting", "dlt, flat tables from pyarrow"
# What won whenever all were tried; --small takes it unseen.
_USUALLY_BEST = "parquet_pages"
_TIMES_DLT, _MOST_MB = 5.0, 600

Contender = Callable[[Path], Finished]


@dataclass(frozen=True)
class _Scale:
    orders: int
    repetitions: int
    tries_all: bool
    many: int


@dataclass(frozen=True)
class _Kind:
    """Orders of one system.

    Args:
        system: its name in the registry.
        title: what its orders are called.
        times_duckdb: the share of DuckDB's speed that is wanted.
        others: whether dlt is also tried as it comes and with tables that code of ours took apart for it, which it
            then only copies. Both stand with bol's orders; what they show is the same for the others.
    """

    system: str
    title: str
    times_duckdb: float
    others: bool = False


_SMALL = _Scale(orders=1_000, repetitions=1, tries_all=False, many=0)
_FULL = _Scale(orders=10_000, repetitions=3, tries_all=True, many=100_000)
_BOL = _Kind("bol", "order details of bol", 0.3, others=True)
_MIRAKL = _Kind("mirakl", "orders of Mirakl", 0.3)
_SHOPWARE = _Kind("shopware", "orders of Shopware", 0.2)
# Where nested values cost a table each, a tenth of the files tells which setting is best.
_TRIED = 1_000


def run_bol(small: bool) -> list[Result]:
    """Take in order details of bol, about 1.5 KB each."""
    return _run(_BOL, _SMALL if small else _FULL)


def run_mirakl(small: bool) -> list[Result]:
    """Take in orders of Mirakl, about 4 KB each."""
    return _run(_MIRAKL, _SMALL if small else _FULL)


def run_shopware(small: bool) -> list[Result]:
    """Take in orders of Shopware with all that belongs to them, about 11 KB each."""
    return _run(_SHOPWARE, _SMALL if small else _FULL)


def _run(kind: _Kind, scale: _Scale) -> list[Result]:
    """Write the files once and let every contender take them in, in turns, each in a process of its own."""
    result = Result(
        f"{scale.orders:,} {kind.title}, beside dlt and DuckDB",
        "The same files, JSON with one order a line. Ours: every body stored in the inbox (200 a transaction, on disk "
        "each time), interpreted, judged, booked with demand and ledger on SQLite, loaded into core on DuckDB; "
        "historic orders lie before effective_from and make no demand. dlt types them and merges them by key into "
        "DuckDB; it keeps no bodies, matches, judges and books nothing. DuckDB alone: read_json and merge into typed "
        f"tables. Each in a process of its own, in turns, the best of {scale.repetitions}; starting Python and making "
        "empty tables is not counted. All end with the same orders, lines and amounts per month.",
        ("way", "seconds", "CPU s", "orders/s", "x dlt best", "x DuckDB", "peak MB"),
    )
    dlt_python = python_of("dlt")
    with tempfile.TemporaryDirectory(prefix="bench-orders-") as place:
        folder = Path(place)
        sums = _write(kind, folder / "orders", scale.orders)
        best = _USUALLY_BEST
        if scale.tries_all:
            best = _try_all(result, kind, dlt_python, folder, sums)
        contenders = _contenders(kind, dlt_python, best)
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
            many_sums = _write(kind, folder / "many", scale.many)
            many = {name: way(folder / "many") for name, way in few.items()}
            for name, done in many.items():
                _check(result, f"{name}, {scale.many:,}", done, many_sums)
            _add_rows(result, scale.many, many, f", {scale.many:,}")
            _judge_memory(result, many, scale.many)
            _judge_speed(result, kind, fastest)
    return [result, _stages(kind, fastest, runs, sums)]


def _contenders(kind: _Kind, dlt_python: Path, best: str) -> dict[str, Contender]:
    def ours(source: Path, when: str) -> Finished:
        return run_module("benchmarks.ingest_ours", kind.system, source, when)

    found: dict[str, Contender] = {
        _LIVE: lambda source: ours(source, "live"),
        _HISTORY: lambda source: ours(source, "history"),
    }
    if kind.others:
        found[_DLT_DEFAULT] = lambda source: _with_dlt(kind, dlt_python, source, "default")
    found[_DLT_BEST] = lambda source: _with_dlt(kind, dlt_python, source, best)
    if kind.others:
        found[_DLT_ARROW] = lambda source: _with_dlt(kind, dlt_python, source, "arrow")
    found[_DUCKDB] = lambda source: run_module("benchmarks.ingest_duckdb", kind.system, source)
    return found


def _write(kind: _Kind, folder: Path, amount: int) -> Sums:
    folder.mkdir()
    return order_payloads.write_files(kind.system, folder, amount, bol_payloads.articles(bench_shop.ARTICLES))


def _with_dlt(kind: _Kind, python: Path, source: Path, setting: str) -> Finished:
    return run_module("benchmarks.ingest_dlt", kind.system, source, setting, python=python)


def _take_turns(contenders: Mapping[str, Contender], source: Path, times: int) -> dict[str, list[Finished]]:
    runs: dict[str, list[Finished]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, way in contenders.items():
            runs[name].append(way(source))
    return runs


def _try_all(result: Result, kind: _Kind, python: Path, folder: Path, sums: Sums) -> str:
    """Load once with each setting of dlt; returns the fastest of those that leave nested values to dlt."""
    seconds: dict[str, float] = {}
    version, source, amount = "", folder / "orders", ""
    if not kind.others:
        source = folder / "tried"
        sums, amount = _write(kind, source, _TRIED), f" with {_TRIED:,} orders"
    own_work = {name for name, setting in ingest_dlt.SETTINGS.items() if setting.rows == "tables"}
    for name, setting in ingest_dlt.SETTINGS.items():
        if name in own_work and not kind.others:
            continue
        done = _with_dlt(kind, python, source, name)
        _check(result, f"dlt, {setting.title}", done, sums)
        seconds[name] = float(done.told["seconds"])
        version = str(done.told["version"])
    best = min(seconds.keys() - own_work, key=seconds.__getitem__)
    tried = "; ".join(f"{ingest_dlt.SETTINGS[name].title} {taken:.1f}" for name, taken in seconds.items())
    result.remarks.append(
        f"dlt {version}, tried once each{amount}, seconds: {tried}. Best: {ingest_dlt.SETTINGS[best].title}."
    )
    if kind.others:
        result.remarks.append(
            "Flat tables from pyarrow are no setting of dlt: code of ours for bol's payloads takes them apart, leaves "
            "out discounts and services, and dlt only copies and merges."
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
            "revenue": str(sums.total + sums.beside),
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


def _judge_speed(result: Result, kind: _Kind, fastest: Mapping[str, Finished]) -> None:
    seconds = {name: float(one.told["seconds"]) for name, one in fastest.items()}
    for ours in (_LIVE, _HISTORY):
        by_dlt, by_duckdb = seconds[_DLT_BEST] / seconds[ours], seconds[_DUCKDB] / seconds[ours]
        result.target(
            f"{ours}: {by_dlt:.2f} x dlt's best setting, at least {_TIMES_DLT:g} wanted",
            by_dlt >= _TIMES_DLT,
        )
        result.target(
            f"{ours}: {by_duckdb:.3f} x DuckDB alone, at least {kind.times_duckdb:g} wanted",
            by_duckdb >= kind.times_duckdb,
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


def _stages(
    kind: _Kind, fastest: Mapping[str, Finished], runs: Mapping[str, list[Finished]], sums: Sums
) -> Result:
    result = Result(
        f"Where the time goes with {sums.orders:,} {kind.title}",
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
