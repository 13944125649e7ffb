"""One contender of ``ingest``: dlt loads the same files into DuckDB. Runs in an environment of its own.

``python -m benchmarks.ingest_dlt SYSTEM FOLDER SETTING``; imports nothing of the product, which is not installed there.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.usage import cpu_s, own_peak_mb


@dataclass(frozen=True)
class Setting:
    """A way to let dlt do it.

    Args:
        title: for people.
        rows: what the resource yields: ``dicts`` one by one, ``pages`` (the orders of a file), ``tables`` that code of
            ours took apart with pyarrow, so that dlt meets no nested value (bol's only).
        file_format: of the files between dlt's steps; ``None`` leaves the choice to dlt.
        strategy: of the merge.
        resource: further arguments of ``dlt.resource``.
        variables: configuration as environment variables.
        keeps_detection: text that looks like an instant becomes one.
    """

    title: str
    rows: str = "dicts"
    file_format: str | None = None
    strategy: str | None = None
    resource: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    keeps_detection: bool = True


_TWO_WORKERS = {
    "NORMALIZE__WORKERS": "2",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "2000",
    "NORMALIZE__START_METHOD": "spawn",
}
_LARGE_BUFFERS = {
    "EXTRACT__DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
}
SETTINGS = {
    "default": Setting("nothing set"),
    "pages": Setting("a list for each file", "pages"),
    "parquet": Setting("Parquet", "dicts", "parquet"),
    "parquet_pages": Setting("Parquet, a list for each file", "pages", "parquet"),
    "jsonl_pages": Setting("JSONL, a list for each file", "pages", "jsonl"),
    "upsert": Setting("Parquet, lists, merge by upsert", "pages", "parquet", "upsert"),
    "insert_only": Setting("Parquet, lists, merge that only inserts", "pages", "parquet", "insert-only"),
    "parallelized": Setting(
        "Parquet, lists, parallelized", "pages", "parquet", resource={"parallelized": True}
    ),
    "two_workers": Setting(
        "Parquet, lists, 2 processes that normalise", "pages", "parquet", variables=_TWO_WORKERS
    ),
    "large_buffers": Setting(
        "Parquet, lists, buffers of 100,000", "pages", "parquet", variables=_LARGE_BUFFERS
    ),
    "one_level": Setting(
        "Parquet, lists, max_table_nesting = 1", "pages", "parquet", resource={"max_table_nesting": 1}
    ),
    "one_level_insert_only": Setting(
        "Parquet, lists, max_table_nesting = 1, merge that only inserts",
        "pages",
        "parquet",
        "insert-only",
        {"max_table_nesting": 1},
    ),
    "no_detection": Setting(
        "Parquet, lists, one type declared and none detected",
        "pages",
        "parquet",
        keeps_detection=False,
    ),
    "arrow": Setting("Parquet, flat tables made by pyarrow", "tables", "parquet"),
}
"""All that were tried."""


@dataclass(frozen=True)
class Shape:
    """What dlt must be told of a system's orders, and where the figures lie in its tables."""

    key: str
    key_column: str
    instant: str
    lines: str
    placed: str
    total: str
    only: str = "true"


SHAPES = {
    "bol": Shape(
        "orderId", "order_id", "orderPlacedDateTime", "order_items", "order_placed_date_time", "total_price"
    ),
    "mirakl": Shape("order_id", "order_id", "created_date", "order_lines", "created_date", "price"),
    "shopware": Shape(
        "id", "id", "orderDateTime", "line_items", "order_date_time", "total_price", "items.type = 'product'"
    ),
}

_BY_MONTH = """
select strftime(orders.{shape.placed}, '%Y-%m'), count(distinct orders.{shape.key_column}), count(*),
    cast(sum(cast(items.{shape.total} as decimal(18, 2))) as varchar)
from shop.orders as orders
inner join shop.orders__{shape.lines} as items on {on}
where {shape.only}
group by 1
order by 1
"""


def main(system: str, source: Path, name: str) -> None:
    """Load all files and tell what it took and what came out."""
    setting, shape = SETTINGS[name], SHAPES[system]
    with tempfile.TemporaryDirectory(prefix="bench-dlt-") as folder:
        quiet = {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "CRITICAL",
            "DLT_DATA_DIR": folder,
        }
        os.environ.update({**quiet, **setting.variables})
        dlt, duckdb = importlib.import_module("dlt"), importlib.import_module("duckdb")
        path = Path(folder) / "tables.duckdb"
        pipeline = dlt.pipeline(
            "bench",
            destination=dlt.destinations.duckdb(str(path)),
            dataset_name="shop",
            pipelines_dir=folder,
        )
        files = sorted(source.glob("*.jsonl"))
        data = _source(dlt, files, setting, shape)
        began, worked = time.perf_counter(), cpu_s()
        if setting.file_format is None:
            pipeline.run(data)
        else:
            pipeline.run(data, loader_file_format=setting.file_format)
        seconds, worked = time.perf_counter() - began, cpu_s() - worked
        on = (
            "items.order_id = orders.order_id"
            if setting.rows == "tables"
            else "items._dlt_parent_id = orders._dlt_id"
        )
        with duckdb.connect(str(path), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            months = reader.execute(_BY_MONTH.format(on=on, shape=shape)).fetchall()
    told = {
        "seconds": seconds,
        "cpu_s": worked,
        "months": {month: list(sums) for month, *sums in months},
        "peak_mb": own_peak_mb(),
        "version": dlt.__version__,
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


def _source(dlt: Any, files: list[Path], setting: Setting, shape: Shape) -> Any:
    disposition: Any = "merge"
    if setting.strategy is not None:
        disposition = {"disposition": "merge", "strategy": setting.strategy}

    def resource(name: str, key: str, rows: Callable[[list[Path]], Iterator[Any]]) -> Any:
        arguments = dict(setting.resource)
        if not setting.keeps_detection:
            arguments["columns"] = {shape.instant: {"data_type": "timestamp"}}
        make = dlt.resource(rows, name=name, write_disposition=disposition, primary_key=key, **arguments)
        return make(files)

    if setting.rows == "tables":
        resources = [
            resource("orders", "orderId", _order_tables),
            resource("orders__order_items", "orderItemId", _item_tables),
        ]
    else:
        resources = [resource("orders", shape.key, _pages if setting.rows == "pages" else _dicts)]
    made = dlt.source(lambda: resources, name="shop")()
    if not setting.keeps_detection:
        made.schema.remove_type_detection("iso_timestamp")
    return made


def _dicts(files: list[Path]) -> Iterator[Any]:
    for page in _pages(files):
        yield from page


def _pages(files: list[Path]) -> Iterator[list[Any]]:
    loads = importlib.import_module("orjson").loads
    for path in files:
        with path.open("rb") as file:
            yield [loads(line) for line in file]


def _order_tables(files: list[Path]) -> Iterator[Any]:
    reader = importlib.import_module("pyarrow.json")
    for path in files:
        yield reader.read_json(path).drop_columns(["orderItems"]).flatten()


def _item_tables(files: list[Path]) -> Iterator[Any]:
    reader, arrow = importlib.import_module("pyarrow.json"), importlib.import_module("pyarrow")
    compute = importlib.import_module("pyarrow.compute")
    for path in files:
        orders = reader.read_json(path)
        items = orders["orderItems"].combine_chunks()
        table = arrow.Table.from_struct_array(compute.list_flatten(items))
        owners = compute.take(orders["orderId"], compute.list_parent_indices(items))
        table = table.append_column("orderId", owners).drop_columns(["discounts", "additionalServices"])
        yield table.flatten()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
