"""The whole job in a real run on SQLite and DuckDB against the stand-ins: from orders to marts and entries in Exact."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest
from dagster_shared.serdes import serialize_value

from order_pipelines.defs import checks
from order_pipelines.operations.inbox import body_of
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.tables import receipts
from order_pipelines.services.conservation import FLAGS, LAWS
from order_pipelines.warehouse.checks import validate_table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ORDER_LINES, ORDERS
from order_pipelines_tests.defs.shop_world import (
    ShopWorld,
    check_metadata,
    checks_of,
    failed_steps,
    metadata_of,
    shop_world,
    steps_of,
)


@dataclass
class Swept:
    """A shop after its first sweep, the instance it ran on, and what the run said."""

    shop: ShopWorld
    instance: dg.DagsterInstance
    first: dg.ExecuteInProcessResult

    def warehouse(self) -> Warehouse:
        settings = self.shop.settings
        return Warehouse(settings.warehouse_url(), settings.data_dir)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse().read() as session:
            return session.rows(sql)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    folder = tmp_path_factory.mktemp("sweep")
    with (
        shop_world(folder / "shop", has_orders=True) as shop,
        dg.DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}}) as instance,
    ):
        yield Swept(shop, instance, shop.run("sweep_shop", instance))


@pytest.fixture
def scratch() -> Iterator[dg.DagsterInstance]:
    """An instance in memory, where only what a run does matters and not what is kept of it."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_one_run_does_everything_in_the_order_in_which_it_follows(swept: Swept) -> None:
    assert failed_steps(swept.first) == []
    steps = steps_of(swept.first)
    order = [
        "intake__products",
        "intake__bol__orders",
        "intake__bol__offers",
        "publish__bol__stock",
        "publish__exact_online__sales_entries",
        "load_core",
        "check_core_declarations",
        "build_marts",
        "check_mart_declarations",
        "publish__warehouse_copy",
    ]
    assert "check_conservation" in steps
    assert [step for step in steps if step in order] == order
    assert len(steps) == 19
    assert "publish__report" not in steps


def test_orders_reach_the_warehouse_and_the_books(swept: Swept) -> None:
    assert swept.rows("select account, count(*) from mart.orders group by 1 order by 1") == [
        ("bol_main", 25),
        ("bol_outlet", 15),
    ]
    assert swept.rows("select count(*) from mart.orders where is_quarantined") == [(3,)]
    entries = swept.shop.state("exact")["entries"]
    assert sorted((entry["your_ref"], entry["amount_fc"]) for entry in entries) == [
        ("BOL-1043210001", "39.95"),
        ("BOL-1043210008", "23.99"),
        ("BOL-1043210009", "15.98"),
        ("BOLO-1087650005", "40.50"),
        ("BOLO-1087650014", "19.90"),
    ]
    assert swept.rows("select invoice_state, count(*) from mart.orders group by 1 order by 1") == [
        ("booked", 5),
        (None, 35),
    ]


def test_stock_reaches_both_accounts_and_is_confirmed(swept: Swept) -> None:
    assert swept.rows(
        "select account, count(*) from mart.stock_per_channel where is_confirmed group by 1 order by 1"
    ) == (swept.rows("select account, count(*) from mart.stock_per_channel group by 1 order by 1"))
    shown = {offer["sku"]: offer["amount"] for offer in swept.shop.state("bol_main")["offers"]}
    told = dict(
        swept.rows("select sku, desired_quantity from mart.stock_per_channel where account = 'bol_main'")
    )
    assert {sku: shown[sku] for sku in told} == told


def test_what_became_of_every_number_and_what_lies_where_reaches_the_warehouse(swept: Swept) -> None:
    kinds = dict(swept.rows("select kind, count(*) from core.channel_stock_events group by 1"))
    assert kinds["sent"] == kinds["confirmed"] == kinds["desired"]
    assert swept.rows(
        "select account, count(*) from mart.stock_per_location_and_channel where location = 'main' "
        "group by 1 order by 1"
    ) == swept.rows("select account, count(distinct sku) from core.channel_stock group by 1 order by 1")
    passed = checks_of(swept.first)
    assert [passed[f"core/stock_positions:{name}"] for name in (*LAWS, *FLAGS)] == [True] * 7


def test_metadata_says_how_much_and_zero_is_said_as_zero(swept: Swept) -> None:
    orders = metadata_of(swept.first, "intake", "bol__orders")
    assert orders["dagster/row_count"] == 40
    counted = ("new", "changed", "quarantined", "not_read")
    assert [orders[f"order_pipelines/{name}"] for name in counted] == [40, 0, 3, 0]
    assert orders["accounts"].splitlines()[0] == (
        "| account | listed | fetched | new | changed | quarantined | not_read | left_to_another_process "
        "| problem |"
    )
    assert metadata_of(swept.first, "intake", "products")["dagster/row_count"] == 62
    assert (
        metadata_of(swept.first, "intake", "b2b_files__stock_counts")["order_pipelines/stock_counts"] == 124
    )
    assert metadata_of(swept.first, "intake", "b2b_files__orders")["dagster/row_count"] == 0
    core = metadata_of(swept.first, "core", "orders")
    assert (core["dagster/row_count"], core["order_pipelines/rows_written"]) == (40, 40)
    assert core["order_pipelines/watermark_from"] == 0
    assert metadata_of(swept.first, "mart", "open_quarantine")["dagster/row_count"] == 3
    assert metadata_of(swept.first, "publish", "warehouse_copy")["order_pipelines/copy_number"] == 1


