"""Orders at the Mirakl stand-in: their states, what is known when, how they are listed, decided and shipped."""

import pytest

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.mirakl import MiraklStandIn
from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.mirakl_caller import MiraklCaller

SKU = "KEU-1001"
STATE_ERROR = {
    "message": "Order is not in the expected state for this operation",
    "status": 400,
    "code": "ORDER_INVALID_STATE",
}


def test_the_two_operators_differ_in_all_that_a_seller_must_read(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    first, other = (one.get("/platform/configuration").json()["features"] for one in (blokker, second))
    assert [one["order_tax_mode"] for one in (first, other)] == ["TAX_INCLUDED", "TAX_EXCLUDED"]
    assert [one["shipment"]["multi_shipment"] for one in (first, other)] == [True, False]
    assert [one["returns"]["marketplace"] for one in (first, other)] == [True, False]
    assert [one["order_workflows"]["order_acceptance"] for one in (first, other)] == ["PARTIAL", "TOTAL"]
    carriers = [
        [row["code"] for row in one.get("/shipping/carriers").json()["carriers"]] for one in (blokker, second)
    ]
    assert carriers == [["postnl", "dhl-nl", "dpd"], ["BPOST", "PNL"]]
    assert blokker.get("/account").json()["shop_id"] == 2041
    assert second.get("/account").json()["shop_id"] == 311
    assert [row["code"] for row in blokker.get("/reasons/CANCELATION").json()["reasons"]] == ["34", "35"]
    assert second.get("/reasons").json()["total_count"] == 4
    assert second.get("/orders/taxes").json()["taxes"][0]["code"] == "BTW-HOOG"


def test_the_key_stands_bare_in_the_header_and_opens_one_shop(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    order_id = blokker.buy((SKU, 1))
    for header in (None, f"Bearer {blokker.key}", "nothing"):
        reply = blokker.call("GET", "/orders", headers={"Authorization": header})
        assert (reply.status_code, reply.json()) == (401, {"message": "Unauthorized", "status": 401})
    assert blokker.get(f"/orders/{order_id}").status_code == 200
    assert second.get(f"/orders/{order_id}").status_code == 404
    assert blokker.get("/account", shop_id=2041).status_code == 200
    assert blokker.get("/account", shop_id=311).status_code == 403


def test_addresses_are_unknown_until_the_customer_has_paid(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 2), staging=True)
    seen = []
    for step in ("", "release", "accept", "", ""):
        if step:
            blokker.act(order_id, step)
        else:
            blokker.wait(11)
        row = next(row for row in blokker.state()["orders"] if row["order_id"] == order_id)
        shown = blokker.get(f"/orders/{order_id}").json()
        addresses = (shown["customer"]["billing_address"], shown["customer"]["shipping_address"])
        seen.append((row["state"], None in addresses, shown["acceptance_decision_date"] is None))
    assert seen == [
        ("STAGING", True, True),
        ("WAITING_ACCEPTANCE", True, True),
        ("WAITING_DEBIT", True, False),
        ("WAITING_DEBIT_PAYMENT", True, False),
        ("SHIPPING", False, False),
    ]
    shown = blokker.order(order_id)
    assert shown["customer_debited_date"] == "2026-11-18T09:30:46Z"
    assert shown["customer"]["shipping_address"]["country_iso_code"] == "NLD"


def test_staging_ends_by_itself_and_a_held_payment_waits(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 1), staging=True, hold_payment=True)
    blokker.wait(59)
    assert blokker.order_state(order_id) == "STAGING"
    blokker.wait(1)
    assert blokker.order_state(order_id) == "WAITING_ACCEPTANCE"
    blokker.act(order_id, "accept")
    blokker.wait(86_400)
    assert blokker.order_state(order_id) == "WAITING_DEBIT_PAYMENT"
    blokker.act(order_id, "pay")
    assert blokker.order_state(order_id) == "SHIPPING"


def test_a_seller_who_does_not_decide_has_refused_and_the_offer_is_empty(blokker: MiraklCaller) -> None:
    assert blokker.offer(SKU)["quantity"] == 42
    order_id = blokker.buy((SKU, 2))
    assert blokker.offer(SKU)["quantity"] == 40
    blokker.wait(48 * 3600 - 1)
    assert blokker.order_state(order_id) == "WAITING_ACCEPTANCE"
    blokker.wait(1)
    shown = blokker.order(order_id)
    assert (shown["order_state"], shown["order_state_reason_code"]) == ("REFUSED", "AUTO_REFUSED")
    assert shown["order_lines"][0]["order_line_state"] == "REFUSED"
    assert shown["customer"]["shipping_address"] is None
    assert (shown["price"], shown["total_price"]) == (0, 0)
    assert blokker.offer(SKU)["quantity"] == 0


