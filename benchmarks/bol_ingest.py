"""Ten thousand order details of bol: into the inbox, to the current state with ledger, and into the warehouse."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks import bol_payloads
from benchmarks.bol_payloads import Article, Payloads
from benchmarks.result import Result
from order_pipelines import clock
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import product_eans, products
from order_pipelines.services.intake import ORDER, interpret_waiting
from order_pipelines.services.shop import Shop, open_shop
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse

_ACCOUNT = "bol_main"
_ARTICLES = 500
# After the last of the payloads: an order of the future goes into quarantine.
_NOW = datetime(2026, 12, 31, tzinfo=UTC)
# As many as a sweep stores at once.
_STORED_AT_ONCE = 25
_SETTINGS = """
[merchant]
name = "Grootboek & Zn"
[[locations]]
name = "main"
[accounts.bol_main]
system = "bol"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
base_url = "http://127.0.0.1:9"
"""


def run(small: bool) -> Result:
    """Take the payloads in on SQLite and DuckDB."""
    amount = 1_000 if small else 10_000
    goods = bol_payloads.articles(_ARTICLES)
    made = bol_payloads.make(amount, goods)
    result = Result(
        f"{amount:,} order details of bol",
        f"Made-up details of one to three lines, {made.lines:,} lines in all, as bol's v10 writes them, on SQLite and "
        "DuckDB: stored in the inbox (25 a transaction, on disk each time), interpreted, judged and booked with demand "
        "and ledger, then loaded and summed up. No HTTP. The yardstick reads the same bodies with orjson and does "
        "nothing.",
        ("stage", "seconds", "orders/s", "x yardstick"),
    )
    began = time.perf_counter()
    for body in made.bodies.values():
        orjson.loads(body)
    stages = [("yardstick", time.perf_counter() - began)]
    with tempfile.TemporaryDirectory(prefix="bench-bol-") as folder, clock.frozen(_NOW):
        settings = Path(folder) / "settings.toml"
        settings.write_text(_SETTINGS, encoding="utf-8")
        with open_shop(settings) as shop:
            _add_products(shop, goods)
            warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
            warehouse.migrate()
            with _timed(stages, "inbox"):
                _receive(shop, made)
            with _timed(stages, "current state"):
                booked = interpret_waiting(shop, "bol")
            with _timed(stages, "core"):
                load_core(shop.store, warehouse)
            with _timed(stages, "marts"):
                build_marts(warehouse)
            found = _sums(warehouse)
    result.expect("orders booked", (booked.orders_new, booked.orders_quarantined), (amount, 0))
    result.expect("lines", found["lines_count"], made.lines)
    result.expect("revenue", found["revenue"], made.total)
    result.expect(
        "units sold and open in the ledger", (found["units"], found["open_demand"]), (made.units, made.units)
    )
    yardstick_s = stages[0][1]
    for name, seconds in [*stages[1:], ("all", sum(seconds for _, seconds in stages[1:])), stages[0]]:
        result.rows.append(
            (name, f"{seconds:.2f}", f"{amount / seconds:,.0f}", f"{seconds / yardstick_s:,.0f}")
        )
    return result


@contextmanager
def _timed(stages: list[tuple[str, float]], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    stages.append((name, time.perf_counter() - began))


def _add_products(shop: Shop, goods: list[Article]) -> None:
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(goods))
        rows: list[dict[str, Any]] = [
            {
                "sku": one.sku,
                "vat_class": "high",
                "source": "file",
                "updated_at": clock.now(),
                "change_seq": number,
            }
            for number, one in enumerate(goods, start=first)
        ]
        upsert(connection, products, rows)
        upsert(connection, product_eans, [{"ean": one.ean, "sku": one.sku} for one in goods])


def _receive(shop: Shop, made: Payloads) -> None:
    waiting = list(made.bodies.items())
    for start in range(0, len(waiting), _STORED_AT_ONCE):
        now = clock.now()
        incoming = [
            Incoming(_ACCOUNT, "bol", ORDER, order_id, body, now, "poll")
            for order_id, body in waiting[start : start + _STORED_AT_ONCE]
        ]
        with shop.store.transaction() as connection:
            inbox.receive(connection, incoming)


def _sums(warehouse: Warehouse) -> dict[str, Any]:
    (row,) = warehouse.query(
        """
        select
            (select cast(sum(gross_revenue_incl_vat) as decimal(18, 2)) from mart.revenue_per_channel_day) as revenue,
            (select cast(sum(units) as bigint) from mart.revenue_per_channel_day) as units,
            (select count(*) from core.order_lines) as lines_count,
            (select cast(sum(open_demand) as bigint) from core.stock_positions) as open_demand
        """
    ).to_pylist()
    found: dict[str, Any] = row
    return found