def test_the_revenue_mart_shows_its_plot_and_it_stays_small(swept: Swept) -> None:
    plot = metadata_of(swept.first, "mart", "revenue_per_channel_day")["revenue_per_day"]
    assert plot.startswith("![gross revenue per day and channel](data:image/png;base64,iVBORw0KGgo")
    assert len(plot) < 60_000


def test_no_person_stands_in_any_event(swept: Swept) -> None:
    """Events are seen by everybody who opens the UI, and no erasure reaches them."""
    store = open_store(swept.shop.settings.operations_url())
    people: set[str] = set()
    with store.reading() as connection:
        for row in connection.execute(receipts.select().where(receipts.c.kind == "order")):
            order = orjson.loads(body_of(connection, row.content_hash))
            for part in ("shipmentDetails", "billingDetails"):
                person = order.get(part) or {}
                people |= {
                    person.get(name) or "" for name in ("email", "surname", "streetName", "phoneNumber")
                }
    store.close()
    people = {person for person in people if len(person) > 3}
    assert len(people) > 40
    events = " ".join(serialize_value(entry) for entry in swept.instance.all_logs(swept.first.run_id))
    assert len(events) > 100_000
    assert [person for person in sorted(people) if f" {person} " in events or f'"{person}"' in events] == []


def test_all_checks_of_the_first_sweep_pass(swept: Swept) -> None:
    passed = checks_of(swept.first)
    assert [name for name, is_well in passed.items() if not is_well] == []
    assert passed["core/orders:orders_schema"] is True
    assert passed["core/order_lines:lines_add_up_to_their_order"] is True
    assert passed["intake/bol__orders:bol__orders_quarantine_share"] is True
    assert check_metadata(swept.first, "bol__orders_quarantine_share") == {
        "order_pipelines/orders_received": 40,
        "order_pipelines/orders_quarantined": 3,
        "limit_pct": "25",
        "judged_from_orders": 20,
        "open_reasons": {"missing_field": 1, "unknown_ean": 2},
    }


def test_a_second_sweep_sends_and_writes_nothing(swept: Swept) -> None:
    before = {name: len(swept.shop.state(name)["writes"]) for name in ("bol_main", "bol_outlet", "exact")}
    again = swept.shop.run("sweep_shop", swept.instance)
    assert again.success
    assert {name: len(swept.shop.state(name)["writes"]) for name in before} == before
    assert metadata_of(again, "intake", "bol__orders")["order_pipelines/new"] == 0
    assert metadata_of(again, "core", "orders")["order_pipelines/rows_written"] == 0
    assert metadata_of(again, "core", "orders")["dagster/row_count"] == 40
    assert metadata_of(again, "publish", "bol__stock")["order_pipelines/due"] == 0


def test_a_row_that_breaks_its_declaration_stops_marts_and_copy(
    swept: Swept, scratch: dg.DagsterInstance
) -> None:
    """Someone mends the warehouse by hand: the check reads what is written, not what was loaded."""
    warehouse = swept.warehouse()
    with warehouse.write() as session:
        session.execute(
            "update core.orders set order_status = 'nonsense' where order_key = 'bol_main:1043210001'"
        )
    try:
        result = swept.shop.run("load_changes", scratch)
        assert failed_steps(result) == ["check_core_declarations"]
        assert checks_of(result)["core/orders:orders_schema"] is False
        assert checks_of(result)["core/order_lines:order_lines_schema"] is True
        said = check_metadata(result, "orders_schema")
        assert said["order_pipelines/offending_rows"] == 1
        assert "order_status isin" in said["failures"]
        assert "bol_main:1043210001" in said["failures"]
        assert not {"build_marts", "check_mart_declarations", "publish__warehouse_copy"} & set(
            steps_of(result)
        )
        assert swept.rows("select count(*) from mart.orders where order_status = 'nonsense'") == [(0,)]
    finally:
        with warehouse.write() as session:
            session.execute(
                "update core.orders set order_status = 'completed' where order_key = 'bol_main:1043210001'"
            )
    assert swept.shop.run("load_changes", scratch).success


def test_a_key_that_is_there_twice_is_found_and_stops_marts(
    swept: Swept, scratch: dg.DagsterInstance
) -> None:
    """DuckDB tables have no keys: uniqueness is what this check is for."""
    warehouse = swept.warehouse()
    with warehouse.write() as session:
        session.execute("create table core.spare as select * from core.products where sku = 'KEU-1001'")
        session.execute("insert into core.products select * from core.spare")
    try:
        result = swept.shop.run("load_changes", scratch)
        assert failed_steps(result) == ["check_core_declarations"]
        said = check_metadata(result, "products_schema")
        assert "unique key" in said["failures"]
        assert "KEU-1001" in said["failures"]
        assert "build_marts" not in steps_of(result)
    finally:
        with warehouse.write() as session:
            session.execute("delete from core.products where sku = 'KEU-1001'")
            session.execute("insert into core.products select * from core.spare")
            session.execute("drop table core.spare")


