"""What it costs to load 5,000 changed orders into a warehouse that is small, and into one that is not."""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from benchmarks import big_warehouse
from benchmarks.big_warehouse import LINES_OF_AN_ORDER, line_total
from benchmarks.postgres import roomy_postgres
from benchmarks.result import Result
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.warehouse_load import load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ORDER_LINES, ORDER_VERSIONS, ORDERS

_SMALL_CHANGED, _FULL_CHANGED = 500, 5_000
_TIMES = 3
_MOST = {"DuckDB": 2.0, "PostgreSQL": 3.0}
_SMALL_SIZES = (10_000, 40_000)
_FULL_SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass
class _Filled:
    """A warehouse with ``orders`` orders and what was changed in it since."""

    warehouse: Warehouse
    store: OperationsStore
    orders: int
    done_seq: int
    loads: int = 0
    versions: int = 0
    newest_round: dict[int, int] = field(default_factory=dict)


def run(small: bool) -> list[Result]:
    """Fill a warehouse of each size on each engine, and load the same number of changed orders into it."""
    sizes, times, changed = (
        (_SMALL_SIZES, 1, _SMALL_CHANGED) if small else (_FULL_SIZES, _TIMES, _FULL_CHANGED)
    )
    result = Result(
        f"{changed:,} changed orders into a warehouse of {sizes[0]:,} to {sizes[-1]:,} lines",
        "The warehouse is filled by SQL, oldest order first, two lines an order, and the changed orders come from an "
        "operations store by load_core: read, held against their contracts, staged and merged into orders, versions "
        "and lines, each with other amounts than before. Recent are the newest orders, scattered are random ones over "
        f"the whole time (almost five years at ten million lines). The best of {times}. The yardstick is the same "
        "load of recent orders into the smallest warehouse of the engine. PostgreSQL on the same machine over a unix "
        "socket, 32 MB of shared buffers, writing through to disk.",
        ("warehouse", "lines", "recent s", "x smallest", "scattered s", "x smallest", "fill s"),
    )
    with tempfile.TemporaryDirectory(prefix="bench-merge-") as place:
        for engine in _MOST:
            _measure(result, engine, sizes, times, changed, Path(place))
            if not small:
                _judge(result, engine)
    return [result]


def _measure(
    result: Result, engine: str, sizes: Sequence[int], times: int, changed: int, folder: Path
) -> None:
    yardstick_s = 0.0
    for lines in sizes:
        with _filled(engine, lines // LINES_OF_AN_ORDER, folder) as (filled, fill_s):
            recent = range(filled.orders - changed + 1, filled.orders + 1)
            recent_s = min(_load(filled, recent) for _ in range(times))
            _check(result, f"{engine}, {lines:,} lines, recent", filled)
            scattered = sorted(random.Random(20261121).sample(range(1, filled.orders + 1), changed))
            scattered_s = min(_load(filled, scattered) for _ in range(times))
            _check(result, f"{engine}, {lines:,} lines, scattered", filled)
        yardstick_s = yardstick_s or recent_s
        result.rows.append(
            (
                engine,
                f"{lines:,}",
                f"{recent_s:.2f}",
                f"{recent_s / yardstick_s:.1f}",
                f"{scattered_s:.2f}",
                f"{scattered_s / yardstick_s:.1f}",
                f"{fill_s:.0f}",
            )
        )


def _judge(result: Result, engine: str) -> None:
    of_engine = [row for row in result.rows if row[0] == engine]
    (_, lines, _, ratio, *_) = of_engine[-1]
    most = _MOST[engine]
    result.target(
        f"recent orders into {lines} lines on {engine}: {ratio} x the same into {of_engine[0][1]}, {most:g} allowed",
        float(ratio) <= most,
    )


@contextmanager
def _filled(engine: str, orders: int, folder: Path) -> Iterator[tuple[_Filled, float]]:
    with tempfile.TemporaryDirectory(dir=folder) as name, _warehouse(engine, Path(name)) as warehouse:
        began = time.perf_counter()
        warehouse.migrate()
        with warehouse.write() as session:
            big_warehouse.fill(session, orders)
            if warehouse.engine == "postgresql":
                for table in (ORDERS, ORDER_VERSIONS, ORDER_LINES):
                    session.execute(f"vacuum analyze {table.full_name}")
        fill_s = time.perf_counter() - began
        store = open_store(f"sqlite:///{Path(name) / 'operations.sqlite'}")
        try:
            yield _Filled(warehouse, store, orders, orders), fill_s
        finally:
            store.close()


@contextmanager
def _warehouse(engine: str, folder: Path) -> Iterator[Warehouse]:
    if engine == "DuckDB":
        yield Warehouse(f"duckdb:///{folder / 'warehouse.duckdb'}", folder)
        return
    with roomy_postgres(folder) as url:
        yield Warehouse(url, folder)


def _load(filled: _Filled, numbers: Sequence[int]) -> float:
    """Change these orders once more and load them; returns the seconds of the load."""
    filled.loads += 1
    filled.done_seq = big_warehouse.change(filled.store, numbers, filled.loads, filled.done_seq)
    began = time.perf_counter()
    load_core(filled.store, filled.warehouse)
    seconds = time.perf_counter() - began
    filled.versions += len(numbers)
    filled.newest_round.update(dict.fromkeys(numbers, filled.loads))
    return seconds


def _check(result: Result, name: str, filled: _Filled) -> None:
    (found,) = filled.warehouse.query(
        "select "
        f"(select count(*) from {ORDERS.full_name}) as orders_count, "
        f"(select count(*) from {ORDER_VERSIONS.full_name}) as versions_count, "
        f"(select count(*) from {ORDER_LINES.full_name}) as lines_count, "
        f"(select cast(sum(order_total_incl_vat) as decimal(18, 2)) from {ORDERS.full_name}) as orders_total, "
        f"(select cast(sum(line_total_incl_vat) as decimal(18, 2)) from {ORDER_LINES.full_name}) as lines_total"
    ).to_pylist()
    untouched = filled.orders - len(filled.newest_round)
    total = untouched * line_total(0) + sum(map(line_total, filled.newest_round.values()), Decimal(0))
    result.expect(
        f"{name}: orders, versions, lines, totals",
        tuple(found.values()),
        (
            filled.orders,
            filled.orders + filled.versions,
            filled.orders * LINES_OF_AN_ORDER,
            total * LINES_OF_AN_ORDER,
            total * LINES_OF_AN_ORDER,
        ),
    )
