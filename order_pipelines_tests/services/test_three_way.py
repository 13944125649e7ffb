"""Channel, warehouse and Exact side by side: what differs has a name and an amount, and what nobody knows is said."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.operations.tables import order_lines, orders, receipts
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.completeness import EXTRA, MISSING, look
from order_pipelines.services.three_way import problems_of, read_again
from order_pipelines.services.three_way_channels import Days, read_channel
from order_pipelines_tests.services.shop_world import MAIN
from order_pipelines_tests.services.three_way_world import (
    BLOKKER,
    WEBSHOP,
    ThreeWay,
    opened_three_way,
)

pytestmark = pytest.mark.long_on_postgresql

PAN = Decimal("39.95")


@pytest.fixture
def three(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreeWay]:
    with opened_three_way(running_sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def on_sqlite(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreeWay]:
    with opened_three_way(running_sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


def test_three_equal_sides_differ_by_nothing(three: ThreeWay) -> None:
    three.buy_at_webshop(pieces=2)
    three.work()
    compared = three.compare()
    assert problems_of(compared) == []
    assert three.sides(WEBSHOP) == (Decimal("79.90"), Decimal("79.90"), Decimal("79.90"))
    assert three.differences(WEBSHOP) == {}
    row = three.day(WEBSHOP)
    assert (row["channel_orders"], row["warehouse_orders"], row["entries"]) == (1, 1, 1)
    assert (row["channel_pieces"], row["warehouse_pieces"]) == (2, 2)
    # Days before were read as well, and there was nothing.
    assert three.sides(WEBSHOP, three.today - timedelta(days=3)) == (0, 0, 0)
    assert three.failing() == []


def test_an_order_that_is_not_shipped_is_not_due(three: ThreeWay) -> None:
    three.world.buy(("KEU-1001", 1))
    three.work()
    three.compare()
    assert three.sides(MAIN) == (PAN, PAN, Decimal(0))
    assert three.differences(MAIN) == {"warehouse_less_books": PAN, "not_due": PAN}
    assert three.failing() == []


def test_an_order_that_was_lost_here_is_missing(three: ThreeWay) -> None:
    """Somebody deleted it from the inbox and from the orders; the channel has it still."""
    lost = three.world.buy(("KEU-1001", 1))
    kept = three.world.buy(("KEU-1002", 1))
    three.work()
    with three.world.shop.store.transaction() as connection:
        for table in (orders, order_lines):
            connection.execute(sa.delete(table).where(table.c.order_key == f"{MAIN}:{lost}"))
        connection.execute(sa.delete(receipts).where(receipts.c.external_id == lost))
    three.compare()
    named = three.differences(MAIN)
    assert (named["channel_less_warehouse"], named["missing"]) == (PAN, PAN)
    assert three.failing() == [(MAIN, f"{MAIN}:{lost}")]
    found = look(three.world.shop.store, Days(three.today, three.today), [MAIN])
    assert [(gap.kind, gap.order_number) for gap in found.gaps] == [(MISSING, lost)]
    assert not found.is_complete
    assert kept not in {gap.order_number for gap in found.gaps}


def test_an_order_that_was_never_listed_is_missing(three: ThreeWay) -> None:
    """An operator puts an order into yesterday: no listing of changes since will ever name it."""
    hidden = three.buy_at_blokker(placed_at=three.days_ago(1))
    three.work()
    assert three.world.rows("orders", account=BLOKKER) == []
    three.compare()
    yesterday = three.today - timedelta(days=1)
    named = three.differences(BLOKKER, yesterday)
    assert (named["channel_less_warehouse"], named["missing"]) == (PAN, PAN)
    found = look(three.world.shop.store, Days(yesterday, three.today), [BLOKKER])
    assert [(gap.kind, gap.order_number) for gap in found.gaps] == [(MISSING, hidden)]
    # Taken in later, it is missing no more, before anything is read anew.
    three.world.pass_time(minutes=2)
    assert three.world.sweep(BLOKKER, deep=True).problem is None
    three.load()
    assert three.differences(BLOKKER, yesterday).get("missing") is None


def test_an_order_of_this_minute_is_awaited_and_not_missing(three: ThreeWay) -> None:
    three.world.pass_time(minutes=10)
    three.buy_at_webshop()
    three.compare()
    assert three.differences(WEBSHOP) == {"channel_less_warehouse": PAN, "not_taken_in": PAN}
    assert three.failing() == []


def test_what_waits_in_quarantine_is_named_and_stands_in_no_other_column(three: ThreeWay) -> None:
    three.world.buy(("KEU-1001", 1))
    three.world.buy(("8719999770017", 1), ago_h=0)
    three.work()
    three.compare()
    # 34.95 is the price of the article that nobody knows.
    named = three.differences(MAIN)
    assert named["quarantined"] == named["channel_less_warehouse"] == Decimal("34.95")
    assert named["not_due"] == named["warehouse_less_books"] == PAN
    assert three.failing() == []


def test_an_entry_that_was_deleted_in_the_books_is_missed_there(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.work()
    (entry,) = three.world.entries()
    three.world.sandbox.exact_online.remove_entry("exact", entry["your_ref"])
    three.compare()
    assert three.sides(WEBSHOP) == (PAN, PAN, Decimal(0))
    assert three.differences(WEBSHOP) == {"warehouse_less_books": PAN, "missing_in_books": PAN}
    (row,) = three.world.rows("orders", account=WEBSHOP)
    assert three.failing() == [(WEBSHOP, row.order_key)]
    # The comparison looks and books nothing.
    assert three.world.entries() == []


def test_an_amount_that_a_bookkeeper_changed_is_named(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.work()
    (entry,) = three.world.entries()
    reference = entry["your_ref"]
    three.world.sandbox.exact_online.change_entry("exact", reference, amount=Decimal("35.00"))
    three.compare()
    assert three.sides(WEBSHOP) == (PAN, PAN, Decimal("35.00"))
    assert three.differences(WEBSHOP) == {
        "warehouse_less_books": Decimal("4.95"),
        "changed_in_books": Decimal("4.95"),
    }
    assert three.failing() == [(WEBSHOP, f"exact:{reference}")]


def test_an_entry_that_a_bookkeeper_moved_is_found_by_its_reference(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.work()
    (entry,) = three.world.entries()
    before = three.today - timedelta(days=2)
    three.world.sandbox.exact_online.change_entry("exact", entry["your_ref"], day=before)
    three.compare()
    assert three.sides(WEBSHOP) == (PAN, PAN, Decimal(0))
    assert three.differences(WEBSHOP) == {"warehouse_less_books": PAN, "other_day": PAN}
    assert three.sides(WEBSHOP, before) == (Decimal(0), Decimal(0), PAN)
    assert three.differences(WEBSHOP, before) == {"warehouse_less_books": -PAN, "other_day": -PAN}
    assert three.failing() == []


def test_a_collective_entry_is_shared_over_its_orders(three: ThreeWay) -> None:
    for sku in ("KEU-1001", "KEU-1002"):
        order_id = three.buy_at_blokker(sku)
        three.world.sandbox.mirakl.act(BLOKKER, order_id, "accept", {})
    three.work()
    ordered_on = three.today
    three.compare()
    # A day's entry comes when the day is over.
    total = PAN + Decimal("24.99")
    assert three.differences(BLOKKER) == {"warehouse_less_books": total, "due_not_planned": total}

    three.world.pass_time(days=1)
    three.work()
    (entry,) = three.world.entries()
    assert entry["amount_fc"] == "64.94"
    three.compare()
    assert three.sides(BLOKKER, ordered_on) == (total, total, total)
    assert three.differences(BLOKKER, ordered_on) == {}
    assert three.failing() == []


def test_what_was_cancelled_after_it_was_booked_is_named(three: ThreeWay) -> None:
    order_id = three.buy_at_webshop()
    three.work()
    three.world.pass_time(minutes=10)
    three.world.sandbox.shopware.act(WEBSHOP, order_id, "cancel", {"send_mail": False})
    three.compare()
    # The channel knows of it and we do not yet: one side is newer.
    assert three.differences(WEBSHOP) == {"channel_less_warehouse": -PAN, "changed_between": -PAN}
    three.work()
    three.compare()
    assert three.sides(WEBSHOP) == (Decimal(0), Decimal(0), PAN)
    assert three.differences(WEBSHOP) == {"warehouse_less_books": -PAN, "changed_after_booking": -PAN}
    assert three.failing() == []


def test_an_order_that_waits_for_the_books_is_named_with_its_reason(three: ThreeWay) -> None:
    three.buy_at_webshop(ship_country="DE")
    three.work()
    three.compare()
    assert three.differences(WEBSHOP) == {"warehouse_less_books": PAN, "on_hold": PAN}
    (term,) = three.warehouse.query("select term, reason from mart.three_way_terms").to_pylist()
    assert term == {"term": "on_hold", "reason": "no_ledger_account"}
    assert three.failing() == []


def test_orders_before_the_cutover_are_named(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.work(accounts=())
    shop = three.world.shop
    account = shop.settings.accounts[WEBSHOP].model_copy(update={"effective_from": date(2100, 1, 1)})
    shop.settings = shop.settings.model_copy(
        update={"accounts": {**shop.settings.accounts, WEBSHOP: account}}
    )
    three.work()
    three.compare()
    assert three.differences(WEBSHOP) == {"warehouse_less_books": PAN, "before_effective": PAN}


def test_a_warehouse_that_was_damaged_is_unexplained(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.work()
    three.compare()
    (row,) = three.world.rows("orders", account=WEBSHOP)
    with three.world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(orders)
            .where(orders.c.order_key == row.order_key)
            .values(order_total_current_incl_vat=Decimal("30.00"), change_seq=row.change_seq + 1_000_000)
        )
        connection.execute(sa.text("update counters set value = value + 1000001 where name = 'change_seq'"))
    three.load()
    named = three.differences(WEBSHOP)
    assert named["channel_unexplained"] == named["channel_less_warehouse"] == Decimal("9.95")
    assert three.failing() == [(WEBSHOP, row.order_key)]


def test_an_account_that_cannot_be_reached_is_not_read_and_not_equal(three: ThreeWay) -> None:
    three.buy_at_webshop()
    three.buy_at_blokker()
    three.work()
    three.compare()
    three.world.sandbox.mirakl.faults.add(Fault("500", count=None, rate=1.0))
    compared = three.compare()
    (problem,) = problems_of(compared)
    assert problem.startswith("blokker: not read: mirakl GET /api/orders")
    row = three.day(BLOKKER)
    assert row["state"] == "not_read"
    assert "mirakl GET /api/orders" in row["reason"]
    assert (row["channel_incl_vat"], row["channel_orders"], row["channel_unexplained"]) == (None, None, None)
    assert three.sides(WEBSHOP) == (PAN, PAN, PAN)


def test_books_that_cannot_be_reached_are_not_read(on_sqlite: ThreeWay) -> None:
    on_sqlite.buy_at_webshop()
    on_sqlite.work()
    on_sqlite.world.sandbox.exact_online.faults.add(Fault("500", count=None, rate=1.0))
    compared = on_sqlite.compare()
    assert len(problems_of(compared)) == 4
    row = on_sqlite.day(WEBSHOP)
    assert (row["books_state"], row["books_incl_vat"], row["warehouse_less_books"]) == (
        "not_read",
        None,
        None,
    )
    assert (row["channel_incl_vat"], row["channel_less_warehouse"]) == (PAN, Decimal(0))


def test_an_account_that_observes_is_compared_and_its_entries_were_never_sent(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_three_way(running_sandbox, sqlite_url, tmp_path, monkeypatch, mode="observe") as three:
        three.buy_at_webshop()
        three.work()
        three.compare()
        assert three.world.entries() == []
        assert three.sides(WEBSHOP) == (PAN, PAN, Decimal(0))
        assert three.differences(WEBSHOP) == {"warehouse_less_books": PAN, "observed": PAN}


def test_more_orders_than_may_be_read_are_counted_and_their_money_is_unknown(on_sqlite: ThreeWay) -> None:
    for _ in range(3):
        on_sqlite.world.buy(("KEU-1001", 1))
    on_sqlite.work()
    days = Days(on_sqlite.today, on_sqlite.today)
    reading = read_channel(on_sqlite.world.shop, MAIN, days, most_details=2)
    assert len(reading.orders) == 3
    assert sorted(str(order.gross) for order in reading.orders.values()) == ["39.95", "39.95", "None"]
    assert reading.not_read == {on_sqlite.today: 1}


def test_an_order_that_only_we_have_is_extra_once_the_channel_said_so(on_sqlite: ThreeWay) -> None:
    """Somebody deleted it in the shop's administration; it was asked for by its id before it was called extra."""
    order_id = on_sqlite.buy_at_webshop(ship_country="DE")
    on_sqlite.work()
    shop = on_sqlite.world.sandbox.shopware.shop(WEBSHOP)
    (row,) = on_sqlite.world.rows("orders", account=WEBSHOP)
    assert shop.store.remove("order", order_id)
    on_sqlite.compare()
    named = on_sqlite.differences(WEBSHOP)
    assert named["channel_less_warehouse"] == named["not_at_channel"] == -PAN
    found = look(on_sqlite.world.shop.store, Days(on_sqlite.today, on_sqlite.today), [WEBSHOP])
    assert [(gap.kind, gap.order_number) for gap in found.gaps] == [(EXTRA, row.order_number)]
    assert on_sqlite.failing() == [(WEBSHOP, row.order_key)]


