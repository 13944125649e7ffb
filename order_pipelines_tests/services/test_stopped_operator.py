"""A person stops an operator: no order is accepted and no money goes back until it may go on, and then each once."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE, plan_acceptances
from order_pipelines.services.account_stops import stop_account
from order_pipelines.services.dispatch import Dispatched, dispatch_all, dispatch_kind
from order_pipelines.services.planning import plan_all
from order_pipelines.services.refunding import CHANNEL_REFUND, request_refund
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines_tests.services.aftersales_house import MARKET, House
from order_pipelines_tests.services.shop_world import MAIN

STOPPED = "blokker: stopped (stock, effects); 'order-pipelines account go blokker' ends it\n"
GOES_ON = "blokker: goes on (stock, effects)\n"


def _stop(house: House, *more: str) -> str:
    """Type what a person types; returns what the command answers."""
    return _typed(house, "stop", MARKET, "--reason", "prices are being repaired", *more)


def _go(house: House) -> str:
    return _typed(house, "go", MARKET)


def _typed(house: House, *words: str) -> str:
    settings = str(house.world.path)
    result = CliRunner().invoke(cli, ["--settings", settings, "account", *words], catch_exceptions=False)
    return result.output


def _acceptances(house: House) -> list[str]:
    """The calls of OR21 that reached the operator, whatever became of them."""
    return [write["path"] for write in house.at_market()["writes"] if write["path"].endswith("/accept")]


def _state(house: House, order_id: str) -> str:
    (order,) = [order for order in house.at_market()["orders"] if order_id in order.values()]
    return str(order["state"])


def _wait_for_acceptance(house: House, orders: int = 1) -> list[str]:
    """Let shoppers buy at the operator; the acceptance of each order is planned."""
    found = [house.buy_at_market(("KEU-1001", 1), ships=False) for _ in range(orders)]
    assert plan_acceptances(house.shop) == orders
    return found


def _accept(house: House) -> Dispatched:
    """Send the acceptances that are due; the operator lets an order be read once a minute."""
    house.world.pass_time(61)
    return dispatch_kind(house.shop, CHANNEL_ACCEPTANCE)


def _acceptance_effects(house: House) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in house.world.rows("outbox", kind=CHANNEL_ACCEPTANCE)]


def test_a_stopped_operator_hears_of_no_acceptance_and_then_of_each_once(house: House) -> None:
    orders = _wait_for_acceptance(house, 2)
    assert _stop(house) == STOPPED
    for _ in range(3):
        done = _accept(house)
        assert (done.confirmed, done.left, done.stopped) == (0, 2, {MARKET})
        assert "nothing else is sent until 'order-pipelines account go blokker'" in done.problems[MARKET]
    # What is bought meanwhile is read and planned: the stop keeps nothing from coming in.
    orders += [house.buy_at_market(("KEU-1001", 1), ships=False)]
    assert plan_acceptances(house.shop) == 1
    assert _accept(house).left == 3
    assert _acceptances(house) == []
    assert [_state(house, order_id) for order_id in orders] == ["WAITING_ACCEPTANCE"] * 3
    assert _acceptance_effects(house) == [("pending", 0)] * 3

    assert _go(house) == GOES_ON
    for _ in range(3):
        _accept(house)
    assert sorted(_acceptances(house)) == sorted(f"/api/orders/{order_id}/accept" for order_id in orders)
    assert _acceptance_effects(house) == [("confirmed", 0)] * 3
    assert "WAITING_ACCEPTANCE" not in [_state(house, order_id) for order_id in orders]


def _stopping_after(
    monkeypatch: pytest.MonkeyPatch, house: House, is_seen: Callable[[requests.PreparedRequest], bool]
) -> None:
    """Let a person stop the operator the moment it has answered a certain call, once."""
    sent, stops = requests.Session.send, iter([True])

    def send(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = sent(self, request, **more)
        if is_seen(request) and next(stops, False):
            stop_account(house.shop.store, MARKET, "sending", "prices are being repaired")
        return answer

    monkeypatch.setattr(requests.Session, "send", send)


def test_a_stop_takes_hold_between_two_acceptances_of_one_round(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_for_acceptance(sqlite_house, 3)
    _stopping_after(monkeypatch, sqlite_house, lambda request: str(request.url).endswith("/accept"))
    done = _accept(sqlite_house)
    assert (done.stopped, done.failed, len(_acceptances(sqlite_house))) == ({MARKET}, 0, 1)
    assert sorted(state for state, _ in _acceptance_effects(sqlite_house)) == [
        "confirmed",
        "pending",
        "pending",
    ]
    _go(sqlite_house)
    _accept(sqlite_house)
    assert len(set(_acceptances(sqlite_house))) == len(_acceptances(sqlite_house)) == 3


def test_a_stop_while_the_order_is_looked_at_keeps_the_acceptance_back(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator lets an order be read once a minute: between looking and accepting there may be such a minute."""
    _wait_for_acceptance(sqlite_house)
    _stopping_after(monkeypatch, sqlite_house, lambda request: request.method == "GET")
    assert _accept(sqlite_house).stopped == {MARKET}
    assert (_acceptances(sqlite_house), _acceptance_effects(sqlite_house)) == ([], [("pending", 0)])
    _go(sqlite_house)
    assert _accept(sqlite_house).confirmed == 1
    assert len(_acceptances(sqlite_house)) == 1


