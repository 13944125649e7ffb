"""Returns of bol: both lists to their ends, and what one return means."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from order_pipelines.connectors.bol.returns import interpret_return
from order_pipelines.connectors.ports import Since
from order_pipelines.domain.returns import ReturnLine
from order_pipelines.errors import ConnectorError
from order_pipelines_tests.connectors.bol.bol_world import BolWorld


def _body(**item: Any) -> bytes:
    """Shaped after the example of the published description (v10, `Return`), with an invented shopper."""
    return orjson.dumps(
        {
            "returnId": "15892026",
            "registrationDateTime": "2018-11-06T10:48:34+01:00",
            "fulfilmentMethod": item.pop("method", "FBR"),
            "returnItems": [
                {
                    "rmaId": "60278123",
                    "orderId": "1020824520",
                    "ean": "5702015866736",
                    "expectedQuantity": 2,
                    "returnReason": {
                        "mainReason": "Klacht over artikel",
                        "detailedReason": "Artikel is incompleet",
                        "customerComments": "Bel Joke Testers",
                    },
                    "handled": True,
                    "processingResults": [_result("RETURN_RECEIVED")],
                    **item,
                }
            ],
        }
    )


def _result(
    handling: str, at: str = "2018-11-06T10:48:38+01:00", processing: str = "ACCEPTED"
) -> dict[str, Any]:
    return {
        "quantity": 1,
        "processingResult": processing,
        "handlingResult": handling,
        "processingDateTime": at,
    }


def test_a_return_says_what_comes_back_and_nothing_of_the_customer() -> None:
    (found,) = interpret_return(_body()).returns
    assert (found.external_return_id, found.registered_at, found.changed_at) == (
        "15892026",
        datetime(2018, 11, 6, 9, 48, 34, tzinfo=UTC),
        datetime(2018, 11, 6, 9, 48, 38, tzinfo=UTC),
    )
    assert found.lines == (
        ReturnLine(
            return_line_id="60278123",
            external_order_id="1020824520",
            ean="5702015866736",
            quantity=2,
            state="received",
            state_said="RETURN_RECEIVED",
            reason_label="Klacht over artikel: Artikel is incompleet",
        ),
    )
    assert "Joke" not in repr(found)


@pytest.mark.parametrize(
    ("item", "state", "said"),
    [
        ({"handled": False, "processingResults": []}, "announced", None),
        ({"handled": None, "processingResults": []}, "announced", None),
        ({"processingResults": []}, "closed", None),
        ({"processingResults": [_result("EXCHANGE_PRODUCT")]}, "received", "EXCHANGE_PRODUCT"),
        ({"processingResults": [_result("REPAIR_PRODUCT")]}, "received", "REPAIR_PRODUCT"),
        (
            {"processingResults": [_result("RETURN_DOES_NOT_MEET_CONDITIONS")]},
            "rejected",
            "RETURN_DOES_NOT_MEET_CONDITIONS",
        ),
        (
            {"processingResults": [_result("CUSTOMER_KEEPS_PRODUCT_PAID")]},
            "closed",
            "CUSTOMER_KEEPS_PRODUCT_PAID",
        ),
        (
            {"processingResults": [_result("RETURN_RECEIVED", processing="REJECTED")]},
            "rejected",
            "RETURN_RECEIVED",
        ),
        ({"processingResults": [_result("BY_ROBOT")]}, "unknown", "BY_ROBOT"),
        (
            {
                "processingResults": [
                    _result("STILL_APPROVED", "2018-11-08T09:00:00+01:00"),
                    _result("RETURN_DOES_NOT_MEET_CONDITIONS", "2018-11-07T09:00:00+01:00"),
                ]
            },
            "accepted",
            "STILL_APPROVED",
        ),
    ],
)
def test_the_newest_result_tells_the_state(item: dict[str, Any], state: str, said: str | None) -> None:
    (found,) = interpret_return(_body(**item)).returns
    assert [(line.state, line.state_said) for line in found.lines] == [(state, said)]


def test_what_goes_back_to_bol_is_none_of_the_merchants() -> None:
    (found,) = interpret_return(_body(method="FBB")).returns
    assert [line.own_fulfilment for line in found.lines] == [False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"[]",
        b"7",
        b'{"returnId": "1"}',
        b'{"returnItems": [{}]}',
        b'{"returnId":"1","returnItems":[7]}',
    ],
)
def test_a_body_that_is_no_return_is_refused_with_a_reason(body: bytes) -> None:
    meaning = interpret_return(body, name="1")
    assert meaning.returns == []
    (reject,) = meaning.rejects
    assert (reject.external_id, bool(reject.problem.reason)) == ("1", True)


@pytest.mark.parametrize(
    "item", [{"rmaId": None}, {"ean": 5702015866736}, {"returnReason": "none"}, {"processingResults": "none"}]
)
def test_what_cannot_be_read_of_an_item_leaves_the_rest(item: dict[str, Any]) -> None:
    (found,) = interpret_return(_body(**item)).returns
    assert [line.external_order_id for line in found.lines] == ["1020824520"]


def test_open_and_handled_returns_are_read_to_the_end_of_both_lists(world: BolWorld) -> None:
    order_id = world.buy(("KEU-1001", 60))
    world.act(order_id, "ship")
    for number in range(55):
        world.act(order_id, "return", quantity=1, handled=number < 2)
    found = list(world.returns().list_returns(Since(None)))
    assert len({listed.external_id for listed in found}) == 55
    assert {listed.is_complete for listed in found} == {True}
    states = [line.state for listed in found for line in interpret_return(listed.body).returns[0].lines]
    assert (states.count("announced"), states.count("received")) == (53, 2)
    assert [listed.request for listed in found][-1] == "GET /retailer/returns?handled=true&page=1"


def test_a_refusal_ends_the_listing_and_what_came_before_is_true(world: BolWorld) -> None:
    order_id = world.buy(("KEU-1001", 60))
    world.act(order_id, "ship")
    for _ in range(51):
        world.act(order_id, "return", quantity=1)
    world.fault("403", match="page=2")
    listing = world.returns().list_returns(Since(None))
    assert len({next(listing).external_id for _ in range(50)}) == 50
    with pytest.raises(ConnectorError):
        next(listing)