@pytest.mark.parametrize(
    ("placed", "day"),
    [
        # Dutch midnight in winter is 23:00 UTC.
        (datetime(2027, 1, 14, 22, 59, 59, tzinfo=UTC), date(2027, 1, 14)),
        (datetime(2027, 1, 14, 23, 0, 0, tzinfo=UTC), date(2027, 1, 15)),
        # 25 October 2026 has 25 hours: it begins at 22:00 UTC and ends at 23:00 UTC.
        (datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC), date(2026, 10, 24)),
        (datetime(2026, 10, 24, 22, 0, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_all_three_sides_agree_on_the_day_around_midnight(
    running_sandbox: Sandbox,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    placed: datetime,
    day: date,
) -> None:
    begins = placed + timedelta(hours=3)
    with opened_three_way(running_sandbox, sqlite_url, tmp_path, monkeypatch, at=begins) as three:
        three.buy_at_webshop(placed_at=placed.isoformat(), created_at=clock.now().isoformat())
        three.work()
        three.compare(last=three.today, days=4)
        assert three.sides(WEBSHOP, day) == (PAN, PAN, PAN)
        assert three.differences(WEBSHOP, day) == {}
        rows = three.warehouse.query(
            "select order_date from mart.three_way_per_day where account = 'webshop' and channel_orders > 0"
        ).to_pylist()
        assert rows == [{"order_date": day}]
        assert read_again(three.world.shop, last=day, days=1, account=WEBSHOP).days == Days(day, day)


def test_the_command_ends_badly_while_an_order_is_missing(on_sqlite: ThreeWay) -> None:
    hidden = on_sqlite.buy_at_blokker(placed_at=on_sqlite.days_ago(1))
    on_sqlite.work()
    on_sqlite.world.pass_time(minutes=2)
    path = on_sqlite.world.path
    on_sqlite.world.path.write_text(
        path.read_text(encoding="utf-8")
        + f'[sandbox]\ncontrol_url = "{on_sqlite.world.sandbox.control_url}"\n',
        encoding="utf-8",
    )
    said = CliRunner().invoke(cli, ["--settings", str(path), "completeness", "--account", BLOKKER])
    assert said.exit_code == 1
    assert hidden in said.output
    assert "1 order missing here, 0 orders not at the channel any more" in said.output
    assert "1 order of the channels not here; run a sweep --deep" in said.output

    on_sqlite.world.pass_time(minutes=2)
    assert on_sqlite.world.sweep(BLOKKER, deep=True).problem is None
    on_sqlite.world.pass_time(minutes=2)
    said = CliRunner().invoke(cli, ["--settings", str(path), "completeness", "--account", BLOKKER])
    assert (said.exit_code, "0 orders missing here" in said.output) == (0, True)

    on_sqlite.world.pass_time(minutes=2)
    on_sqlite.world.sandbox.mirakl.faults.add(Fault("500", count=None, rate=1.0))
    said = CliRunner().invoke(cli, ["--settings", str(path), "completeness", "--account", BLOKKER])
    assert said.exit_code == 1
    assert "blokker: not read: mirakl GET /api/orders" in said.output
