"""Purchase orders, suppliers' stock and full counts from files: the newest list stands, half a list waits."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.again import retry_quarantine
from order_pipelines.services.file_booking import release_files
from order_pipelines_tests.services.shop_world import MAIN, opened_world
from order_pipelines_tests.services.supply_world import FILES, PROMISES, SupplyWorld, account

pytestmark = pytest.mark.long_on_postgresql

SUPPLIER = "leverancier;artikel;voorraad;levertijd;inkoopprijs;stand per"
PURCHASES = "inkooporder;regel;artikel;aantal besteld;ontvangen;magazijn;verwacht op;leverancier;inkoopprijs;stand per"


@pytest.fixture
def shop(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SupplyWorld]:
    """bol may promise what suppliers have and what is expected within thirty days; ``main`` is counted in full."""
    options = account('full_counts = ["main"]', "full_purchase_orders = true")
    with opened_world(
        running_sandbox, store_url, tmp_path, monkeypatch, exact=options, **{MAIN: PROMISES}
    ) as world:
        yield SupplyWorld(world)


# ------------------------------------------------------------------------------------------------ purchase orders


def test_what_is_expected_in_time_is_promised_and_moves_no_stock(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    shop.offer("KEU-1001", "KEU-1002")
    other = shop.told("KEU-1002")

    result = shop.drop(
        "purchase_orders/open.csv",
        PURCHASES,
        f"IO-1;1;KEU-1001;40;15;main;{shop.day(10)};Jansen;4,10;{shop.moment(-2)}",
        f"IO-1;2;KEU-1002;40;0;main;{shop.day(60)};Jansen;4,10;{shop.moment(-2)}",
    )

    assert (result.state, result.counts) == ("processed", {"purchase_order_lines": 2})
    assert shop.incoming() == [("IO-1", "1", "KEU-1001", 40, 15), ("IO-1", "2", "KEU-1002", 40, 0)]
    row = shop.world.row("incoming_stock", line_id="1")
    assert (row.location, row.expected_on, row.supplier, str(row.unit_cost)) == (
        "main",
        shop.day(10),
        "Jansen",
        "4.1000",
    )
    assert shop.told("KEU-1001") == before + 25
    assert shop.told("KEU-1002") == other, "expected after more than thirty days"
    assert shop.on_hand("KEU-1001") == before
    assert shop.goods() == []


def test_a_line_that_a_newer_full_file_leaves_out_is_closed_in_any_order(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = set()
    for number, order in enumerate(permutations(range(3))):
        folder = tmp_path / str(number)
        folder.mkdir()
        options = account("full_purchase_orders = true")
        url = sqlite_url.replace(".sqlite", f"{number}.sqlite")
        with opened_world(running_sandbox, url, folder, monkeypatch, exact=options) as world:
            shop = SupplyWorld(world)
            files = (
                (
                    f"IO-1;1;KEU-1001;40;0;main;;;;{shop.day(-3)}",
                    f"IO-1;2;KEU-1002;5;0;main;;;;{shop.day(-3)}",
                ),
                (
                    f"IO-1;2;KEU-1002;5;2;main;;;;{shop.day(-2)}",
                    f"IO-2;1;KEU-1003;8;0;main;;;;{shop.day(-2)}",
                ),
                (f"IO-1;2;KEU-1002;5;4;main;;;;{shop.day(-1)}",),
            )
            for index in (*order, *order):
                shop.drop(f"purchase_orders/{index}.csv", PURCHASES, *files[index])
            ends.add(tuple(shop.incoming()))
    assert ends == {(("IO-1", "2", "KEU-1002", 5, 4),)}


def test_without_the_option_a_file_closes_nothing(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_world(running_sandbox, sqlite_url, tmp_path, monkeypatch, exact=account()) as world:
        shop = SupplyWorld(world)
        shop.drop("purchase_orders/a.csv", PURCHASES, f"IO-1;1;KEU-1001;40;0;main;;;;{shop.day(-3)}")
        shop.drop("purchase_orders/b.csv", PURCHASES, f"IO-2;1;KEU-1002;5;0;main;;;;{shop.day(-1)}")
        shop.drop("purchase_orders/c.csv", PURCHASES, f"IO-2;1;KEU-1002;9;0;main;;;;{shop.day(-2)}")
        assert shop.incoming() == [("IO-1", "1", "KEU-1001", 40, 0), ("IO-2", "1", "KEU-1002", 5, 0)]


def test_of_two_files_without_a_date_the_later_one_stands(shop: SupplyWorld) -> None:
    headings = "inkooporder;artikel;besteld;ontvangen"
    shop.drop("purchase_orders/a.csv", headings, "IO-1;KEU-1001;40;0")
    shop.world.pass_time(60)
    shop.drop("purchase_orders/b.csv", headings, "IO-1;KEU-1001;40;7")
    assert shop.incoming() == [("IO-1", "KEU-1001#1", "KEU-1001", 40, 7)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("IO-1;1;NIET-9;40;0;main;;;;", "unknown_sku"),
        ("IO-1;1;KEU-1001;40;0;zolder;;;;", "unknown_location"),
        ("IO-1;1;KEU-1001;;0;main;;;;", "missing_field"),
        ("IO-1;1;KEU-1001;-4;0;main;;;;", "negative_quantity"),
        ("IO-1;1;KEU-1001;4;1,5;main;;;;", "fractional_quantity"),
        ("IO-1;1;KEU-1001;4;0;main;binnenkort;;;", "wrong_type"),
        ("IO-1;1;KEU-1001;4;0;main;;;-1;", "negative_quantity"),
        (";1;KEU-1001;4;0;main;;;;", "missing_field"),
        ("IO-1;1;KEU-1001;4;0;main;;;;{later}", "future_order"),
    ],
)
def test_a_bad_line_of_a_purchase_order_is_not_expected(shop: SupplyWorld, row: str, code: str) -> None:
    shop.offer("KEU-1001")
    told = shop.told("KEU-1001")
    shop.drop(
        "purchase_orders/a.csv", PURCHASES, row.format(later=shop.moment(30)), "IO-9;1;KEU-1002;3;0;main;;;;"
    )
    assert shop.open_reasons() == [(2, code)]
    assert shop.incoming() == [("IO-9", "1", "KEU-1002", 3, 0)]
    assert shop.told("KEU-1001") == told


def test_two_rows_of_one_line_that_differ_count_neither(shop: SupplyWorld) -> None:
    shop.drop(
        "purchase_orders/a.csv",
        PURCHASES,
        "IO-1;1;KEU-1001;40;0;main;;;;",
        "IO-1;1;KEU-1001;50;0;main;;;;",
        "IO-1;2;KEU-1002;5;0;main;;;;",
        "IO-1;2;KEU-1002;5;0;main;;;;",
    )
    assert shop.incoming() == [("IO-1", "2", "KEU-1002", 5, 0)]
    assert shop.open_reasons() == [(2, "conflicting_values"), (3, "conflicting_values")]


# ------------------------------------------------------------------------------------------------ suppliers


def test_the_newest_list_of_a_supplier_replaces_the_former_and_no_other(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    shop.offer("KEU-1001", "KEU-1002")
    other = shop.told("KEU-1002")
    assert other is not None
    shop.drop(
        "supplier_stock/a.csv",
        SUPPLIER,
        f"Jansen;KEU-1001;20;3;4,10;{shop.moment(-3)}",
        f"Jansen;KEU-1002;6;3;;{shop.moment(-3)}",
        f"Peters;KEU-1001;2;9;4,00;{shop.moment(-3)}",
    )
    assert (shop.told("KEU-1001"), shop.told("KEU-1002")) == (before + 22, other + 6)
    row = shop.world.row("supplier_stock", supplier="Jansen", sku="KEU-1001")
    assert (row.lead_days, str(row.unit_cost)) == (3, "4.1000")

    result = shop.drop("supplier_stock/b.csv", SUPPLIER, f"Jansen;KEU-1001;19;3;4,10;{shop.moment(-2)}")

    assert (result.counts, result.reason) == ({"supplier_stock_rows": 1}, None), (
        "one of two is half, not less"
    )
    assert shop.supplier_rows() == [("Jansen", "KEU-1001", 19), ("Peters", "KEU-1001", 2)]
    assert (shop.told("KEU-1001"), shop.told("KEU-1002")) == (before + 21, other)


def test_an_older_list_changes_nothing(shop: SupplyWorld) -> None:
    shop.drop("supplier_stock/new.csv", SUPPLIER, f"Jansen;KEU-1001;5;;;{shop.moment(-1)}")
    shop.drop(
        "supplier_stock/old.csv",
        SUPPLIER,
        f"Jansen;KEU-1001;50;;;{shop.moment(-9)}",
        f"Jansen;KEU-1002;50;;;{shop.moment(-9)}",
    )
    assert shop.supplier_rows() == [("Jansen", "KEU-1001", 5)]


def test_half_a_list_waits_for_a_person_and_then_counts(shop: SupplyWorld) -> None:
    shop.offer("KEU-1002")
    told = shop.told("KEU-1002")
    assert told is not None
    at = shop.moment(-3)
    shop.drop("supplier_stock/a.csv", SUPPLIER, *(f"Jansen;KEU-100{n};10;;;{at}" for n in (1, 2, 3, 4, 5)))
    full = shop.supplier_rows()

    result = shop.drop(
        "supplier_stock/b.csv",
        SUPPLIER,
        *(f"Jansen;KEU-100{n};7;;;{shop.moment(-2)}" for n in (1, 2)),
        f"Peters;KEU-1001;1;;;{shop.moment(-2)}",
    )

    reason = (
        "supplier_stock/b.csv: the list of Jansen lacks 3 of 5 known articles, more than 50 %; nothing of the file was "
        "booked. If it is true, run 'order-pipelines release-stock files'"
    )
    assert (result.state, result.reason, result.counts["files_held"]) == ("processed", reason, 1)
    assert shop.supplier_rows() == full, "nothing of the file, the other supplier's list included"
    assert shop.told("KEU-1002") == told + 10
    assert shop.open_reasons() == [(None, "file_shrank")]
    assert shop.open_alerts() == ["files_held:files"]
    retry_quarantine(shop.shop, FILES)
    assert (shop.supplier_rows(), shop.open_alerts()) == (full, ["files_held:files"]), "a retry is no consent"

    assert release_files(shop.shop, FILES) == 1

    assert shop.supplier_rows() == [
        ("Jansen", "KEU-1001", 7),
        ("Jansen", "KEU-1002", 7),
        ("Peters", "KEU-1001", 1),
    ]
    assert shop.told("KEU-1002") == told + 7
    assert (shop.open_reasons(), shop.open_alerts()) == ([], [])
    assert release_files(shop.shop, FILES) == 0


def test_a_whole_list_makes_the_held_half_an_old_one(shop: SupplyWorld) -> None:
    at = shop.moment(-3)
    shop.drop("supplier_stock/a.csv", SUPPLIER, *(f"Jansen;KEU-100{n};10;;;{at}" for n in (1, 2, 3)))
    shop.drop("supplier_stock/b.csv", SUPPLIER, f"Jansen;KEU-1001;7;;;{shop.moment(-2)}")
    shop.drop(
        "supplier_stock/c.csv", SUPPLIER, *(f"Jansen;KEU-100{n};9;;;{shop.moment(-1)}" for n in (1, 2, 3))
    )
    assert shop.open_reasons() == [(None, "file_shrank")]
    retry_quarantine(shop.shop, FILES)
    assert [pieces for _, _, pieces in shop.supplier_rows()] == [9, 9, 9]
    assert (shop.open_reasons(), shop.open_alerts()) == ([], [])


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("Jansen;NIET-9;20;3;4,10;", "unknown_sku"),
        (";KEU-1001;20;3;4,10;", "missing_field"),
        ("Jansen;KEU-1001;;3;4,10;", "missing_field"),
        ("Jansen;KEU-1001;-2;3;4,10;", "negative_quantity"),
        ("Jansen;KEU-1001;2,5;3;4,10;", "fractional_quantity"),
        ("Jansen;KEU-1001;20;drie;4,10;", "wrong_type"),
        ("Jansen;KEU-1001;20;99999;4,10;", "wrong_type"),
        ("Jansen;KEU-1001;20;3;4,10;{later}", "future_order"),
    ],
)
def test_a_bad_row_of_a_supplier_is_not_promised(shop: SupplyWorld, row: str, code: str) -> None:
    shop.offer("KEU-1001")
    told = shop.told("KEU-1001")
    shop.drop("supplier_stock/a.csv", SUPPLIER, row.format(later=shop.moment(30)), "Jansen;KEU-1002;3;;;")
    assert shop.open_reasons() == [(2, code)]
    assert shop.supplier_rows() == [("Jansen", "KEU-1002", 3)]
    assert shop.told("KEU-1001") == told


# ------------------------------------------------------------------------------------------------ full counts

COUNT = "locatie;artikel;geteld;geteld op"


def _all_at_main(shop: SupplyWorld) -> list[str]:
    return [row.sku for row in shop.world.rows("stock_positions", location="main") if row.on_hand > 0]


def test_what_a_full_count_leaves_out_is_gone(shop: SupplyWorld) -> None:
    skus = _all_at_main(shop)
    shop.offer("KEU-1001")
    at = shop.moment(-1)
    rows = [f"main;{sku};3;{at}" for sku in skus if sku != "KEU-1001"]

    shop.drop("stock_counts/vol.csv", COUNT, *rows)

    assert (shop.on_hand("KEU-1001"), shop.told("KEU-1001"), shop.on_hand("KEU-1002")) == (0, 0, 3)
    (gone,) = [
        row
        for row in shop.world.rows("stock_movements", sku="KEU-1001", kind="counted")
        if row.cause == "not named by the full count of main"
    ]
    assert clock.isoformat(gone.occurred_at) == at
    shop.world.assert_ledger_adds_up()


def test_what_came_in_after_the_full_count_is_there_also_when_its_news_came_first(shop: SupplyWorld) -> None:
    headings = "mutatie;pakbon;artikel;aantal;locatie;ontvangen op"
    skus = _all_at_main(shop)
    shop.world.add_products([("NIEUW-1", "high", ()), ("NIEUW-2", "high", ())])
    shop.drop("goods_movements/na.csv", headings, f"ontvangst;PB-1;NIEUW-1;12;main;{shop.moment(-1)}")
    shop.drop("goods_movements/voor.csv", headings, f"ontvangst;PB-2;NIEUW-2;12;main;{shop.moment(-5)}")
    shop.drop("stock_counts/vol.csv", COUNT, *(f"main;{sku};3;{shop.moment(-3)}" for sku in skus))
    assert (shop.on_hand("NIEUW-1"), shop.on_hand("NIEUW-2")) == (12, 0)

    shop.world.add_products([("NIEUW-3", "high", ()), ("NIEUW-4", "high", ())])
    shop.drop("goods_movements/3.csv", headings, f"ontvangst;PB-3;NIEUW-3;12;main;{shop.moment(-1)}")
    shop.drop("goods_movements/4.csv", headings, f"ontvangst;PB-4;NIEUW-4;12;main;{shop.moment(-5)}")
    assert (shop.on_hand("NIEUW-3"), shop.on_hand("NIEUW-4")) == (12, 0), (
        "the same when it is heard afterwards"
    )


def test_half_a_full_count_empties_nothing_until_a_person_says_so(shop: SupplyWorld) -> None:
    skus = _all_at_main(shop)
    shop.offer("KEU-1001")
    told = shop.told("KEU-1001")
    at = shop.moment(-1)
    some = [sku for sku in skus if sku != "KEU-1001"][: len(skus) // 2 - 1]
    movements = len(shop.world.rows("stock_movements"))

    result = shop.drop("stock_counts/half.csv", COUNT, *(f"main;{sku};3;{at}" for sku in some))

    assert result.reason is not None
    assert f"the count of main lacks {len(skus) - len(some)} of {len(skus)} known articles" in result.reason
    assert shop.told("KEU-1001") == told
    assert len(shop.world.rows("stock_movements")) == movements
    assert shop.world.rows("stock_statements") == []
    assert shop.open_alerts() == ["files_held:files"]

    release = CliRunner().invoke(
        cli, ["--settings", str(shop.world.path), "release-stock", FILES], catch_exceptions=False
    )

    assert release.output == (
        "files: 0 quantities released; the next push sends them\nfiles: 1 held file booked\n"
    )
    assert (shop.on_hand("KEU-1001"), shop.told("KEU-1001"), shop.on_hand(some[0])) == (0, 0, 3)
    assert shop.open_alerts() == []


def test_a_row_that_cannot_be_read_lets_a_full_count_take_nothing_away(shop: SupplyWorld) -> None:
    skus = _all_at_main(shop)
    before = shop.on_hand("KEU-1001")
    at = shop.moment(-1)
    rows = [f"main;{sku};3;{at}" for sku in skus if sku != "KEU-1001"]
    shop.drop("stock_counts/vol.csv", COUNT, *rows, f"main;KEU-1001;1,5;{at}")
    assert (shop.on_hand("KEU-1001"), shop.on_hand("KEU-1002")) == (before, 3)


def test_a_count_of_another_place_takes_nothing_away(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    shop.drop("stock_counts/winkel.csv", COUNT, f"store;KEU-1002;3;{shop.moment(-1)}")
    assert (shop.on_hand("KEU-1001"), shop.on_hand("KEU-1002", "store")) == (before, 3)
    shop.drop("stock_counts/winkel2.csv", COUNT, f"store;KEU-1003;3;{shop.moment(-0.5)}")
    assert shop.on_hand("KEU-1002", "store") == 3
    assert shop.open_reasons() == []


def test_full_counts_in_any_order_and_again_end_in_the_same_stock(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = set()
    for number, order in enumerate(permutations(range(3))):
        folder = tmp_path / str(number)
        folder.mkdir()
        options = account('full_counts = "store"')
        url = sqlite_url.replace(".sqlite", f"{number}.sqlite")
        with opened_world(running_sandbox, url, folder, monkeypatch, exact=options) as world:
            shop = SupplyWorld(world)
            files = (
                (f"store;KEU-1001;5;{shop.day(-3)}", f"store;KEU-1002;5;{shop.day(-3)}"),
                (f"store;KEU-1002;6;{shop.day(-2)}", f"store;KEU-1003;7;{shop.day(-2)}"),
                (f"store;KEU-1003;8;{shop.day(-1)}", f"store;KEU-1002;9;{shop.day(-1)}"),
            )
            for index in (*order, *order):
                shop.drop(f"stock_counts/{index}.csv", COUNT, *files[index])
            ends.add(tuple(shop.on_hand(f"KEU-100{n}", "store") for n in (1, 2, 3)))
            world.assert_ledger_adds_up()
    assert ends == {(0, 9, 8)}
