"""Refunds, cancelations, parcels, returns and the seller's account at the Mirakl stand-in."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.mirakl_caller import MiraklCaller

SKU = "KEU-1001"


def test_books_and_their_sending_are_taxed_at_the_low_rate(blokker: MiraklCaller) -> None:
    (line,) = blokker.order(blokker.buy(("BOE-4004", 2)))["order_lines"]
    assert (line["price"], line["taxes"][0]["rate"], line["taxes"][0]["amount"]) == (39.98, 9, 3.3)
    assert (line["shipping_taxes"][0]["rate"], line["shipping_taxes"][0]["amount"]) == (9, 0.41)


def test_a_refund_said_twice_is_done_twice(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 2))
    replies = [blokker.refund(f"{order_id}-1", 10.0) for _ in range(2)]
    rows = [reply.json()["refunds"][0] for reply in replies]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert rows[0]["refund_id"] != rows[1]["refund_id"]
    assert [(row["amount"], row["quantity"], row["taxes"][0]["code"]) for row in rows] == [(10, 0, "VAT")] * 2
    (line,) = blokker.order(order_id)["order_lines"]
    assert [(one["refund_state"], one["quantity"]) for one in line["refunds"]] == [("REFUNDED", 0)] * 2
    assert line["price"] == 79.9
    assert [one["amount"] for one in blokker.state()["refunds"]] == ["10.0", "10.0"]


def test_a_line_that_is_given_back_as_a_whole_is_refunded(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    taxes = [{"code": "VAT", "amount": 0.86}]
    reply = blokker.refund(f"{order_id}-1", 39.95, quantity=1, shipping_amount=4.95, shipping_taxes=taxes)
    assert reply.status_code == 200
    (waiting,) = blokker.get(f"/orders/{order_id}").json()["order_lines"]
    assert (waiting["order_line_state"], waiting["can_refund"]) == ("SHIPPED", False)
    shown = blokker.order(order_id)
    assert shown["fully_refunded"] is True
    assert shown["order_lines"][0]["order_line_state"] == "REFUNDED"
    assert blokker.refund(f"{order_id}-1", 1).status_code == 400


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"amount": 80}, "The amount is higher than what is left of the order line"),
        ({"reason_code": "14"}, "Reason '14' is not allowed"),
        ({"reason_code": "34"}, "Reason '34' is not allowed"),
        ({"taxes": []}, "taxes: tax 'VAT' is required"),
        ({"taxes": [{"code": "BTW-HOOG", "amount": 1}]}, "Tax 'BTW-HOOG' is not on the order line"),
        ({"amount": -1}, "amount must not be negative"),
        ({"quantity": -1}, "quantity must be a whole number of at least 0"),
        ({"currency_iso_code": "USD"}, "The currency is not that of the order"),
        ({"amount": "much"}, "amount is required and a number"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(
    blokker: MiraklCaller, more: dict[str, Any], message: str
) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    reply = blokker.refund(f"{order_id}-1", **{"amount": 5, **more})
    assert (reply.status_code, reply.json()["message"]) == (400, message)
    assert blokker.state()["refunds"] == []


def test_refunds_of_one_call_are_all_done_or_none(blokker: MiraklCaller) -> None:
    order_id, open_id = blokker.shipped_order((SKU, 1)), blokker.paid_order((SKU, 1))
    row = {"amount": 25, "shipping_amount": 0, "reason_code": "17", "taxes": [{"code": "VAT", "amount": 1}]}
    for second_line in (f"{open_id}-1", f"{order_id}-1"):
        rows = [{**row, "order_line_id": f"{order_id}-1"}, {**row, "order_line_id": second_line}]
        assert blokker.call("PUT", "/orders/refund", json={"refunds": rows}).status_code == 400
    assert blokker.refund("NOPE", 1).status_code == 404
    assert blokker.state()["refunds"] == []


def test_what_is_not_paid_is_not_refunded(second: MiraklCaller) -> None:
    order_id = second.buy((SKU, 1))
    second.act(order_id, "accept")
    second.act(order_id, "ship")
    taxes = [{"code": "BTW-HOOG", "amount": 1}]
    reply = second.refund(f"{order_id}-1", 5, reason_code="R01", taxes=taxes)
    assert (reply.status_code, second.state()["refunds"]) == (400, [])
    second.act(order_id, "pay")
    assert second.refund(f"{order_id}-1", 5, reason_code="R01", taxes=taxes).status_code == 200


def test_cancelations_take_pieces_and_money_and_leave_the_line_gross(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 3))
    assert blokker.offer(SKU)["quantity"] == 39
    reply = blokker.cancel(f"{order_id}-1", 1, 39.95)
    assert reply.status_code == 200
    assert reply.json()["order_tax_mode"] == "TAX_INCLUDED"
    shown = blokker.order(order_id)
    (line,) = shown["order_lines"]
    assert (shown["order_state"], line["quantity"], line["price"]) == ("SHIPPING", 3, 119.85)
    assert [(one["quantity"], one["amount"], one["reason_code"]) for one in line["cancelations"]] == [
        (1, 39.95, "34")
    ]
    assert blokker.offer(SKU)["quantity"] == 40
    assert blokker.cancel(f"{order_id}-1", 3, 1).status_code == 400
    assert blokker.call("PUT", f"/orders/{order_id}/cancel").status_code == 204
    assert blokker.order_state(order_id) == "CANCELED"
    assert blokker.offer(SKU)["quantity"] == 42
    again = blokker.call("PUT", f"/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (400, "ORDER_INVALID_STATE")
    assert [one["quantity"] for one in blokker.state()["cancelations"]] == [1, 2]


def test_the_customer_or_the_operator_cancels_a_part(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 2), ("KEU-1002", 1))
    blokker.act(order_id, "cancel", sku=SKU, quantity=1)
    blokker.act(order_id, "cancel", sku="KEU-1002")
    shown = blokker.order(order_id)
    assert [line["order_line_state"] for line in shown["order_lines"]] == ["SHIPPING", "CANCELED"]
    assert blokker.call("PUT", f"/orders/{order_id}/ship").status_code == 204
    assert [line["state"] for line in blokker.state()["orders"][0]["lines"]] == ["SHIPPED", "CANCELED"]
    reply = blokker.control("POST", f"/orders/blokker/{order_id}/cancel", {})
    assert reply.status_code == 409


def parcel(order_id: str, pieces: int, **more: Any) -> dict[str, Any]:
    lines = [{"order_line_id": f"{order_id}-1", "quantity": pieces, "package_reference": "P1"}]
    return {"order_id": order_id, "shipment_lines": lines, "shipped": False, **more}


def test_one_answer_holds_parcels_that_went_well_and_parcels_that_did_not(blokker: MiraklCaller) -> None:
    order_id, new = blokker.paid_order((SKU, 3)), blokker.buy((SKU, 1))
    rows = [
        parcel(order_id, 2, tracking={"carrier_code": "postnl", "tracking_number": "3SX"}, shipped=True),
        parcel(order_id, 2),
        parcel(new, 1),
        parcel("NOPE", 1),
        parcel(order_id, 1, tracking={"carrier_code": "BPOST"}),
    ]
    reply = blokker.call("POST", "/shipments", json={"shipments": rows})
    assert reply.status_code == 201
    assert [one["status"] for one in reply.json()["shipment_success"]] == ["SHIPPED"]
    assert reply.json()["shipment_errors"] == [
        {"message": "Shipment quantity is invalid.", "order_id": order_id},
        {"message": "The order status must be 'SHIPPING' but it is 'WAITING_ACCEPTANCE'.", "order_id": new},
        {"message": "Order not found.", "order_id": "NOPE"},
        {"message": "Carrier with code 'BPOST' does not exist", "order_id": order_id},
    ]
    assert blokker.order_state(order_id) == "SHIPPING"
    assert len(blokker.state()["shipments"]) == 1


def test_an_order_is_shipped_once_its_last_parcel_is(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 3))
    ids = []
    for pieces in (2, 1):
        reply = blokker.call("POST", "/shipments", json={"shipments": [parcel(order_id, pieces)]})
        ids.append(reply.json()["shipment_success"][0]["id"])
    tracking = {
        "carrier_name": "Fietskoerier",
        "tracking_number": "F1",
        "tracking_url": "https://fiets.example/F1",
    }
    reply = blokker.call(
        "POST", "/shipments/tracking", json={"shipments": [{"id": ids[0], "tracking": tracking}]}
    )
    assert reply.json() == {"shipment_errors": [], "shipment_success": [{"id": ids[0]}]}
    states = []
    for shipment_id in ids:
        blokker.call("PUT", "/shipments/ship", json={"shipments": [{"id": shipment_id}]})
        states.append(blokker.order_state(order_id))
    assert states == ["SHIPPING", "SHIPPED"]
    again = blokker.call("PUT", "/shipments/ship", json={"shipments": [{"id": ids[0]}, {"id": "NOPE"}]})
    assert (again.status_code, again.json()["shipment_success"]) == (200, [])
    assert [one["message"] for one in again.json()["shipment_errors"]] == [
        "The shipment status must be 'SHIPPING' but it is 'SHIPPED'.",
        "Shipment not found.",
    ]
    told = blokker.get("/shipments", order_id=order_id).json()["data"]
    assert [(one["id"], one["tracking"]["carrier_name"]) for one in told] == [
        (ids[0], "Fietskoerier"),
        (ids[1], None),
    ]
    assert blokker.cancel(f"{order_id}-1", 1, 1).status_code == 400


def test_parcels_and_returns_are_features_that_an_operator_may_lack(second: MiraklCaller) -> None:
    order_id = second.buy((SKU, 1))
    second.act(order_id, "accept")
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/shipments", {"shipments": [parcel(order_id, 1)]}),
        ("GET", "/shipments", None),
        ("POST", "/shipments/tracking", {"shipments": [{"id": "1", "tracking": {}}]}),
        ("PUT", "/shipments/ship", {"shipments": [{"id": "1"}]}),
        ("GET", "/returns", None),
        ("PUT", "/returns/receive", {"returns": [{"id": "1"}]}),
    ]
    assert [second.call(method, path, json=body).status_code for method, path, body in calls] == [403] * 6
    assert second.state()["shipments"] == []
    assert second.order_state(order_id) == "SHIPPING"


def test_a_return_gives_no_money_back(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 2))
    return_id = blokker.act(order_id, "return", quantity=2, rma="RMA-1")["return_id"]
    waiting = blokker.act(order_id, "return", state="WAITING_ACCEPTANCE")["return_id"]
    (entry,) = blokker.get("/returns", return_state="IN_PROGRESS").json()["data"]
    assert (entry["id"], entry["order_id"], entry["rma"]) == (return_id, order_id, "RMA-1")
    assert entry["return_lines"][0]["quantity"] == 2
    body = {"returns": [{"id": return_id}, {"id": waiting}, {"id": "NOPE"}]}
    reply = blokker.call("PUT", "/returns/receive", json=body)
    assert reply.json() == {
        "return_errors": [
            {
                "id": waiting,
                "message": "The return status must be 'IN_PROGRESS' but it is 'WAITING_ACCEPTANCE'.",
            },
            {"id": "NOPE", "message": "Return not found."},
        ],
        "return_success": [{"id": return_id}],
    }
    assert [one["state"] for one in blokker.state()["returns"]] == ["RECEIVED", "WAITING_ACCEPTANCE"]
    assert blokker.state()["refunds"] == []
    blokker.act(order_id, "return_state", state="CLOSED")
    assert {one["state"] for one in blokker.state()["returns"]} == {"CLOSED"}


def test_tokens_lead_through_the_returns_and_grow_too_old(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 5))
    ids = [blokker.act(order_id, "return")["return_id"] for _ in range(5)]
    page = blokker.get("/returns", limit=2).json()
    token, told = page["next_page_token"], [one["id"] for one in page["data"]]
    first = token
    while token:
        page = blokker.get("/returns", limit=2, page_token=token).json()
        token = page["next_page_token"]
        told += [one["id"] for one in page["data"]]
    assert told == ids
    assert page["previous_page_token"]
    blokker.wait(601)
    late = blokker.get("/returns", limit=2, page_token=first)
    assert (late.status_code, late.json()["message"]) == (400, "The page token is invalid or has expired")
    assert blokker.get("/returns", page_token="b2xk").status_code == 400


def test_a_complaint_is_a_wish_and_no_state_of_the_goods(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    blokker.act(order_id, "incident")
    shown = blokker.orders(has_incident="true")["orders"][0]
    assert (shown["order_state"], shown["has_incident"]) == ("SHIPPED", True)
    assert shown["order_lines"][0]["order_line_state"] == "INCIDENT_OPEN"
    blokker.act(order_id, "incident", open=False)
    assert blokker.order(order_id)["order_lines"][0]["order_line_state"] == "SHIPPED"


def test_the_account_has_a_row_for_each_kind_of_money(blokker: MiraklCaller, second: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 2))
    blokker.refund(f"{order_id}-1", 10)
    rows = blokker.get("/sellerpayment/transactions_logs", limit=2000).json()["data"]
    assert [(row["type"], row["amount"]) for row in rows] == [
        ("ORDER_AMOUNT", 79.9),
        ("ORDER_SHIPPING_AMOUNT", 4.95),
        ("COMMISSION_FEE", -10.18),
        ("COMMISSION_VAT", -2.14),
        ("REFUND_ORDER_AMOUNT", -10.0),
        ("REFUND_COMMISSION_FEE", 1.2),
        ("REFUND_COMMISSION_VAT", 0.25),
    ]
    assert rows[-1]["balance"] == 63.98
    assert rows[0]["entities"]["order"]["id"] == order_id
    excluded = second.paid_order((SKU, 1))
    kinds = {
        row["type"]
        for row in second.get("/sellerpayment/transactions_logs", order_id=excluded).json()["data"]
    }
    assert {"ORDER_AMOUNT_TAX", "ORDER_SHIPPING_AMOUNT_TAX"} < kinds
    assert second.get("/sellerpayment/transactions_logs", order_id="NOPE").json()["data"] == []


def test_the_account_is_corrected_late(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    blokker.wait(86_400)
    blokker.act(order_id, "correct", amount="3.21", type="MANUAL_CREDIT")
    since = {"last_updated_from": "2026-11-19T00:00:00Z", "limit": 100}
    rows = blokker.get("/sellerpayment/transactions_logs", **since).json()["data"]
    assert [(row["type"], row["payment_state"]) for row in rows] == [
        ("ORDER_AMOUNT", "PAYABLE"),
        ("ORDER_SHIPPING_AMOUNT", "PAYABLE"),
        ("COMMISSION_FEE", "PAYABLE"),
        ("COMMISSION_VAT", "PAYABLE"),
        ("MANUAL_CREDIT", "PENDING"),
    ]
    assert rows[-1]["amount"] == 3.21


def test_the_account_knows_of_cancelled_pieces_before_and_after_the_payment(blokker: MiraklCaller) -> None:
    order_id = blokker.buy((SKU, 4))
    blokker.act(order_id, "accept")
    blokker.act(order_id, "cancel", quantity=2)
    blokker.act(order_id, "pay")
    blokker.act(order_id, "cancel", quantity=1)
    rows = blokker.get("/sellerpayment/transactions_logs", limit=50).json()["data"]
    # Commission of the whole: 12 % of 164.75 is 19.77; of two pieces, 79.90, it is 9.59; of one 4.79.
    assert [(row["type"], row["amount"]) for row in rows] == [
        ("ORDER_AMOUNT", 79.9),
        ("ORDER_SHIPPING_AMOUNT", 4.95),
        ("COMMISSION_FEE", -10.18),
        ("COMMISSION_VAT", -2.14),
        ("REFUND_ORDER_AMOUNT", -39.95),
        ("REFUND_COMMISSION_FEE", 4.79),
        ("REFUND_COMMISSION_VAT", 1.01),
    ]


def test_a_complaint_may_end_in_a_refund(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    blokker.act(order_id, "incident")
    assert blokker.refund(f"{order_id}-1", 5).status_code == 200
    early = blokker.paid_order((SKU, 1))
    blokker.act(early, "incident")
    assert blokker.refund(f"{early}-1", 5).status_code == 400