def test_an_acceptance_whose_answer_was_lost_before_the_stop_is_not_repeated_after_it(
    sqlite_house: House,
) -> None:
    _wait_for_acceptance(sqlite_house)
    sqlite_house.fault("drop_reply_after_acting", count=1, method="PUT", match="/accept")
    assert _accept(sqlite_house).in_doubt == 1
    _stop(sqlite_house)
    sqlite_house.world.pass_time(minutes=10)
    assert _accept(sqlite_house).stopped == {MARKET}
    assert _acceptance_effects(sqlite_house) == [("in_doubt", 1)]
    _go(sqlite_house)
    assert _accept(sqlite_house).found == 1
    assert [state for state, _ in _acceptance_effects(sqlite_house)] == ["confirmed"]
    assert len(_acceptances(sqlite_house)) == 1


def test_an_order_that_a_person_accepted_at_the_operator_meanwhile_is_not_accepted_again(
    sqlite_house: House,
) -> None:
    (order_id,) = _wait_for_acceptance(sqlite_house)
    _stop(sqlite_house)
    assert _accept(sqlite_house).stopped == {MARKET}
    sqlite_house.world.sandbox.mirakl.act(MARKET, order_id, "accept", {})
    _go(sqlite_house)
    assert _accept(sqlite_house).failed == 0
    assert [state for state, _ in _acceptance_effects(sqlite_house)] == ["confirmed"]
    assert _acceptances(sqlite_house) == []


def test_where_only_stock_is_stopped_orders_are_accepted_and_refunded(sqlite_house: House) -> None:
    bought = sqlite_house.buy_at_market(("KEU-1001", 2))
    _wait_for_acceptance(sqlite_house)
    assert _stop(sqlite_house, "--what", "stock").startswith("blokker: stopped (stock);")
    _plan_refund(sqlite_house, bought)
    assert _accept(sqlite_house).confirmed == 1
    sqlite_house.dispatch()
    assert (len(_acceptances(sqlite_house)), sqlite_house.refund_writes()) == (1, 1)


def _plan_refund(house: House, order_id: str) -> None:
    house.world.pass_time(61)
    request_refund(house.shop, order_id, line_id=f"{order_id}-1", reason="17", quantity=1)


