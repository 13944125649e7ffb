"""Details that can never be read and ids that no row can hold: set aside with a reason, and the others go on."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.connectors.ports import Fetched, Listed, Since
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

_DETAIL = "/retailer/orders/"


def _hours(world: ShopWorld, hours: int) -> None:
    for _ in range(hours):
        world.pass_time(minutes=61)
        assert world.sweep().problem is None


@pytest.mark.parametrize("status", ["404", "406"])
def test_a_detail_that_is_never_there_is_given_up_after_a_day_and_stays_in_quarantine(
    world: ShopWorld, status: str
) -> None:
    bad, good = world.buy(), world.buy()
    world.fault(status, rate=1.0, match=f"{_DETAIL}{bad}")
    assert world.sweep().failed == 1
    assert list(world.reasons(bad)) == ["unreadable_order"]

    _hours(world, 30)

    waiting = world.row("fetch_backlog")
    assert (waiting.external_id, waiting.attempts, waiting.given_up_at is not None) == (bad, 24, True)
    reasons = world.reasons(bad)
    assert list(reasons) == ["order_given_up"]
    assert f"answered {status}" in reasons["order_given_up"]
    assert "24 times" in reasons["order_given_up"]
    assert "order-pipelines quarantine retry" in reasons["order_given_up"]
    assert world.demand("KEU-1001") == 1
    assert world.order(good).order_status == "open"
    sweep = world.sweep()
    assert (sweep.problem, sweep.failed) == (None, 0)


def test_what_was_given_up_is_listed_and_read_again_by_command(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    bad = world.buy()
    world.fault("404", rate=1.0, match=f"{_DETAIL}{bad}")
    world.sweep()
    _hours(world, 30)
    world.clear_faults()
    _hours(world, 2)
    assert world.rows("orders") == []

    listed = CliRunner().invoke(cli, ["--settings", str(world.path), "quarantine", "list"])
    assert listed.exit_code == 0, listed.output
    assert bad in "".join(listed.output.split())
    retried = CliRunner().invoke(cli, ["--settings", str(world.path), "quarantine", "retry"])
    assert retried.exit_code == 0, retried.output
    assert "1 order that had been given up will be read again with the next sweep" in retried.output
    assert world.row("fetch_backlog").given_up_at is None
    world.sweep()

    assert world.order(bad).order_status == "open"
    assert (world.rows("fetch_backlog"), world.reasons(bad)) == ([], {})


def test_what_was_given_up_is_read_again_when_the_channel_lists_a_newer_version(
    sqlite_world: ShopWorld,
) -> None:
    world = sqlite_world
    bad = world.buy()
    world.fault("404", rate=1.0, match=f"{_DETAIL}{bad}")
    world.sweep()
    _hours(world, 30)
    world.clear_faults()
    world.act(bad, "ship")

    world.sweep()

    assert world.order(bad).order_status == "completed"
    assert (world.rows("fetch_backlog"), world.reasons(bad)) == ([], {})


def test_a_breakdown_is_never_given_up(sqlite_world: ShopWorld) -> None:
    """500 says nothing about the order: after two days it is still asked for, once an hour."""
    world = sqlite_world
    bad = world.buy()
    world.fault("500", rate=1.0, match=f"{_DETAIL}{bad}")
    world.sweep()
    _hours(world, 30)
    assert world.row("fetch_backlog").given_up_at is None
    world.clear_faults()
    _hours(world, 1)
    assert world.order(bad).order_status == "open"


def test_a_body_that_is_never_readable_is_given_up_too(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    bad = world.buy()
    world.fault("not_json", rate=1.0, match=f"{_DETAIL}{bad}")
    world.sweep()

    _hours(world, 40)

    assert len(world.rows("receipts", external_id=bad)) == 24
    assert world.row("fetch_backlog").given_up_at is not None
    assert list(world.reasons(bad)) == ["not_json"]


class _Source:
    """A channel that lists what it is told to and shows every order in the form of bol."""

    def __init__(self, world: ShopWorld, listed: list[Listed]) -> None:
        self._world = world
        self._listed = listed

    def list_orders(self, since: Since) -> Iterator[Listed]:
        yield from self._listed

    def fetch_order(self, external_order_id: str) -> Fetched:
        body = {"orderId": external_order_id, "orderItems": []}
        return Fetched("order", external_order_id, json.dumps(body).encode(), "GET /", clock.now())


def _entry(external_id: str, *, is_complete: bool = False, at: datetime | None = None) -> Listed:
    body = json.dumps({"orderId": external_id, "orderItems": []}).encode()
    return Listed(external_id, at or clock.now(), body, is_complete, "GET /orders")


@pytest.mark.parametrize("is_complete", [False, True])
@pytest.mark.parametrize("external_id", ["7" * 201, "9" * 5000, "12\u000034", "1234\n"])
def test_an_id_that_no_row_can_hold_is_set_aside_and_the_page_is_kept(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch, external_id: str, is_complete: bool
) -> None:
    """On PostgreSQL it failed the whole page, on SQLite it got in; both take neither now, for the same reason."""
    longest = "8" * 200
    page = [_entry("1000"), _entry(external_id, is_complete=is_complete), _entry(longest)]
    monkeypatch.setattr(world.shop, "connect", lambda *given: _Source(world, page))

    sweep = world.sweep()
    assert world.sweep().problem is None

    assert (sweep.problem, sweep.listed, sweep.fetched) == (None, 3, 2)
    read = {row.external_id for row in world.rows("receipts") if row.arrived_by == "poll"}
    assert read == {"1000", longest}
    (row,) = [row for row in world.rows("quarantine") if row.reason_code == "unusable_id"]
    assert (row.entity, row.account, row.resolved_at) == ("order", MAIN, None)
    assert row.reason == (
        f"the channel lists an order with an id that is none ({len(external_id)} characters; at most 200 printable "
        "ones); it is not read, the entry is kept"
    )
    (kept,) = [row for row in world.rows("receipts") if row.receipt_seq == row.receipt_seq and row.state == "rejected"
               and row.arrived_by == "listing"]  # fmt: skip
    assert kept.receipt_seq == row.receipt_seq
    assert row.entity_key == f"{MAIN}:{kept.external_id}"
