"""One order detail at a time, as a webhook brings it: into the inbox, and from there to state and ledger."""

import gc
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import bench_shop, bol_payloads
from benchmarks.bol_payloads import Article, Payloads
from benchmarks.result import Result
from benchmarks.stores import store_urls
from order_pipelines.operations import inbox
from order_pipelines.operations.tables import line_demand, orders
from order_pipelines.services.intake import interpret, interpret_waiting
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.shop import Shop

# The first pay for what every process pays once: connections, compiled statements, the product master.
_UNCOUNTED = 10


def run(small: bool) -> list[Result]:
    """Take payloads in one by one, on each store."""
    amount = 30 if small else 500
    goods = bol_payloads.articles(bench_shop.ARTICLES)
    made = bol_payloads.make(2 * (amount + _UNCOUNTED), goods)
    result = Result(
        f"{amount} order details of bol, one at a time",
        "Each is stored in the inbox, in a transaction of its own, and then booked. Known receipt: its number is known "
        "and the product master in memory, as for a process that stays. Waiting: what waits is looked for and the "
        "product master read, as a sweep does. The yardstick writes one row with the same compressed body and commits. "
        "Every commit is on disk; PostgreSQL on the same machine over a unix socket.",
        ("store and way", "payloads/s", "p50 ms", "p95 ms", "max ms", "yardstick p50 ms", "x yardstick"),
    )
    with tempfile.TemporaryDirectory(prefix="bench-single-") as place, store_urls(Path(place)) as urls:
        for store, url in urls.items():
            _measure(result, store, url, Path(place), goods, made)
    return [result]


def _measure(
    result: Result, store: str, url: str, folder: Path, goods: Sequence[Article], made: Payloads
) -> None:
    bodies = list(made.bodies.items())
    half = len(bodies) // 2
    with bench_shop.opened(folder, goods, store_url=url) as shop:
        yardstick = statistics.median(_timed(_plain_write(shop), bodies[:half]))
        cache = CatalogueCache()

        def book_known(one: tuple[str, bytes]) -> None:
            numbers = bench_shop.receive(shop, [one], 1)
            with shop.store.reading() as connection:
                receipts = inbox.by_number(connection, numbers)
            interpret(shop, receipts, cache)

        def book_waiting(one: tuple[str, bytes]) -> None:
            bench_shop.receive(shop, [one], 1)
            interpret_waiting(shop, "bol")

        for way, book, part in (
            ("known receipt", book_known, bodies[:half]),
            ("waiting", book_waiting, bodies[half:]),
        ):
            taken = _timed(book, part)
            p50 = statistics.median(taken)
            result.rows.append(
                (
                    f"{store}, {way}",
                    f"{1000 / statistics.mean(taken):,.0f}",
                    f"{p50:.2f}",
                    f"{statistics.quantiles(taken, n=20)[-1]:.2f}",
                    f"{max(taken):.2f}",
                    f"{yardstick:.2f}",
                    f"{p50 / yardstick:.1f}",
                )
            )
        with shop.store.reading() as connection:
            # Added up here: SQLite would make floats of the amounts.
            totals = list(connection.execute(sa.select(orders.c.order_total_incl_vat)).scalars())
            demand = connection.execute(sa.select(sa.func.sum(line_demand.c.open_quantity))).scalar_one()
    result.expect(
        f"{store}: orders, total, open demand",
        (len(totals), sum(totals), demand),
        (len(bodies), made.total, made.units),
    )


def _timed(work: Callable[[tuple[str, bytes]], None], bodies: Sequence[tuple[str, bytes]]) -> list[float]:
    """Do the work for each; returns the milliseconds of all but the first few."""
    taken = []
    gc.collect()
    for one in bodies:
        began = time.perf_counter()
        work(one)
        taken.append((time.perf_counter() - began) * 1000)
    return taken[_UNCOUNTED:]


def _plain_write(shop: Shop) -> Callable[[tuple[str, bytes]], None]:
    rows = sa.Table(
        "bench_rows",
        sa.MetaData(),
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    with shop.store.transaction() as connection:
        rows.create(connection)

    def write(one: tuple[str, bytes]) -> None:
        values: dict[str, Any] = {"id": one[0], "content": zlib.compress(one[1], 1)}
        with shop.store.transaction() as connection:
            connection.execute(rows.insert(), [values])

    return write
