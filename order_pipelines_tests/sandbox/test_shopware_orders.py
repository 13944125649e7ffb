"""What an order looks like: gross, net and without VAT, promotions, containers, deliveries, payments, customers."""

import pytest

from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller


def taxes(price: dict[str, object]) -> list[tuple[float, float, float]]:
    """(rate, price, tax) of each rate."""
    rows = price["calculatedTaxes"]
    assert isinstance(rows, list)
    return [(row["taxRate"], row["price"], row["tax"]) for row in rows]


def test_a_gross_order_has_vat_in_its_prices(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 2)))
    assert (order["taxStatus"], order["amountTotal"], order["amountNet"]) == ("gross", 84.85, 70.12)
    assert (order["positionPrice"], order["shippingTotal"]) == (79.9, 4.95)
    assert taxes(order["price"]) == [(21.0, 84.85, 14.73)]
    (line,) = order["lineItems"]
    assert (line["type"], line["quantity"], line["unitPrice"], line["totalPrice"]) == (
        "product",
        2,
        39.95,
        79.9,
    )
    assert taxes(line["price"]) == [(21.0, 79.9, 13.87)]
    assert (line["payload"]["productNumber"], line["productId"]) == ("KEU-1001", line["product"]["id"])


def test_a_net_order_has_vat_on_top(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 2), tax_status="net", shipping="5"))
    # 39.95 / 1.21 = 33.02 a piece; 66.04 + 5.00 = 71.04; VAT 13.87 + 1.05.
    assert (order["taxStatus"], order["amountNet"], order["amountTotal"]) == ("net", 71.04, 85.96)
    assert taxes(order["lineItems"][0]["price"]) == [(21.0, 66.04, 13.87)]
    assert taxes(order["price"]) == [(21.0, 71.04, 14.92)]


def test_an_order_without_vat_has_no_rates(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 1), tax_status="tax-free", ship_country="US"))
    assert (order["taxStatus"], order["amountNet"], order["amountTotal"]) == ("tax-free", 37.97, 37.97)
    assert (order["price"]["calculatedTaxes"], order["lineItems"][0]["price"]["calculatedTaxes"]) == ([], [])
    assert order["deliveries"][0]["shippingOrderAddress"]["country"]["iso"] == "US"


def test_a_promotion_takes_its_part_of_each_rate(webshop: ShopwareCaller) -> None:
    # 39.95 at 21 % and two of 12.50 at 9 %: 64.95. Of 10.00 fall 6.15 on the one and 3.85 on the other.
    lines = (
        {"sku": "KEU-1001", "quantity": 1},
        {"type": "custom", "unit_price": "12.50", "quantity": 2, "vat_rate": "9"},
    )
    order = webshop.order(webshop.buy(*lines, promotion="10", shipping="0"))
    promotion = next(line for line in order["lineItems"] if line["type"] == "promotion")
    assert (promotion["productId"], promotion["product"], promotion["totalPrice"]) == (None, None, -10.0)
    assert taxes(promotion["price"]) == [(21.0, -6.15, -1.07), (9.0, -3.85, -0.32)]
    assert taxes(order["price"]) == [(21.0, 33.8, 5.86), (9.0, 21.15, 1.74)]
    assert (order["amountTotal"], order["amountNet"], order["positionPrice"]) == (54.95, 47.35, 54.95)


def test_a_credit_line_is_negative_and_no_goods(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy({"sku": "KEU-1001"}, {"type": "credit", "unit_price": "5"}))
    credit = next(line for line in order["lineItems"] if line["type"] == "credit")
    assert (credit["totalPrice"], credit["good"], credit["payload"]) == (-5.0, False, {})
    assert order["amountTotal"] == 39.9
    positions = order["deliveries"][0]["positions"]
    assert [row["quantity"] for row in positions] == [1]


def test_a_container_costs_what_lies_in_it_and_counts_once(webshop: ShopwareCaller) -> None:
    inside = [{"sku": "KEU-1001", "quantity": 1}, {"sku": "KEU-1004", "quantity": 2}]
    order = webshop.order(
        webshop.buy({"type": "container", "label": "Startset", "children": inside}, shipping="0")
    )
    box = next(line for line in order["lineItems"] if line["type"] == "container")
    children = [line for line in order["lineItems"] if line["parentId"] == box["id"]]
    assert (len(order["lineItems"]), box["parentId"], box["totalPrice"]) == (3, None, 84.95)
    assert sorted(line["totalPrice"] for line in children) == [39.95, 45.0]
    assert order["amountTotal"] == 84.95
    assert webshop.stock("KEU-1004") == (52, 52)


