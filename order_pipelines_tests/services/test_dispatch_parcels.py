"""Parcels are announced once each, also by two processes, by one that was stopped, and when an answer got lost."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.operations.tables import leases
from order_pipelines.services.dispatch import Dispatched, dispatch_kind
from order_pipelines.services.planning import CHANNEL_SHIPMENT, plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines_tests.services.dispatch_worker import dispatch_parcels
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE_S = 60.0


def _parcels(world: ShopWorld, count: int) -> list[str]:
    """Orders of three pieces of which one piece has left: bol would take the same announcement twice."""
    ids = sorted(world.buy(("KEU-1001", 3)) for _ in range(count))
    world.sweep()
    lines = [
        ShipmentLine(
            order_id, 1, clock.now(), sku="KEU-1001", carrier="PostNL", tracking=f"3S{order_id}", row=row
        )
        for row, order_id in enumerate(ids, start=2)
    ]
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcels", lines, 0)
    assert match_shipments(world.shop).lines == count
    plan_all(world.shop)
    return ids


def _send(world: ShopWorld) -> Dispatched:
    return dispatch_kind(world.shop, CHANNEL_SHIPMENT)


def _announced(world: ShopWorld, order_id: str) -> int:
    """How often bol took an announcement of this order's parcel."""
    item = world.bol_order(order_id)["items"][0]["order_item_id"]
    return sum(
        write["path"] == "/retailer/shipments" and write["body"]["orderItems"][0]["orderItemId"] == item
        for write in world.writes()
    )


def _shipped(world: ShopWorld, order_id: str) -> int:
    return int(world.bol_order(order_id)["items"][0]["quantity_shipped"])


def _until(happened: Callable[[], Any]) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def test_a_parcel_is_announced_once_and_confirmed(world: ShopWorld) -> None:
    (order_id,) = _parcels(world, 1)

    assert _send(world).accepted == 1
    world.pass_time(seconds=5)
    assert _send(world).confirmed == 1

    assert (_announced(world, order_id), _shipped(world, order_id)) == (1, 1)
    assert world.row("outbox").state == "confirmed"


@pytest.mark.endurance
def test_a_process_that_was_stopped_and_taken_over_sends_nothing_more_when_it_wakes_up(
    world: ShopWorld,
) -> None:
    """A laptop lid, a frozen virtual machine: the lease ran out, another process sent what was due."""
    _parcels(world, 2)
    by_plan = sorted(world.rows("outbox"), key=lambda row: (row.planned_at, row.effect_key))
    first, second = (row.payload["external_order_id"] for row in by_plan)
    world.fault("latency", method="POST", match="/retailer/shipments", seconds=1.5)
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
        stopped = pool.submit(dispatch_parcels, str(world.path))
        # Taken means that the announcement has reached bol, who answers it late.
        _until(lambda: not world.sandbox.bol.faults.pending())
        (pid,) = pool._processes
        os.kill(pid, signal.SIGSTOP)
        try:
            _until(lambda: _announced(world, first) == 1)
            with world.shop.store.small_transaction() as connection:
                ran_out = {"expires_at": clock.now() - timedelta(seconds=1)}
                connection.execute(sa.update(leases).values(ran_out))
            assert _send(world).accepted == 1
            taken_over = world.rows("outbox")
        finally:
            os.kill(pid, signal.SIGCONT)
        problems = stopped.result(_PATIENCE_S)

    assert list(problems) == [MAIN]
    assert "was taken over by another process" in problems[MAIN]
    assert world.rows("outbox") == taken_over
    assert (_announced(world, first), _announced(world, second)) == (1, 1)
    world.pass_time(minutes=5)
    _send(world)
    assert (_announced(world, first), _announced(world, second)) == (1, 1)
    assert (_shipped(world, first), _shipped(world, second)) == (1, 1)
    assert {row.state for row in world.rows("outbox")} == {"confirmed"}


@pytest.mark.endurance
def test_two_processes_that_send_at_once_announce_each_parcel_once(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    ids = _parcels(world, 5)
    with ProcessPoolExecutor(2, mp_context=_SPAWN) as pool:
        both = [pool.submit(dispatch_parcels, str(world.path)) for _ in range(2)]
        problems = [future.result(_PATIENCE_S) for future in both]
    busy = "another process sends for this account now"
    assert all(each in ({}, {MAIN: busy}) for each in problems)
    world.pass_time(seconds=5)
    _send(world)

    assert [_announced(world, order_id) for order_id in ids] == [1, 1, 1, 1, 1]
    assert [_shipped(world, order_id) for order_id in ids] == [1, 1, 1, 1, 1]


def test_a_parcel_whose_answer_was_lost_is_not_announced_again_while_bol_still_works_on_it(
    world: ShopWorld,
) -> None:
    """bol took it, the answer got lost, and bol's list shows a parcel only when its own process is through."""
    (order_id,) = _parcels(world, 1)
    before = world.sandbox.bol.process_delay_s
    world.sandbox.bol.process_delay_s = 60.0
    try:
        world.fault("drop_reply_after_acting", method="POST", match="/retailer/shipments")
        assert _send(world).in_doubt == 1
        for _ in range(12):
            world.pass_time(seconds=30)
            _send(world)
    finally:
        world.sandbox.bol.process_delay_s = before

    assert (_announced(world, order_id), _shipped(world, order_id)) == (1, 1)
    assert world.row("outbox").state == "confirmed"


def test_a_sender_that_died_after_announcing_is_not_repeated_while_bol_still_works_on_it(
    sqlite_world: ShopWorld,
) -> None:
    """The row says sent and has no process status: it was killed between the answer and the note of it."""
    world = sqlite_world
    (order_id,) = _parcels(world, 1)
    before = world.sandbox.bol.process_delay_s
    world.sandbox.bol.process_delay_s = 60.0
    try:
        assert _send(world).accepted == 1
        with world.shop.store.transaction() as connection:
            connection.exec_driver_sql("update outbox set write_reference = null")
        for _ in range(12):
            _send(world)
            world.pass_time(seconds=30)
    finally:
        world.sandbox.bol.process_delay_s = before

    assert (_announced(world, order_id), _shipped(world, order_id)) == (1, 1)
    assert world.row("outbox").state == "confirmed"


def test_one_lost_answer_does_not_keep_the_other_parcels_waiting(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    ids = _parcels(world, 4)
    world.fault("drop_reply_after_acting", method="POST", match="/retailer/shipments")

    done = _send(world)

    assert (done.in_doubt, done.accepted, done.problems) == (1, 3, {})
    world.pass_time(minutes=3)
    _send(world)
    assert [_announced(world, order_id) for order_id in ids] == [1, 1, 1, 1]
    assert {row.state for row in world.rows("outbox")} == {"confirmed"}
