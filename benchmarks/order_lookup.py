"""One order with everything about it, by its number, in an operations store of a million orders."""

import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import many_orders
from benchmarks.many_orders import ACCOUNT, number_of
from benchmarks.result import Result
from order_pipelines.commands.order_page import OrderPage, read_page
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import orders
from order_pipelines.services.order_lookup import find_order
from order_pipelines.settings import AccountSettings, Merchant, Settings
from order_pipelines_tests.postgres import running_postgres

T = TypeVar("T")

_LOOKUPS = 200
_MOST_MS = 100
_SETTINGS = Settings(
    merchant=Merchant(name="Grootboek & Zn"),
    accounts={ACCOUNT: AccountSettings(system="bol", effective_from=date(2026, 1, 1))},
)


def run(small: bool) -> list[Result]:
    """Fill a store of each kind and look orders up."""
    amount = 20_000 if small else 1_000_000
    result = Result(
        f"One order by its number among {amount:,}",
        f"Order, lines, stock movements, parcels, invoice, hold, outbox and open quarantine of {_LOOKUPS} random "
        "orders, each read on its own as `order-pipelines orders show` does. The yardstick reads the order's row "
        "alone, by its primary key. PostgreSQL on the same machine over a unix socket, 32 MB of shared buffers.",
        ("store", "rows", "p50 ms", "p95 ms", "max ms", "yardstick p50 ms", "x yardstick"),
    )
    slowest_ms = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-orders-") as folder:
        place = Path(folder)
        for name, store in _stores(place):
            filled = many_orders.fill(store, amount)
            numbers = random.Random(20261121).sample(range(1, amount + 1), _LOOKUPS)
            yardstick, _ = _ask(store, numbers, _read_head)
            lookups, pages = _ask(store, numbers, _look_up)
            for number, page in zip(numbers, pages, strict=True):
                _check(result, name, number, page)
            p50, p95 = statistics.median(lookups), statistics.quantiles(lookups, n=20)[-1]
            plain = statistics.median(yardstick)
            result.rows.append(
                (
                    name,
                    f"{filled:,}",
                    *(f"{value:.2f}" for value in (p50, p95, max(lookups), plain)),
                    f"{p50 / plain:.1f}",
                )
            )
            slowest_ms = max(slowest_ms, *lookups)
            result.expect(f"tables that {name} reads whole", _scans(store, numbers[0]), [])
    result.target(f"every lookup within {_MOST_MS} ms", slowest_ms <= _MOST_MS)
    return [result]


@contextmanager
def _opened(url: str) -> Iterator[OperationsStore]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


def _stores(folder: Path) -> Iterator[tuple[str, OperationsStore]]:
    with _opened(f"sqlite:///{folder / 'operations.sqlite'}") as store:
        yield "SQLite", store
    (folder / "operations.sqlite").unlink()
    with running_postgres(folder) as server, _opened(server.create_database()) as store:
        yield "PostgreSQL", store


def _read_head(connection: Connection, number: int) -> None:
    key = f"{ACCOUNT}:{number_of(number)}"
    connection.execute(sa.select(orders).where(orders.c.order_key == key)).one()


def _look_up(connection: Connection, number: int) -> OrderPage:
    head = find_order(connection, _SETTINGS, number_of(number), None)
    return read_page(connection, head, with_people=False)


def _ask(
    store: OperationsStore, numbers: Sequence[int], ask: Callable[[Connection, int], T]
) -> tuple[list[float], list[T]]:
    """Ask once for each number; returns the milliseconds and the answers.

    One question before is not counted: it opens the connection and builds the SQL.
    """
    taken, answers = [], []
    with store.reading() as connection:
        ask(connection, numbers[0])
    gc.collect()
    for number in numbers:
        began = time.perf_counter()
        with store.reading() as connection:
            answers.append(ask(connection, number))
        taken.append((time.perf_counter() - began) * 1000)
    return taken, answers


def _check(result: Result, name: str, number: int, page: OrderPage) -> None:
    lines = many_orders.lines_of(number)
    result.expect(
        f"{name}, order {number}",
        (
            page.head.order_number,
            page.head.order_total_incl_vat,
            page.head.ordered_at,
            [(row.line_id, row.quantity) for row in page.lines],
            [row.kind for row in page.movements],
            [row.tracking for row in page.parcels],
            page.invoice.reference if page.invoice is not None else None,
            page.hold,
            [(row.kind, row.state) for row in page.effects],
            page.problems,
            page.people,
        ),
        (
            number_of(number),
            Decimal("19.95") * lines,
            datetime(2026, 3, 1, 12, tzinfo=UTC),
            [(str(line), 1) for line in range(1, lines + 1)],
            ["sold", "shipped"] * lines,
            [f"3S{number}"],
            f"BOL-{number_of(number)}",
            None,
            [("sales_entry", "confirmed"), ("channel_shipment", "confirmed")],
            [],
            None,
        ),
    )


def _scans(store: OperationsStore, number: int) -> list[str]:
    """Return the steps of a lookup's plans that read a table from end to end because no index serves them."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, values: Any, *___: object) -> None:
        statements.append((statement, values))

    sa.event.listen(store.engine, "before_cursor_execute", note)
    with store.reading() as connection:
        _look_up(connection, number)
    sa.event.remove(store.engine, "before_cursor_execute", note)
    explain, scan = ("explain query plan", "SCAN") if store.dialect == "sqlite" else ("explain", "Seq Scan")
    with store.reading() as connection:
        if store.dialect == "postgresql":
            # It reads a table of a few rows as a whole however good its index is; so only what has none is left.
            connection.exec_driver_sql("set local enable_seqscan = off")
        steps = [
            str(row[-1])
            for statement, values in statements
            if statement.lower().startswith("select")
            for row in connection.exec_driver_sql(f"{explain} {statement}", values)
        ]
    return [step.strip() for step in steps if scan in step and "CONSTANT ROW" not in step]
