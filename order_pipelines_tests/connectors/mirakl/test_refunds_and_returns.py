"""Refunds, which must never happen twice, and the returns that customers announce."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.refunds import MiraklRefunds, Refund, TaxPart
from order_pipelines.connectors.mirakl.returns import MiraklReturns, ReturnLine
from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND, MiraklWorld


def _account(url: str, **options: Any) -> Account:
    return Account("market", url, None, options, {"api_key": "a-shop-key"})


def _house() -> House:
    return House(MemoryTokenStore(), MemoryBudget(sleep=lambda _: None))


def _shipped(world: MiraklWorld, account: str = "blokker") -> str:
    order_id = world.ready(("KEU-1001", 2), account=account)
    world.act(order_id, "ship", account)
    world.pass_time(61)
    return order_id


def _refund(order_id: str, known: frozenset[str] = frozenset(), **members: Any) -> Refund:
    values: dict[str, Any] = {
        "amount": Decimal("39.95"),
        "shipping_amount": Decimal("0.00"),
        "reason": "17",
        "quantity": 1,
        "taxes": (TaxPart("VAT", Decimal("6.93")),),
        "known_refunds": known,
        **members,
    }
    return Refund(order_id, f"{order_id}-1", **values)


def test_a_refund_gives_money_back_once(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    known = world.refunds().refund_ids(order_id, f"{order_id}-1")
    assert known == frozenset()
    result = world.refunds().refund(_refund(order_id, known))
    assert (result.state, result.reason) == ("confirmed", None)
    (refund,) = world.state()["refunds"]
    assert refund["order_line_id"] == f"{order_id}-1"
    assert Decimal(str(refund["amount"])) == Decimal("39.95")


def test_a_refund_in_doubt_is_looked_for_before_it_is_repeated(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    known = world.refunds().refund_ids(order_id, f"{order_id}-1")
    world.fault("drop_reply_after_acting", count=1, method="PUT", match="/refund")
    with pytest.raises(TransientConnectorError) as caught:
        world.refunds().refund(_refund(order_id, known))
    assert caught.value.maybe_acted is True
    assert world.refunds().refund(_refund(order_id, known)).state == "confirmed"
    assert len(world.state()["refunds"]) == 1


def test_a_second_refund_of_the_same_amount_is_a_refund_of_its_own(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    assert world.refunds().refund(_refund(order_id)).state == "confirmed"
    known = world.refunds().refund_ids(order_id, f"{order_id}-1")
    assert len(known) == 1
    assert world.refunds().refund(_refund(order_id, known)).state == "confirmed"
    assert len(world.state()["refunds"]) == 2


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"taxes": ()}, "has to name its part"),
        ({"reason": "GOODWILL"}, "17 (Artikel geretourneerd)"),
    ],
)
def test_what_the_operator_would_refuse_is_not_sent(
    world: MiraklWorld, members: dict[str, Any], says: str
) -> None:
    order_id = _shipped(world)
    written = len(world.writes())
    result = world.refunds().refund(_refund(order_id, **members))
    assert result.state == "rejected"
    assert says in (result.reason or "")
    assert (len(world.writes()), world.state()["refunds"]) == (written, [])


def test_a_line_that_may_not_be_refunded_is_not(world: MiraklWorld) -> None:
    order_id = world.buy()
    result = world.refunds().refund(_refund(order_id))
    assert (result.state, world.writes()) == ("rejected", [])
    assert "can_refund" in (result.reason or "")


def test_amounts_go_out_in_the_tax_mode_of_the_order() -> None:
    line = {"order_line_id": "O-1", "can_refund": True, "refunds": [], "taxes": [{"code": "A", "amount": 7}]}
    order = {
        "order_id": "O",
        "order_tax_mode": "TAX_EXCLUDED",
        "currency_iso_code": "EUR",
        "order_lines": [line],
    }

    def script(request: Request) -> Reply:
        if "reasons" in request.path:
            return Reply({"reasons": [{"code": "R1", "label": "Retour"}]})
        if request.method == "GET":
            return Reply({"orders": [order], "total_count": 1})
        return Reply({"refunds": [{"refund_id": "1130", "order_line_id": "O-1"}]})

    with scripted_server(script) as server:
        refund = Refund("O", "O-1", Decimal("33.02"), Decimal("3.95"), "retour", 1,
                        (TaxPart("A", Decimal("6.93")),), (TaxPart("A", Decimal("0.83")),))  # fmt: skip
        assert MiraklRefunds(_account(server.url), _house()).refund(refund) == WriteResult(
            "confirmed", "1130"
        )
        (sent,) = server.asked("/api/orders/refund")
    assert orjson.loads(sent.body) == {
        "order_tax_mode": "TAX_EXCLUDED",
        "refunds": [
            {
                "order_line_id": "O-1",
                "amount": 33.02,
                "shipping_amount": 3.95,
                "reason_code": "R1",
                "quantity": 1,
                "currency_iso_code": "EUR",
                "excluded_from_shipment": False,
                "taxes": [{"code": "A", "amount": 6.93}],
                "shipping_taxes": [{"code": "A", "amount": 0.83}],
            }
        ],
    }


# ------------------------------------------------------------------------------------------------ announced returns


def _return(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": f"r-{number}",
        "order_id": "O1-A",
        "state": "IN_PROGRESS",
        "last_updated": "2026-11-20T08:00:00Z",
        "return_lines": [{"order_line_id": "O1-A-1", "quantity": 2}],
        **members,
    }


def test_returns_are_read_token_by_token() -> None:
    pages = {None: ([_return(1)], "t1"), "t1": ([_return(2, state="TELEPORTED")], "t2"), "t2": ([], None)}

    def script(request: Request) -> Reply:
        data, token = pages[request.query.get("page_token")]
        return Reply({"data": data, "next_page_token": token, "previous_page_token": None})

    with scripted_server(script) as server:
        since = datetime(2026, 11, 1, tzinfo=UTC)
        found = list(MiraklReturns(_account(server.url), _house()).list_returns(since))
        asked = [request.query for request in server.requests]
    assert [(entry.return_id, entry.is_known_state) for entry in found] == [("r-1", True), ("r-2", False)]
    assert found[0].lines == (ReturnLine("O1-A-1", 2),)
    assert found[0].changed_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert [query.get("return_last_updated_from") for query in asked] == ["2026-11-01T00:00:00Z"] * 3


def test_a_token_that_expired_begins_the_list_anew_once() -> None:
    replies = iter(
        [
            Reply({"data": [_return(1)], "next_page_token": "t1"}),
            Reply({"message": "token expired"}, 400),
            Reply({"data": [_return(1), _return(2)], "next_page_token": None}),
        ]
    )
    with scripted_server(lambda _: next(replies)) as server:
        found = list(MiraklReturns(_account(server.url), _house()).list_returns())
    assert [entry.return_id for entry in found] == ["r-1", "r-1", "r-2"]


def test_tokens_that_do_not_end_are_an_error() -> None:
    with scripted_server(lambda _: Reply({"data": [_return(1)], "next_page_token": "t"})) as server:
        with pytest.raises(PermanentConnectorError, match="a page token came twice"):
            list(MiraklReturns(_account(server.url), _house()).list_returns())
        assert len(server.requests) == 2


def test_a_return_at_the_stand_in_moves_neither_money_nor_stock(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    before = world.offer("KEU-1001")["quantity"]
    world.act(order_id, "return", order_line_id=f"{order_id}-1", quantity=1)
    (found,) = world.returns().list_returns()
    assert (found.external_order_id, found.lines) == (order_id, (ReturnLine(f"{order_id}-1", 1),))
    assert found.is_known_state is True
    assert (world.state()["refunds"], world.offer("KEU-1001")["quantity"]) == ([], before)


def test_an_operator_without_returns_says_so(world: MiraklWorld) -> None:
    with pytest.raises(PermanentConnectorError) as caught:
        list(world.returns(SECOND).list_returns())
    assert caught.value.status in (403, 404)
