"""A load that is killed in the middle of a batch: the next one goes on where the last commit stood."""

import subprocess
import sys

from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import Shop

# Dies after everything of the second batch was written and before its commit.
KILLED_LOAD = """
import os, sys
from pathlib import Path
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services import warehouse_load
from order_pipelines.warehouse.engine import Warehouse

set_done = warehouse_load._set_done
def die_at_the_second(session, stream, until, loaded_at):
    set_done(session, stream, until, loaded_at)
    if until == 2:
        os.kill(os.getpid(), 9)
warehouse_load._set_done = die_at_the_second
operations, warehouse = sys.argv[1:]
warehouse_load.load_core(OperationsStore(operations), Warehouse(warehouse, Path(".")), batch_orders=1)
"""


def test_a_killed_load_loses_and_repeats_nothing(shop: Shop, warehouse: Warehouse) -> None:
    for number in ("A", "B", "C"):
        shop.order(number)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_LOAD, str(shop.store.url), warehouse.url],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert warehouse.query("select order_key from core.orders").to_pylist() == [{"order_key": "bol_nl:A"}]
    assert warehouse.query("select done_seq from core.load_state").to_pylist() == [{"done_seq": 1}]
    assert load_core(shop.store, warehouse).rows_read["core.orders"] == 2
    build_marts(warehouse)
    assert warehouse.query("select orders from mart.revenue_per_channel_day").to_pylist() == [{"orders": 3}]
