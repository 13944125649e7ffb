"""The real order lines of a wholesaler, through the whole pipeline, against figures made without the product.

``examples/uci_online_retail`` holds the settings, the expected figures and how they were made.
"""

import csv
import tomllib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines.operations.tables import files, metadata, orders, quarantine, receipts, stock_statements
from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.shop import Shop, open_shop
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.checks import checks, run_check, validate_table
from order_pipelines.warehouse.core_tables import CORE_TABLES
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.mart_tables import MART_TABLES
from order_pipelines_tests.conformance.conftest import FIGURE
from order_pipelines_tests.conformance.uci_run import (
    ACCOUNT,
    EXAMPLE,
    SETTLED,
    UciRun,
    drop,
    environment,
    prepare,
    run,
)
from order_pipelines_tests.postgres import TestPostgres

MOST_MEMORY_MB = 1024

EXPECTED = tomllib.loads((EXAMPLE / "expected.toml").read_text(encoding="utf-8"))
with (EXAMPLE / "expected.csv").open(encoding="utf-8", newline="") as table:
    EXPECTED_MONTHS = list(csv.DictReader(table))

# One process works for a minute; on a busy machine for several.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Pipeline:
    """The example after its run, with both stores open for questions."""

    def __init__(self, finished: UciRun, shop: Shop) -> None:
        self.run = finished
        self.shop = shop
        self.warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        self.folder = finished.settings.parent

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the warehouse."""
        rows: list[dict[str, Any]] = self.warehouse.query(sql).to_pylist()
        return rows

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """Rows of the operations store."""
        with self.shop.store.reading() as connection:
            return list(connection.execute(query))

    def state(self) -> dict[str, int]:
        """How many rows every table of the operations store holds, and how far its counters are."""
        state = {
            name: self.rows(sa.select(sa.func.count()).select_from(one))[0][0]
            for name, one in metadata.tables.items()
        }
        return state | {
            f"counter {row.name}": row.value for row in self.rows(sa.select(metadata.tables["counters"]))
        }


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("files", id="sqlite-duckdb", marks=pytest.mark.xdist_group("uci_files")),
        pytest.param("postgresql", id="postgresql", marks=pytest.mark.xdist_group("uci_postgresql")),
    ],
)
def uci(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Return the pipeline after the file went through it, once for all tests of a pair of stores."""
    server: TestPostgres | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
    url = None if server is None else server.create_database()
    folder = tmp_path_factory.mktemp("uci")
    finished = run(prepare(folder, shared / "data" / "uci_online_retail.csv.gz", url), url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(url).items():
            patch.setenv(name, value)
        with open_shop(finished.settings) as shop:
            yield Pipeline(finished, shop)
    if server is not None and url is not None:
        server.drop_database(url)


def test_the_file_is_read_within_a_gigabyte(uci: Pipeline, request: pytest.FixtureRequest) -> None:
    """Time is printed and not asserted: other processes share the machine."""
    name = request.node.callspec.id
    request.node.user_properties.append((FIGURE, "\n".join([f"UCI Online Retail, {name}", *uci.run.lines()])))
    assert uci.run.rows_read == EXPECTED["rows"]
    assert uci.run.peak_mb <= MOST_MEMORY_MB


def test_every_row_is_exactly_one_thing(uci: Pipeline) -> None:
    """Lines, also of quarantined orders, and stock corrections: each row of the file once, its headings being row 1."""
    lines = [row["source_row"] for row in uci.ask("select source_row from core.order_lines")]
    corrections = [row.source_row for row in uci.rows(sa.select(stock_statements.c.source_row))]
    assert sorted(lines + corrections) == list(range(2, EXPECTED["rows"] + 2))


def test_every_class_has_the_rows_and_the_money_it_must_have(uci: Pipeline) -> None:
    found = uci.ask(
        """
        select
            case when orders.is_quarantined then 'quarantined' else orders.order_kind end as document,
            order_lines.line_kind,
            count(*) as lines_count,
            sum(order_lines.line_total_excl_vat) as amount
        from core.order_lines
        inner join core.orders on order_lines.order_key = orders.order_key
        group by 1, 2
        """
    )
    lines = {(row["document"], row["line_kind"]): row["lines_count"] for row in found}
    amounts = {(row["document"], row["line_kind"]): row["amount"] for row in found}
    classes, credit_lines = EXPECTED["classes"], EXPECTED["credit_lines"]
    assert classes["discount_lines"] == classes["rejected_rows"] == 0
    assert lines == {
        ("sale", "goods"): classes["goods_lines"],
        ("sale", "shipping"): classes["shipping_lines"],
        ("sale", "manual"): classes["manual_lines"],
        ("sale", "fee"): classes["fee_lines"],
        **{("credit", kind): count for kind, count in credit_lines.items()},
        ("quarantined", "manual"): classes["quarantined_lines"],
    }
    expected = {name: Decimal(amount) for name, amount in EXPECTED["amounts"].items()}
    assert {kind: amount for (document, kind), amount in amounts.items() if document == "sale"} == {
        "goods": expected["goods_excl_vat"],
        "shipping": expected["shipping_excl_vat"],
        "manual": expected["manual_excl_vat"],
        "fee": expected["fee_excl_vat"],
    }
    assert (
        sum(amounts[("sale", kind)] for kind in ("shipping", "manual", "fee"))
        == expected["non_goods_excl_vat"]
    )
    assert (
        sum(amount for (document, _), amount in amounts.items() if document == "credit")
        == (expected["credits_excl_vat"])
    )
    assert amounts[("quarantined", "manual")] == expected["quarantined_excl_vat"]
    assert sum(amounts.values()) == expected["all_rows_excl_vat"]


def test_the_classes_add_up_to_the_rows_of_the_file(uci: Pipeline) -> None:
    classes = EXPECTED["classes"]
    (file,) = uci.rows(sa.select(files))
    assert (file.state, file.rows_read, file.reason) == ("processed", EXPECTED["rows"], None)
    assert uci.run.counts == file.counts
    assert file.counts == {
        "orders": EXPECTED["orders"]["sales"],
        "credits": EXPECTED["orders"]["credits"],
        "orders_quarantined": EXPECTED["orders"]["quarantined"],
        "goods_lines": classes["goods_lines"],
        "shipping_lines": classes["shipping_lines"],
        "manual_lines": classes["manual_lines"],
        "fee_lines": classes["fee_lines"],
        **{f"credit_{kind}_lines": count for kind, count in EXPECTED["credit_lines"].items()},
        "stock_corrections": classes["stock_corrections_down"] + classes["stock_corrections_up"],
        "quarantined_rows": classes["quarantined_lines"],
    }
    documents = {"orders", "credits", "orders_quarantined"}
    assert sum(count for name, count in file.counts.items() if name not in documents) == EXPECTED["rows"]


def test_stock_corrections_are_kept_as_history_and_move_nothing(uci: Pipeline) -> None:
    found = Counter(
        (row.kind, "down" if row.quantity < 0 else "up", row.is_history, row.is_booked)
        for row in uci.rows(sa.select(stock_statements))
    )
    assert found == {
        ("correction", "down", True, False): EXPECTED["classes"]["stock_corrections_down"],
        ("correction", "up", True, False): EXPECTED["classes"]["stock_corrections_up"],
    }
    state = uci.state()
    assert {name: state[name] for name in ("stock_movements", "stock_positions", "line_demand")} == {
        "stock_movements": 0,
        "stock_positions": 0,
        "line_demand": 0,
    }


def test_only_the_entries_of_the_bookkeeper_are_quarantined(uci: Pipeline) -> None:
    found = uci.rows(sa.select(quarantine).order_by(quarantine.c.entity_key))
    assert {(row.entity, row.entity_key, row.reason_code, row.resolved_at) for row in found} == {
        ("order", f"{ACCOUNT}:{number}", code, None)
        for code, numbers in EXPECTED["quarantine"].items()
        for number in numbers
    }
    assert found[0].reason == "a correction in the books, no order (A563185)"
    waiting = uci.ask("select entity_key, reason_code from mart.open_quarantine order by entity_key")
    assert [(row["entity_key"], row["reason_code"]) for row in waiting] == [
        (row.entity_key, row.reason_code) for row in found
    ]


def test_every_invoice_is_an_order_a_credit_or_only_stock_corrections(uci: Pipeline) -> None:
    kinds = Counter(
        "quarantined" if row.is_quarantined else row.order_kind
        for row in uci.rows(sa.select(orders.c.order_kind, orders.c.is_quarantined))
    )
    expected = EXPECTED["orders"]
    assert kinds == {
        "sale": expected["sales"],
        "credit": expected["credits"],
        "quarantined": expected["quarantined"],
    }
    assert sum(kinds.values()) + expected["only_stock_corrections"] == EXPECTED["invoices"]
    listed = uci.ask("select count(*) as orders, count(distinct order_key) as keys from mart.orders")
    assert listed == [{"orders": sum(kinds.values()), "keys": sum(kinds.values())}]


def test_revenue_of_every_country_and_month_is_the_table(uci: Pipeline) -> None:
    found = uci.ask(
        """
        select month_start, ship_country, channel, account, currency_code,
            orders, net_revenue_excl_vat, credits_excl_vat
        from mart.revenue_per_channel_month
        """
    )
    assert {(row["channel"], row["account"], row["currency_code"]) for row in found} == {
        ("b2b", ACCOUNT, "GBP")
    }
    assert {
        (f"{row['month_start']:%Y-%m}", row["ship_country"] or ""): (
            row["orders"],
            row["net_revenue_excl_vat"],
            row["credits_excl_vat"],
        )
        for row in found
    } == {
        (row["month"], row["country"]): (
            int(row["orders"]),
            Decimal(row["goods_excl_vat"]) + Decimal(row["non_goods_excl_vat"]),
            -Decimal(row["credits_excl_vat"]),
        )
        for row in EXPECTED_MONTHS
    }


def test_lines_of_every_country_and_month_are_the_table(uci: Pipeline) -> None:
    found = uci.ask(
        """
        select
            extract(year from orders.order_date) * 100 + extract(month from orders.order_date) as month,
            orders.ship_country,
            count(distinct orders.order_key) filter (where orders.order_kind = 'sale') as orders,
            count(*) filter (where orders.order_kind = 'sale' and order_lines.line_kind = 'goods') as goods,
            sum(order_lines.line_total_excl_vat)
            filter (where orders.order_kind = 'sale' and order_lines.line_kind = 'goods') as goods_amount,
            count(*) filter (where orders.order_kind = 'sale' and order_lines.line_kind <> 'goods') as other,
            sum(order_lines.line_total_excl_vat)
            filter (where orders.order_kind = 'sale' and order_lines.line_kind <> 'goods') as other_amount,
            count(*) filter (where orders.order_kind = 'credit') as credit,
            sum(order_lines.line_total_excl_vat) filter (where orders.order_kind = 'credit') as credit_amount
        from core.order_lines
        inner join core.orders on order_lines.order_key = orders.order_key
        where not orders.is_quarantined
        group by 1, 2
        """
    )
    counts = ("orders", "goods", "other", "credit")
    amounts = ("goods_amount", "other_amount", "credit_amount")
    assert {
        (f"{int(row['month']) // 100}-{int(row['month']) % 100:02}", row["ship_country"] or ""): (
            *(row[name] for name in counts),
            *(row[name] or Decimal(0) for name in amounts),
        )
        for row in found
    } == {
        (row["month"], row["country"]): (
            *(int(row[name]) for name in ("orders", "goods_lines", "non_goods_lines", "credit_lines")),
            *(Decimal(row[name]) for name in ("goods_excl_vat", "non_goods_excl_vat", "credits_excl_vat")),
        )
        for row in EXPECTED_MONTHS
    }


def test_the_report_shows_what_was_sold(uci: Pipeline) -> None:
    assert uci.run.reported == {
        "orders": EXPECTED["orders"]["sales"],
        "quarantined": EXPECTED["orders"]["quarantined"],
    }
    page = (uci.folder / "report.html").read_text(encoding="utf-8")
    # Goods and everything else, 10,271,433.06 and 384,189.42, as Dutch readers write it.
    assert "GBP 10.655.622,48" in page


def test_identical_rows_stay_lines(uci: Pipeline) -> None:
    """The same article, quantity, price and moment twenty times on one invoice; nothing tells the rows apart."""
    (found,) = uci.ask(
        f"""
        select count(*) as lines_count, count(distinct line_id) as ids, count(distinct quantity) as quantities
        from core.order_lines
        where order_key = '{ACCOUNT}:555524' and sku_said = '22698'
        """
    )
    assert found == {"lines_count": 20, "ids": 20, "quantities": 1}


def test_history_causes_nothing_outside(uci: Pipeline) -> None:
    """The account's ``effective_from`` lies after the last invoice."""
    assert uci.rows(sa.select(sa.func.count()).where(orders.c.is_history.is_(False)))[0][0] == 0
    state = uci.state()
    assert {name: state[name] for name in ("outbox", "invoices", "channel_stock", "alerts")} == {
        "outbox": 0,
        "invoices": 0,
        "channel_stock": 0,
        "alerts": 0,
    }


def test_the_written_tables_pass_every_check(uci: Pipeline) -> None:
    """Those that block in Dagster: contracts of the tables, and every claim of ``sql/checks``."""
    broken = [
        failure for one in (*CORE_TABLES, *MART_TABLES) for failure in validate_table(uci.warehouse, one)
    ]
    assert [str(failure) for failure in broken] == []
    offending = {check.name: run_check(uci.warehouse, check.name).num_rows for check in checks()}
    assert {name: rows for name, rows in offending.items() if rows} == {}


def test_the_same_file_under_another_name_changes_nothing(uci: Pipeline, shared: Path) -> None:
    before = uci.state()
    receipt = uci.rows(sa.select(receipts))
    drop(uci.folder, shared / "data" / "uci_online_retail.csv.gz", "uci_online_retail_again.csv.gz")
    (again,) = take_in(uci.shop, ACCOUNT, settle=SETTLED)
    assert (again.name, again.state, again.is_repeat) == ("uci_online_retail_again.csv.gz", "processed", True)
    assert again.reason == "the same content was processed before as uci_online_retail.csv.gz"
    assert not load_core(uci.shop.store, uci.warehouse).has_changes
    assert build_marts(uci.warehouse).orders_touched == 0
    assert uci.state() == before
    assert uci.rows(sa.select(receipts)) == receipt
    kept = sorted(path.name.partition("_")[2] for path in (uci.folder / "inbox" / "processed").iterdir())
    assert kept == ["uci_online_retail.csv.gz", "uci_online_retail_again.csv.gz"]
    assert [path.name for path in (uci.folder / "inbox").iterdir() if path.is_file()] == []
