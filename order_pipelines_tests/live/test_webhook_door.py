"""Pushes at the door: forged, truncated, replayed, oversized, stale; and what a good one leaves behind."""

import socket
import sqlite3
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

from order_pipelines.operations.letterbox import Letterbox
from order_pipelines.services.webhooks import work_deliveries
from order_pipelines_tests.live.lane_world import (
    SHOP_SECRET,
    WEBSHOP,
    LaneWorld,
    RunningLane,
    message,
    signed,
    until,
)
from order_pipelines_tests.services.shop_world import MAIN

ORDER = "7656df5ece4049a96cb53b5754431f44"


def _kept(world: LaneWorld) -> int:
    """How many deliveries lie anywhere."""
    Letterbox(world.shop.store).move()
    return len(world.rows("webhook_deliveries"))


def _asked(world: LaneWorld) -> int:
    """How often the shop was asked for a token, which the first call needs."""
    return len(world.sandbox.shopware.state(WEBSHOP)["token_requests"])


def assert_nothing_came_in(world: LaneWorld) -> None:
    assert _kept(world) == 0
    assert work_deliveries(world.shop, WEBSHOP).due == 0
    assert _asked(world) == 0
    assert world.rows("receipts") == []


def test_a_push_is_durable_before_it_is_answered(world: LaneWorld) -> None:
    with world.door() as door:
        assert door.push(message(ORDER)) == 204
        # Another reader of the same database: what it sees was committed.
        other = world.asked_again()
        assert _kept(other) == 1
        (row,) = other.rows("webhook_deliveries")
        other.shop.close()
    assert (row.account, row.delivery_key, row.topic) == (WEBSHOP, f"e-1:{ORDER}", "order.written")
    assert (row.external_id, row.state, row.attempts) == (ORDER, "pending", 0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"shopware-shop-signature": ""},
        {"shopware-shop-signature": "0" * 64},
        {"shopware-shop-signature": signed(b"another body")["shopware-shop-signature"]},
        {
            "shopware-shop-signature": signed(message(ORDER, at=1), "another secret")[
                "shopware-shop-signature"
            ]
        },
        {"shopware-app-signature": "0" * 64},
    ],
)
def test_a_forged_push_leaves_nothing_and_reads_nothing(
    sqlite_world: LaneWorld, headers: dict[str, str]
) -> None:
    with sqlite_world.door() as door:
        assert door.push(message(ORDER), headers) == 401
    assert_nothing_came_in(sqlite_world)


def test_a_refused_push_is_told_nothing_of_why(sqlite_world: LaneWorld) -> None:
    with sqlite_world.door() as door:
        url = f"{door.url}/webhooks/{WEBSHOP}"
        forged = requests.post(url, data=message(ORDER), headers={}, timeout=60)
        stale = message(ORDER, at=time.time() - 7 * 3600)
        replayed = requests.post(url, data=stale, headers=signed(stale), timeout=60)
    assert (forged.status_code, forged.content) == (replayed.status_code, replayed.content)
    assert forged.status_code == 401
    assert SHOP_SECRET.encode() not in forged.content
    assert_nothing_came_in(sqlite_world)


def test_a_truncated_body_is_a_forged_one(sqlite_world: LaneWorld) -> None:
    body = message(ORDER)
    with sqlite_world.door() as door:
        assert door.push(body[:-7], signed(body)) == 401
    assert_nothing_came_in(sqlite_world)


def test_a_body_that_breaks_off_leaves_nothing(sqlite_world: LaneWorld) -> None:
    body = message(ORDER)
    with sqlite_world.door() as door:
        address = urlsplit(door.url)
        head = (
            f"POST /webhooks/{WEBSHOP} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"shopware-shop-signature: {signed(body)['shopware-shop-signature']}\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port), timeout=60) as line:
            line.sendall(head.encode() + body[:-1])
        # The door is well: the next one is taken.
        other = message(ORDER, event_id="e-2")
        assert door.push(other) == 204
    assert _kept(sqlite_world) == 1
    assert [row.delivery_key for row in sqlite_world.rows("webhook_deliveries")] == [f"e-2:{ORDER}"]


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_not_read_to_its_end(sqlite_world: LaneWorld, is_announced: bool) -> None:
    body = message(ORDER, padding="x" * 70_000)
    parts = [body[start : start + 8192] for start in range(0, len(body), 8192)]
    with sqlite_world.door() as door:
        answer = requests.post(
            f"{door.url}/webhooks/{WEBSHOP}",
            data=body if is_announced else iter(parts),
            headers=signed(body),
            timeout=60,
        )
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert_nothing_came_in(sqlite_world)