def test_a_stopped_operator_is_asked_for_no_refund_and_then_for_it_once(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    _plan_refund(house, order_id)
    assert _stop(house) == STOPPED
    for _ in range(3):
        house.world.pass_time(61)
        done = dispatch_kind(house.shop, CHANNEL_REFUND)
        assert (done.confirmed, done.left, done.stopped) == (0, 1, {MARKET})
    assert (house.refund_writes(), house.refunds_there()) == (0, [])
    assert house.effects() == [("pending", 1, "39.95")]

    assert _go(house) == GOES_ON
    for _ in range(3):
        house.dispatch()
    assert (house.refund_writes(), house.refunds_there()) == (1, [Decimal("39.95")])
    assert house.effects() == [("confirmed", 1, "39.95")]


def test_a_refund_that_is_asked_for_while_the_operator_is_stopped_waits(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _stop(sqlite_house, "--what", "all")
    _plan_refund(sqlite_house, order_id)
    sqlite_house.dispatch()
    assert (sqlite_house.refund_writes(), sqlite_house.effects()) == (0, [("pending", 1, "39.95")])
    _typed(sqlite_house, "go", MARKET, "--what", "sending")
    for _ in range(2):
        sqlite_house.dispatch()
    assert sqlite_house.refunds_there() == [Decimal("39.95")]


def test_a_stop_takes_hold_between_two_refunds_of_one_round(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [sqlite_house.buy_at_market(("KEU-1001", 2)) for _ in range(2)]
    for order_id in orders:
        _plan_refund(sqlite_house, order_id)
    _stopping_after(monkeypatch, sqlite_house, lambda request: str(request.url).endswith("/refund"))
    sqlite_house.world.pass_time(61)
    assert dispatch_kind(sqlite_house.shop, CHANNEL_REFUND).stopped == {MARKET}
    assert (sqlite_house.refund_writes(), len(sqlite_house.refunds_there())) == (1, 1)
    assert sorted(state for state, _, _ in sqlite_house.effects()) == ["confirmed", "pending"]
    _go(sqlite_house)
    for _ in range(2):
        sqlite_house.dispatch()
    assert (sqlite_house.refund_writes(), len(sqlite_house.refunds_there())) == (2, 2)


def test_a_stop_while_the_order_is_looked_at_keeps_the_refund_back(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plan_refund(sqlite_house, sqlite_house.buy_at_market(("KEU-1001", 2)))
    sqlite_house.world.pass_time(61)
    _stopping_after(monkeypatch, sqlite_house, lambda request: request.method == "GET")
    assert dispatch_kind(sqlite_house.shop, CHANNEL_REFUND).stopped == {MARKET}
    assert (sqlite_house.refund_writes(), sqlite_house.refunds_there()) == (0, [])
    assert sqlite_house.effects() == [("pending", 1, "39.95")]
    _go(sqlite_house)
    sqlite_house.dispatch()
    assert (sqlite_house.refund_writes(), sqlite_house.refunds_there()) == (1, [Decimal("39.95")])


def test_a_refund_whose_answer_was_lost_before_the_stop_is_not_given_twice(sqlite_house: House) -> None:
    order_id = sqlite_house.buy_at_market(("KEU-1001", 2))
    _plan_refund(sqlite_house, order_id)
    sqlite_house.fault("drop_reply_after_acting", count=1, method="PUT", match="/refund")
    sqlite_house.dispatch()
    _stop(sqlite_house)
    sqlite_house.world.pass_time(minutes=10)
    sqlite_house.dispatch()
    assert [state for state, _, _ in sqlite_house.effects()] == ["in_doubt"]
    _go(sqlite_house)
    sqlite_house.dispatch()
    assert [state for state, _, _ in sqlite_house.effects()] == ["confirmed"]
    assert (sqlite_house.refunds_there(), sqlite_house.refund_writes()) == ([Decimal("39.95")], 1)


def test_a_stopped_operator_keeps_no_other_account_from_sending(sqlite_house: House) -> None:
    world = sqlite_house.world
    _plan_refund(sqlite_house, sqlite_house.buy_at_market(("KEU-1001", 2)))
    _wait_for_acceptance(sqlite_house)
    parcel = ShipmentLine(world.buy(("KEU-1002", 1)), 1, clock.now(), sku="KEU-1002", carrier="PostNL", row=2)
    world.sweep(MAIN)
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcels", [parcel], 0)
    assert match_shipments(world.shop).lines == 1
    plan_all(world.shop)
    _stop(sqlite_house)
    world.pass_time(61)
    before = len(sqlite_house.at_market()["writes"])

    done = dispatch_all(world.shop)

    assert {kind: one.stopped for kind, one in done.items() if one.stopped} == {
        CHANNEL_ACCEPTANCE: {MARKET},
        CHANNEL_REFUND: {MARKET},
    }
    assert len(sqlite_house.at_market()["writes"]) == before
    assert [write["path"] for write in world.writes(MAIN)] == ["/retailer/shipments"]
