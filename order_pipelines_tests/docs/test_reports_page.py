"""docs/reports.md against the tables, and the pages of the tables against their declarations."""

import re

import pytest

from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.tables import ALL_TABLES, REVENUE_PER_CHANNEL_DAY
from order_pipelines_tests.docs.pages import DOCS, first_cells, text_of

WHAT_IT_IS_ABOUT = {"channel", "account", "ship_country", "currency_code", "order_date"}


def test_every_figure_of_the_revenue_table_is_defined() -> None:
    words = set(re.findall(r"`([^`]+)`", text_of(DOCS / "reports.md")))
    assert set(REVENUE_PER_CHANNEL_DAY.column_names) - WHAT_IT_IS_ABOUT - words == set()


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: str(table.full_name))
def test_every_column_of_a_table_is_described(table: Table) -> None:
    assert first_cells(DOCS / "tables" / f"{table.full_name}.md") == list(table.column_names)
    assert f"[{table.full_name}]({table.full_name}.md)" in text_of(DOCS / "tables" / "README.md")
