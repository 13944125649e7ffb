"""Accepting orders: all lines at once, looked up before and after, never half."""

from datetime import timedelta
from typing import Any

import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.acceptance import MiraklAcceptance
from order_pipelines.connectors.ports import Account, House
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND, MiraklWorld

LINES = ["O1-A-1", "O1-A-2"]


def _acceptor(url: str, **options: Any) -> MiraklAcceptance:
    account = Account("market", url, None, options, {"api_key": "a-shop-key"})
    return MiraklAcceptance(account, House(MemoryTokenStore(), MemoryBudget()))


def _order(state: str) -> Reply:
    lines = [{"order_line_id": line_id, "order_line_state": state, "quantity": 1} for line_id in LINES]
    return Reply({"order_id": "O1-A", "order_state": state, "order_lines": lines})


def test_every_line_gets_its_decision(world: MiraklWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), ("KEU-1002", 2), account=SECOND)
    acceptor = world.acceptance(SECOND)
    assert acceptor.is_waiting(order_id) is True
    result = acceptor.accept(order_id, [f"{order_id}-2", f"{order_id}-1"])
    assert (result.state, result.reason) == ("confirmed", None)
    assert acceptor.is_waiting(order_id) is False
    assert world.writes(SECOND) == [("PUT", f"/api/orders/{order_id}/accept")]


def test_an_order_that_was_accepted_before_is_confirmed_without_a_second_call(world: MiraklWorld) -> None:
    order_id = world.buy()
    lines = [line["order_line_id"] for line in world.order(order_id)["lines"]]
    assert world.acceptance().accept(order_id, lines).state == "confirmed"
    world.pass_time(120)
    assert world.acceptance().accept(order_id, lines).state == "confirmed"
    assert len(world.writes()) == 1


def test_an_answer_that_was_lost_is_looked_up(world: MiraklWorld) -> None:
    order_id = world.buy()
    lines = [line["order_line_id"] for line in world.order(order_id)["lines"]]
    world.fault("drop_reply_after_acting", count=1, method="PUT")
    with pytest.raises(TransientConnectorError) as caught:
        world.acceptance().accept(order_id, lines)
    assert caught.value.maybe_acted is True
    assert world.acceptance().is_waiting(order_id) is False
    assert world.acceptance().accept(order_id, lines).state == "confirmed"
    assert len(world.writes()) == 1


def test_a_part_of_the_lines_is_never_accepted(world: MiraklWorld) -> None:
    """Mirakl refuses for good what is not accepted: a line that we do not know is not refused by silence."""
    order_id = world.buy(("KEU-1001", 1), ("KEU-1002", 2))
    lines = [line["order_line_id"] for line in world.order(order_id)["lines"]]
    for named in (lines[:1], [*lines, "other"], []):
        result = world.acceptance().accept(order_id, named)
        assert result.state == "rejected"
        assert "was not accepted" in (result.reason or "")
    assert world.writes() == []
    assert world.order(order_id)["state"] == "WAITING_ACCEPTANCE"


def test_what_was_refused_or_is_screened_is_not_accepted(world: MiraklWorld) -> None:
    refused, staged = world.buy(), world.buy(staging=True)
    world.act(refused, "refuse")
    assert world.acceptance().accept(refused, [f"{refused}-1"]).state == "rejected"
    result = world.acceptance().accept(staged, [f"{staged}-1"])
    assert (result.state, result.reason) == ("in_doubt", "the operator still screens the order (STAGING)")
    assert world.writes() == []


@pytest.mark.parametrize(
    ("then", "state"),
    [("SHIPPING", "confirmed"), ("WAITING_DEBIT", "confirmed"), ("WAITING_ACCEPTANCE", "rejected"),
     ("REFUSED", "rejected"), ("NEW_WORD", "in_doubt")],
)  # fmt: skip
def test_a_state_error_is_judged_by_the_order(then: str, state: str) -> None:
    looks = iter([_order("WAITING_ACCEPTANCE"), _order(then)])

    def script(request: Request) -> Reply:
        if request.method == "GET":
            return next(looks)
        return Reply({"message": "Order is not in the expected state", "status": 400}, 400)

    with scripted_server(script) as server:
        result = _acceptor(server.url).accept("O1-A", LINES)
        puts = [request for request in server.requests if request.method == "PUT"]
    assert result.state == state
    assert [request.body for request in puts] == [
        b'{"order_lines":[{"id":"O1-A-1","accepted":true},{"id":"O1-A-2","accepted":true}]}'
    ]


def test_a_suspended_shop_is_an_error_of_the_account() -> None:
    def script(request: Request) -> Reply:
        return (
            _order("WAITING_ACCEPTANCE") if request.method == "GET" else Reply({"message": "suspended"}, 403)
        )

    with scripted_server(script) as server, pytest.raises(PermanentConnectorError, match="403"):
        _acceptor(server.url).accept("O1-A", LINES)


def test_the_shop_is_named_where_the_key_has_several() -> None:
    def script(request: Request) -> Reply:
        return _order("WAITING_ACCEPTANCE") if request.method == "GET" else Reply(b"", 204)

    with scripted_server(script) as server:
        assert _acceptor(server.url, shop_id=311).accept("O1-A", LINES).state == "confirmed"
        assert [request.query for request in server.requests] == [{"shop_id": "311"}] * 2


def test_an_operator_without_or12_is_asked_by_or11() -> None:
    def script(request: Request) -> Reply:
        if request.path == "/api/orders":
            return Reply({"orders": [_order("WAITING_ACCEPTANCE").content], "total_count": 1})
        return Reply({"message": "gone"}, 410)

    with scripted_server(script) as server:
        assert _acceptor(server.url).is_waiting("O1-A") is True
        assert server.requests[-1].query["order_ids"] == "O1-A"


def test_an_order_accepted_too_late_was_refused_by_the_operator(world: MiraklWorld) -> None:
    order_id = world.buy()
    world.pass_time(timedelta(hours=49).total_seconds())
    assert world.acceptance().accept(order_id, [f"{order_id}-1"]).state == "rejected"
    assert world.writes() == []
