"""Parcels, cancellations, refunds and the move to in progress, against the stand-in."""

import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import (
    Account,
    House,
    OrderAcceptor,
    ShipmentItem,
    ShipmentSink,
    WriteResult,
)
from order_pipelines.connectors.shopware.shipments import ShopwareShipments
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.shopware.recordings import read
from order_pipelines_tests.connectors.shopware.shopware_world import ShopwareWorld


def ship(
    sink: ShipmentSink,
    order_id: str,
    *items: tuple[str, int],
    carrier: str = "PostNL",
    tracking: str | None = "3SNEP1",
    reference: str = "WEB-1",
) -> WriteResult:
    pieces = [ShipmentItem(line_id, quantity) for line_id, quantity in items]
    return sink.ship(order_id, pieces, carrier=carrier, tracking=tracking, reference=reference)


def goods(world: ShopwareWorld, order_id: str) -> list[str]:
    return [line["line_id"] for line in world.order(order_id)["lines"] if line["sku"]]


def delivery_of(world: ShopwareWorld, order_id: str) -> tuple[str, list[str]]:
    """State and codes of the delivery of goods."""
    (found,) = [each for each in world.order(order_id)["deliveries"] if each["shipping_costs"] >= 0]
    return found["state"], found["tracking_codes"]


def test_a_whole_order_is_shipped_with_its_code_and_nobody_gets_a_mail(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 2))
    (line,) = goods(world, order_id)
    sink = world.shipments()
    assert sink.has_shipment(order_id, "WEB-1") is False
    assert sink.shipped_quantities(order_id) == {line: 0}
    assert ship(sink, order_id, (line, 2)) == WriteResult("confirmed")
    assert delivery_of(world, order_id) == ("shipped", ["3SNEP1"])
    assert world.state()["mails"] == []
    assert sink.has_shipment(order_id, "WEB-1") is True
    assert sink.has_shipment(order_id, "WEB-2") is False
    assert sink.shipped_quantities(order_id) == {line: 2}
    assert world.order(order_id)["state"] == "open", "orders are completed only where the merchant wants it"
    assert read(world.orders().fetch_order(order_id).body).fulfilment_status == "shipped"


def test_the_shop_mails_its_customer_only_where_the_merchant_wants_it(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1))
    ship(world.shipments(send_mail=True), order_id, (goods(world, order_id)[0], 1))
    assert len(world.state()["mails"]) == 1


def test_a_second_parcel_adds_its_code_and_the_last_one_ships(world: ShopwareWorld) -> None:
    """trackingCodes is replaced by every write: what was there is read and written again."""
    order_id = world.buy(("KEU-1001", 2), ("KEU-1004", 1))
    first, second = goods(world, order_id)
    sink = world.shipments()
    assert ship(sink, order_id, (first, 1)).state == "confirmed"
    assert delivery_of(world, order_id) == ("shipped_partially", ["3SNEP1"])
    assert sink.shipped_quantities(order_id) == {first: 1, second: 0}
    last = ship(sink, order_id, (first, 1), (second, 1), tracking="3SNEP2", reference="WEB-2")
    assert last.state == "confirmed"
    assert delivery_of(world, order_id) == ("shipped", ["3SNEP1", "3SNEP2"])
    assert [sink.has_shipment(order_id, f"WEB-{number}") for number in (1, 2, 3)] == [True, True, False]


def test_the_delivery_that_is_only_a_discount_is_never_shipped(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), shipping_discount="4.95")
    ship(world.shipments(), order_id, (goods(world, order_id)[0], 1))
    states = {
        each["shipping_costs"]: (each["state"], each["tracking_codes"])
        for each in world.order(order_id)["deliveries"]
    }
    assert states == {4.95: ("shipped", ["3SNEP1"]), -4.95: ("open", [])}


def test_a_parcel_with_all_articles_ships_although_a_service_and_a_bundle_are_on_the_order(
    world: ShopwareWorld,
) -> None:
    bundle = {"type": "container", "children": [{"sku": "KEU-1004", "quantity": 1}]}
    service = {"type": "custom", "label": "Graveren", "unit_price": "5.00"}
    order_id = world.buy(("KEU-1001", 1), bundle, service, promotion="2.00")
    items = [(line_id, 1) for line_id in goods(world, order_id)]
    assert len(items) == 2
    assert ship(world.shipments(), order_id, *items).state == "confirmed"
    assert delivery_of(world, order_id)[0] == "shipped"


def test_a_repeated_parcel_writes_nothing_twice(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 2))
    (line,) = goods(world, order_id)
    sink = world.shipments()
    for _ in range(3):
        assert ship(sink, order_id, (line, 1)).state == "confirmed"
    assert delivery_of(world, order_id) == ("shipped_partially", ["3SNEP1"])
    assert sink.shipped_quantities(order_id) == {line: 1}
    assert [method for method, _ in world.writes()].count("PATCH") == 1


