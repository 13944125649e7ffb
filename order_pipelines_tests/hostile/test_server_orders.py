"""A hostile bol while orders are read: the account says so, the other account is served, nothing false is booked."""

import json
from dataclasses import replace
from typing import Any

import pytest

from order_pipelines.connectors.bol import CONNECTOR
from order_pipelines_tests.hostile.conftest import Besieged
from order_pipelines_tests.hostile.server import Call, Line, Trick
from order_pipelines_tests.hostile.tricks import (
    MEGABYTE,
    NO_ANSWERS,
    SLOW,
    TELLING,
    redirect,
    redirect_with_a_body_without_end,
    says,
)
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

pytestmark = pytest.mark.endurance

# What a call lets through before it ends: its share, and what lay in the buffers of the line.
MOST_BYTES = 16 * MEGABYTE


def keys(besieged: Besieged) -> set[str]:
    return {row.order_key for row in besieged.world.rows("orders")}


def assert_the_others_go_on(besieged: Besieged) -> None:
    """The outlet's new order comes in; then the siege ends, and what waited at the first account comes in too."""
    world = besieged.world
    order = world.buy(account=OUTLET)
    swept = world.sweep(OUTLET)
    assert (swept.problem, swept.failed) == (None, 0)
    assert f"{OUTLET}:{order}" in keys(besieged)


@pytest.mark.parametrize("name", sorted(NO_ANSWERS))
def test_a_listing_that_is_none_ends_the_sweep_of_that_account_only(besieged: Besieged, name: str) -> None:
    world = besieged.world
    order = world.buy()
    besieged.patience(0.6 if name in SLOW else 60)
    besieged.bol.play("GET", "/retailer/orders", NO_ANSWERS[name])

    swept = world.sweep(MAIN)

    assert swept.problem is not None
    assert swept.problem.startswith("bol GET /retailer/orders for bol_main")
    assert len(swept.problem) < 600
    assert keys(besieged) == set()
    assert world.rows("fetch_backlog") == []
    assert len(besieged.bol.asked("GET", "/retailer/orders")) <= 2
    besieged.patience(60)
    assert_the_others_go_on(besieged)
    besieged.calm()
    assert world.sweep(MAIN).problem is None
    assert f"{MAIN}:{order}" in keys(besieged)
    assert max(besieged.bol.sent, default=0) < MOST_BYTES


@pytest.mark.parametrize("name", TELLING)
def test_an_order_that_cannot_be_read_keeps_no_other_out(besieged: Besieged, name: str) -> None:
    world = besieged.world
    bad, good = world.buy(), world.buy()
    besieged.patience(1.5 if name in SLOW else 60)
    besieged.bol.play("GET", f"/retailer/orders/{bad}", NO_ANSWERS[name])

    swept = world.sweep(MAIN)

    besieged.patience(60)
    assert f"{MAIN}:{bad}" not in keys(besieged)
    if swept.problem is not None:
        # Not even a status came: the account is left alone, the good order may have been read before.
        assert swept.problem.startswith(f"bol GET /retailer/orders/{bad} for bol_main")
    else:
        assert f"{MAIN}:{good}" in keys(besieged)
    (waiting,) = [row for row in world.rows("fetch_backlog") if row.external_id == bad]
    assert waiting.attempts == 1
    besieged.calm()
    world.pass_time(minutes=5)
    assert world.sweep(MAIN).problem is None
    assert {f"{MAIN}:{bad}", f"{MAIN}:{good}"} <= keys(besieged)
    assert world.demand("KEU-1001") == 2


@pytest.mark.parametrize("where", ["the same page again", "a new page each time", "one order many times"])
def test_pages_without_end_are_left(besieged: Besieged, where: str) -> None:
    """Nothing is asked for ever: a page that comes twice ends the list at once, new ones with the account's time."""
    world = besieged.world
    world.buy()
    count = 0

    def page(line: Line, call: Call) -> None:
        nonlocal count
        count += 1
        number = {"the same page again": 1, "a new page each time": count, "one order many times": 1}[where]
        moment = f"2026-11-01T10:00:{count % 60:02d}+01:00" if where == "one order many times" else None
        item = {"orderItemId": "1", "latestChangedDateTime": moment or "2026-11-01T10:00:00+01:00"}
        line.answer(json.dumps({"orders": [{"orderId": f"77{number}", "orderItems": [item]}]}).encode())

    besieged.patience(1.5)
    besieged.bol.play("GET", "/retailer/orders?", page)

    swept = world.sweep(MAIN)

    assert swept.problem is not None
    assert "bol GET /retailer/orders" in swept.problem
    assert keys(besieged) == set()
    assert count < 5_000
    besieged.patience(60)
    assert_the_others_go_on(besieged)


@pytest.mark.parametrize(
    "to",
    [
        "{elsewhere}/retailer/orders",
        "file:///etc/passwd",
        "//other.example/retailer/orders",
        "http://bol_main:secret@127.0.0.1:1/",
        "\u00ff\u00fe",
    ],
)
@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_no_redirect_is_followed_and_no_token_goes_elsewhere(
    besieged: Besieged, to: str, status: str
) -> None:
    world = besieged.world
    world.buy()
    target = to.format(elsewhere=besieged.elsewhere.url)
    besieged.bol.play("GET", "/retailer/orders", redirect(target, status))

    swept = world.sweep(MAIN)

    assert swept.problem == f"bol GET /retailer/orders for bol_main answered {status[:3]}"
    assert besieged.elsewhere.calls == []
    assert len(besieged.bol.asked("GET", "/retailer/orders")) == 1
    assert keys(besieged) == set()


