"""An operator without multi-shipment: an order is announced once, when all of it has left, in however many parcels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.operations.tables import outbox
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.parcels import WAITS_FOR_REST, plan_parcels
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world


@pytest.fixture
def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    """Return a shop that sells at bol and at an operator that ships orders as a whole, on each of the two databases."""
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        row = next(row for row in sandbox.systems() if row["account"] == SECOND)
        monkeypatch.setenv("OPERATOR_KEY", row["credentials"]["api_key"])
        more = f"""
[accounts.{SECOND}]
system = "mirakl"
mode = "live"
effective_from = 2026-01-01
base_url = "{row["base_url"]}"
ships_from = "main"
serves = ["main"]
[accounts.{SECOND}.secrets]
api_key = "OPERATOR_KEY"
"""
        with opened_world(sandbox, store_url, tmp_path, monkeypatch, more=more) as world:
            yield world
    clock.follow(0)


def _accepted(house: ShopWorld, *goods: tuple[str, int]) -> str:
    lines = [{"sku": sku, "quantity": pieces} for sku, pieces in goods]
    order_id = house.sandbox.mirakl.place_order(SECOND, {"lines": lines, "force": True})
    house.sandbox.mirakl.act(SECOND, order_id, "accept", {})
    _later(house)
    return order_id


def _later(house: ShopWorld) -> None:
    """A sweep, after the minute that lies between two readings of an order in full."""
    house.pass_time(61)
    assert sweep_account(house.shop, SECOND).problem is None


def _leave(house: ShopWorld, order_id: str, line: int, pieces: int, tracking: str | None) -> None:
    house.pass_time(61)
    parcel = ShipmentLine(
        order_id,
        pieces,
        clock.now(),
        line_id=f"{order_id}-{line}",
        carrier="PostNL",
        tracking=tracking,
        account=SECOND,
    )
    with house.shop.store.transaction() as connection:
        note_shipment_lines(connection, SECOND, f"file-{clock.now()}", [parcel], 1)
    assert match_shipments(house.shop).lines == 1


def _announce(house: ShopWorld) -> None:
    plan_all(house.shop)
    assert {kind: done.problems for kind, done in dispatch_all(house.shop).items() if done.problems} == {}


def _there(house: ShopWorld, order_id: str) -> tuple[str, Any, Any]:
    orders = house.sandbox.mirakl.state(SECOND)["orders"]
    order = next(order for order in orders if order["order_id"] == order_id)
    return order["state"], order["carrier_code"], order["tracking_number"]


def _ship_calls(house: ShopWorld) -> list[str]:
    """What the operator was told of parcels, in its order."""
    writes = [write["path"].rsplit("/", 1)[1] for write in house.sandbox.mirakl.state(SECOND)["writes"]]
    return [name for name in writes if name in ("tracking", "ship", "shipments")]


def _effects(house: ShopWorld) -> list[tuple[str, str | None]]:
    return sorted(((row.state, row.reason) for row in house.rows("outbox", kind="channel_shipment")), key=str)


def test_the_first_parcel_waits_and_the_last_announces_the_order_once(house: ShopWorld) -> None:
    order_id = _accepted(house, ("KEU-1001", 2), ("KEU-1002", 1))
    _leave(house, order_id, 1, 1, "3SAAA1")
    _announce(house)
    assert _effects(house) == [("on_hold", WAITS_FOR_REST)]
    assert (_there(house, order_id), _ship_calls(house)) == (("SHIPPING", None, None), [])

    _leave(house, order_id, 1, 1, "3SAAA2")
    _leave(house, order_id, 2, 1, "3SAAA3")
    _announce(house)
    _later(house)
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SAAA3")
    assert _ship_calls(house) == ["tracking", "ship"]
    folded = "announced with the whole order, whose last parcel is 3SAAA3"
    assert _effects(house) == [("aborted", folded)] * 3 + [("confirmed", None)]
    (whole,) = [row for row in house.rows("outbox", kind="channel_shipment") if row.state == "confirmed"]
    assert whole.payload["items"] == [
        {"line_id": f"{order_id}-1", "quantity": 2},
        {"line_id": f"{order_id}-2", "quantity": 1},
    ]
    assert [other["tracking"] for other in whole.payload["others"]] == ["3SAAA1", "3SAAA2"]
    assert (house.demand("KEU-1001"), house.demand("KEU-1002")) == (0, 0)


def test_a_last_parcel_without_tracking_leaves_the_operator_the_newest_that_there_is(
    house: ShopWorld,
) -> None:
    order_id = _accepted(house, ("KEU-1001", 2))
    _leave(house, order_id, 1, 1, "3SBBB1")
    _leave(house, order_id, 1, 1, None)
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SBBB1")
    assert _ship_calls(house) == ["tracking", "ship"]


def test_the_parcel_goes_out_when_the_rest_is_cancelled(house: ShopWorld) -> None:
    order_id = _accepted(house, ("KEU-1001", 1), ("KEU-1002", 1))
    _leave(house, order_id, 1, 1, "3SCCC1")
    _announce(house)
    assert _effects(house) == [("on_hold", WAITS_FOR_REST)]

    reason = "C01"
    assert request_cancellation(house.shop, order_id, reason=reason, line_ids=[f"{order_id}-2"]) == 1
    house.pass_time(61)
    _announce(house)
    assert _ship_calls(house) == []
    _later(house)
    house.pass_time(61)
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SCCC1")
    assert _effects(house) == [("confirmed", None)]
    assert _ship_calls(house) == ["tracking", "ship"]


def test_a_second_parcel_that_never_comes_is_told_after_three_days(house: ShopWorld) -> None:
    order_id = _accepted(house, ("KEU-1001", 2))
    _leave(house, order_id, 1, 1, "3SDDD1")
    _announce(house)
    key = f"backlog:{SECOND}"
    assert key not in {concern.key for concern in look_after(house.shop.store, house.shop.settings)}

    house.pass_time(days=3, minutes=1)
    _announce(house)
    (concern,) = [each for each in look_after(house.shop.store, house.shop.settings) if each.key == key]
    assert concern.message == (
        f"{SECOND}: 1 parcels that left more than 3 days ago wait for the rest of their order: send it or cancel it "
        "(order-pipelines orders cancel)"
    )
    assert (_there(house, order_id)[0], _ship_calls(house)) == ("SHIPPING", [])

    _leave(house, order_id, 1, 1, "3SDDD2")
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SDDD2")
    assert key not in {concern.key for concern in look_after(house.shop.store, house.shop.settings)}


def test_parts_that_were_refused_before_are_announced_with_the_order(house: ShopWorld) -> None:
    """What earlier versions sent as a part was refused; it is announced with the rest, and is no failure any more."""
    order_id = _accepted(house, ("KEU-1001", 2))
    _leave(house, order_id, 1, 1, "3SEEE1")
    plan_parcels(house.shop)
    with house.shop.store.transaction() as connection:
        connection.execute(sa.update(outbox).values(state="failed", reason="ships orders as a whole"))
    _leave(house, order_id, 1, 1, "3SEEE2")
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SEEE2")
    assert [state for state, _ in _effects(house)] == ["aborted", "aborted", "confirmed"]


def test_a_lost_answer_of_the_whole_announcement_does_not_repeat_it(house: ShopWorld) -> None:
    order_id = _accepted(house, ("KEU-1001", 2))
    _leave(house, order_id, 1, 1, "3SFFF1")
    _leave(house, order_id, 1, 1, "3SFFF2")
    house.sandbox.mirakl.faults.add(Fault("drop_reply_after_acting", match=f"/orders/{order_id}/ship"))
    plan_all(house.shop)
    dispatch_all(house.shop)
    assert _effects(house)[2][0] == "in_doubt"
    house.pass_time(minutes=5)
    _announce(house)
    assert _there(house, order_id) == ("SHIPPED", "PNL", "3SFFF2")
    assert _ship_calls(house) == ["tracking", "ship"]
    assert [state for state, _ in _effects(house)] == ["aborted", "aborted", "confirmed"]