def test_a_parcel_whose_code_was_written_and_whose_state_was_not_is_not_taken_for_done(
    world: ShopwareWorld,
) -> None:
    order_id = world.buy(("KEU-1001", 1))
    (line,) = goods(world, order_id)
    sink = world.shipments()
    world.fault("503", match="/state/ship")
    with pytest.raises(TransientConnectorError) as caught:
        ship(sink, order_id, (line, 1))
    assert caught.value.maybe_acted is True
    assert delivery_of(world, order_id) == ("open", ["3SNEP1"])
    assert sink.has_shipment(order_id, "WEB-1") is False
    assert ship(sink, order_id, (line, 1)).state == "confirmed"
    assert delivery_of(world, order_id) == ("shipped", ["3SNEP1"])


def test_a_lost_reply_is_cleared_up_by_looking(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1))
    sink = world.shipments()
    world.fault("drop_reply_after_acting", match="/state/ship")
    with pytest.raises(TransientConnectorError):
        ship(sink, order_id, (goods(world, order_id)[0], 1))
    assert sink.has_shipment(order_id, "WEB-1") is True


def test_what_the_shop_shipped_itself_is_success_and_counts_as_shipped(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 2))
    (line,) = goods(world, order_id)
    world.act(order_id, "ship")
    sink = world.shipments()
    assert sink.shipped_quantities(order_id) == {line: 2}
    assert ship(sink, order_id, (line, 2)).state == "confirmed"
    assert delivery_of(world, order_id) == ("shipped", ["3SNEP1"])


def test_a_parcel_of_a_returned_delivery_changes_nothing(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1))
    for action in ("ship", "return"):
        world.act(order_id, action)
    assert ship(world.shipments(), order_id, (goods(world, order_id)[0], 1)).state == "confirmed"
    assert delivery_of(world, order_id) == ("returned", [])
    assert world.state()["writes"] == []


@pytest.mark.parametrize(
    ("rule", "codes"),
    [("code", ["3SNEP1"]), ("carrier_and_code", ["PostNL 3SNEP1"]), ("none", [])],
)
def test_the_merchant_decides_what_stands_in_the_tracking_codes(
    world: ShopwareWorld, rule: str, codes: list[str]
) -> None:
    order_id = world.buy(("KEU-1001", 1))
    ship(world.shipments(tracking=rule), order_id, (goods(world, order_id)[0], 1))
    assert delivery_of(world, order_id) == ("shipped", codes)


def test_what_cannot_be_announced_is_not_sent(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1))
    (line,) = goods(world, order_id)
    sink = world.shipments()
    cases = [
        ((), "WEB-1", "0 lines"),
        (((line, 0),), "WEB-1", "without pieces"),
        (((line, 1),), "R" * 91, "a reference of 91"),
        ((("f" * 32, 1),), "WEB-1", "no delivery of the order carries all its lines"),
    ]
    for items, reference, words in cases:
        with pytest.raises(PermanentConnectorError, match=words):
            ship(sink, order_id, *items, reference=reference)
    assert world.state()["writes"] == []


def test_an_order_is_completed_with_its_last_parcel_where_the_merchant_wants_it(world: ShopwareWorld) -> None:
    """Shops of 6.5 lower their stock only then; there is no way from open to completed but through in progress."""
    order_id = world.buy(("KEU-1001", 2))
    (line,) = goods(world, order_id)
    sink = world.shipments(complete_when_shipped=True)
    ship(sink, order_id, (line, 1))
    assert world.order(order_id)["state"] == "open"
    world.fault("500", match="/state/complete")
    with pytest.raises(TransientConnectorError):
        ship(sink, order_id, (line, 1), tracking="3SNEP2", reference="WEB-2")
    assert sink.has_shipment(order_id, "WEB-2") is False, "the order is not completed yet"
    assert ship(sink, order_id, (line, 1), tracking="3SNEP2", reference="WEB-2").state == "confirmed"
    assert world.order(order_id)["state"] == "completed"
    assert sink.has_shipment(order_id, "WEB-2") is True
    assert world.state()["mails"] == []


def test_the_only_line_of_an_order_is_cancelled_with_it(world: ShopwareWorld) -> None:
    """Cancelling an order cancels neither its delivery nor its payment: three calls."""
    order_id = world.buy(("KEU-1001", 2), promotion="1.00", payments=["open"])
    (line,) = goods(world, order_id)
    sink = world.shipments()
    assert sink.cancel_line(order_id, line, reason="OUT_OF_STOCK").state == "confirmed"
    order = world.order(order_id)
    assert order["state"] == "cancelled"
    assert [each["state"] for each in order["deliveries"]] == ["cancelled"]
    assert [each["state"] for each in order["transactions"]] == ["cancelled"]
    assert world.state()["mails"] == []
    assert sink.cancel_line(order_id, line, reason="OUT_OF_STOCK").state == "confirmed", (
        "repeating is no error"
    )