def test_every_line_needs_a_decision(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 1), ("KEU-1002", 1))
    path = f"/orders/{order_id}/accept"
    line = {"id": f"{order_id}-1", "accepted": True}
    rows_and_codes = [
        ([line], "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"),
        ([line, line], "ORDER_LINE_DUPLICATE_ID"),
        ([line, {"id": "NOPE", "accepted": True}], "ORDER_LINE_NOT_FOUND"),
        ([line, None], "ORDER_LINE_NULL_ELEMENT"),
        ([line, {"id": f"{order_id}-2"}], "VALIDATION_ERROR"),
        ([], "VALIDATION_ERROR"),
    ]
    for rows, code in rows_and_codes:
        reply = blokker.call("PUT", path, json={"order_lines": rows})
        assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert blokker.order_state(order_id) == "WAITING_ACCEPTANCE"
    assert blokker.decide(order_id, True, True).status_code == 204
    again = blokker.decide(order_id, True, True)
    assert (again.status_code, again.json()) == (400, STATE_ERROR)
    assert blokker.decide("NOPE", True).json()["code"] == "ORDER_NOT_FOUND"
    assert [write["status"] for write in blokker.state()["writes"]] == [400] * 6 + [204, 400, 404]


def test_one_operator_takes_a_part_and_the_other_all_or_nothing(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    part = blokker.buy((SKU, 1), ("KEU-1002", 1))
    assert blokker.decide(part, True, False).status_code == 204
    blokker.wait(20)
    shown = blokker.order(part)
    assert [line["order_line_state"] for line in shown["order_lines"]] == ["SHIPPING", "REFUSED"]
    assert (shown["price"], shown["shipping_price"], shown["total_price"]) == (39.95, 4.95, 44.9)
    assert blokker.offer("KEU-1002")["quantity"] == 0
    whole = second.buy((SKU, 1), ("KEU-1003", 1))
    reply = second.decide(whole, True, False)
    assert (reply.status_code, reply.json()["code"]) == (400, "ORDER_PARTIAL_ACCEPTANCE_DISABLED")
    assert second.order_state(whole) == "WAITING_ACCEPTANCE"
    assert second.decide(whole, False, False).status_code == 204
    assert second.order_state(whole) == "REFUSED"
    assert second.offer(SKU)["quantity"] == 42


def test_prices_hold_the_tax_at_one_operator_and_lack_it_at_the_other(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    incl, excl = (one.orders()["orders"] or [one.order(one.buy((SKU, 2)))] for one in (blokker, second))
    (line,), (other,) = incl[0]["order_lines"], excl[0]["order_lines"]
    assert (line["price_unit"], line["price"], line["shipping_price"], line["total_price"]) == (
        39.95,
        79.9,
        4.95,
        84.85,
    )
    assert (line["taxes"][0]["amount"], line["shipping_taxes"][0]["amount"]) == (13.87, 0.86)
    assert (line["commission_fee"], line["commission_vat"], line["total_commission"]) == (10.18, 2.14, 12.32)
    assert (other["price_unit"], other["price"], other["total_price"]) == (33.02, 66.04, 69.99)
    assert (other["taxes"][0]["amount"], other["shipping_taxes"][0]["amount"]) == (13.87, 0.83)
    assert (incl[0]["order_tax_mode"], excl[0]["order_tax_mode"]) == ("TAX_INCLUDED", "TAX_EXCLUDED")


def test_a_discount_is_in_the_price_already_and_told_once_more(blokker: MiraklCaller) -> None:
    order_id = str(
        blokker.control(
            "POST",
            "/orders",
            {
                "account": "blokker",
                "lines": [{"sku": SKU, "quantity": 2, "discounts": [{"title": "-10 %", "amount": "7.98"}]}],
            },
        ).json()["external_order_id"]
    )
    shown = blokker.order(order_id)
    (line,) = shown["order_lines"]
    assert (line["origin_unit_price"], line["price_unit"], line["price"]) == (39.95, 35.96, 71.92)
    assert line["promotions"][0]["deduced_amount"] == 7.98
    assert shown["promotions"]["total_deduced_amount"] == 7.98
    assert shown["price"] == 71.92


def test_goods_that_come_before_the_money(second: MiraklCaller) -> None:
    order_id = second.buy((SKU, 1))
    assert second.decide(order_id, True).status_code == 204
    shown = second.order(order_id)
    assert (shown["payment_workflow"], shown["order_state"]) == ("PAY_ON_DUE_DATE", "SHIPPING")
    assert shown["customer"]["shipping_address"]["city"]
    assert second.call("PUT", f"/orders/{order_id}/ship").status_code == 204
    shown = second.order(order_id)
    assert (shown["order_state"], shown["customer_debited_date"]) == ("SHIPPED", None)
    second.wait(30 * 86_400)
    shown = second.order(order_id)
    assert (shown["order_state"], shown["customer_debited_date"]) == ("CLOSED", "2026-12-18T09:31:15Z")


def test_a_page_has_ten_rows_and_never_more_than_a_hundred(blokker: MiraklCaller) -> None:
    ids = [blokker.buy(("KEU-1002", 1), force=True) for _ in range(112)]
    first = blokker.get("/orders", order_state_codes="WAITING_ACCEPTANCE")
    assert (len(first.json()["orders"]), first.json()["total_count"]) == (10, 112)
    link = (
        f'<{blokker.base_url}/api/orders?order_state_codes=WAITING_ACCEPTANCE&max=10&offset=10>; rel="next"'
    )
    assert first.headers["Link"] == link
    blokker.wait(60)
    page = blokker.get("/orders", max=5000)
    assert len(page.json()["orders"]) == 100
    rest = blokker.get("/orders", max=5000, offset=100)
    assert "Link" not in rest.headers
    told = [row["order_id"] for row in [*page.json()["orders"], *rest.json()["orders"]]]
    assert sorted(told) == sorted(ids)
    assert blokker.orders(max=100, offset=112) == {"orders": [], "total_count": 112}
    blokker.wait(60)
    assert len(blokker.orders(paginate="false")["orders"]) == 112


def test_the_link_leads_through_all_pages(blokker: MiraklCaller) -> None:
    ids = [blokker.buy((SKU, 1)) for _ in range(7)]
    told, reply = [], blokker.get("/orders", max=3)
    told += reply.json()["orders"]
    while "next" in reply.links:
        reply = blokker.call("GET", reply.links["next"]["url"].removeprefix(f"{blokker.base_url}/api"))
        told += reply.json()["orders"]
    assert [row["order_id"] for row in told] == ids


def test_an_order_that_comes_or_goes_between_two_pages_shifts_the_rows(blokker: MiraklCaller) -> None:
    ids = [blokker.buy((SKU, 1)) for _ in range(4)]
    blokker.fault("new_order_between_pages", detail={"sku": "KEU-1002"})
    first = blokker.orders(max=2, order="desc")
    second = blokker.orders(max=2, offset=2, order="desc")
    assert [row["order_id"] for row in first["orders"]] == [ids[3], ids[2]]
    assert [row["order_id"] for row in second["orders"]] == [ids[2], ids[1]]
    assert (first["total_count"], second["total_count"]) == (4, 5)
    blokker.wait(60)
    wanted = {"order_state_codes": "WAITING_ACCEPTANCE", "max": 2}
    assert [row["order_id"] for row in blokker.orders(**wanted)["orders"]] == ids[:2]
    blokker.act(ids[0], "cancel")
    # The third is on neither page.
    assert ids[2] not in [row["order_id"] for row in blokker.orders(**wanted, offset=2)["orders"]]


def test_orders_are_found_by_what_they_are_and_when_they_changed(blokker: MiraklCaller) -> None:
    old = blokker.buy((SKU, 1), placed_at="2026-11-17T10:00:00+01:00")
    new = blokker.buy((SKU, 1))
    blokker.wait(600)
    paid = blokker.paid_order((SKU, 1))

    def found(**params: str) -> list[str]:
        blokker.wait(60)
        return [row["order_id"] for row in blokker.orders(**params)["orders"]]

    assert found(order_ids=f"{old},{paid}") == [old, paid]
    assert found(order_state_codes="WAITING_ACCEPTANCE") == [old, new]
    assert found(customer_debited="true") == [paid]
    assert found(start_date="2026-11-18T00:00:00Z") == [new, paid]
    assert found(end_date="2026-11-18T00:00:00Z") == [old]
    # Ten minutes after the second: a minute of leniency brings it no more than the interval says.
    assert found(start_update_date="2026-11-18T09:32:00Z") == [paid]
    assert found(start_update_date="2026-11-18T09:31:00Z") == [new, paid]
    assert found(fulfillment_center_code="FC-OOST") == []
    assert found(order_tax_mode="TAX_EXCLUDED") == []
    for wrong in (
        {"order_state_codes": "SLEEPING"},
        {"start_date": "yesterday"},
        {"start_date": "2026-11-18T00:00:00"},
    ):
        blokker.wait(60)
        assert blokker.get("/orders", **wrong).status_code == 400
    too_many = ",".join(f"X{number}" for number in range(101))
    blokker.wait(60)
    assert blokker.get("/orders", order_ids=too_many).status_code == 400


def test_a_single_order_tells_less_than_the_list(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 1))
    single, listed = blokker.get(f"/orders/{order_id}").json(), blokker.order(order_id)
    assert "currency_iso_code" not in single
    assert "taxes" not in single["order_lines"][0]
    assert single["total_price"] == listed["total_price"] == 44.9


def test_goods_of_the_operators_own_centre_are_not_the_sellers_business(blokker: MiraklCaller) -> None:
    order_id = blokker.buy(("THE-2004", 1))
    blokker.wait(20)
    shown = blokker.order(order_id)
    assert (shown["fulfillment"]["center"]["code"], shown["order_state"]) == ("FC-OOST", "SHIPPING")
    assert (shown["can_shop_ship"], shown["can_cancel"]) == (False, False)
    assert blokker.call("PUT", f"/orders/{order_id}/ship").status_code == 400
    assert blokker.decide(order_id, True).json()["code"] == "ORDER_FULFILLED_UNAUTHORIZED"
    blokker.wait(6 * 3600)
    assert blokker.order_state(order_id) == "SHIPPED"


def test_tracking_does_not_ship_and_shipping_twice_is_refused_without_a_reason(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 1))
    path = f"/orders/{order_id}"
    unknown = blokker.call("PUT", f"{path}/tracking", json={"carrier_code": "PNL", "tracking_number": "1"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "VALIDATION_ERROR")
    assert blokker.call("PUT", f"{path}/tracking", json={"tracking_number": "1"}).status_code == 400
    good = blokker.call("PUT", f"{path}/tracking", json={"carrier_code": "postnl", "tracking_number": "3SX"})
    assert (good.status_code, good.text) == (204, "")
    shown = blokker.order(order_id)
    assert (shown["order_state"], shown["shipping_company"], shown["shipping_tracking"]) == (
        "SHIPPING",
        "PostNL",
        "3SX",
    )
    assert blokker.call("PUT", f"{path}/ship").status_code == 204
    again = blokker.call("PUT", f"{path}/ship")
    assert (again.status_code, again.json()) == (400, {"message": "Bad Request", "status": 400})
    assert blokker.order_state(order_id) == "SHIPPED"


def test_a_parcel_goes_on_by_itself(blokker: MiraklCaller) -> None:
    order_id, other = blokker.shipped_order((SKU, 1), pudo_id="PUDO-7"), blokker.shipped_order((SKU, 1))
    states = []
    for days in (0, 1, 6, 14):
        blokker.wait(days * 86_400)
        states.append((blokker.order_state(order_id), blokker.order_state(other)))
    assert states == [
        ("SHIPPED", "SHIPPED"),
        ("TO_COLLECT", "SHIPPED"),
        ("RECEIVED", "RECEIVED"),
        ("CLOSED", "CLOSED"),
    ]


def test_a_company_buys_with_its_numbers_and_a_telephone_is_not_always_there(blokker: MiraklCaller) -> None:
    with_phone = blokker.order(blokker.paid_order((SKU, 1), business=True, phone=True, ship_country="BE"))
    without = blokker.order(blokker.paid_order((SKU, 1), phone=False))
    assert with_phone["customer"]["organization"]["tax_identification_number"].startswith("NL")
    assert with_phone["customer"]["billing_address"]["country_iso_code"] == "BEL"
    assert with_phone["customer"]["shipping_address"]["phone"].startswith("+31600000")
    assert "phone" not in without["customer"]["shipping_address"]
    assert without["customer"]["organization"] is None


def test_a_malformed_order_stays_so_until_it_is_repaired(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 1), malform={"missing": ["order_lines.0.quantity"]})
    assert "quantity" not in blokker.order(order_id)["order_lines"][0]
    blokker.act(order_id, "repair")
    assert blokker.order(order_id)["order_lines"][0]["quantity"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"lines": [{"sku": "NOPE"}]}, 409),
        ({"lines": [{"sku": SKU, "quantity": 43}]}, 409),
        ({"lines": []}, 409),
        ({"lines": [{"sku": SKU}], "fulfilment_method": "FBR"}, 409),
        ({"lines": [{"sku": SKU, "amount": 1}]}, 409),
        ({"lines": [{"sku": SKU}], "payment_workflow": "LATER"}, 409),
        ({"lines": [{"sku": SKU}], "placed_at": "2026-11-18T10:00:00"}, 409),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    blokker: MiraklCaller, body: dict[str, object], status: int
) -> None:
    reply = blokker.control("POST", "/orders", {"account": "blokker", **body})
    assert (reply.status_code, bool(reply.json()["error"])) == (status, True)
    assert blokker.state()["orders"] == []


