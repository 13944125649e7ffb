"""What spoiled input brought to light, each in its smallest form."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from order_pipelines import clock
from order_pipelines.connectors.bol import CONNECTOR as BOL
from order_pipelines.connectors.bol.mapping import interpret
from order_pipelines.connectors.bol.orders import read_entry
from order_pipelines.connectors.exact_online import odata
from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import House, Token
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.product_file import read_product_file
from order_pipelines.settings import load_settings
from order_pipelines_tests.connectors.bol.scripted_server import Reply, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import BookedShop, line, order, shipped
from order_pipelines_tests.services.conftest import running_sandbox
from order_pipelines_tests.services.shop_world import ShopWorld
from order_pipelines_tests.services.test_drop_folder import _drop, _take_in, shop_with_files

__all__ = ["running_sandbox", "shop_with_files"]

DEEP = orjson.loads(b"[" * 300 + b"]" * 300)
"""What can be read, and is nested too deeply to be written again."""


def test_a_deeply_nested_value_is_a_problem_of_its_line() -> None:
    body = b'{"orderId":"A1","orderItems":[{"orderItemId":"L1","quantity":' + b"[" * 300 + b"]" * 300 + b"}]}"
    (found,) = interpret(body, kind="order").orders
    (problem,) = [problem for problem in found.problems if problem.field == "orderItems[0].quantity"]
    assert (problem.code, problem.value) == ("wrong_type", "a list")


def test_a_deeply_nested_entry_is_written_down_by_its_id() -> None:
    listed = read_entry({"orderId": "A1", "orderItems": [{"quantity": DEEP}]}, "GET /retailer/orders")
    assert (listed.external_id, listed.is_complete) == ("A1", False)


def test_a_deeply_nested_entry_without_id_becomes_a_reject() -> None:
    listed = read_entry({"orderItems": [{"quantity": DEEP}]}, "GET /retailer/orders")
    assert listed.is_complete
    meaning = interpret(listed.body, kind="order")
    assert (meaning.orders, [reject.problem.code for reject in meaning.rejects]) == ([], ["wrong_type"])


def test_texts_that_no_column_holds_stay_out_of_the_master(tmp_path: Path) -> None:
    path = tmp_path / "master.csv"
    rows = ["sku;naam;eenheid;kostprijs;leverancier", f"{'A' * 201};te lang;stuk;1;Jansen"]
    rows += [f"KOP;kop;{'m' * 41};12,123456;{'L' * 201}", "PAN;pan;stuk;99999999999999;Jansen"]
    path.write_text("\n".join(rows), encoding="utf-8")

    found = read_product_file(path)

    assert [(one.sku, one.unit, one.cost, one.supplier) for one in found.products] == [
        ("KOP", None, Decimal("12.1235"), None),
        ("PAN", "stuk", None, "Jansen"),
    ]
    assert [(one.rows, one.is_left_out) for one in found.conflicts] == [
        ((2,), True),
        ((3,), False),
        ((3,), False),
        ((4,), False),
    ]
    assert {one.code for one in found.conflicts} == {"wrong_type"}


@pytest.mark.parametrize("milliseconds", ["9" * 200, "9" * 5000, "-62135596800000"])
def test_a_time_of_exact_online_outside_of_all_time_is_unknown(milliseconds: str) -> None:
    assert odata.read_instant(f"/Date({milliseconds})/") is None


def test_an_offer_keeps_its_place_when_its_ean_is_longer_than_any() -> None:
    page = {"offers": [{"offerId": "1", "ean": "8" * 41}, {"offerId": "2", "ean": "8710000000017"}]}
    with scripted_server(lambda request: Reply(page)) as server:
        assert BOL.stock_sink is not None
        sink = BOL.stock_sink(server.account(), House(MemoryTokenStore(), MemoryBudget()))
        assert [(one.offer_id, one.ean) for one in sink.list_offers()] == [
            ("1", None),
            ("2", "8710000000017"),
        ]


def test_a_division_without_a_code_is_none_of_ours() -> None:
    with scripted_server(
        lambda request: Reply({"d": [{"Code": [1]}, {"Code": None}, {"Code": 2}]})
    ) as server:
        tokens, now = MemoryTokenStore(), clock.now()
        tokens.tokens["exact_online:exact"] = Token("a", now, now + timedelta(hours=9), "r")
        options = {"division": 1, "redirect_uri": "https://winkel.example/exact"}
        client = ExactClient(server.account("exact", **options), House(tokens, MemoryBudget()))
        (problem,) = client.check_connection()
        client.close()
    assert problem == "division 1 is not among those this consent may use: 2"


def test_settings_in_another_encoding_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes('[merchant]\nname = "Café"\n'.encode("cp1252"))
    with pytest.raises(
        ConfigurationError, match=r"settings\.toml: is not UTF-8 at byte 23; save it as UTF-8"
    ):
        load_settings(path)


def test_the_longest_names_are_booked_on_both_stores(store_url: str) -> None:
    """An order id and a line id of 200 characters each: the ledger's words for people are shorter than both."""
    store = open_store(store_url)
    shop = BookedShop(store)
    shop.products(("A", "high", ()))
    number, line_id = "n" * 200, "l" * 200
    placed = order(number, line("A", 2, external_line_id=line_id))
    shop.book(placed)
    shop.book(shipped(placed, at(12)))

    assert shop.position("A") == (-2, 0)
    assert {len(row.cause) for row in shop.rows("stock_movements")} == {300}
    assert {(row.order_key, row.line_id) for row in shop.rows("stock_movements")} == {
        (f"bol_main:{number}", line_id)
    }
    store.close()


