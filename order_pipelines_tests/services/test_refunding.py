"""Money back for a line: checked against what is left, planned and sent once, counted when the channel says so."""

from decimal import Decimal
from typing import Any

import pytest

from order_pipelines.connectors.aftersales import Reason
from order_pipelines.errors import DomainRuleError
from order_pipelines.operations import outbox
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.mending import try_failed_again
from order_pipelines.services.refunding import PlannedRefund, refund_reasons, request_refund
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.aftersales_house import MARKET, House
from order_pipelines_tests.services.shop_world import MAIN


def _refund(house: House, order_id: str, **more: Any) -> PlannedRefund:
    values: dict[str, Any] = {"line_id": f"{order_id}-1", "reason": "17", **more}
    house.world.pass_time(61)
    return request_refund(house.shop, order_id, **values)


def test_a_refund_is_planned_sent_once_and_comes_back_as_a_version_of_the_order(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    before = house.world.order(order_id, MARKET)
    assert (before.refunded_total_incl_vat, before.payment_status) == (Decimal("0.00"), "paid_to_platform")

    planned = _refund(house, order_id, quantity=1)

    assert planned == PlannedRefund(
        Decimal("39.95"), 1, "EUR", Reason("17", "Artikel geretourneerd"), 1, is_observed=False
    )
    (effect,) = house.world.rows("outbox", kind="channel_refund")
    assert effect.effect_key == f"channel_refund:{MARKET}:{order_id}:{order_id}-1:1"
    assert (effect.state, house.refunds_there()) == ("pending", [])
    for _ in range(3):
        house.dispatch()
    assert house.refunds_there() == [Decimal("39.95")]
    (effect,) = house.world.rows("outbox", kind="channel_refund")
    assert (effect.state, effect.external_id) == ("confirmed", house.at_market()["refunds"][0]["id"])
    # Nothing is counted before the channel itself says so.
    assert house.world.order(order_id, MARKET).refunded_total_incl_vat == Decimal("0.00")
    house.read_market()
    row = house.world.order(order_id, MARKET)
    assert (row.refunded_total_incl_vat, row.payment_status) == (Decimal("39.95"), "partially_refunded")
    line = house.world.row("order_lines", order_key=f"{MARKET}:{order_id}", line_kind="goods")
    assert line.quantity_refunded == 1


def test_what_is_not_said_is_all_that_is_left(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    planned = _refund(sqlite_house, order_id)
    assert (planned.amount_incl_vat, planned.quantity) == (Decimal("79.90"), 2)
    sqlite_house.dispatch()
    assert sqlite_house.refunds_there() == [Decimal("79.90")]
    with pytest.raises(DomainRuleError, match=r"can_refund|nothing to give back"):
        _refund(sqlite_house, order_id, again=True)
    assert len(sqlite_house.effects()) == 1


def test_money_without_goods_names_no_pieces(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    planned = _refund(sqlite_house, order_id, amount=Decimal("5.00"), reason="overeenkomst met de verkoper")
    assert (planned.amount_incl_vat, planned.quantity, planned.reason.code) == (Decimal("5.00"), 0, "19")
    sqlite_house.dispatch()
    (there,) = sqlite_house.at_market()["refunds"]
    assert (Decimal(str(there["amount"])), there["quantity"], there["reason_code"]) == (
        Decimal("5.00"),
        0,
        "19",
    )


def test_a_lost_reply_never_refunds_twice(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    _refund(house, order_id, quantity=1)
    house.fault("drop_reply_after_acting", count=1, method="PUT", match="/refund")
    house.dispatch()
    assert [state for state, _, _ in house.effects()] == ["in_doubt"]
    assert house.refunds_there() == [Decimal("39.95")]
    # Too early to be looked for: what the operator shows may be older than what it did.
    house.dispatch()
    assert [state for state, _, _ in house.effects()] == ["in_doubt"]
    house.world.pass_time(minutes=3)
    house.dispatch()
    assert [state for state, _, _ in house.effects()] == ["confirmed"]
    assert (house.refunds_there(), house.refund_writes()) == ([Decimal("39.95")], 1)


def test_a_process_that_died_after_sending_is_followed_by_one_that_looks(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _refund(sqlite_house, order_id, quantity=1)
    (effect,) = sqlite_house.world.rows("outbox", kind="channel_refund")
    amount, line = {"amount": "39.95", "quantity": 1, "reason": "17"}, {"order_line_id": f"{order_id}-1"}
    with sqlite_house.shop.store.transaction() as connection:
        outbox.move(connection, effect.effect_key, outbox.SENT)
    sqlite_house.world.sandbox.mirakl.act(MARKET, order_id, "refund", {**amount, **line})
    sqlite_house.dispatch()
    assert [state for state, _, _ in sqlite_house.effects()] == ["sent"]
    sqlite_house.world.pass_time(minutes=2)
    sqlite_house.dispatch()
    assert [state for state, _, _ in sqlite_house.effects()] == ["confirmed"]
    assert (sqlite_house.refunds_there(), sqlite_house.refund_writes()) == ([Decimal("39.95")], 0)


def test_a_refund_that_never_reached_the_channel_is_sent_later(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _refund(sqlite_house, order_id, quantity=1)
    sqlite_house.fault("500", count=1, method="PUT", match="/refund")
    sqlite_house.dispatch()
    assert sqlite_house.refunds_there() == []
    sqlite_house.world.pass_time(minutes=5)
    sqlite_house.dispatch()
    assert sqlite_house.refunds_there() == [Decimal("39.95")]
    assert [state for state, _, _ in sqlite_house.effects()] == ["confirmed"]


def test_a_second_refund_is_asked_for_by_name(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    _refund(house, order_id, quantity=1)
    with pytest.raises(DomainRuleError, match=r"refund 1 is still under way \(pending\)"):
        _refund(house, order_id, quantity=1, again=True)
    house.dispatch()
    with pytest.raises(
        DomainRuleError, match=r"39\.95 was planned as refund 1 before \(confirmed\); --again"
    ):
        _refund(house, order_id, quantity=1)
    assert house.effects() == [("confirmed", 1, "39.95")]
    assert _refund(house, order_id, quantity=1, again=True).number == 2
    for _ in range(2):
        house.dispatch()
    assert house.effects() == [("confirmed", 1, "39.95"), ("confirmed", 2, "39.95")]
    assert house.refunds_there() == [Decimal("39.95"), Decimal("39.95")]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"quantity": 3}, "3 pieces are asked and 2 are left to refund"),
        ({"amount": Decimal("79.91")}, "79.91 is asked and 79.90 is left to refund"),
        ({"amount": Decimal("0.00")}, "nothing to give back"),
        ({"amount": Decimal("-5")}, "nothing to give back"),
        ({"amount": Decimal("1.005")}, "more than two decimals"),
        (
            {"reason": "99"},
            r"99 is no reason that blokker takes for a refund; it takes 17 \(Artikel geretourneerd\)",
        ),
        ({"line_id": "elsewhere-1"}, "has no line elsewhere-1"),
        ({"account": MAIN}, "no order .* is known of account bol_main"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_planned(
    sqlite_house: House, asked: dict[str, Any], says: str
) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    with pytest.raises(DomainRuleError, match=says):
        _refund(sqlite_house, order_id, **asked)
    assert sqlite_house.effects() == []
    dispatch_all(sqlite_house.shop)
    assert (sqlite_house.refunds_there(), sqlite_house.refund_writes()) == ([], 0)
    assert sqlite_house.world.rows("audit_log", kind="refund_order") == []


def test_a_cancelled_order_and_one_that_has_not_left_are_not_refunded(sqlite_house: House) -> None:
    waiting = sqlite_house.buy_at_market(("KEU-1001", 1), ships=False)
    with pytest.raises(DomainRuleError, match="can_refund"):
        _refund(sqlite_house, waiting)
    sqlite_house.world.sandbox.mirakl.act(MARKET, waiting, "cancel", {})
    sqlite_house.read_market()
    with pytest.raises(DomainRuleError, match="is cancelled: nothing of it was paid for"):
        _refund(sqlite_house, waiting)
    assert sqlite_house.effects() == []


def test_a_channel_without_refunds_says_what_to_do(sqlite_house: House) -> None:
    order_id = sqlite_house.world.buy(("KEU-1001", 1))
    sqlite_house.world.sweep()
    line = sqlite_house.world.row("order_lines", order_key=f"{MAIN}:{order_id}").line_id
    with pytest.raises(DomainRuleError, match="bol takes no refunds from here; refund there by hand"):
        _refund(sqlite_house, order_id, line_id=line)
    with pytest.raises(DomainRuleError, match="bol takes no refunds"):
        refund_reasons(sqlite_house.shop, MAIN)


def test_what_was_planned_while_observing_is_never_sent_and_holds_up_nothing(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    text = house.world.path.read_text(encoding="utf-8")
    before, after = text.split(f"[accounts.{MARKET}]")
    after = after.replace('"live"', '"observe"', 1)
    house.world.path.write_text(f"{before}[accounts.{MARKET}]{after}", encoding="utf-8")
    observing = Shop.open(load_settings(house.world.path))
    try:
        house.world.pass_time(61)
        planned = request_refund(observing, order_id, line_id=f"{order_id}-1", reason="17", quantity=1)
        assert planned.is_observed is True
        house.world.pass_time(61)
        dispatch_all(observing)
    finally:
        observing.close()
    house.world.path.write_text(text, encoding="utf-8")
    house.dispatch()
    assert house.effects() == [("on_hold", 1, "39.95")]
    assert (house.refunds_there(), house.refund_writes()) == ([], 0)
    assert _refund(house, order_id, quantity=1).number == 2
    house.dispatch()
    assert house.effects() == [("on_hold", 1, "39.95"), ("confirmed", 2, "39.95")]
    assert house.refunds_there() == [Decimal("39.95")]


def test_a_refund_that_was_refused_is_not_sent_beside_the_one_that_took_its_place(
    sqlite_house: House,
) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _refund(sqlite_house, order_id, quantity=1)
    # The operator gave most of it back itself meanwhile.
    sqlite_house.world.sandbox.mirakl.act(MARKET, order_id, "refund", {"amount": "60.00"})
    sqlite_house.dispatch()
    assert [state for state, _, _ in sqlite_house.effects()] == ["failed"]
    _refund(sqlite_house, order_id, amount=Decimal("10.00"))
    try_failed_again(sqlite_house.shop)
    for _ in range(2):
        sqlite_house.dispatch()
    assert sqlite_house.effects() == [("aborted", 1, "39.95"), ("confirmed", 2, "10.00")]
    assert sqlite_house.refunds_there() == [Decimal("60.00"), Decimal("10.00")]


def test_who_decided_it_stands_in_the_audit_log(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _refund(sqlite_house, order_id, quantity=1, by="command: T-812")
    (row,) = sqlite_house.world.rows("audit_log", kind="refund_order")
    assert (row.account, row.subject, row.value_after, row.decided_by) == (
        MARKET,
        f"{MARKET}:{order_id}",
        f"refund 1 of line {order_id}-1: 39.95 EUR, reason 17",
        "command: T-812",
    )


def test_reasons_are_those_that_the_channel_takes(sqlite_house: House) -> None:
    sqlite_house.world.pass_time(61)
    assert list(refund_reasons(sqlite_house.shop, MARKET))[:3] == [
        Reason("17", "Artikel geretourneerd"),
        Reason("18", "Artikel niet ontvangen"),
        Reason("19", "Overeenkomst met de verkoper"),
    ]