def test_actions_that_do_not_fit_are_refused(blokker: MiraklCaller, second: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 1))
    base = f"/orders/blokker/{order_id}"
    assert blokker.control("POST", f"{base}/dance", {}).status_code == 404
    assert blokker.control("POST", f"{base}/accept", {"sku": "VOE-3001"}).status_code == 404
    assert blokker.control("POST", f"{base}/cancel", {"lines": [{"quantity": 1}]}).status_code == 409
    for action in ("release", "ship", "receive", "pay", "refund", "return"):
        assert blokker.control("POST", f"{base}/{action}", {}).status_code == 409, action
    assert blokker.order_state(order_id) == "WAITING_ACCEPTANCE"
    sent = second.buy((SKU, 1))
    second.act(sent, "accept")
    second.act(sent, "ship")
    assert second.control("POST", f"/orders/mirakl_two/{sent}/return", {}).status_code == 409
    assert second.state()["returns"] == []


def test_more_than_there_is_can_be_sold_by_force(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 50), ("NOT-OURS", 1), force=True)
    assert blokker.offer(SKU)["quantity"] == 0
    assert blokker.state()["oversold"] == 9
    assert [line["offer_sku"] for line in blokker.order(order_id)["order_lines"]] == [SKU, "NOT-OURS"]


