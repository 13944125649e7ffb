"""Shipments and cancellations: parcels where the operator has them, whole orders elsewhere, nothing twice."""

from typing import Any

import orjson
import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.shipments import MiraklShipments
from order_pipelines.connectors.ports import Account, House, ShipmentItem, WriteResult
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND, MiraklWorld


def _sink(url: str, **options: Any) -> MiraklShipments:
    account = Account("market", url, None, options, {"api_key": "a-shop-key"})
    return MiraklShipments(account, House(MemoryTokenStore(), MemoryBudget(sleep=lambda _: None)))


def _ship(
    sink: MiraklShipments, order_id: str, *pieces: int, reference: str = "P-1", carrier: str = "PostNL"
) -> WriteResult:
    """Ship so many pieces of line 1, 2, …"""
    items = [ShipmentItem(f"{order_id}-{index}", count) for index, count in enumerate(pieces, 1) if count]
    return sink.ship(order_id, items, carrier=carrier, tracking="3SABC123", reference=reference)


# ------------------------------------------------------------------------------------------------ whole orders


def test_an_order_ships_as_a_whole_with_the_operators_carrier_code(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1003", 1), account=SECOND)
    sink = world.shipments(SECOND)
    assert sink.has_shipment(order_id, "P-1") is False
    assert _ship(sink, order_id, 2, 1).state == "confirmed"
    order = world.order(order_id, SECOND)
    assert (order["state"], order["carrier_code"], order["tracking_number"]) == ("SHIPPED", "PNL", "3SABC123")
    assert sink.has_shipment(order_id, "P-1") is True
    assert sink.shipped_quantities(order_id) == {f"{order_id}-1": 2, f"{order_id}-2": 1}
    assert [path for _, path in world.writes(SECOND)][-2:] == [
        f"/api/orders/{order_id}/tracking",
        f"/api/orders/{order_id}/ship",
    ]


def test_a_part_of_an_order_is_not_announced_where_it_would_ship_everything(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1003", 1), account=SECOND)
    written = len(world.writes(SECOND))
    for pieces in ((1, 1), (2,), (2, 2)):
        result = _ship(world.shipments(SECOND), order_id, *pieces)
        assert result.state == "rejected"
        assert "ships orders as a whole" in (result.reason or "")
    assert len(world.writes(SECOND)) == written
    assert world.order(order_id, SECOND)["state"] == "SHIPPING"


def test_what_was_cancelled_need_not_be_in_the_parcel(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1003", 1), account=SECOND)
    world.act(order_id, "cancel", SECOND, order_line_id=f"{order_id}-1", quantity=1)
    assert _ship(world.shipments(SECOND), order_id, 1, 1).state == "confirmed"
    assert world.order(order_id, SECOND)["state"] == "SHIPPED"


def test_a_shipment_that_is_repeated_is_there_already(world: MiraklWorld) -> None:
    order_id = world.ready(account=SECOND)
    assert _ship(world.shipments(SECOND), order_id, 1).state == "confirmed"
    written = len(world.writes(SECOND))
    assert _ship(world.shipments(SECOND), order_id, 1).state == "confirmed"
    assert len(world.writes(SECOND)) == written


def test_a_lost_answer_is_found_by_looking(world: MiraklWorld) -> None:
    order_id = world.ready(account=SECOND)
    world.fault("drop_reply_after_acting", count=1, method="PUT", match="/ship")
    with pytest.raises(TransientConnectorError) as caught:
        _ship(world.shipments(SECOND), order_id, 1)
    assert caught.value.maybe_acted is True
    assert world.shipments(SECOND).has_shipment(order_id, "P-1") is True


def test_an_order_that_is_not_to_be_shipped_is_not_shipped(world: MiraklWorld) -> None:
    order_id = world.buy(account=SECOND)
    result = _ship(world.shipments(SECOND), order_id, 1)
    assert (result.state, result.reason) == (
        "rejected",
        "the order is WAITING_ACCEPTANCE at the operator; only SHIPPING ships",
    )
    assert world.writes(SECOND) == []


def test_a_bare_400_after_the_order_left_is_success() -> None:
    states = iter(["SHIPPING", "SHIPPED"])

    def script(request: Request) -> Reply:
        if request.path.endswith("/carriers"):
            return Reply({"carriers": []})
        if request.method == "GET":
            line = {"order_line_id": "O-1", "order_line_state": "SHIPPING", "quantity": 1}
            return Reply({"order_id": "O", "order_state": next(states), "order_lines": [line]})
        return Reply(b"", 400) if request.path.endswith("/ship") else Reply(b"", 204)

    with scripted_server(script) as server:
        assert _ship(_sink(server.url), "O", 1).state == "confirmed"


@pytest.mark.parametrize(
    ("options", "carrier", "sent"),
    [
        ({}, "postnl", {"carrier_code": "PNL", "carrier_name": "PostNL", "tracking_number": "3S"}),
        ({}, "PNL", {"carrier_code": "PNL", "carrier_name": "PostNL", "tracking_number": "3S"}),
        ({}, "Fietskoerier", {"carrier_name": "Fietskoerier", "tracking_number": "3S"}),
        (
            {"carriers": {"Brievenbus": "PNL"}},
            "brieven bus",
            {"carrier_code": "PNL", "carrier_name": "PostNL", "tracking_number": "3S"},
        ),
        (
            {"carriers": {"Fietskoerier": "https://fiets.example/t/{trackingId}"}},
            "Fietskoerier",
            {
                "carrier_name": "Fietskoerier",
                "carrier_url": "https://fiets.example/t/3S",
                "tracking_number": "3S",
            },
        ),
    ],
    ids=["label", "code", "unregistered", "our name for it", "unregistered with an address"],
)
def test_carriers_are_called_as_the_operator_calls_them(
    options: dict[str, Any], carrier: str, sent: dict[str, str]
) -> None:
    def script(request: Request) -> Reply:
        if request.path.endswith("/carriers"):
            return Reply({"carriers": [{"code": "PNL", "label": "PostNL"}, {"label": "without a code"}]})
        if request.method == "GET":
            line = {"order_line_id": "O-1", "order_line_state": "SHIPPING", "quantity": 1}
            return Reply({"order_id": "O", "order_state": "SHIPPING", "order_lines": [line]})
        return Reply(b"", 204)

    with scripted_server(script) as server:
        item = ShipmentItem("O-1", 1)
        result = _sink(server.url, **options).ship("O", [item], carrier=carrier, tracking="3S", reference="P")
        (tracking,) = server.asked("/api/orders/O/tracking")
    assert result.state == "confirmed"
    assert orjson.loads(tracking.body) == sent


# ------------------------------------------------------------------------------------------------ parcels


def test_parcels_ship_one_by_one_and_are_found_by_our_reference(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1002", 1))
    sink = world.shipments()
    assert _ship(sink, order_id, 1, reference="P-1").state == "confirmed"
    assert sink.has_shipment(order_id, "P-1") is True
    assert sink.has_shipment(order_id, "P-2") is False
    assert sink.shipped_quantities(order_id) == {f"{order_id}-1": 1, f"{order_id}-2": 0}
    assert _ship(sink, order_id, 1, 1, reference="P-2").state == "confirmed"
    assert sink.shipped_quantities(order_id) == {f"{order_id}-1": 2, f"{order_id}-2": 1}
    assert [parcel["status"] for parcel in world.state()["shipments"]] == ["SHIPPED", "SHIPPED"]
    assert world.state()["shipments"][0]["tracking"]["carrier_code"] == "postnl"


def test_a_parcel_is_not_announced_twice(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2))
    world.fault("drop_reply_after_acting", count=1, method="POST")
    with pytest.raises(TransientConnectorError):
        _ship(world.shipments(), order_id, 1)
    assert _ship(world.shipments(), order_id, 1).state == "confirmed"
    assert len(world.state()["shipments"]) == 1
    assert world.shipments().shipped_quantities(order_id) == {f"{order_id}-1": 1}


def test_a_201_with_nothing_but_errors_is_a_refusal(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2))
    result = _ship(world.shipments(), order_id, 3)
    assert result.state == "rejected"
    assert (result.reason or "").startswith("mirakl /api/shipments: ")
    assert world.state()["shipments"] == []


def test_a_parcel_that_was_made_and_did_not_leave_is_finished() -> None:
    """ST01 without ``shipped``, by a person in the back office: tracking and departure follow (ST23, ST24)."""
    parcel = {
        "id": "s-1",
        "order_id": "O",
        "status": "SHIPPING",
        "shipment_lines": [{"order_line_id": "O-1", "quantity": 1, "package_reference": "P-1"}],
    }

    def script(request: Request) -> Reply:
        if request.path.endswith("/carriers"):
            return Reply({"carriers": [{"code": "PNL", "label": "PostNL"}]})
        if request.method == "GET":
            return Reply({"data": [parcel], "next_page_token": None})
        return Reply({"shipment_success": [{"id": "s-1"}], "shipment_errors": []})

    with scripted_server(script) as server:
        sink = _sink(server.url, multi_shipment=True)
        assert sink.has_shipment("O", "P-1") is False
        assert _ship(sink, "O", 1) == WriteResult("confirmed", "s-1")
        writes = [(request.method, request.path) for request in server.requests if request.method != "GET"]
        bodies = [orjson.loads(request.body) for request in server.requests if request.method != "GET"]
    assert writes == [("POST", "/api/shipments/tracking"), ("PUT", "/api/shipments/ship")]
    assert bodies[0]["shipments"][0]["tracking"]["tracking_number"] == "3SABC123"
    assert bodies[1] == {"shipments": [{"id": "s-1"}]}


def test_another_orders_parcel_is_none_of_ours() -> None:
    parcel = {
        "id": "s-1",
        "order_id": "OTHER",
        "status": "SHIPPED",
        "shipment_lines": [{"package_reference": "P-1"}],
    }
    with scripted_server(lambda _: Reply({"data": [parcel]})) as server:
        assert _sink(server.url, multi_shipment=True).has_shipment("O", "P-1") is False


@pytest.mark.parametrize("answer", [{"data": None}, {"shipments": []}, {"data": [7]}])
def test_no_shipment_is_never_read_from_a_wrong_answer(answer: object) -> None:
    with scripted_server(lambda _: Reply(answer)) as server, pytest.raises(PermanentConnectorError):
        _sink(server.url, multi_shipment=True).has_shipment("O", "P-1")


@pytest.mark.parametrize(
    ("items", "reference", "says"),
    [
        ([], "P", "no lines"),
        ([ShipmentItem("O-1", 0)], "P", "a line without pieces"),
        ([ShipmentItem("O-1", 1)], "x" * 91, "a reference of 91 characters"),
    ],
)
def test_what_cannot_be_sent_is_not(items: list[ShipmentItem], reference: str, says: str) -> None:
    with scripted_server(lambda _: Reply(b"", 500)) as server:
        with pytest.raises(PermanentConnectorError, match=says):
            _sink(server.url).ship("O", items, carrier="x", tracking=None, reference=reference)
        assert server.requests == []


# ------------------------------------------------------------------------------------------------ cancellations


def test_the_open_remainder_of_a_line_is_cancelled_with_its_money(world: MiraklWorld) -> None:
    """79.90 and 4.95 shipping for two pieces, taxes 13.87 and 0.86: all of the line, none of the other."""
    order_id = world.ready(("KEU-1001", 2), ("KEU-1002", 1))
    world.pass_time(61)
    result = world.shipments().cancel_line(order_id, f"{order_id}-1", reason="Niet op voorraad")
    assert (result.state, result.reason) == ("confirmed", None)
    first, second = world.order(order_id)["lines"]
    assert (first["cancelled"], second["cancelled"]) == (2, 0)
    (write,) = [write for write in world.state()["writes"] if write["path"] == "/api/orders/cancel"]
    (entry,) = write["body"]["cancelations"]
    assert (entry["quantity"], entry["amount"], entry["reason_code"]) == (2, 79.9, "34")
    assert [tax["amount"] for tax in entry["taxes"]] == [13.87]


def test_a_cancellation_that_is_repeated_cancels_nothing_more(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1002", 1))
    world.fault("drop_reply_after_acting", count=1, method="PUT", match="/cancel")
    with pytest.raises(TransientConnectorError):
        world.shipments().cancel_line(order_id, f"{order_id}-1", reason="34")
    again = world.shipments().cancel_line(order_id, f"{order_id}-1", reason="34")
    assert again.state == "confirmed"
    assert len(world.state()["cancelations"]) == 1


def test_what_has_left_is_not_cancelled(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 3))
    sink = world.shipments()
    assert _ship(sink, order_id, 1).state == "confirmed"
    assert sink.cancel_line(order_id, f"{order_id}-1", reason="34").state == "confirmed"
    assert world.order(order_id)["lines"][0]["cancelled"] == 2
    (write,) = [write for write in world.state()["writes"] if write["path"] == "/api/orders/cancel"]
    (entry,) = write["body"]["cancelations"]
    # 119.85 for three pieces; the parcel's shipping stays.
    assert (entry["quantity"], entry["amount"], entry["shipping_amount"]) == (2, 79.9, 0.0)


def test_a_reason_that_the_operator_does_not_know_is_not_guessed(world: MiraklWorld) -> None:
    order_id = world.ready(("KEU-1001", 2), ("KEU-1002", 1))
    written = len(world.writes())
    result = world.shipments().cancel_line(order_id, f"{order_id}-1", reason="OUT_OF_STOCK")
    assert result.state == "rejected"
    assert "34 (Niet op voorraad)" in (result.reason or "")
    assert len(world.writes()) == written
    world.pass_time(61)
    with_default = world.shipments(cancel_reason="35")
    done = with_default.cancel_line(order_id, f"{order_id}-1", reason="OUT_OF_STOCK")
    assert done.state == "confirmed"


def test_a_line_of_an_order_that_waits_for_acceptance_is_not_cancelled(world: MiraklWorld) -> None:
    order_id = world.buy()
    result = world.shipments().cancel_line(order_id, f"{order_id}-1", reason="34")
    assert result.state == "rejected"
    assert "waits for acceptance" in (result.reason or "")
    assert world.writes() == []


def test_a_line_that_the_order_does_not_have_is_refused_and_other_orders_are_not_searched(
    world: MiraklWorld,
) -> None:
    order_id, other = world.buy(), world.buy()
    read = world.state()["calls"].get("OR11", 0)
    result = world.shipments().cancel_line(order_id, f"{other}-1", reason="34")
    assert (result.state, result.reason) == ("rejected", f"the order has no line {other}-1 at the operator")
    with pytest.raises(PermanentConnectorError):
        world.shipments().cancel_line("NOPE", "NOPE-1", reason="34")
    assert world.writes() == []
    # One call an order, by its id: OR11 with `order_ids`, because OR12 says nothing of money.
    assert world.state()["calls"].get("OR11", 0) == read + 2