def test_the_body_of_a_redirect_is_not_read_to_its_end(besieged: Besieged) -> None:
    """requests reads it whole to see where it leads, even when it may not go there."""
    world = besieged.world
    besieged.bol.play("GET", "/retailer/orders", redirect_with_a_body_without_end(besieged.elsewhere.url))
    swept = world.sweep(MAIN)
    assert swept.problem is not None
    assert "answer larger than 8388608 bytes, not read" in swept.problem
    besieged.bol.stopped.wait(0.2)
    assert max(besieged.bol.sent) < MOST_BYTES
    assert besieged.elsewhere.calls == []


@pytest.mark.parametrize(
    "value",
    ["315360000", "-5", "1e400", "nan", "inf", "soon", "9" * 5000, "Fri, 01 Jan 2100 00:00:00 GMT",
     "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "", "\u00b2"],
)  # fmt: skip
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_no_wait_that_is_asked_for_is_longer_than_a_day(besieged: Besieged, value: str, status: str) -> None:
    world = besieged.world
    order = world.buy()
    besieged.bol.play("GET", f"/retailer/orders/{order}", says(b"{}", f"Retry-After: {value}", status=status))

    world.sweep(MAIN)

    (row,) = world.rows("fetch_backlog")
    assert row.not_before is not None
    waits = (row.not_before - row.listed_at).total_seconds()
    assert 0 < waits <= 60
    besieged.calm()
    world.pass_time(minutes=2)
    assert world.sweep(MAIN).problem is None
    assert keys(besieged) == {f"{MAIN}:{order}"}


@pytest.mark.parametrize(
    "headers",
    [
        ("X-RateLimit-Limit: 0", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1e400"),
        ("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 99999999999999999999"),
        ("X-RateLimit-Remaining: " + "9" * 5000, "X-RateLimit-Limit: -7", "X-RateLimit-Reset: nan"),
        ("X-RateLimit-Remaining: \u00b2", "X-RateLimit-Reset: x"),
        ("Date: Thu, 01 Jan 1970 00:00:00 GMT",),
        ("Content-Type: image/png",),
        ("Set-Cookie: session=1; Domain=127.0.0.1; Path=/", "Set-Cookie: big=" + "x" * 4000),
    ],
)
def test_headers_that_make_no_sense_change_nothing(besieged: Besieged, headers: tuple[str, ...]) -> None:
    world = besieged.world
    order = world.buy()
    besieged.bol.play("GET", "/retailer", lambda line, call: besieged.bol.pass_on(line, call, *headers))

    assert world.sweep(MAIN).problem is None

    assert keys(besieged) == {f"{MAIN}:{order}"}
    assert all("Cookie" not in call.headers for call in besieged.bol.calls)


def _orders(*entries: dict[str, Any]) -> Trick:
    return says(json.dumps({"orders": entries}).encode())


@pytest.mark.parametrize("order_id", ["a\u0000b", "x" * 5000, "..", "\n", " ", "a/../../b", "1?x=1#y", "{}"])
def test_ids_that_no_row_can_hold_are_set_aside(besieged: Besieged, order_id: str) -> None:
    """Of two listed orders one has an id that is none: it is in quarantine or waits, the other is booked."""
    world = besieged.world
    good = world.buy()
    item = {"orderItemId": "1", "latestChangedDateTime": "2026-11-20T10:00:00+01:00"}
    pages = iter(
        [_orders({"orderId": order_id, "orderItems": [item]}, {"orderId": good, "orderItems": [item]})]
    )

    def page(line: Line, call: Call) -> None:
        next(pages, _orders())(line, call)

    besieged.bol.play("GET", "/retailer/orders?", page)

    swept = world.sweep(MAIN)

    assert swept.problem is None
    assert f"{MAIN}:{good}" in keys(besieged)
    assert len(keys(besieged)) == 1
    assert [
        call for call in besieged.bol.calls if not call.path.startswith(("/retailer/orders", "/token"))
    ] == []


def test_of_a_member_given_twice_one_counts_and_the_same_one_each_time(besieged: Besieged) -> None:
    """JSON leaves open which; ours is the last, and reading it again changes nothing."""
    world = besieged.world
    order = world.buy(("KEU-1001", 1))
    doubled = False

    def twice(line: Line, call: Call) -> None:
        nonlocal doubled
        doubled = True
        line.answer(_detail(world, order).replace(b'"quantity":1', b'"quantity":7,"quantity":1'))

    besieged.bol.play("GET", f"/retailer/orders/{order}", twice)
    assert world.sweep(MAIN).problem is None
    assert doubled
    assert world.demand("KEU-1001") == 1


def _detail(world: ShopWorld, order: str) -> bytes:
    """The order as the stand-in gives it, asked for directly."""
    assert CONNECTOR.order_source is not None
    account = replace(world.shop.port_account(MAIN), base_url=world.shop.account(OUTLET).base_url)
    return CONNECTOR.order_source(account, world.shop.house(MAIN)).fetch_order(order).body