def test_a_purchase_at_several_shops_shares_a_number_that_is_no_key(blokker: MiraklCaller) -> None:
    ids = [blokker.buy((SKU, 1), commercial_id="C1001") for _ in range(2)]
    assert ids == ["C1001-A", "C1001-B"]
    assert {row["commercial_id"] for row in blokker.orders()["orders"]} == {"C1001"}


def test_goods_by_weight_tell_what_was_ordered_and_what_was_packed(blokker: MiraklCaller) -> None:
    weight = {"ordered_measurement": 1.5, "actual_measurement": 1.42, "measurement_unit": "KILOGRAM"}
    line = {"sku": SKU, "quantity": 1, "measurement": weight}
    body = {"account": "blokker", "lines": [line], "order_id": "KG-A"}
    assert blokker.control("POST", "/orders", body).status_code == 200
    assert blokker.order("KG-A")["order_lines"][0]["measurement"] == {**weight, "adjustment_limit": None}
    wrong = {**body, "lines": [{**line, "measurement": {"kilos": 1}}], "order_id": "KG-B"}
    assert blokker.control("POST", "/orders", wrong).status_code == 409


def test_stock_may_be_lowered_when_an_order_is_accepted_instead() -> None:
    standin = MiraklStandIn(StandingClock(), catalogue=Catalogue.load(), lowers_stock_at_creation=False)

    def left() -> int:
        offer = next(offer for offer in standin.state("blokker")["offers"] if offer["sku"] == SKU)
        return int(offer["quantity"])

    taken, cancelled = (
        standin.place_order("blokker", {"lines": [{"sku": SKU, "quantity": 2}]}) for _ in range(2)
    )
    assert left() == 42
    standin.act("blokker", taken, "accept", {})
    standin.act("blokker", cancelled, "cancel", {})
    assert left() == 40
    standin.act("blokker", taken, "cancel", {"quantity": 1})
    assert left() == 41


@pytest.mark.parametrize(
    ("workflow", "paid_at"),
    [
        ("PAY_ON_SHIPMENT", "2026-11-18T09:30:35Z"),
        ("PAY_ON_DELIVERY", "2026-11-20T09:30:15Z"),
        ("PAY_ON_DUE_DATE", "2026-12-18T09:30:15Z"),
        ("NO_CUSTOMER_PAYMENT_CONFIRMATION", None),
    ],
)
def test_each_way_of_paying_has_its_moment(blokker: MiraklCaller, workflow: str, paid_at: str | None) -> None:
    order_id = blokker.buy((SKU, 1), payment_workflow=workflow, pudo_id="PUDO-1")
    blokker.act(order_id, "accept")
    assert blokker.order_state(order_id) == "SHIPPING"
    blokker.act(order_id, "ship")
    blokker.wait(2 * 86_400)
    blokker.act(order_id, "receive")
    blokker.wait(60 * 86_400)
    shown = blokker.order(order_id)
    assert (shown["order_state"], shown["customer_debited_date"]) == ("CLOSED", paid_at)
    assert shown["order_lines"][0]["can_refund"] is True