@pytest.mark.parametrize("account", ["nobody", MAIN, "exact", "..", "webshop2"])
def test_nobody_pushes_to_an_account_without_webhooks(sqlite_world: LaneWorld, account: str) -> None:
    with sqlite_world.door() as door:
        assert door.push(message(ORDER), account=account) == 404
    assert_nothing_came_in(sqlite_world)


def test_a_replay_within_the_hours_is_taken_and_changes_nothing(world: LaneWorld) -> None:
    order_id = world.sell(2)
    body = message(order_id)
    with world.door() as door:
        assert door.push(body) == 204
        door.lane.box.move()
        assert work_deliveries(world.shop, WEBSHOP).fetched == 1
        asked = len(world.rows("receipts"))
        assert [door.push(body) for _ in range(3)] == [204, 204, 204]
        door.lane.box.move()
        assert work_deliveries(world.shop, WEBSHOP).due == 0
    assert len(world.rows("receipts")) == asked
    assert _kept(world) == 1
    assert world.shop_world.demand("KEU-1001") == 2


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"not json", 0),
        (b"[]", 0),
        (b'{"data": {"event": 7}}', 0),
        (message(), 0),
        (message(ORDER, versionId="9c645c094247794f4c7acdbeb2bb6994"), 0),
        (message("x" * 500), 0),
        (message("../../etc"), 0),
        (message(ORDER, "8" * 32), 2),
    ],
)
def test_what_a_signed_push_names_and_no_more_is_kept(
    sqlite_world: LaneWorld, body: bytes, kept: int
) -> None:
    with sqlite_world.door() as door:
        assert door.push(body) == 204
    assert _kept(sqlite_world) == kept
    assert sqlite_world.rows("receipts") == []


def test_a_clock_that_jumps_refuses_no_push_of_the_shop(sqlite_world: LaneWorld) -> None:
    with sqlite_world.door() as door:
        for number, hours in enumerate((-24, 0, 5)):
            # The shop's clock is the machine's; ours runs behind or ahead of it.
            sqlite_world.shop_world.pass_time(hours=hours)
            assert door.push(message(ORDER, event_id=f"e-{number}")) == 204
            sqlite_world.shop_world.pass_time(hours=-hours)
    assert _kept(sqlite_world) == 3


def test_a_push_does_not_wait_for_a_long_booking(sqlite_world: LaneWorld) -> None:
    """A sweep that books hundreds of orders holds SQLite's only write lock; the answer comes before it lets go."""
    holds, may_end = threading.Event(), threading.Event()

    def book() -> None:
        with sqlite_world.shop.store.transaction():
            holds.set()
            may_end.wait(100)

    with sqlite_world.door() as door:
        booking = threading.Thread(target=book)
        booking.start()
        assert holds.wait(60)
        try:
            assert door.push(message(ORDER)) == 204
            assert booking.is_alive()
        finally:
            may_end.set()
            booking.join()
    assert _kept(sqlite_world) == 1


def test_a_letterbox_that_was_moved_by_a_killed_process_is_moved_again_once(sqlite_world: LaneWorld) -> None:
    """Killed after the store took the rows and before the file forgot them."""
    with sqlite_world.door() as door:
        assert door.push(message(ORDER)) == 204
    path = f"{sqlite_world.shop.store.url.database}.deliveries"
    with sqlite3.connect(path) as file:
        before = file.execute("select * from deliveries").fetchall()
    assert len(before) == 1
    box = Letterbox(sqlite_world.shop.store)
    assert box.move() == 1
    with sqlite3.connect(path) as file:
        file.executemany("insert into deliveries values (?, ?, ?, ?, ?)", before)
    assert box.move() == 1
    assert box.move() == 0
    box.close()
    file.close()
    assert len(sqlite_world.rows("webhook_deliveries")) == 1


def test_what_cannot_be_kept_is_not_answered_with_success(
    sqlite_world: LaneWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_world.door() as door:
        door.lane.box.close()
        assert door.push(message(ORDER)) == 503
    assert sqlite_world.rows("webhook_deliveries") == []


def test_many_pushes_at_once_are_all_kept_once(world: LaneWorld) -> None:
    with world.door() as door:
        _many_at_once(door)
    assert _kept(world) == 40


def _many_at_once(door: RunningLane) -> None:
    answers: list[int] = []

    def send(number: int) -> None:
        answers.append(door.push(message(f"{number % 40:032x}", event_id=f"e-{number % 40}")))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(80)]
    for thread in threads:
        thread.start()
    until(lambda: not any(thread.is_alive() for thread in threads), "eighty answers")
    assert answers == [204] * 80
