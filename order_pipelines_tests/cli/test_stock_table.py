"""``stock show``: each article with what lies where and the numbers of its offers, typed in by hand.

Mugs: 7 in the warehouse, of which one is in a cart and two are sold, and 4 in the store, which serves nobody. bol was
told 4, confirmed that and showed 5 when it was read; Blokker confirmed 4 and was never read. Pans: counted, offered
nowhere. The set is offered and lies nowhere.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore, upsert
from order_pipelines.operations.tables import channel_stock, products, stock_positions
from order_pipelines.services.stock_table import as_shown, cells_of, read_stock_table
from order_pipelines.settings import load_settings
from order_pipelines_tests.cli.person import Typing
from order_pipelines_tests.operations.moments import at

_SETTINGS = """
[merchant]
name = "De Vries Wonen"
[stores]
operations_url = "{url}"
[[locations]]
name = "main"
[[locations]]
name = "store"
{more}
[accounts.bol_main]
system = "bol"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
[accounts.blokker]
system = "mirakl"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
"""


def _position(sku: str, location: str, on_hand: int, reserved: int = 0, owed: int = 0) -> dict[str, Any]:
    return {
        "sku": sku,
        "location": location,
        "on_hand": on_hand,
        "reserved": reserved,
        "open_demand": owed,
        "counted_at": at(7),
        "counted_quantity": on_hand,
        "updated_at": at(8),
        "change_seq": 1,
    }


def _offer(account: str, sku: str, desired: int, confirmed: int | None, shown: int | None) -> dict[str, Any]:
    return {
        "account": account,
        "offer_id": f"{account}-{sku}",
        "sku": sku,
        "desired_quantity": desired,
        "desired_version": 1,
        "available_quantity": desired,
        "own_open_quantity": 0,
        "sent_version": 1,
        "confirmed_quantity": confirmed,
        "confirmed_version": 0 if confirmed is None else 1,
        "read_back_quantity": shown,
        "read_back_at": None if shown is None else at(9),
        "state": "pending" if confirmed is None else "confirmed",
        "attempts": 0,
        "change_seq": 1,
    }


def _fill(store: OperationsStore) -> None:
    with store.transaction() as connection:
        mug = {"sku": "MUG", "name": "Mok", "source": "file", "updated_at": at(0), "change_seq": 1}
        upsert(connection, products, [mug])
        upsert(
            connection,
            stock_positions,
            [_position("MUG", "main", 7, 1, 2), _position("MUG", "store", 4), _position("PAN", "main", 3)],
        )
        upsert(
            connection,
            channel_stock,
            [
                _offer("bol_main", "MUG", 4, 4, 5),
                _offer("blokker", "MUG", 4, 4, None),
                _offer("bol_main", "SET", 0, None, None),
            ],
        )


def _person(store_url: str, folder: Path, more: str = "") -> Typing:
    path = folder / "settings.toml"
    path.write_text(_SETTINGS.format(url=store_url, more=more), encoding="utf-8")
    store = open_store(load_settings(path).operations_url())
    _fill(store)
    store.close()
    return Typing(path, {}, None)  # type: ignore[arg-type]


@pytest.fixture
def shop(store_url: str, tmp_path: Path) -> Typing:
    return _person(store_url, tmp_path)


HEADINGS = "sku main store reserved open bol_main blokker"
MUG = "MUG 7 4 1 2 4/4/5 ≠ 4/4/-"


def test_every_article_is_a_line_with_its_places_and_numbers(shop: Typing) -> None:
    said = [line for line in shop.says("stock", "show") if line and "─" not in line]
    assert said == [
        HEADINGS,
        MUG,
        "PAN 3 0 0",
        "SET 0 0 0/-/- ≠",
        "3 articles, 3 offers, of which 2 differ (≠)",
    ]


def test_one_article_one_account_and_what_differs(shop: Typing) -> None:
    assert MUG in shop.says("stock", "show", "--sku", "MUG")
    assert shop.says("stock", "show", "--sku", "MUG")[-1] == "1 article, 2 offers, of which 1 differ (≠)"
    assert (
        shop.says("stock", "show", "--account", "blokker")[-1] == "1 article, 1 offer, of which 0 differ (≠)"
    )
    assert "MUG 7 4 1 2 4/4/-" in shop.says("stock", "show", "--account", "blokker")
    assert shop.says("stock", "show", "--account", "blokker", "--differing") == [
        "0 articles, 0 offers, of which 0 differ (≠)"
    ]
    assert shop.says("stock", "show", "--sku", "NIETS")[-1] == "0 articles, 0 offers, of which 0 differ (≠)"


def test_programs_get_all_of_it(shop: Typing) -> None:
    (mug,) = json.loads("\n".join(shop.says("stock", "show", "--sku", "MUG", "--json")))
    assert (mug["sku"], mug["name"]) == ("MUG", "Mok")
    assert mug["places"][0] == {
        "location": "main",
        "on_hand": 7,
        "reserved": 1,
        "open_demand": 2,
        "counted_at": "2026-11-16T07:00:00+00:00",
    }
    assert [(place["location"], place["on_hand"]) for place in mug["places"]] == [("main", 7), ("store", 4)]
    assert mug["offers"] == [
        {
            "account": "blokker",
            "offer_id": "blokker-MUG",
            "desired": 4,
            "confirmed": 4,
            "shown": None,
            "shown_at": None,
            "is_agreed": True,
        },
        {
            "account": "bol_main",
            "offer_id": "bol_main-MUG",
            "desired": 4,
            "confirmed": 4,
            "shown": 5,
            "shown_at": "2026-11-16T09:00:00+00:00",
            "is_agreed": False,
        },
    ]


def test_more_places_than_fit_a_page_stand_below_each_other(store_url: str, tmp_path: Path) -> None:
    person = _person(store_url, tmp_path, '[[locations]]\nname = "attic"')
    store = open_store(load_settings(person.settings).operations_url())
    with store.transaction() as connection:
        upsert(connection, stock_positions, [_position("MUG", "attic", 1)])
    store.close()
    said = [line for line in person.says("stock", "show") if line and "─" not in line]
    assert said == [
        "sku location on hand reserved open account desired confirmed shown",
        "MUG attic 1 0 0 blokker 4 4 -",
        "main 7 1 2 bol_main 4 4 5 ≠",
        "store 4 0 0",
        "PAN main 3 0 0",
        "SET bol_main 0 - - ≠",
        "3 articles, 3 offers, of which 2 differ (≠)",
    ]


def test_what_a_channel_holds_now_takes_the_place_of_what_was_read_before(
    store_url: str, tmp_path: Path
) -> None:
    settings = load_settings(_person(store_url, tmp_path).settings)
    store = open_store(settings.operations_url())
    with store.reading() as connection:
        lines = read_stock_table(connection, skus=["MUG"])
    store.close()
    held = {("bol_main", "bol_main-MUG"): 4, ("blokker", "blokker-MUG"): 9}
    assert cells_of(as_shown(lines, held), settings).rows == [("MUG", "7", "4", "1", "2", "4/4/4", "4/4/9 ≠")]
