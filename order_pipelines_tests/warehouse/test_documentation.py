"""The page for analysts: every example on it runs."""

import re
from pathlib import Path

from order_pipelines import clock
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import Shop

PAGE = Path(__file__).resolve().parents[2] / "docs" / "warehouse.md"


def test_every_example_for_analysts_runs(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A2K8290LP8", at=clock.now())
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    examples = re.findall(r"```sql\n(.+?);\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    selects = [text for text in examples if text.startswith("select")]
    assert len(selects) == 7
    rows = [warehouse.query(text).num_rows for text in selects]
    assert rows == [1, 1, 0, 0, 0, 0, 1]
