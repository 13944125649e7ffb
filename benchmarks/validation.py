"""Judging rows with Pandera: orders and lines as they come in, tables of the warehouse as they are loaded."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from benchmarks import bench_shop, bol_payloads
from benchmarks.result import Result
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Order
from order_pipelines.domain.validation import Believable, validate_orders
from order_pipelines.operations.store import chunks
from order_pipelines.services.intake import interpret_waiting
from order_pipelines.services.warehouse_load import load_core
from order_pipelines.warehouse.checks import contract_failures
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ORDER_LINES, ORDERS, PRODUCTS

_TIMES = 3
# As the product does it: details are judged by the batch that is booked, or alone.
_BATCH = 200


def run(small: bool) -> list[Result]:
    """Judge the same rows by the product's schemas and by a plain cast to types."""
    amount = 1_000 if small else 10_000
    articles = bol_payloads.articles(amount)
    made = bol_payloads.make(amount, articles[: bench_shop.ARTICLES])
    result = Result(
        f"Validation of {amount:,} orders, {made.lines:,} lines and {amount:,} articles",
        "Judging: orders of bol with their lines against the Pandera schemas of orders and lines, from interpreted "
        "orders to problems, in the batches in which they are booked, all at once, and alone. Contracts: rows on their "
        "way into the warehouse against the Pandera schema of their table. The yardstick makes columns of the same "
        f"types of the same rows with pyarrow and judges nothing. The best of {_TIMES}.",
        ("what", "rows", "seconds", "rows/s", "yardstick s", "x yardstick"),
    )
    orders = _interpreted(made)
    limits = Believable(bench_shop.NOW)
    rows = amount + made.lines
    yardstick_s = _best(lambda: _columns(orders))
    few = orders[: 20 if small else 200]
    few_rows = len(few) + sum(len(order.lines) for order in few)
    few_yardstick_s = _best(lambda: [_columns([order]) for order in few])
    for name, judged, count, work, plain_s in (
        (f"judging, {_BATCH} orders at once", orders, rows, _in_batches(orders, limits, _BATCH), yardstick_s),
        ("judging, all at once", orders, rows, _in_batches(orders, limits, len(orders)), yardstick_s),
        ("judging, one at a time", few, few_rows, _in_batches(few, limits, 1), few_yardstick_s),
    ):
        _add_row(result, name, count, _best(work), plain_s)
        found = [problems for part in work() for problems in part]
        result.expect(f"{name}: orders with problems", found, [[] for _ in judged])
    spoiled = [_spoil(order) for order in few]
    result.expect(
        "spoiled orders that are found",
        sum(
            any(problem.code == "negative_quantity" for problem in found)
            for found in validate_orders(spoiled, limits)
        ),
        len(few),
    )
    for table, data in _loaded(articles, made).items():
        as_text = data.cast(pa.schema([pa.field(name, pa.string()) for name in data.column_names]))
        _add_row(
            result,
            f"contract of {table.full_name}",
            data.num_rows,
            _best(partial(contract_failures, table, data)),
            _best(partial(as_text.cast, table.arrow_schema())),
        )
        result.expect(f"contract of {table.full_name}", contract_failures(table, data), [])
    return [result]


def _add_row(result: Result, name: str, rows: int, seconds: float, plain_s: float) -> None:
    result.rows.append(
        (
            name,
            f"{rows:,}",
            f"{seconds:.3f}",
            f"{rows / seconds:,.0f}",
            f"{plain_s:.3f}",
            f"{seconds / plain_s:.1f}",
        )
    )


def _best(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _in_batches(
    orders: Sequence[Order], limits: Believable, size: int
) -> Callable[[], list[list[list[object]]]]:
    return lambda: [list(map(list, validate_orders(part, limits))) for part in chunks(orders, size)]


def _interpreted(made: bol_payloads.Payloads) -> list[Order]:
    make = connector_of("bol").interpreter
    assert make is not None
    interpreter = make({})
    return [
        order
        for order_id, body in made.bodies.items()
        for order in interpreter(body, kind="order", name=order_id).orders
    ]


def _spoil(order: Order) -> Order:
    first, *others = order.lines
    return replace(order, lines=(replace(first, quantity=0), *others))


def _columns(orders: Sequence[Order]) -> tuple[pa.Table, pa.Table]:
    """Return the values that judging looks at as typed columns, without looking at them."""
    lines = [line for order in orders for line in order.lines]
    return (
        pa.table(
            {
                "currency": pa.array([order.currency for order in orders], pa.string()),
                "ship_country": pa.array([order.ship_country for order in orders], pa.string()),
                "ordered_at": pa.array([order.ordered_at for order in orders], pa.timestamp("us", "UTC")),
                "line_count": pa.array([len(order.lines) for order in orders], pa.int64()),
                "total": pa.array([order.order_total_incl_vat for order in orders], pa.decimal128(18, 2)),
            }
        ),
        pa.table(
            {
                "line_id": pa.array([line.external_line_id for line in lines], pa.string()),
                "quantity": pa.array([line.quantity for line in lines], pa.int64()),
                "cancelled": pa.array([line.quantity_cancelled for line in lines], pa.int64()),
                "unit_price": pa.array([line.unit_price_incl_vat for line in lines], pa.decimal128(18, 4)),
                "total": pa.array([line.line_total_incl_vat for line in lines], pa.decimal128(18, 2)),
            }
        ),
    )


def _loaded(articles: Sequence[bol_payloads.Article], made: bol_payloads.Payloads) -> dict[Table, pa.Table]:
    """Return the rows of the warehouse after the payloads went through the product."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-validation-") as place,
        bench_shop.opened(Path(place), articles) as shop,
    ):
        bench_shop.receive(shop, made.bodies.items(), _BATCH)
        interpret_waiting(shop, "bol")
        warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        load_core(shop.store, warehouse)
        return {table: warehouse.read_table(table) for table in (ORDERS, ORDER_LINES, PRODUCTS)}
