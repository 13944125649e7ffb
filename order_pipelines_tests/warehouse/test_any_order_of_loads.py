"""Whatever happens between loads, however they are cut into batches and however often they run: one end state."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.checks import run_check
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ALL_TABLES, ORDER_VERSIONS
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.warehouse.rows import Shop, line, money, new_shop

pytestmark = pytest.mark.endurance

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)

sales = st.fixed_dictionaries(
    {
        "what": st.just("order"),
        "number": st.integers(1, 4),
        "day": st.one_of(st.none(), st.integers(0, 40)),
        "cents": st.lists(st.integers(1, 99_999), max_size=3),
        "kind": st.sampled_from(["sale", "credit"]),
        "quarantined": st.booleans(),
        "cancelled": st.booleans(),
        "vat_known": st.booleans(),
        "country": st.sampled_from(["NL", "BE", None]),
    }
)
others = st.fixed_dictionaries(
    {"what": st.sampled_from(["stock", "invoice", "quarantine"]), "number": st.integers(1, 4)}
)
loads = st.fixed_dictionaries(
    {
        "what": st.just("load"),
        "batch": st.integers(1, 3),
        "times": st.integers(1, 2),
        "with_marts": st.booleans(),
        "from_the_beginning": st.booleans(),
    }
)
histories = st.lists(st.one_of(sales, others, loads), min_size=1, max_size=12)


def write(shop: Shop, step: dict[str, Any]) -> None:
    """Let one thing happen in the shop."""
    number = str(step["number"])
    if step["what"] == "stock":
        if not _has_position(shop, f"MUG-{number}"):
            shop.position(f"MUG-{number}", "main", 7, 3)
        shop.offer(f"MUG-{number}")
    elif step["what"] == "invoice":
        shop.invoice(f"BOL-{number}", [f"bol_nl:{number}"], "12.10", "2.10")
    elif step["what"] == "quarantine":
        shop.quarantine(f"bol_nl:{number}", "unknown")
    else:
        sign = -1 if step["kind"] == "credit" else 1
        amounts = [sign * Decimal(cents).scaleb(-2) for cents in step["cents"]]
        total = sum(amounts, Decimal("0.00"))
        shop.order(
            number,
            at=None if step["day"] is None else MONDAY + timedelta(days=step["day"]),
            total=str(total),
            net=str(total - Decimal("0.01")) if step["vat_known"] else None,
            vat="0.01" if step["vat_known"] else None,
            lines=[line(str(index), str(amount), index) for index, amount in enumerate(amounts, start=1)],
            order_kind=step["kind"],
            is_quarantined=step["quarantined"] or step["day"] is None,
            order_status="cancelled" if step["cancelled"] else "open",
            ship_country=step["country"],
            refunded_total_incl_vat=money("0.01"),
        )


def _has_position(shop: Shop, sku: str) -> bool:
    with shop.store.reading() as connection:
        found = connection.execute(
            sa.select(tables.stock_positions.c.sku).where(tables.stock_positions.c.sku == sku)
        )
        return found.first() is not None


def load(shop: Shop, warehouse: Warehouse, step: dict[str, Any]) -> None:
    """Load as the step says: in small batches, more than once, perhaps from the beginning, perhaps without marts."""
    for _ in range(step["times"]):
        if step["from_the_beginning"]:
            with warehouse.write() as session:
                session.execute("update core.load_state set done_seq = 0")
        load_core(shop.store, warehouse, batch_orders=step["batch"])
        if step["with_marts"]:
            build_marts(warehouse)


def contents(warehouse: Warehouse) -> dict[str, list[str]]:
    """All tables as sorted text, but for the versions: which of them there are depends on when loads ran."""
    with warehouse.read() as session:
        return {
            table.full_name: sorted(str(row) for piece in session.batches(table) for row in piece.to_pylist())
            for table in ALL_TABLES
            if table is not ORDER_VERSIONS
        }


def holds(history: list[dict[str, Any]], warehouse: Warehouse, fresh: Warehouse, folder: Path) -> None:
    """Play a history into ``warehouse`` and compare it with ``fresh``, which loads once at the end."""
    with (
        new_shop(f"sqlite:///{folder / 'operations.sqlite'}") as shop,
        clock.frozen(MONDAY + timedelta(days=50)),
    ):
        for step in history:
            if step["what"] == "load":
                load(shop, warehouse, step)
            else:
                write(shop, step)
        for each in (warehouse, fresh):
            load_core(shop.store, each)
            build_marts(each)
        assert contents(warehouse) == contents(fresh)
        for name in ("revenue_is_the_sum_of_orders", "core_keys_are_unique", "lines_add_up_to_their_order"):
            assert run_check(warehouse, name).num_rows == 0
        key = "order_key, change_seq"
        unseen = warehouse.query(
            f"select {key} from core.orders except select {key} from core.order_versions"
        )
        assert unseen.num_rows == 0


@given(histories)
@settings(max_examples=6)
def test_any_history_of_loads_ends_the_same_on_duckdb(history: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        warehouse = Warehouse(f"duckdb:///{folder / 'one.duckdb'}", folder)
        fresh = Warehouse(f"duckdb:///{folder / 'two.duckdb'}", folder)
        holds(history, warehouse, fresh, folder)


@pytest.fixture(scope="module")
def two_urls(postgres_server: TestPostgres) -> Iterator[tuple[str, str]]:
    """Two databases that the examples share, emptied before each."""
    urls = (postgres_server.create_database(), postgres_server.create_database())
    yield urls
    for url in urls:
        postgres_server.drop_database(url)


@given(history=histories)
@settings(max_examples=12)
def test_any_history_of_loads_ends_the_same_on_postgresql(
    history: list[dict[str, Any]], two_urls: tuple[str, str]
) -> None:
    with TemporaryDirectory() as name:
        warehouse, fresh = (Warehouse(url, Path(name)) for url in two_urls)
        for each in (warehouse, fresh):
            with each.write() as session:
                session.execute("truncate " + ", ".join(table.full_name for table in ALL_TABLES))
        holds(history, warehouse, fresh, Path(name))
