"""The shoppers, the typed demo orders, and the merchant's product file."""

import collections
import csv
import time
from decimal import Decimal

import requests

from order_pipelines.sandbox.catalogue import PRODUCTS_FILE, Catalogue
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock


def has_good_check_digit(ean: str) -> bool:
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(ean)))
    return weighted % 10 == 0


def test_the_product_file_reads_like_a_merchants_file() -> None:
    with PRODUCTS_FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "sku",
        "ean",
        "name",
        "vat_class",
        "unit",
        "weight_grams",
        "cost",
        "supplier",
        "price_incl_vat",
        "stock_main",
        "stock_store",
    ]
    eans = [ean for row in rows for ean in row["ean"].split("|")]
    assert (len(rows), len({row["sku"] for row in rows})) == (62, 62)
    assert (len(eans), len(set(eans))) == (66, 66)
    assert all(len(ean) == 13 and has_good_check_digit(ean) for ean in eans)
    assert sum(ean.startswith("0") for ean in eans) == 5
    assert sum("|" in row["ean"] for row in rows) == 4
    assert collections.Counter(row["vat_class"] for row in rows) == {"high": 46, "low": 16}
    assert all(Decimal(row["cost"]) < Decimal(row["price_incl_vat"]) for row in rows)
    assert rows[0] == {
        "sku": "KEU-1001",
        "ean": "8720999001018",
        "name": "Koekenpan 28 cm gietijzer",
        "vat_class": "high",
        "unit": "stuk",
        "weight_grams": "2950",
        "cost": "17.80",
        "supplier": "Van Rossum Huishoud",
        "price_incl_vat": "39.95",
        "stock_main": "42",
        "stock_store": "6",
    }


def test_each_account_offers_goods_the_merchant_does_not_know() -> None:
    catalogue = Catalogue.load()
    unknown = {
        account: [
            row.ean for row in catalogue.bol_listings(account) if catalogue.product_of_ean(row.ean) is None
        ]
        for account in ("bol_main", "bol_outlet")
    }
    assert unknown == {
        "bol_main": ["8719999770017", "0001299770018"],
        "bol_outlet": ["8719999770024", "0001299770018"],
    }
    assert all(has_good_check_digit(ean) for eans in unknown.values() for ean in eans)


def test_references_are_mostly_the_sku_sometimes_absent_sometimes_something_else() -> None:
    listings = [row for row in Catalogue.load().bol_listings("bol_main") if row.sku is not None]
    kinds = collections.Counter(
        "sku" if row.reference == row.sku else "absent" if row.reference is None else "other"
        for row in listings
    )
    assert kinds == {"sku": 48, "absent": 7, "other": 5}
    assert next(row.reference for row in listings if row.sku == "KEU-1005") == "oud keu-1005"


def test_some_offers_are_fulfilled_by_bol() -> None:
    catalogue = Catalogue.load()
    by_bol = {
        account: sorted(
            row.sku or "" for row in catalogue.bol_listings(account) if row.fulfilment_method == "FBB"
        )
        for account in ("bol_main", "bol_outlet")
    }
    assert by_bol == {
        "bol_main": ["FIE-9003", "SPE-8003", "THE-2004", "VER-6001"],
        "bol_outlet": ["WOO-7006"],
    }


def test_the_demo_places_forty_orders_with_typed_totals(main: BolCaller, outlet: BolCaller) -> None:
    rows = main.control("POST", "/world", {"action": "demo"}).json()["orders"]
    assert collections.Counter(row["account"] for row in rows) == {"bol_main": 25, "bol_outlet": 15}
    paid = {
        order["order_id"]: sum(Decimal(item["total_price"]) for item in order["items"])
        for caller in (main, outlet)
        for order in caller.state()["orders"]
    }
    assert {row["order_id"]: Decimal(row["total_incl_vat"]) for row in rows} == paid
    totals = {
        account: sum(
            (Decimal(row["total_incl_vat"]) for row in rows if row["account"] == account), Decimal(0)
        )
        for account in ("bol_main", "bol_outlet")
    }
    assert totals == {"bol_main": Decimal("745.88"), "bol_outlet": Decimal("459.82")}
    assert sum(Decimal(row["of_which_low_vat"]) for row in rows) == Decimal("248.02")
    assert collections.Counter(row["expect"] for row in rows) == {
        "clean": 34,
        "unknown_ean": 2,
        "cent_off": 1,
        "broken": 1,
        "cancellation_requested": 1,
        "item_cancelled": 1,
    }
    assert main.state()["oversold"] == outlet.state()["oversold"] == 0


def test_the_demo_orders_are_what_their_labels_say(main: BolCaller) -> None:
    main.control("POST", "/world", {"action": "demo"})
    cent_off = main.detail("1043210016")["orderItems"][0]
    assert (cent_off["unitPrice"], cent_off["quantity"], cent_off["totalPrice"]) == (8.49, 3, 22.91)
    assert cent_off["discounts"][0]["amount"] == 2.55
    assert "quantity" not in main.detail("1043210017")["orderItems"][0]
    wish = main.detail("D9R3307WB5")["orderItems"][0]
    assert (wish["cancellationRequest"], wish["quantityCancelled"]) == (True, 0)
    kept, dropped = main.detail("1043210019")["orderItems"]
    assert (kept["quantityCancelled"], dropped["quantityCancelled"]) == (0, 1)
    assert main.detail("1043210001")["orderItems"][0]["quantityShipped"] == 1
    assert main.detail("1043210008")["orderItems"][0]["fulfilment"]["method"] == "FBB"
    assert main.detail("1043210005")["shipmentDetails"]["countryCode"] == "BE"
    assert main.detail("1043210015")["orderItems"][0]["product"]["ean"] == "8719999770017"


