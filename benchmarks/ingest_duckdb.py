"""One contender of ``ingest``: DuckDB reads the same files and merges them into typed tables, and nothing else.

``python -m benchmarks.ingest_duckdb SYSTEM FOLDER``. No inbox, no matching, no checks, no quarantine, no VAT, and no
ledger.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.ingest_duckdb_sql import STAGES
from benchmarks.usage import cpu_s, own_peak_mb

_TABLES = """
create table orders (
    order_key text not null, external_order_id text not null, ship_country text, bill_country text,
    order_total_incl_vat decimal(18, 2), commission_total decimal(18, 2),
    ordered_at timestamptz, order_date date, changed_at timestamptz not null
);
create table order_lines (
    order_key text not null, line_id text not null, sku_said text, ean_said text, title text, offer_id text,
    line_number bigint not null, quantity bigint, quantity_cancelled bigint, quantity_shipped bigint,
    unit_price_incl_vat decimal(18, 4), line_discount_incl_vat decimal(18, 2), line_total_incl_vat decimal(18, 2),
    commission decimal(18, 2), own_fulfilment boolean, changed_at timestamptz, placed_at timestamptz not null
);
"""
_MERGE = """
merge into {table} as kept using staged_{name} as staged on {on}
when matched and staged.changed_at > kept.changed_at then update
when not matched then insert
"""
_BY_MONTH = """
select strftime(placed_at, '%Y-%m'), count(distinct order_key), count(*), cast(sum(line_total_incl_vat) as varchar)
from order_lines
group by 1
order by 1
"""


def main(system: str, source: Path) -> None:
    """Read and merge all files and tell what it took and what came out."""
    with tempfile.TemporaryDirectory(prefix="bench-duckdb-") as folder:
        path = Path(folder) / "tables.duckdb"
        connection = duckdb.connect(str(path))
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(_TABLES)
        began, worked = time.perf_counter(), cpu_s()
        connection.begin()
        connection.execute(STAGES[system].format(files=source / "*.jsonl"))
        connection.execute(
            _MERGE.format(table="orders", name="orders", on="kept.order_key = staged.order_key")
        )
        connection.execute(
            _MERGE.format(
                table="order_lines",
                name="lines",
                on="kept.order_key = staged.order_key and kept.line_id = staged.line_id",
            )
        )
        connection.commit()
        # Closing writes what is only in the log so far into the file.
        connection.close()
        seconds, worked = time.perf_counter() - began, cpu_s() - worked
        with duckdb.connect(str(path), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            months = reader.execute(_BY_MONTH).fetchall()
    told = {
        "seconds": seconds,
        "cpu_s": worked,
        "months": {month: list(sums) for month, *sums in months},
        "peak_mb": own_peak_mb(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