def test_a_claim_that_does_not_hold_shows_its_rows_and_blocks_nothing(
    swept: Swept, scratch: dg.DagsterInstance
) -> None:
    warehouse = swept.warehouse()
    with warehouse.write() as session:
        session.execute(
            "update core.stock_positions set on_hand = on_hand + 7 where sku = 'KEU-1001' and location = 'main'"
        )
    try:
        result = swept.shop.run("load_changes", scratch)
        assert failed_steps(result) == []
        assert checks_of(result)["core/stock_positions:movements_add_up_to_positions"] is False
        said = check_metadata(result, "movements_add_up_to_positions")
        assert said["order_pipelines/offending_rows"] == 1
        assert "KEU-1001" in said["sample"]
        assert "build_marts" in steps_of(result)
    finally:
        with warehouse.write() as session:
            session.execute(
                "update core.stock_positions set on_hand = on_hand - 7 where sku = 'KEU-1001' and location = 'main'"
            )


def test_too_much_quarantine_stops_books_and_marts_and_never_the_stock(
    tmp_path: Path, scratch: dg.DagsterInstance
) -> None:
    """A broken mapping must not be invoiced; the pieces that are sold must leave the offers all the same."""
    guard = "intake__bol__orders_bol__orders_quarantine_share"
    with shop_world(tmp_path / "shop", has_orders=True) as shop:
        settings = shop.settings
        limits = settings.limits.model_copy(update={"max_quarantine_share": Decimal(2)})
        strict = settings.model_copy(update={"limits": limits})
        result = shop.run("sweep_shop", scratch, strict)
        assert failed_steps(result) == [guard]
        assert not {"load_core", "build_marts", "publish__exact_online__sales_entries"} & set(
            steps_of(result)
        )
        assert metadata_of(result, "publish", "bol__stock")["order_pipelines/confirmed"] == 102
        assert len(shop.state("bol_main")["writes"]) + len(shop.state("bol_outlet")["writes"]) == 102
        # The load alone is guarded by the same check: it is no way around.
        assert failed_steps(shop.run("load_changes", scratch, strict)) == [guard]
        assert shop.state("exact")["entries"] == []
        assert not (settings.data_dir / "warehouse.duckdb").exists()
        # Within the limit again, everything that waited is done.
        load = shop.run("load_changes", scratch)
        assert load.success
        assert len(shop.state("exact")["entries"]) == 5
        assert metadata_of(load, "core", "orders")["dagster/row_count"] == 40


def test_the_report_is_written_from_the_marts(swept: Swept, scratch: dg.DagsterInstance) -> None:
    result = swept.shop.run("write_report", scratch)
    assert result.success
    said = metadata_of(result, "publish", "report")
    file = Path(said["dagster/uri"])
    assert file == swept.shop.settings.data_dir / "report.html"
    assert file.read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
    assert said["order_pipelines/orders"] >= 37


def test_only_a_deep_sweep_lists_all_offers_again(swept: Swept, scratch: dg.DagsterInstance) -> None:
    """Thousands of offers every five minutes would use up the channel's budget; v10 allows nine lists an hour."""
    offers = [dg.AssetKey(["intake", "bol__offers"])]
    listed = "order_pipelines/listed"
    sweep = swept.shop.run("sweep_shop", scratch, asset_selection=offers)
    assert metadata_of(sweep, *offers[0].path)[listed] == 0
    deep = swept.shop.run("deep_sweep_shop", scratch, asset_selection=offers)
    assert metadata_of(deep, *offers[0].path)[listed] == 111
    assert metadata_of(deep, *offers[0].path)["dagster/row_count"] == 111
    # Buffers are measured every night, never in between.
    assert "order_pipelines/buffers_measured" in metadata_of(deep, *offers[0].path)
    assert "order_pipelines/buffers_measured" not in metadata_of(sweep, *offers[0].path)


def test_long_tables_are_looked_at_by_their_newest_rows(
    swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = swept.warehouse()
    assert checks.newest_rows(warehouse, ORDERS) == (None, [])
    monkeypatch.setattr(checks, "_ROWS_EACH_TIME", 10)
    ((newest,),) = swept.rows("select max(change_seq) from core.orders")
    assert checks.newest_rows(warehouse, ORDERS) == ("change_seq > $1", [newest - 10])
    ((latest,),) = swept.rows("select max(placed_at) from core.order_lines")
    assert checks.newest_rows(warehouse, ORDER_LINES) == ("placed_at > $1", [latest - timedelta(days=35)])
    where, params = checks.newest_rows(warehouse, ORDER_LINES)
    assert validate_table(warehouse, ORDER_LINES, where, params) == []
