"""Files in: each counts once by content, what is wrong in one row or file stops nothing else, originals are kept."""

import gzip
import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from order_pipelines import clock
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.drop_folder import FileResult, scan, take_in
from order_pipelines.services.planning import plan_all
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld, opened_world

pytestmark = pytest.mark.long_on_postgresql

AT_ONCE = timedelta(0)
WHOLESALE = """
[accounts.wholesale]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "B2B"
ships_from = "main"
[accounts.wholesale.options]
folder = "in"
currency = "EUR"
prices = "excl_vat"
"""
ORDER = """po_number;customer_no;sku;ean;aantal;prijs;land
PO-1;DEB-1;KEU-1001;;6;10,00;NL
PO-1;DEB-1;BOE-4001;;2;5,00;NL
"""


@pytest.fixture
def shop_with_files(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop with a watched folder ``in`` beside its bol accounts."""
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, exact=WHOLESALE) as world:
        yield world


def _drop(world: ShopWorld, name: str, content: str | bytes) -> Path:
    path = world.path.parent / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _take_in(world: ShopWorld) -> list[FileResult]:
    return take_in(world.shop, "wholesale", settle=AT_ONCE)


def _moved(world: ShopWorld, state: str) -> list[str]:
    folder = world.path.parent / "in" / state
    return sorted(path.name.split("_", 1)[1] for path in folder.iterdir()) if folder.is_dir() else []


def test_an_order_file_becomes_an_order_that_takes_stock(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    on_hand, _ = world.position("KEU-1001")
    path = _drop(world, "orders/po-1.csv", ORDER)

    (result,) = _take_in(world)

    assert (result.state, result.rows_read, result.counts) == (
        "processed",
        2,
        {"goods_lines": 2, "orders": 1},
    )
    (order,) = world.rows("orders", account="wholesale")
    assert (order.order_number, order.currency_code, order.ship_country) == ("PO-1", "EUR", "NL")
    assert (order.channel, order.is_quarantined) == ("b2b", False)
    # 6 x 10.00 at 21 % and 2 x 5.00 at 9 %: 60.00 + 12.60 and 10.00 + 0.90.
    assert order.order_total_current_excl_vat == Decimal("70.00")
    assert order.order_vat_amount == Decimal("13.50")
    assert order.order_total_current_incl_vat == Decimal("83.50")
    assert world.position("KEU-1001") == (on_hand, 6)
    assert not path.exists()
    assert _moved(world, "processed") == ["po-1.csv"]
    assert len(list((world.shop.settings.data_dir / "originals").iterdir())) == 1
    world.assert_ledger_adds_up()


def test_the_same_content_counts_once_whatever_its_name(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    _drop(world, "orders/po-1.csv", ORDER)
    _take_in(world)
    before = world.change_seq()
    _drop(world, "orders/po-1 (kopie).csv", ORDER)

    (result,) = _take_in(world)

    assert (result.state, result.is_repeat) == ("processed", True)
    assert "before as orders/po-1.csv" in (result.reason or "")
    assert world.change_seq() == before
    assert len(world.rows("orders", account="wholesale")) == 1
    assert world.position("KEU-1001")[1] == 6


def test_a_crash_between_booking_and_moving_repeats_nothing(shop_with_files: ShopWorld) -> None:
    """The process died after the last commit: the file lies there still and is taken in again."""
    world = shop_with_files
    path = _drop(world, "orders/po-1.csv", ORDER)
    _take_in(world)
    _drop(world, "orders/po-1.csv", ORDER)
    with world.shop.store.transaction() as connection:
        from order_pipelines.operations.tables import files

        connection.execute(files.update().values(state="taking_in"))

    (result,) = _take_in(world)

    assert result.state == "processed"
    assert not path.exists()
    assert len(world.rows("orders", account="wholesale")) == 1
    assert len(world.rows("receipts", account="wholesale")) == 1
    assert world.position("KEU-1001")[1] == 6
    world.assert_ledger_adds_up()


def test_a_row_with_an_unknown_article_keeps_its_order_out_and_no_other(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    _drop(
        world,
        "orders/two.csv",
        "po_number;sku;aantal;prijs;land\nPO-1;KEU-1001;6;10,00;NL\nPO-1;NIET-9;1;10,00;NL\nPO-2;KEU-1002;3;8,00;NL\n",
    )

    (result,) = _take_in(world)

    assert result.counts == {"goods_lines": 1, "orders": 1, "orders_quarantined": 1, "quarantined_rows": 2}
    bad = world.row("orders", account="wholesale", order_number="PO-1")
    good = world.row("orders", account="wholesale", order_number="PO-2")
    assert (bad.is_quarantined, good.is_quarantined) == (True, False)
    assert world.position("KEU-1001")[1] == 6, "the known line takes stock"
    (row,) = world.rows("quarantine", account="wholesale")
    assert (row.reason_code, row.value) == ("unknown_sku", "NIET-9")
    assert plan_all(world.shop).invoices == 0


def test_a_formula_without_value_waits_for_a_person(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["PO", "Artikelnr", "Aantal", "Prijs"],
        ["PO-7", "KEU-1001", "=2*3", 10],
        ["PO-8", "KEU-1002", 1, 8],
    ):
        sheet.append(row)
    path = world.path.parent / "in" / "orders"
    path.mkdir(parents=True)
    book.save(path / "po-7.xlsx")

    (result,) = _take_in(world)

    assert result.state == "processed"
    assert [row.reason_code for row in world.rows("quarantine", account="wholesale")][:1] == ["formula_cell"]
    assert world.position("KEU-1001")[1] == 0
    assert world.position("KEU-1002")[1] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders/cut.csv.gz", gzip.compress(ORDER.encode())[:-12]),
        ("orders/no.xlsx", b"PK\x03\x04 this is no workbook"),
        ("orders/letter.csv", b"Beste, graag morgen leveren.\nGroet\n"),
        ("orders/empty.csv", b""),
    ],
    ids=["cut off", "no workbook", "a letter", "empty"],
)
def test_an_unreadable_file_is_set_aside_with_its_reason_and_writes_nothing(
    shop_with_files: ShopWorld, name: str, content: bytes
) -> None:
    world = shop_with_files
    _drop(world, name, content)
    _drop(world, "orders/po-1.csv", ORDER)

    results = {result.name: result for result in _take_in(world)}

    assert results[name].state == "rejected"
    assert Path(name).name in (results[name].reason or "")
    assert results["orders/po-1.csv"].state == "processed"
    rejected = _moved(world, "rejected")
    assert rejected == [Path(name).name, f"{Path(name).name}.reason.txt"]
    assert [row.order_number for row in world.rows("orders", account="wholesale")] == ["PO-1"]
    assert [row.reason_code for row in world.rows("quarantine", account="wholesale")] == ["file_unreadable"]


def test_unfinished_hidden_and_linked_files_are_left_alone(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    outside = world.path.parent / "outside.csv"
    outside.write_text(ORDER)
    for name in ("orders/a.csv.part", "orders/.hidden.csv", "orders/~$po.xlsx", "orders/b.tmp"):
        _drop(world, name, ORDER)
    (world.path.parent / "in" / "orders" / "link.csv").symlink_to(outside)

    assert _take_in(world) == []
    assert world.rows("orders", account="wholesale") == []


def test_a_file_is_only_taken_once_it_rests(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    path = _drop(world, "orders/po-1.csv", ORDER)
    assert scan(world.shop, "wholesale") == []

    past = clock.now().timestamp() - 10
    os.utime(path, (past, past))
    assert scan(world.shop, "wholesale") == [path]


def test_a_count_settles_what_was_shipped_before_it(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    order_id = world.buy(("KEU-1001", 2), ago_h=10)
    world.act(order_id, "ship")
    world.sweep()
    taken_at = clock.isoformat(clock.now() + timedelta(minutes=5))
    world.pass_time(minutes=10)
    _drop(
        world, "stock_counts/telling.csv", f"locatie;artikelnr;aantal;geteld op\nmain;KEU-1001;7;{taken_at}\n"
    )

    (result,) = _take_in(world)

    assert (result.state, result.counts) == ("processed", {"stock_counts": 1})
    assert world.position("KEU-1001") == (7, 0)
    world.assert_ledger_adds_up()


def test_counts_of_unknown_places_negative_or_future_ones_book_nothing(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    before = {row.sku: row.on_hand for row in world.rows("stock_positions")}
    now, later = clock.isoformat(clock.now()), clock.isoformat(clock.now() + timedelta(days=2))
    _drop(
        world,
        "stock_counts/telling.csv",
        "locatie;artikelnr;aantal;geteld op\n"
        f"maan;KEU-1001;7;{now}\nmain;KEU-1002;-3;{now}\nmain;KEU-1003;4;{later}\nmain;NIET-1;4;{now}\n",
    )

    _take_in(world)

    assert sorted(row.reason_code for row in world.rows("quarantine", account="wholesale")) == [
        "future_order",
        "negative_quantity",
        "unknown_location",
        "unknown_sku",
    ]
    assert {row.sku: row.on_hand for row in world.rows("stock_positions")} == before
    assert world.rows("stock_statements") == []


def test_a_shipment_file_closes_demand_and_tells_bol_once(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    on_hand, _ = world.position("KEU-1001")
    order_id = world.buy(("KEU-1001", 2), ago_h=2)
    world.sweep()
    shipped_at = clock.isoformat(clock.now() - timedelta(minutes=30))
    content = (
        "ordernummer;artikelnr;aantal;vervoerder;track & trace;verzonden op\n"
        f"{order_id};KEU-1001;2;PostNL;3SABC123;{shipped_at}\n"
    )
    _drop(world, "shipments/verzonden.csv", content)

    _take_in(world)
    assert world.position("KEU-1001") == (on_hand - 2, 0)
    assert plan_all(world.shop).shipments == 1
    dispatch_all(world.shop)
    world.pass_time(seconds=5)
    dispatch_all(world.shop)

    (shipment,) = world.bol()["shipments"]
    assert shipment["order_id"] == order_id
    assert [write["path"] for write in world.writes() if write["method"] == "POST"] == ["/retailer/shipments"]
    assert world.row("outbox", kind="channel_shipment").state == "confirmed"
    # The same parcel told again in another file is the same parcel; bol's own word about it changes nothing either.
    _drop(world, "shipments/nogmaals.csv", content + "\n")
    _take_in(world)
    world.sweep()
    assert plan_all(world.shop).shipments == 0
    assert world.position("KEU-1001") == (on_hand - 2, 0)
    world.assert_ledger_adds_up()


def test_a_shipment_of_an_order_that_is_not_here_waits_for_it(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    order_id = world.buy(("KEU-1001", 1), ago_h=2)
    _drop(
        world,
        "shipments/verzonden.csv",
        f"ordernummer;aantal;vervoerder;track & trace;verzonden op\n{order_id};1;DHL;JVGL1;2026-11-20 10:00\n",
    )
    _take_in(world)
    assert [row.reason_code for row in world.rows("quarantine", account="wholesale")] == ["unknown_order"]
    assert world.rows("shipments") == []

    world.sweep()
    from order_pipelines.services.shipping import match_shipments

    assert match_shipments(world.shop).lines == 1
    assert len(world.rows("shipments")) == 1
    assert world.rows("pending_shipment_lines") == []
    assert [row.resolved_at is not None for row in world.rows("quarantine", account="wholesale")] == [True]


def test_more_shipped_than_ordered_is_refused(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    order_id = world.buy(("KEU-1001", 1), ago_h=2)
    world.sweep()
    before = world.position("KEU-1001")
    _drop(
        world,
        "shipments/verzonden.csv",
        f"ordernummer;aantal;vervoerder;track & trace;verzonden op\n{order_id};5;DHL;JVGL1;2026-11-20 10:00\n",
    )

    _take_in(world)

    assert [row.reason_code for row in world.rows("quarantine", account="wholesale")] == ["absurd_quantity"]
    assert world.position("KEU-1001") == before
    assert plan_all(world.shop).shipments == 0
    assert world.bol(MAIN)["shipments"] == []


def test_a_changed_order_file_replaces_the_order_and_adds_nothing(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    _drop(world, "orders/po-1.csv", ORDER)
    _take_in(world)
    world.pass_time(minutes=1)
    _drop(world, "orders/po-1-v2.csv", ORDER.replace(";6;", ";4;"))
    _take_in(world)

    assert len(world.rows("orders", account="wholesale")) == 1
    assert world.position("KEU-1001")[1] == 4
    world.assert_ledger_adds_up()


def test_a_part_that_left_is_news_of_the_order(shop_with_files: ShopWorld) -> None:
    """The warehouse is loaded by change number: an order of which one of two pieces left needs a new one."""
    world = shop_with_files
    order_id = world.buy(("KEU-1001", 2), ago_h=2)
    world.sweep()
    before = world.order(order_id).change_seq
    _drop(
        world,
        "shipments/deel.csv",
        f"ordernummer;aantal;vervoerder;track & trace;verzonden op\n{order_id};1;DHL;JVGL1;2026-11-20 10:00\n",
    )

    _take_in(world)

    assert world.order(order_id).change_seq > before
    assert world.row("order_lines", order_key=f"{MAIN}:{order_id}").quantity_departed == 1
    assert world.order(order_id).completed_at is None


def test_a_wholesale_order_is_completed_by_its_parcels(shop_with_files: ShopWorld) -> None:
    """No channel will ever tell how it goes on: parcels are all there is."""
    world = shop_with_files
    _drop(world, "orders/po-1.csv", ORDER)
    _take_in(world)
    head = "ordernummer;artikelnr;aantal;vervoerder;track & trace;verzonden op\n"
    _drop(world, "shipments/een.csv", f"{head}PO-1;KEU-1001;6;DHL;A1;2026-11-20 10:00\n")
    _take_in(world)
    order = world.row("orders", account="wholesale")
    assert (order.order_status, order.fulfilment_status) == ("open", "partially_shipped")

    _drop(world, "shipments/twee.csv", f"{head}PO-1;BOE-4001;2;DHL;A2;2026-11-20 11:00\n")
    _take_in(world)

    order = world.row("orders", account="wholesale")
    assert (order.order_status, order.fulfilment_status) == ("completed", "shipped")
    assert clock.isoformat(order.completed_at) == "2026-11-20T10:00:00Z"


def test_a_shipping_line_follows_goods_of_one_rate(shop_with_files: ShopWorld) -> None:
    """60.00 of goods and 10.00 of postage at 21 %: 14.70 VAT; beside books at 9 % too nobody knows the postage's."""
    world = shop_with_files
    options = dict(world.shop.account("wholesale").options)
    options["line_kinds"] = [{"pattern": "VERZEND", "kind": "shipping"}]
    accounts = dict(world.shop.settings.accounts)
    accounts["wholesale"] = accounts["wholesale"].model_copy(update={"options": options})
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    head = "po_number;sku;aantal;prijs;land\n"
    _drop(world, "orders/one.csv", f"{head}PO-1;KEU-1001;6;10,00;NL\nPO-1;VERZEND;1;10,00;NL\n")
    _drop(
        world,
        "orders/two.csv",
        f"{head}PO-2;KEU-1001;6;10,00;NL\nPO-2;BOE-4001;2;5,00;NL\nPO-2;VERZEND;1;10,00;NL\n",
    )

    _take_in(world)

    one, two = (world.row("orders", order_number=number) for number in ("PO-1", "PO-2"))
    assert (one.order_vat_amount, one.order_total_current_incl_vat) == (Decimal("14.70"), Decimal("84.70"))
    assert (two.order_total_current_excl_vat, two.order_vat_amount) == (Decimal("80.00"), None)
    assert one.is_quarantined is two.is_quarantined is False
