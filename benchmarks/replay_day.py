"""A day of orders that was received and booked, read again from the inbox."""

import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import bench_shop, bol_payloads
from benchmarks.result import Result
from benchmarks.stores import store_urls
from order_pipelines.operations.tables import line_demand, orders, receipts, stock_movements
from order_pipelines.services.again import read_again
from order_pipelines.services.intake import interpret_waiting
from order_pipelines.services.shop import Shop

_MOST_SECONDS = 20
_AT_ONCE = 200


def run(small: bool) -> list[Result]:
    """Receive and book a day, replay it with nothing new, and once more after the master changed."""
    amount = 500 if small else 10_000
    goods = bol_payloads.articles(bench_shop.ARTICLES)
    made = bol_payloads.make(amount, goods)
    result = Result(
        f"A day of {amount:,} orders, replayed",
        f"Order details of bol, {made.lines:,} lines, in the inbox and booked. Replayed: every body read from the "
        "inbox, interpreted, judged and booked again, which changes nothing. Mended: the same after every article of "
        "the product master got another VAT class, which writes every order and line anew and moves no stock. The "
        "yardstick is booking them for the first time. Every commit is on disk; PostgreSQL on the same machine over a "
        "unix socket.",
        ("store and what", "seconds", "orders/s", "x yardstick"),
    )
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-replay-") as place, store_urls(Path(place)) as urls:
        for store, url in urls.items():
            with bench_shop.opened(Path(place), goods, store_url=url) as shop:
                numbers = bench_shop.receive(shop, made.bodies.items(), _AT_ONCE)
                seconds = {}
                began = time.perf_counter()
                first = interpret_waiting(shop, "bol")
                seconds["first booking"] = time.perf_counter() - began
                result.expect(f"{store}: booked", (first.orders_new, first.orders_quarantined), (amount, 0))
                state = _state(shop)
                result.expect(f"{store}: orders and demand", state[:2], (amount, made.units))
                began = time.perf_counter()
                same = read_again(shop, numbers)
                seconds["replayed"] = time.perf_counter() - began
                result.expect(
                    f"{store}: replayed",
                    (same.orders_unchanged, same.orders_new, same.orders_changed),
                    (amount, 0, 0),
                )
                result.expect(f"{store}: state after the replay", _state(shop), state)
                bench_shop.add_products(shop, goods, vat_class="low")
                began = time.perf_counter()
                mended = read_again(shop, numbers)
                seconds["mended"] = time.perf_counter() - began
                result.expect(f"{store}: mended", (mended.orders_changed, mended.orders_new), (amount, 0))
                after = _state(shop)
                result.expect(f"{store}: ledger and totals after mending", after[:5], state[:5])
                result.expect(f"{store}: less VAT after mending", after[5] < state[5], True)
            for what, taken in seconds.items():
                result.rows.append(
                    (
                        f"{store}, {what}",
                        f"{taken:.2f}",
                        f"{amount / taken:,.0f}",
                        f"{taken / seconds['first booking']:.2f}",
                    )
                )
            slowest = max(slowest, seconds["replayed"], seconds["mended"])
    if not small:
        result.target(
            f"a replayed day of {amount:,} orders within {_MOST_SECONDS} s, whether it changes anything or not: "
            f"{slowest:.1f} s at most",
            slowest <= _MOST_SECONDS,
        )
    return [result]


def _state(shop: Shop) -> tuple[int, int, int, int, Decimal, Decimal]:
    """Return orders, demand, movements and receipts, which a replay leaves alone; then totals and their VAT."""
    with shop.store.reading() as connection:

        def number(expression: "sa.Function[Any]") -> int:
            return int(connection.execute(sa.select(expression)).scalar_one())

        # Added up here: SQLite would make floats of the amounts.
        amounts = list(
            connection.execute(sa.select(orders.c.order_total_incl_vat, orders.c.order_vat_amount))
        )
        return (
            number(sa.func.count(orders.c.order_key)),
            number(sa.func.sum(line_demand.c.open_quantity)),
            number(sa.func.count(stock_movements.c.movement_seq)),
            number(sa.func.count(receipts.c.receipt_seq)),
            sum((row.order_total_incl_vat for row in amounts), Decimal(0)),
            sum((row.order_vat_amount for row in amounts), Decimal(0)),
        )
