"""Goods movements from files: each line of a document once, a transfer whole or not at all, nothing of a bad row."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.again import retry_quarantine
from order_pipelines_tests.connectors.b2b_files.files import sheet
from order_pipelines_tests.services.shop_world import MAIN, opened_world
from order_pipelines_tests.services.supply_world import FILES, SupplyWorld, account

HEADINGS = "Mutatie;Document;Regel;Artikel;Aantal;Locatie;Van;Naar;Mutatiedatum"


@pytest.fixture
def shop(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SupplyWorld]:
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, exact=account()) as world:
        yield SupplyWorld(world)


def test_goods_that_came_in_came_back_and_changed_places_are_there(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    shop.offer("KEU-1001")
    assert shop.told("KEU-1001") == before
    at = shop.moment(-1)

    result = shop.drop(
        "goods_movements/dag.csv",
        HEADINGS,
        f"ontvangst;PB-1;1;KEU-1001;12;main;;;{at}",
        f"retour;RMA-7;1;KEU-1001;1;main;;;{at}",
        f"overboeking;TR-3;1;KEU-1001;5;;main;store;{at}",
    )

    assert (result.state, result.rows_read, result.counts) == ("processed", 3, {"goods_movements": 3})
    assert shop.on_hand("KEU-1001") == before + 8
    assert shop.on_hand("KEU-1001", "store") == 5
    assert shop.goods() == [
        ("received", "KEU-1001", "main", 12),
        ("returned", "KEU-1001", "main", 1),
        ("transferred", "KEU-1001", "main", -5),
        ("transferred", "KEU-1001", "store", 5),
    ]
    assert shop.told("KEU-1001") == before + 8, (
        "bol is served from main, and hears of it in the same transaction"
    )
    assert shop.open_reasons() == []
    shop.world.assert_ledger_adds_up()


def test_a_line_is_booked_once_whatever_file_it_stands_in(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    at = shop.moment(-1)
    row = f"ontvangst;PB-1;1;KEU-1001;12;main;;;{at}"
    shop.drop("goods_movements/a.csv", HEADINGS, row)
    shop.drop("goods_movements/b.csv", HEADINGS, row, f"ontvangst;PB-1;2;KEU-1002;3;main;;;{at}", row)

    assert shop.on_hand("KEU-1001") == before + 12
    assert shop.goods() == [("received", "KEU-1001", "main", 12), ("received", "KEU-1002", "main", 3)]
    assert shop.open_reasons() == []


def test_documents_and_lines_that_look_alike_are_told_apart(shop: SupplyWorld) -> None:
    at = shop.moment(-1)
    shop.drop(
        "goods_movements/a.csv",
        HEADINGS,
        f"ontvangst;A:1;2;KEU-1001;1;main;;;{at}",
        f"ontvangst;A;1:2;KEU-1001;2;main;;;{at}",
        f"retour;A;1:2;KEU-1001;4;main;;;{at}",
    )
    assert [pieces for _, _, _, pieces in shop.goods()] == [1, 2, 4]


def test_lines_without_a_number_are_told_by_their_article(shop: SupplyWorld) -> None:
    """The second list of the same delivery note has one row more, above the others."""
    at = shop.moment(-1)
    headings = "mutatie;pakbon;artikel;aantal;locatie;ontvangen op"
    one = f"ontvangst;PB-1;KEU-1001;12;main;{at}"
    again = f"ontvangst;PB-1;KEU-1001;2;main;{at}"
    shop.drop("goods_movements/a.csv", headings, one, again)
    shop.drop("goods_movements/b.csv", headings, f"ontvangst;PB-1;KEU-1002;3;main;{at}", one, again)
    assert sorted(shop.goods()) == [
        ("received", "KEU-1001", "main", 2),
        ("received", "KEU-1001", "main", 12),
        ("received", "KEU-1002", "main", 3),
    ]


def test_a_corrected_line_is_not_booked_and_what_was_booked_stands(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    at = shop.moment(-1)
    shop.drop("goods_movements/a.csv", HEADINGS, f"ontvangst;PB-1;1;KEU-1001;12;main;;;{at}")
    result = shop.drop(
        "goods_movements/b.csv",
        HEADINGS,
        f"ontvangst;PB-1;1;KEU-1001;10;main;;;{at}",
        f"ontvangst;PB-2;1;KEU-1001;1;main;;;{at}",
    )

    assert result.counts == {"goods_movements": 2, "supply_rows_quarantined": 1}
    assert shop.on_hand("KEU-1001") == before + 13
    assert shop.open_reasons() == [(2, "other_content")]
    (row,) = shop.world.rows("quarantine", account=FILES)
    assert row.reason == (
        "document PB-1 line 1 was booked with other contents before, and those stand; write the difference under a "
        "document number of its own, or count"
    )


def test_two_rows_of_one_file_that_contradict_each_other_are_one_movement(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    at = shop.moment(-1)
    shop.drop(
        "goods_movements/a.csv",
        HEADINGS,
        f"ontvangst;PB-1;1;KEU-1001;12;main;;;{at}",
        f"ontvangst;PB-1;1;KEU-1001;10;main;;;{at}",
    )
    assert shop.on_hand("KEU-1001") == before + 12
    assert shop.open_reasons() == [(3, "other_content")]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("ontvangst;PB-1;1;NIET-9;12;main;;;{at}", "unknown_sku"),
        ("ontvangst;PB-1;1;KEU-1001;12;zolder;;;{at}", "unknown_location"),
        ("overboeking;PB-1;1;KEU-1001;12;;main;zolder;{at}", "unknown_location"),
        ("overboeking;PB-1;1;KEU-1001;12;;zolder;main;{at}", "unknown_location"),
        ("overboeking;PB-1;1;KEU-1001;12;;main;main;{at}", "same_location"),
        ("overboeking;PB-1;1;KEU-1001;12;;main;;{at}", "missing_field"),
        ("ontvangst;PB-1;1;KEU-1001;1,5;main;;;{at}", "fractional_quantity"),
        ("ontvangst;PB-1;1;KEU-1001;-3;main;;;{at}", "negative_quantity"),
        ("ontvangst;PB-1;1;KEU-1001;0;main;;;{at}", "negative_quantity"),
        ("ontvangst;PB-1;1;KEU-1001;veel;main;;;{at}", "wrong_type"),
        ("ontvangst;;1;KEU-1001;12;main;;;{at}", "missing_field"),
        ("ontvangst;PB-1;1;KEU-1001;12;;;;{at}", "missing_field"),
        ("ontvangst;PB-1;1;KEU-1001;12;main;;;", "missing_field"),
        ("verkoop;PB-1;1;KEU-1001;12;main;;;{at}", "unknown_movement"),
        ("ontvangst;PB-1;1;KEU-1001;12;main;;;{later}", "future_order"),
    ],
)
def test_a_bad_row_moves_nothing_and_the_others_move(shop: SupplyWorld, row: str, code: str) -> None:
    before = shop.on_hand("KEU-1001")
    at, later = shop.moment(-1), shop.moment(30)

    result = shop.drop(
        "goods_movements/a.csv",
        HEADINGS,
        row.format(at=at, later=later),
        f"ontvangst;PB-9;1;KEU-1002;3;main;;;{at}",
    )

    assert result.state == "processed"
    assert shop.open_reasons() == [(2, code)]
    assert shop.goods() == [("received", "KEU-1002", "main", 3)]
    assert shop.on_hand("KEU-1001") == before
    assert shop.on_hand("KEU-1001", "store") is None
    assert shop.on_hand("KEU-1001", "zolder") is None


def test_what_is_mended_is_booked_once_by_a_retry(shop: SupplyWorld) -> None:
    at = shop.moment(-1)
    shop.drop(
        "goods_movements/a.csv",
        HEADINGS,
        f"ontvangst;PB-1;1;NIEUW-1;12;main;;;{at}",
        f"ontvangst;PB-1;2;KEU-1002;3;main;;;{at}",
    )
    shop.world.add_products([("NIEUW-1", "high", ())])
    for _ in range(2):
        retry_quarantine(shop.shop, FILES)
    assert shop.goods() == [("received", "KEU-1002", "main", 3), ("received", "NIEUW-1", "main", 12)]
    assert shop.open_reasons() == []


def test_what_moved_before_the_account_began_is_in_its_first_count(shop: SupplyWorld) -> None:
    shop.drop("goods_movements/a.csv", HEADINGS, "ontvangst;PB-1;1;KEU-1001;12;main;;;2025-12-31")
    assert shop.goods() == []
    assert shop.open_reasons() == []


def test_files_in_any_order_and_again_end_in_the_same_stock(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt, a transfer and a count of what lies there, of three different hours."""
    ends = set()
    for number, order in enumerate(permutations(range(3))):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = sqlite_url.replace(".sqlite", f"{number}.sqlite")
        with opened_world(running_sandbox, url, folder, monkeypatch, exact=account()) as world:
            shop = SupplyWorld(world)
            shop.offer("KEU-1001")
            files = (
                ("goods_movements/a.csv", HEADINGS, f"ontvangst;PB-1;1;KEU-1001;12;main;;;{shop.day(-2)}"),
                (
                    "goods_movements/b.csv",
                    HEADINGS,
                    f"overboeking;T-1;1;KEU-1001;4;;main;store;{shop.day(0)}",
                ),
                (
                    "stock_counts/c.csv",
                    "locatie;artikel;geteld;geteld op",
                    f"main;KEU-1001;50;{shop.day(-1)}",
                ),
            )
            for index in (*order, *order):
                shop.drop(*files[index])
            ends.add((shop.on_hand("KEU-1001"), shop.on_hand("KEU-1001", "store"), shop.told("KEU-1001")))
            world.assert_ledger_adds_up()
    assert ends == {(46, 4, 46)}


