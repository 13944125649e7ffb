"""A merchant observes beside another program, is ready after seven clean days, and switches; nothing is doubled."""

import pytest

from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shadow_facts import NOT_READY, READY
from order_pipelines.services.stock_push import push_account
from order_pipelines_tests.services.observed_shop import BLOKKER, CHANNELS, ObservedShop
from order_pipelines_tests.services.pushed_stock import patches
from order_pipelines_tests.services.shop_world import MAIN


def _one_day(world: ObservedShop) -> None:
    """Both channels sell; the other program accepts, says the stock and ships what our warehouse packs as well."""
    at_bol = world.sells(MAIN, "KEU-1001")
    at_blokker = world.sells(BLOKKER, "KEU-1002")
    world.round()
    world.says_stock()
    world.does(at_blokker, "accept")
    world.pass_time(minutes=15)
    world.round()
    world.pass_time(hours=5)
    world.ships_at_bol(at_bol)
    world.does(at_blokker, "ship")
    world.parcel(at_bol, "KEU-1001", tracking=f"3S{at_bol}")
    world.parcel(at_blokker, "KEU-1002", tracking=f"3S{at_blokker}")
    world.round()
    world.until_nine()


def _verdict(world: ObservedShop, account: str) -> tuple[str, int]:
    facts = world.facts(account)
    return facts.verdict, facts.clean


@pytest.mark.endurance
def test_seven_clean_days_make_an_account_ready_and_the_switch_sends_only_what_differs(
    observed: ObservedShop,
) -> None:
    world = observed
    for clean in (0, 0, 1, 2, 3, 4, 5, 6):
        assert [_verdict(world, account) for account in CHANNELS] == [(NOT_READY, clean)] * 2
        _one_day(world)
    assert [_verdict(world, account) for account in CHANNELS] == [(READY, 7)] * 2
    assert [world.differences(account) for account in CHANNELS] == [[], []]
    assert world.written() == []
    # 42 and 65 were there, and eight of each were sold.
    assert (world.shelf["KEU-1001"], world.shelf["KEU-1002"]) == (34, 57)

    # The other program takes an offer off the shelf; a few minutes say nothing, twenty do.
    world.says_stock(account=MAIN, KEU_1001=30)
    world.round()
    assert world.differences() == [("stock", "KEU-1001", "34", "30", False)]
    assert _verdict(world, MAIN) == (READY, 7)
    world.pass_time(minutes=20)
    world.round()
    assert world.differences() == [("stock", "KEU-1001", "34", "30", True)]
    assert _verdict(world, MAIN) == (NOT_READY, 0)
    assert [each.sentence for each in world.facts().reasons] == [
        "1 offer shows another stock than we would send",
        "0 of 7 clean days",
    ]
    assert world.written() == []

    planned = {row.effect_key for row in world.rows("outbox", account=MAIN)}
    assert len(planned) == 8
    world.go_live(MAIN)
    switch = world.rows("audit_log", subject="accounts.bol_main.mode")[-1]
    assert (switch.kind, switch.account, switch.decided_by) == ("setting", MAIN, "settings")
    assert (switch.value_before, switch.value_after) == ("observe", "live")

    world.pass_time(minutes=1)
    push = push_account(world.shop, MAIN)
    assert (push.due, push.confirmed, push.problem) == (1, 1, None)
    offer_id = world.row("channel_offers", account=MAIN, sku="KEU-1001").offer_id
    assert patches(world) == [(offer_id, 34)]
    world.pass_time(minutes=10)
    assert push_account(world.shop, MAIN).due == 0

    # What was planned while observing stays unsendable; what leaves from now on is announced, once.
    order_id = world.sells(MAIN, "KEU-1003")
    world.round()
    world.parcel(order_id, "KEU-1003", tracking="3SLIVE")
    for _ in range(3):
        plan_all(world.shop)
        dispatch_all(world.shop)
        world.pass_time(minutes=10)
    rows = {row.effect_key: row for row in world.rows("outbox", account=MAIN)}
    assert {(rows[key].mode, rows[key].state) for key in planned} == {("observe", "on_hold")}
    (fresh,) = [row for key, row in rows.items() if key not in planned]
    assert (fresh.mode, fresh.state) == ("live", "confirmed")
    announced = [write for write in world.writes(MAIN) if write["method"] == "POST"]
    assert [write["path"] for write in announced] == ["/retailer/shipments"]
    assert world.sandbox.mirakl.state(BLOKKER)["writes"] == []
    assert _verdict(world, BLOKKER)[0] == READY


def _acceptances(world: ObservedShop) -> list[tuple[str, str, str]]:
    return [
        (row.subject_key.removeprefix(f"{BLOKKER}:"), row.mode, row.state)
        for row in world.rows("outbox", kind="channel_acceptance")
    ]


def test_an_order_that_still_waits_after_the_switch_is_accepted_by_us_and_no_other_is(
    observed: ObservedShop,
) -> None:
    """What was planned while observing is never sent, but an order that nobody accepts runs out at its operator."""
    world = observed
    forgotten, taken = world.sells(BLOKKER, "KEU-1001"), world.sells(BLOKKER, "KEU-1002")
    world.round()
    waiting = sorted((order, "observe", "on_hold") for order in (forgotten, taken))
    assert sorted(_acceptances(world)) == waiting
    world.does(taken, "accept")
    world.go_live(BLOKKER)
    # We have not read yet that the other program accepted one of them in its last minute.
    for _ in range(2):
        plan_all(world.shop)
        dispatch_all(world.shop)
    assert sorted(_acceptances(world)) == sorted(
        [*waiting, (forgotten, "live", "confirmed"), (taken, "live", "confirmed")]
    )
    accepted = [write for write in world.written() if write["path"].endswith("/accept")]
    assert [forgotten in write["path"] for write in accepted] == [True]
    assert world.mirakl_order(forgotten)["state"] != "WAITING_ACCEPTANCE"