def test_a_shipping_discount_is_a_second_delivery_with_nothing_in_it(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 1), shipping="4.95", shipping_discount="4.95"))
    costs = sorted((row["shippingCosts"]["totalPrice"], len(row["positions"])) for row in order["deliveries"])
    assert costs == [(-4.95, 0), (4.95, 1)]
    assert (order["shippingTotal"], order["amountTotal"]) == (0.0, 39.95)


def test_payments_are_tries_and_the_newest_decides(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 1), payments=["failed", "cancelled", "paid"]))
    told = sorted(
        (row["createdAt"], row["stateMachineState"]["technicalName"]) for row in order["transactions"]
    )
    assert told == [
        ("2026-11-18T09:30:15.000+00:00", "failed"),
        ("2026-11-18T09:35:15.000+00:00", "cancelled"),
        ("2026-11-18T09:40:15.000+00:00", "paid"),
    ]


def test_a_deleted_product_leaves_its_number_in_the_order(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1004", 1))
    webshop.act(order_id, "delete_product", sku="KEU-1004")
    (line,) = webshop.order(order_id)["lineItems"]
    assert (line["product"], line["productId"], line["payload"]["productNumber"]) == (None, None, "KEU-1004")
    assert webshop.found("product", term="KEU-1004") == []


def test_another_currency_has_its_amounts_and_its_factor(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1001", 1), currency="GBP", ship_country="GB", shipping="0"))
    assert (order["currency"]["isoCode"], order["currencyFactor"], order["amountTotal"]) == (
        "GBP",
        0.85,
        33.96,
    )


def test_companies_guests_and_people_differ_in_their_vat_numbers(webshop: ShopwareCaller) -> None:
    company = webshop.order(webshop.buy(("KEU-1006", 1), business=True, ship_country="DE"))
    guest = webshop.order(webshop.buy(("KEU-1006", 1), guest=True))
    person = webshop.order(webshop.buy(("KEU-1006", 1)))
    assert company["orderCustomer"]["vatIds"][0].startswith("DE")
    assert company["orderCustomer"]["company"] in {
        "Ketelhuis Kantoor B.V.",
        "Praktijk De Brink",
        "Lunchroom Het Spoor",
    }
    assert company["billingAddress"]["company"] == company["orderCustomer"]["company"]
    assert (guest["orderCustomer"]["vatIds"], person["orderCustomer"]["vatIds"]) == ([], None)
    assert (guest["orderCustomer"]["company"], person["orderCustomer"]["company"]) == (None, None)
    guests = {row["customerNumber"]: row["guest"] for row in webshop.found("customer")}
    assert guests == {"10001": False, "10002": True, "10003": False}


def test_the_hour_of_ordering_is_not_the_hour_of_the_row(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(
        ("KEU-1006", 1), placed_at="2026-11-10T12:00:00+01:00", created_at="2026-11-11T08:00:00+00:00"
    )
    order = webshop.order(order_id)
    assert order["orderDateTime"] == "2026-11-10T11:00:00.000+00:00"
    assert order["createdAt"] == "2026-11-11T08:00:00.000+00:00"
    assert (order["orderDate"], order["updatedAt"]) == ("2026-11-10T00:00:00.000+00:00", None)


def test_sales_channels_share_one_table_of_orders(webshop: ShopwareCaller) -> None:
    webshop.buy(("KEU-1006", 1))
    webshop.buy(("KEU-1006", 1), sales_channel="B2B")
    channel = webshop.row["sales_channels"]["B2B"]
    wanted = [{"type": "equals", "field": "salesChannelId", "value": channel}]
    assert [row["orderNumber"] for row in webshop.found("order", filter=wanted)] == ["10002"]
    assert len(webshop.found("order")) == 2


def test_tags_and_comments_are_kept(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1), tags=["haast", "cadeau"], comment="Achterom graag")
    (order,) = webshop.found("order", ids=[order_id], associations={"tags": {}})
    assert [tag["name"] for tag in order["tags"]] == ["haast", "cadeau"]
    assert order["customerComment"] == "Achterom graag"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"lines": []}, "an order needs lines"),
        ({"lines": [{"sku": "NOTHING"}]}, "the shop has no NOTHING"),
        ({"lines": [{"quantity": 1}]}, "a line names its goods by sku or ean"),
        ({"lines": [{"sku": "KEU-1003", "quantity": 19}]}, "webshop has 18 of KEU-1003, 19 are wanted"),
        ({"lines": [{"sku": "KEU-1003", "quantity": 0}]}, "quantity must be a whole number"),
        ({"lines": [{"sku": "KEU-1003", "colour": 1}]}, "unknown member(s) of a line: colour"),
        ({"lines": [{"type": "custom"}]}, "a custom line needs a unit_price"),
        ({"lines": [{"type": "container"}]}, "a container has children"),
        ({"lines": ["KEU-1003"]}, "a line is an object"),
        ({"lines": [{"sku": "KEU-1003"}], "colour": 1}, "unknown member(s) of an order: colour"),
        ({"lines": [{"sku": "KEU-1003"}], "tax_status": "free"}, "tax_status is one of gross, net, tax-free"),
        ({"lines": [{"sku": "KEU-1003"}], "shipping": "a lot"}, "not an amount of money: 'a lot'"),
        ({"lines": [{"sku": "KEU-1003"}], "payments": ["gone"]}, "no payment state gone"),
        ({"lines": [{"sku": "KEU-1003"}], "placed_at": "2026-11-10T12:00:00"}, "placed_at needs a zone"),
        ({"lines": [{"sku": "KEU-1003"}], "placed_at": "today"}, "placed_at is not an ISO instant"),
        ({"lines": [{"sku": "KEU-1003"}], "malform": {"broken": 1}}, "unknown member(s) of malform"),
        ({"lines": [{"sku": "KEU-1003"}], "malform": [1]}, "malform is an object"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_and_leaves_nothing(
    webshop: ShopwareCaller, wish: dict[str, object], sentence: str
) -> None:
    reply = webshop.control("POST", "/orders", {"account": "webshop", **wish})
    assert (reply.status_code, sentence in reply.json()["error"]) == (409, True), reply.text
    assert webshop.state()["orders"] == []
    assert webshop.stock("KEU-1003") == (18, 18)


def test_a_malformed_order_stays_so_until_it_is_repaired(
    webshop: ShopwareCaller, clock: StandingClock
) -> None:
    malform = {
        "missing": ["lineItems.0.quantity", "nothing.here"],
        "renamed": {"orderNumber": "number"},
        "replaced": {"price.taxStatus": "maybe"},
    }
    order_id = webshop.buy(("KEU-1006", 1), malform=malform)
    for _ in range(2):
        order = webshop.order(order_id)
        assert ("quantity" in order["lineItems"][0], order["number"], order["price"]["taxStatus"]) == (
            False,
            "10001",
            "maybe",
        )
        assert "orderNumber" not in order
    clock.advance(60)
    webshop.act(order_id, "repair")
    order = webshop.order(order_id)
    assert (order["orderNumber"], order["lineItems"][0]["quantity"]) == ("10001", 1)
    assert order["updatedAt"] == "2026-11-18T09:31:15.000+00:00"


def test_the_control_port_knows_orders_by_number_and_says_what_it_does_not_know(
    webshop: ShopwareCaller,
) -> None:
    webshop.buy(("KEU-1006", 1), payments=[])
    assert webshop.act("10001", "process") == {"done": True, "state": "in_progress"}
    path = "/orders/webshop"
    assert webshop.control("POST", f"{path}/10009/process").status_code == 404
    assert webshop.control("POST", f"{path}/10001/explode").status_code == 404
    assert webshop.control("POST", f"{path}/10001/delete_product", {"sku": "NOTHING"}).status_code == 404
    refused = webshop.control("POST", f"{path}/10001/reopen")
    assert (refused.status_code, "Possible transitions are: complete, cancel" in refused.json()["error"]) == (
        409,
        True,
    )
    # Nobody tried to pay this one.
    assert webshop.control("POST", f"{path}/10001/pay").status_code == 404