_HEAD = "Ordernummer;Regel;SKU;Verzonden;Vervoerder;Track & Trace;Verzonden op;Locatie"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (f"{'9' * 201};;KOP;1;TNT;3S1;2026-03-05;main", "Ordernummer"),
        (f"PO-1;{'r' * 201};KOP;1;TNT;3S1;2026-03-05;main", "Regel"),
        (f"PO-1;;KOP;1;{'v' * 61};3S1;2026-03-05;main", "Vervoerder"),
        (f"PO-1;;KOP;1;TNT;{'t' * 201};2026-03-05;main", "Track & Trace"),
        (f"PO-1;;KOP;1;TNT;3S1;2026-03-05;{'z' * 41}", "Locatie"),
    ],
)
def test_a_parcel_with_a_name_that_no_column_holds_is_a_reject_and_the_others_wait(
    shop_with_files: ShopWorld, row: str, field: str
) -> None:
    world = shop_with_files
    _drop(world, "shipments/p.csv", "\n".join([_HEAD, row, "PO-2;;KOP;1;TNT;3S2;2026-03-05;main", ""]))

    (result,) = _take_in(world)

    assert result.state == "processed"
    assert [one.order_number for one in world.rows("pending_shipment_lines")] == ["PO-2"]
    rejected = [one for one in world.rows("quarantine") if one.entity == "file_row"]
    assert [(one.reason_code, one.field, one.source_row) for one in rejected] == [("wrong_type", field, 2)]


def test_an_order_number_that_no_column_holds_is_a_reject_and_the_others_are_booked(
    shop_with_files: ShopWorld,
) -> None:
    world = shop_with_files
    rows = ["po_number;sku;aantal;prijs;land", f"{'9' * 100};KOP;1;10,00;NL", "PO-2;KEU-1001;1;10,00;NL", ""]
    _drop(world, "orders/o.csv", "\n".join(rows))

    (result,) = _take_in(world)

    assert result.state == "processed"
    assert [one.order_number for one in world.rows("orders")] == ["PO-2"]
    assert [(one.reason_code, one.source_row) for one in world.rows("quarantine")] == [("wrong_type", 2)]


def test_two_shelves_of_an_article_are_one_count_however_far_apart_their_rows_are(
    shop_with_files: ShopWorld,
) -> None:
    """Files are booked five thousand rows at a time; the second shelf stood in the next lot and was lost."""
    world = shop_with_files
    rows: list[Any] = ["locatie;sku;aantal;geteld op", "main;KEU-1001;5;2026-11-20T10:00:00Z"]
    rows += ["main;KEU-1002;1;2026-11-20T10:00:00Z"] * 5_000
    rows += ["main;KEU-1001;3;2026-11-20T10:00:00Z", ""]
    _drop(world, "stock_counts/t.csv", "\n".join(rows))

    (result,) = _take_in(world)

    assert result.counts == {"stock_counts": 5002}
    counted = {one.sku: one.quantity for one in world.rows("stock_statements")}
    assert counted == {"KEU-1001": 8, "KEU-1002": 5000}
    assert world.row("stock_positions", sku="KEU-1001", location="main").counted_quantity == 8


def test_two_counts_with_one_long_beginning_are_two(shop_with_files: ShopWorld) -> None:
    world = shop_with_files
    sku = "S" * 150
    world.add_products([(sku, "high", ())])
    rows = [
        "locatie;sku;aantal;geteld op",
        f"main;{sku};5;2026-11-20T10:00:00Z",
        f"store;{sku};3;2026-11-20T10:00:00Z",
    ]
    _drop(world, "stock_counts/t.csv", "\n".join([*rows, ""]))

    _take_in(world)

    assert sorted((one.location, one.quantity) for one in world.rows("stock_statements")) == [
        ("main", 5),
        ("store", 3),
    ]
