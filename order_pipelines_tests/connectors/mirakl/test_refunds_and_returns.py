"""Refunds, which must never happen twice, and the returns that customers announce."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from order_pipelines.connectors.aftersales import Reason, RefundWish
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.refunds import MiraklRefunds
from order_pipelines.connectors.mirakl.returns import MiraklReturns, interpret_return
from order_pipelines.connectors.ports import Account, House, Listed, Since, WriteResult
from order_pipelines.domain.returns import ReturnLine
from order_pipelines.errors import NotOfferedError, PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND, MiraklWorld

EVERYTHING = Since(None)


def _account(url: str, **options: Any) -> Account:
    return Account("market", url, None, options, {"api_key": "a-shop-key"})


def _house() -> House:
    return House(MemoryTokenStore(), MemoryBudget(sleep=lambda _: None))


def _shipped(world: MiraklWorld, account: str = "blokker", **wish: Any) -> str:
    order_id = world.ready(("KEU-1001", 2), account=account, **wish)
    world.act(order_id, "ship", account)
    world.pass_time(61)
    return order_id


def _wish(order_id: str, known: frozenset[str] = frozenset(), **members: Any) -> RefundWish:
    values: dict[str, Any] = {
        "amount_incl_vat": Decimal("39.95"),
        "quantity": 1,
        "reason": "17",
        "known_refunds": known,
        **members,
    }
    return RefundWish(order_id, f"{order_id}-1", **values)


def test_a_line_shows_what_is_left_and_a_refund_gives_it_back_once(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    left = world.refunds().look(order_id, f"{order_id}-1")
    assert (left.amount_left, left.pieces_left, left.unit_price_incl_vat, left.currency_code) == (
        Decimal("79.90"),
        2,
        Decimal("39.95"),
        "EUR",
    )
    assert (left.refund_ids, left.refusal) == ((), None)
    result = world.refunds().refund(_wish(order_id))
    assert (result.state, result.reason) == ("confirmed", None)
    (refund,) = world.state()["refunds"]
    assert refund["order_line_id"] == f"{order_id}-1"
    assert Decimal(str(refund["amount"])) == Decimal("39.95")
    world.pass_time(61)
    left = world.refunds().look(order_id, f"{order_id}-1")
    assert (left.amount_left, left.pieces_left) == (Decimal("39.95"), 1)
    assert left.refund_ids == (result.reference,)


def test_a_refund_in_doubt_is_looked_for_before_it_is_repeated(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    world.fault("drop_reply_after_acting", count=1, method="PUT", match="/refund")
    with pytest.raises(TransientConnectorError) as caught:
        world.refunds().refund(_wish(order_id))
    assert caught.value.maybe_acted is True
    assert world.refunds().refund(_wish(order_id)).state == "confirmed"
    assert len(world.state()["refunds"]) == 1


def test_all_that_is_left_without_tax_is_found_again_as_well(world: MiraklWorld) -> None:
    """66.04 without tax and 13.87 tax: what the customer gets tells one refund from another, not how it divides."""
    order_id = _shipped(world, SECOND)
    world.act(order_id, "pay", SECOND)
    world.pass_time(61)
    left = world.refunds(SECOND).look(order_id, f"{order_id}-1")
    assert left.amount_left == Decimal("79.91")
    wish = _wish(order_id, amount_incl_vat=Decimal("79.91"), quantity=2, reason="R01")
    world.fault("drop_reply_after_acting", count=1, method="PUT", match="/refund")
    with pytest.raises(TransientConnectorError):
        world.refunds(SECOND).refund(wish)
    assert world.refunds(SECOND).refund(wish).state == "confirmed"
    (refund,) = world.state(SECOND)["refunds"]
    assert Decimal(str(refund["amount"])) == Decimal("66.04")


def test_a_second_refund_of_the_same_amount_is_a_refund_of_its_own(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    assert world.refunds().refund(_wish(order_id)).state == "confirmed"
    world.pass_time(61)
    known = frozenset(world.refunds().look(order_id, f"{order_id}-1").refund_ids)
    assert len(known) == 1
    assert world.refunds().refund(_wish(order_id, known)).state == "confirmed"
    assert len(world.state()["refunds"]) == 2


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"amount_incl_vat": Decimal("79.91")}, "only 79.90 of the line is left"),
        ({"reason": "GOODWILL"}, "17 (Artikel geretourneerd)"),
        ({"external_line_id": "another"}, "has no line another"),
    ],
)
def test_what_the_operator_would_refuse_is_not_sent(
    world: MiraklWorld, members: dict[str, Any], says: str
) -> None:
    order_id = _shipped(world)
    written = len(world.writes())
    wish = _wish(order_id)
    values = {name: getattr(wish, name) for name in RefundWish.__slots__}
    result = world.refunds().refund(RefundWish(**{**values, **members}))
    assert result.state == "rejected"
    assert says in (result.reason or "")
    assert (len(world.writes()), world.state()["refunds"]) == (written, [])


def test_a_line_that_may_not_be_refunded_is_not(world: MiraklWorld) -> None:
    order_id = world.buy()
    result = world.refunds().refund(_wish(order_id, amount_incl_vat=Decimal("1.00")))
    assert (result.state, world.writes()) == ("rejected", [])
    assert "can_refund" in (result.reason or "")
    world.pass_time(61)
    assert "can_refund" in (world.refunds().look(order_id, f"{order_id}-1").refusal or "")


def test_reasons_are_the_operators_own(world: MiraklWorld) -> None:
    assert list(world.refunds(SECOND).reasons()) == [Reason("R01", "Retour"), Reason("R02", "Compensation")]


def test_amounts_go_out_in_the_tax_mode_of_the_order() -> None:
    line = {
        "order_line_id": "O-1",
        "can_refund": True,
        "price": 100.0,
        "quantity": 2,
        "refunds": [],
        "taxes": [{"code": "A", "amount": 21}],
    }
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
        wish = RefundWish("O", "O-1", Decimal("40.33"), 0, "Retour", frozenset())
        assert MiraklRefunds(_account(server.url), _house()).refund(wish) == WriteResult("confirmed", "1130")
        sent = orjson.loads(server.requests[-1].body)
    assert sent == {
        "order_tax_mode": "TAX_EXCLUDED",
        "refunds": [
            {
                "order_line_id": "O-1",
                "amount": 33.33,
                "shipping_amount": 0.0,
                "reason_code": "R1",
                "quantity": 0,
                "currency_iso_code": "EUR",
                "excluded_from_shipment": False,
                "taxes": [{"code": "A", "amount": 7.0}],
            }
        ],
    }


def test_an_order_whose_taxes_nobody_can_read_is_not_refunded() -> None:
    line = {"order_line_id": "O-1", "can_refund": True, "price": 10, "taxes": [{"code": "A", "amount": 2}]}
    with scripted_server(
        lambda _: Reply({"orders": [{"order_id": "O", "order_lines": [line]}], "total_count": 1})
    ) as server:
        wish = RefundWish("O", "O-1", Decimal("5.00"), 0, "R1", frozenset())
        result = MiraklRefunds(_account(server.url), _house()).refund(wish)
        assert (result.state, {request.method for request in server.requests}) == ("rejected", {"GET"})
    assert result.reason == "the operator does not show what this line costs"


def _return(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": f"r-{number}",
        "order_id": "O1-A",
        "state": "IN_PROGRESS",
        "reason_code": "RETURN_CHANGED_MIND",
        "date_created": "2026-11-19T08:00:00Z",
        "last_updated": "2026-11-20T08:00:00Z",
        "return_lines": [{"order_line_id": "O1-A-1", "quantity": 2}],
        **members,
    }


def _lines(listed: Listed) -> tuple[ReturnLine, ...]:
    (found,) = interpret_return(listed.body, name=listed.external_id).returns
    return found.lines


def test_returns_are_read_token_by_token() -> None:
    pages = {None: ([_return(1)], "t1"), "t1": ([_return(2, state="TELEPORTED")], "t2"), "t2": ([], None)}

    def script(request: Request) -> Reply:
        data, token = pages[request.query.get("page_token")]
        return Reply({"data": data, "next_page_token": token, "previous_page_token": None})

    with scripted_server(script) as server:
        since = Since(datetime(2026, 11, 1, 0, 15, tzinfo=UTC))
        found = list(MiraklReturns(_account(server.url), _house()).list_returns(since))
        asked = [request.query for request in server.requests]
    assert [listed.external_id for listed in found] == ["r-1", "r-2"]
    assert found[0].changed_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert [query.get("return_last_updated_from") for query in asked] == ["2026-11-01T00:00:00Z"] * 3
    assert _lines(found[0]) == (
        ReturnLine(
            return_line_id="O1-A-1",
            external_order_id="O1-A",
            external_line_id="O1-A-1",
            quantity=2,
            state="accepted",
            state_said="IN_PROGRESS",
            reason_code="RETURN_CHANGED_MIND",
        ),
    )
    assert [(line.state, line.state_said) for line in _lines(found[1])] == [("unknown", "TELEPORTED")]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("WAITING_ACCEPTANCE", "announced"),
        ("IN_PROGRESS", "accepted"),
        ("REFUSED", "rejected"),
        ("RECEIVED", "received"),
        ("NO_RECEPTION", "closed"),
        ("CLOSED", "closed"),
        ("CANCELED", "closed"),
        (None, "unknown"),
        (7, "unknown"),
    ],
)
def test_every_state_has_its_word(said: object, state: str) -> None:
    (found,) = interpret_return(orjson.dumps(_return(1, state=said))).returns
    assert [line.state for line in found.lines] == [state]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"state": "CLOSED"}', b'{"id": ""}', b'{"id": {"x": 1}}', b"\xff\xfe", b'{"id": "a'],
)
def test_a_body_that_is_no_return_is_refused_with_a_reason(body: bytes) -> None:
    meaning = interpret_return(body, name="r-1")
    assert meaning.returns == []
    (reject,) = meaning.rejects
    assert (reject.external_id, bool(reject.problem.reason)) == ("r-1", True)


@pytest.mark.parametrize("lines", [None, [], "two", [None], [{"quantity": "2"}], [{"order_line_id": 5}]])
def test_a_return_whose_lines_cannot_be_read_is_kept(lines: object) -> None:
    (found,) = interpret_return(orjson.dumps(_return(1, return_lines=lines))).returns
    assert [(line.external_order_id, line.quantity) for line in found.lines] == [("O1-A", None)]


def test_a_return_without_an_id_is_yielded_so_that_it_ends_in_quarantine() -> None:
    with scripted_server(lambda _: Reply({"data": [_return(1, id=None)]})) as server:
        (found,) = MiraklReturns(_account(server.url), _house()).list_returns(EVERYTHING)
    assert found.external_id.startswith("unnamed-")
    assert interpret_return(found.body).rejects[0].problem.code == "unreadable_return"


def test_a_token_that_expired_begins_the_list_anew_once() -> None:
    replies = iter(
        [
            Reply({"data": [_return(1)], "next_page_token": "t1"}),
            Reply({"message": "token expired"}, 400),
            Reply({"data": [_return(1), _return(2)], "next_page_token": None}),
        ]
    )
    with scripted_server(lambda _: next(replies)) as server:
        found = list(MiraklReturns(_account(server.url), _house()).list_returns(EVERYTHING))
    assert [listed.external_id for listed in found] == ["r-1", "r-1", "r-2"]


def test_tokens_that_do_not_end_are_an_error() -> None:
    with scripted_server(lambda _: Reply({"data": [_return(1)], "next_page_token": "t"})) as server:
        with pytest.raises(PermanentConnectorError, match="a page token came twice"):
            list(MiraklReturns(_account(server.url), _house()).list_returns(EVERYTHING))
        assert len(server.requests) == 2


def test_a_return_at_the_stand_in_moves_neither_money_nor_stock(world: MiraklWorld) -> None:
    order_id = _shipped(world)
    before = world.offer("KEU-1001")["quantity"]
    world.act(order_id, "return", order_line_id=f"{order_id}-1", quantity=1)
    (found,) = world.returns().list_returns(EVERYTHING)
    (line,) = _lines(found)
    assert (line.external_order_id, line.external_line_id, line.quantity, line.state) == (
        order_id,
        f"{order_id}-1",
        1,
        "accepted",
    )
    assert (world.state()["refunds"], world.offer("KEU-1001")["quantity"]) == ([], before)


def test_an_operator_without_returns_says_so(world: MiraklWorld) -> None:
    with pytest.raises(NotOfferedError) as caught:
        list(world.returns(SECOND).list_returns(EVERYTHING))
    assert caught.value.status in (403, 404)


def test_a_refusal_in_the_middle_of_the_list_is_not_taken_for_an_operator_without_returns() -> None:
    replies = iter(
        [Reply({"data": [_return(1)], "next_page_token": "t1"}), Reply({"message": "Forbidden"}, 403)]
    )
    with scripted_server(lambda _: next(replies)) as server:
        listing = MiraklReturns(_account(server.url), _house()).list_returns(EVERYTHING)
        assert next(listing).external_id == "r-1"
        with pytest.raises(PermanentConnectorError) as caught:
            next(listing)
    assert not isinstance(caught.value, NotOfferedError)
