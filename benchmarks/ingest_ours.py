"""One contender of ``ingest``: files of orders to ``core`` as this product does it, timed by stage.

``python -m benchmarks.ingest_ours SYSTEM FOLDER live|history``.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks import bench_shop, bol_payloads
from benchmarks.usage import cpu_s, own_peak_mb
from order_pipelines.services.intake import interpret_waiting
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse

# As many as are interpreted and booked at once.
_STORED_AT_ONCE = 200
_BY_MONTH = """
with

lines as (
    select order_key, count(*) as lines_count, sum(line_total_incl_vat) as total
    from core.order_lines
    group by order_key
)

select
    strftime(orders.ordered_at, '%Y-%m') as month,
    count(*) as orders_count,
    cast(sum(lines.lines_count) as bigint) as lines_count,
    cast(sum(lines.total) as varchar) as total
from core.orders
inner join lines on orders.order_key = lines.order_key
group by month
order by month
"""
_REVENUE = """
select
    cast(cast(sum(gross_revenue_incl_vat) as decimal(18, 2)) as varchar) as revenue,
    cast(sum(units) as bigint) as units,
    (select cast(coalesce(sum(open_demand), 0) as bigint) from core.stock_positions) as open_demand
from mart.revenue_per_channel_day
"""


_ID = {"bol": "orderId", "mirakl": "order_id", "shopware": "id"}


def main(system: str, source: Path, kind: str) -> None:
    """Take all files in and tell what it took and what came out."""
    goods = bol_payloads.articles(bench_shop.ARTICLES)
    effective_from = bench_shop.HISTORY if kind == "history" else bench_shop.LIVE
    stages: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-orders-") as folder,
        bench_shop.opened(Path(folder), goods, effective_from=effective_from, system=system) as shop,
    ):
        warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        warehouse.migrate()
        worked = cpu_s()
        with _timed(stages, "inbox"):
            bench_shop.receive(shop, _bodies(source, _ID[system]), _STORED_AT_ONCE, system=system)
        with _timed(stages, "current state"):
            booked = interpret_waiting(shop, system)
        with _timed(stages, "core"):
            load_core(shop.store, warehouse)
        seconds, worked = sum(stages.values()), cpu_s() - worked
        with _timed(stages, "marts"):
            build_marts(warehouse)
        months: list[dict[str, Any]] = warehouse.query(_BY_MONTH).to_pylist()
        (revenue,) = warehouse.query(_REVENUE).to_pylist()
    told = {
        "seconds": seconds,
        "cpu_s": worked,
        "stages": stages,
        "booked": [booked.orders_new, booked.orders_quarantined],
        "months": {row["month"]: [row["orders_count"], row["lines_count"], row["total"]] for row in months},
        "revenue": revenue,
        "peak_mb": own_peak_mb(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


def _bodies(source: Path, member: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(source.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                body = line.rstrip(b"\n")
                yield orjson.loads(body)[member], body


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    stages[name] = time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