def test_an_order_is_cancelled_with_the_last_of_its_lines(world: ShopwareWorld) -> None:
    """Shopware cancels whole orders; the house asks line by line."""
    order_id = world.buy(("KEU-1001", 1), ("KEU-1004", 1), payments=["open"])
    first, second = goods(world, order_id)
    sink = world.shipments()
    assert sink.cancel_line(order_id, first, reason="x") == WriteResult("accepted", f"{order_id}:{first}")
    assert world.order(order_id)["state"] == "open"
    assert sink.cancel_line(order_id, second, reason="x").state == "confirmed"
    assert world.order(order_id)["state"] == "cancelled"
    assert sink.poll_write(f"{order_id}:{first}").state == "confirmed"


def test_one_line_alone_is_refused_when_the_others_were_not_asked_for(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), ("KEU-1004", 1))
    first, second = goods(world, order_id)
    sink = world.shipments()
    assert sink.cancel_line(order_id, first, reason="x").state == "accepted"
    result = sink.poll_write(f"{order_id}:{first}")
    assert (result.state, "whole orders" in (result.reason or "")) == ("rejected", True)
    assert sink.cancel_line(order_id, second, reason="x").state == "accepted", "the first wish is forgotten"
    order = world.order(order_id)
    assert (order["state"], [each["state"] for each in order["deliveries"]]) == ("open", ["open"])
    assert {part for _, part in world.writes()} == {f"api/order/{order_id}"}, "no state was moved"


def test_a_line_of_another_order_is_refused(world: ShopwareWorld) -> None:
    order_id, other = world.buy(), world.buy()
    (line,) = goods(world, other)
    result = world.shipments().cancel_line(order_id, line, reason="x")
    assert (result.state, result.reason) == ("rejected", f"the order has no line {line} at the shop")
    assert world.writes() == []
    assert world.order(order_id)["state"] == "open"


def test_a_payment_that_was_made_is_left_to_the_provider(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), payments=["failed", "paid"])
    assert world.shipments().cancel_order(order_id).state == "confirmed"
    assert [each["state"] for each in world.order(order_id)["transactions"]] == ["failed", "paid"]


def test_a_refund_marks_the_newest_payment(world: ShopwareWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), payments=["failed", "paid"])
    sink = world.shipments()
    assert sink.refund_payment(order_id).state == "confirmed"
    assert [each["state"] for each in world.order(order_id)["transactions"]] == ["failed", "refunded"]
    again = sink.refund_payment(order_id, in_part=True)
    assert (again.state, "ILLEGAL_STATE_TRANSITION" in (again.reason or "")) == ("rejected", True)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_page_to_log_in_is_not_taken_for_success(method: str) -> None:
    """Something between us and the shop answers 200 to everything."""
    line, delivery = "a" * 32, "b" * 32
    order = {
        "id": "c" * 32,
        "stateMachineState": {"technicalName": "open"},
        "lineItems": [{"id": line, "quantity": 1, "type": "product"}],
        "deliveries": [
            {
                "id": delivery,
                "stateMachineState": {"technicalName": "open"},
                "positions": [{"orderLineItemId": line}],
            }
        ],
    }

    def script(request: Request) -> Reply:
        if request.path == "/api/search/order":
            return Reply({"total": 1, "data": [order]})
        return Reply(b"<html>log in</html>") if request.method == method else Reply(status=204)

    with scripted_server(script) as server:
        secrets = {"client_id": "an-id", "client_secret": "a-secret"}
        account = Account("webshop", server.url, f"{server.url}/token", {}, secrets)
        sink = ShopwareShipments(account, House(MemoryTokenStore(), MemoryBudget()))
        assert ship(sink, "c" * 32, (line, 1)).state == "in_doubt"
        sent = [request.method for request in server.requests if "search" not in request.path]
    assert sent == (["POST", "PATCH"] if method == "PATCH" else ["POST", "PATCH", "POST"]), (
        "the token, then writes"
    )


def test_what_is_not_there_is_a_404(world: ShopwareWorld) -> None:
    sink = world.shipments()
    for call in (
        lambda: ship(sink, "0" * 32, ("a", 1)),
        lambda: sink.cancel_line("0" * 32, "0" * 32, reason="x"),
        lambda: sink.shipped_quantities("10001"),
        lambda: sink.poll_write("r"),
    ):
        with pytest.raises(PermanentConnectorError) as caught:
            call()
        assert caught.value.status == 404


def test_an_order_is_moved_to_in_progress_once_and_only_where_the_merchant_wants_it(
    world: ShopwareWorld,
) -> None:
    order_id = world.buy()
    refused = world.acceptance().accept(order_id, [])
    assert (refused.state, world.state()["writes"]) == ("rejected", [])
    acceptor: OrderAcceptor = world.acceptance(in_progress_after_import=True)
    assert acceptor.is_waiting(order_id) is True
    assert acceptor.accept(order_id, []).state == "confirmed"
    assert (acceptor.is_waiting(order_id), world.order(order_id)["state"]) == (False, "in_progress")
    world.act(order_id, "complete", send_mail=False)
    assert acceptor.accept(order_id, []).state == "confirmed", "past this state counts as confirmed"
    assert world.order(order_id)["state"] == "completed"
    assert world.writes() == [("POST", f"{order_id}/state/process")]
    assert world.state()["mails"] == []
    with pytest.raises(PermanentConnectorError):
        acceptor.accept("0" * 32, [])