def test_a_receipt_is_told_to_the_channel_whose_orders_wait_for_it(shop: SupplyWorld) -> None:
    on_hand = shop.on_hand("KEU-1001")
    assert on_hand is not None
    shop.offer("KEU-1001")
    shop.world.buy(("KEU-1001", on_hand + 2))
    shop.world.sweep(MAIN)
    assert shop.told("KEU-1001") == 0
    shop.drop("goods_movements/a.csv", HEADINGS, f"ontvangst;PB-1;1;KEU-1001;12;main;;;{shop.moment(-1)}")
    assert shop.told("KEU-1001") == 10


def test_a_delivery_note_as_a_workbook_is_booked_like_a_text_file(shop: SupplyWorld) -> None:
    before = shop.on_hand("KEU-1001")
    assert before is not None
    content = sheet(
        ("Ontvangen goederen",),
        ("Pakbon", "PB-9"),
        ("Magazijn", "main"),
        ("Ontvangen op", shop.day(-1)),
        (),
        ("Artikelnr", "Ontvangen"),
        ("KEU-1001", 4),
        ("KEU-1002", 6),
        ("Totaal", 10),
    )
    result = shop.drop_bytes("goods_movements/bon.xlsx", content)
    assert (result.state, result.counts) == ("processed", {"goods_movements": 2})
    assert shop.goods() == [("received", "KEU-1001", "main", 4), ("received", "KEU-1002", "main", 6)]
    assert shop.on_hand("KEU-1001") == before + 4