def test_the_low_vat_part_of_the_demo_is_what_the_product_file_says(sandbox: Sandbox) -> None:
    low = {row.order_id: row.of_which_low_vat for row in sandbox.world.demo_script()}
    for account in ("bol_main", "bol_outlet"):
        for order in sandbox.bol.state(account)["orders"]:
            found = sum(
                (
                    Decimal(item["total_price"])
                    for item in order["items"]
                    if (product := sandbox.catalogue.product_of_ean(item["ean"]))
                    and product.vat_class == "low"
                ),
                Decimal("0.00"),
            )
            assert found == low[order["order_id"]], order["order_id"]


def test_the_demo_is_played_once(main: BolCaller) -> None:
    first = main.control("POST", "/world", {"action": "demo"}).json()
    main.sandbox.clock.set_offset(3600)
    assert main.control("POST", "/world", {"action": "demo"}).json() == first
    assert len(main.state()["orders"]) == 25


def test_one_seed_makes_one_world() -> None:
    worlds = []
    for seed in (7, 7, 8):
        sandbox = Sandbox(0, clock=StandingClock(), seed=seed)
        happened = []
        for _ in range(120):
            happened.append(sandbox.world.step())
            sandbox.clock.set_offset(sandbox.clock.offset_s + 600)
        worlds.append(
            (happened, sandbox.bol.state("bol_main")["orders"], sandbox.bol.state("bol_outlet")["orders"])
        )
    assert worlds[0] == worlds[1]
    assert worlds[0][0] != worlds[2][0]


def test_shoppers_buy_in_all_ways_and_never_more_than_is_shown() -> None:
    sandbox = Sandbox(0, clock=StandingClock(), seed=3)
    for _ in range(400):
        sandbox.world.step()
        sandbox.clock.set_offset(sandbox.clock.offset_s + 300)
    states = [sandbox.bol.state(account) for account in ("bol_main", "bol_outlet")]
    orders = [order for state in states for order in state["orders"]]
    items = [item for order in orders for item in order["items"]]
    assert [state["oversold"] for state in states] == [0, 0]
    assert {order["ship_country"] for order in orders} == {"NL", "BE"}
    assert {len(order["items"]) for order in orders} == {1, 2, 3}
    assert {item["fulfilment_method"] for item in items} == {"FBR", "FBB"}
    assert any(item["quantity"] > 1 for item in items)
    assert any(
        Decimal(item["total_price"]) < Decimal(item["unit_price"]) * item["quantity"] for item in items
    )
    assert any(item["cancellation_request"] for item in items)
    assert any(state["cancellations"] for state in states)
    assert any(state["returns"] for state in states)


def test_shoppers_come_and_go() -> None:
    with Sandbox(0) as sandbox:
        url = f"{sandbox.control_url}/world"
        assert (
            requests.post(url, json={"action": "start", "rate_per_minute": 6000}, timeout=5).json()["running"]
            is True
        )
        until = time.monotonic() + 5
        while requests.get(url, timeout=5).json()["steps"] < 5 and time.monotonic() < until:
            time.sleep(0.01)
        stopped = requests.post(url, json={"action": "stop"}, timeout=5).json()
        assert stopped["running"] is False
        assert stopped["steps"] >= 5
        orders = len(sandbox.bol.state("bol_main")["orders"]) + len(sandbox.bol.state("bol_outlet")["orders"])
        time.sleep(0.05)
        assert orders == len(sandbox.bol.state("bol_main")["orders"]) + len(
            sandbox.bol.state("bol_outlet")["orders"]
        )


def test_steps_can_be_taken_one_by_one(main: BolCaller) -> None:
    happened = main.control("POST", "/world", {"action": "step", "count": 3}).json()["happened"]
    assert len(happened) == 3
    assert main.control("GET", "/world").json() == {"running": False, "rate_per_minute": 0.0, "steps": 3}


def test_eleven_orders_are_placed_elsewhere_once_with_typed_totals() -> None:
    with Sandbox(0, relaxed=True) as sandbox:
        rows = sandbox.world.open_elsewhere()
        assert sandbox.world.open_elsewhere() == rows
        webshop = {row["order_number"]: row for row in sandbox.shopware.state("webshop")["orders"]}
        blokker = {row["order_id"]: row for row in sandbox.mirakl.state("blokker")["orders"]}
        totals = {row.order_id: row.total_incl_vat for row in rows}
        assert (len(rows), len(webshop), len(blokker)) == (11, 6, 5)
        for number, order in webshop.items():
            assert Decimal(str(order["amount_total"])) == totals[number], number
        for number, order in blokker.items():
            paid = sum(Decimal(line["price"]) + Decimal(line["shipping_price"]) for line in order["lines"])
            assert paid == totals[number], number
        assert blokker["BLK20105-A"]["state"] == "CANCELED"
        assert webshop["W-20006"]["state"] == "cancelled"
        happened = [sandbox.world.step()["account"] for _ in range(40)]
        assert {"blokker", "webshop", "bol_main"} <= set(happened)
