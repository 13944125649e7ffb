"""What did not happen becomes an alert, told once with its newest words, and ended when it is over."""

from datetime import timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.tables import outbox, tokens
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.stock_push import push_account
from order_pipelines_tests.services.pushed_stock import many_products_at_zero
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def _alerts(world: ShopWorld) -> dict[str, tuple[str, str]]:
    look_after(world.shop.store, world.shop.settings)
    return {
        row.alert_key: (row.severity, row.message) for row in world.rows("alerts") if row.resolved_at is None
    }


def test_a_shop_in_order_has_no_alert(world: ShopWorld) -> None:
    world.buy()
    for account in (MAIN, OUTLET):
        world.sweep(account)
    assert _alerts(world) == {}
    assert world.rows("alerts") == []


def test_a_source_that_is_not_read_for_an_hour_is_named_with_the_reason(world: ShopWorld) -> None:
    for account in (MAIN, OUTLET):
        world.sweep(account)
    world.pass_time(minutes=50)
    world.sweep(OUTLET)
    assert _alerts(world) == {}
    world.fault("403", rate=1.0, match="/retailer/orders", account=MAIN)
    world.pass_time(minutes=20)
    world.sweep(MAIN)

    severity, message = _alerts(world)[f"stale_source:{MAIN}"]
    assert severity == "error"
    assert message.startswith(
        f"orders of {MAIN} were last read completely 70 min ago: bol GET /retailer/orders "
    )
    assert "403" in message
    assert list(_alerts(world)) == [f"stale_source:{MAIN}"]
    world.clear_faults()
    world.sweep(MAIN)
    assert _alerts(world) == {}
    assert world.row("alerts").resolved_at is not None


def test_a_source_that_was_never_read_completely_is_named(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    world.fault("500", rate=1.0, match="/retailer/orders", account=MAIN)
    world.sweep(MAIN)
    assert _alerts(world) == {}
    world.pass_time(minutes=61)
    world.sweep(MAIN)
    (message,) = [message for _, message in _alerts(world).values()]
    assert message.startswith(f"orders of {MAIN} were never read completely: bol GET /retailer/orders ")


def test_a_consent_that_is_dead_or_about_to_end_is_named(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    now = clock.now()
    row = {
        "token_key": "exact_online:exact",
        "access_token": "a",
        "refresh_token": "r",
        "obtained_at": now,
        "expires_at": now,
        "dead_reason": None,
        "version": 1,
    }
    with world.shop.store.transaction() as connection:
        connection.execute(sa.delete(tokens))
        connection.execute(tokens.insert().values(**row))
    world.pass_time(hours=20 * 24)
    assert _alerts(world) == {}
    world.pass_time(hours=2 * 24)
    assert _alerts(world) == {
        "consent:exact_online:exact": (
            "warning",
            "the consent of exact was last used 22 days ago and ends after 30 days without use; let the deep sweep run "
            "or run 'order-pipelines authorize exact'",
        )
    }
    with world.shop.store.transaction() as connection:
        connection.execute(sa.update(tokens).values(dead_reason="refused"))
    assert _alerts(world) == {
        "consent:exact_online:exact": (
            "error",
            "the consent of exact has ended; run 'order-pipelines authorize exact'",
        )
    }


def test_what_waits_too_long_is_counted_by_account(world: ShopWorld) -> None:
    for account in (MAIN, OUTLET):
        world.sweep(account)
    bad = world.buy()
    world.fault("500", rate=1.0, match=f"/retailer/orders/{bad}")
    world.sweep()
    effect = {
        "account": MAIN,
        "kind": "channel_shipment",
        "subject_key": f"{MAIN}:1",
        "payload": {},
        "payload_hash": "0",
        "attempts": 1,
        "planned_at": clock.now(),
        "change_seq": 1,
    }
    with world.shop.store.transaction() as connection:
        for key, mode, state in (
            ("1", "live", "pending"),
            ("2", "live", "in_doubt"),
            ("3", "live", "confirmed"),
            ("4", "observe", "on_hold"),
            ("5", "live", "failed"),
        ):
            connection.execute(outbox.insert().values(effect_key=key, mode=mode, state=state, **effect))
    assert _alerts(world)[f"backlog:{MAIN}"] == (
        "warning",
        "bol_main: 1 effects refused for good (order-pipelines failed list)",
    )
    for _ in range(8):
        world.pass_time(minutes=50)
        for account in (MAIN, OUTLET):
            world.sweep(account)

    assert _alerts(world) == {
        f"backlog:{MAIN}": (
            "warning",
            "bol_main: 1 orders listed more than 6 h ago and not read; 2 effects planned more than 6 h ago and not "
            "confirmed; 1 effects refused for good (order-pipelines failed list)",
        )
    }
    world.clear_faults()
    with world.shop.store.transaction() as connection:
        connection.execute(sa.update(outbox).values(state="confirmed"))
    world.pass_time(minutes=59)
    for account in (MAIN, OUTLET):
        world.sweep(account)
    world.pass_time(minutes=5)
    assert _alerts(world) == {}


def test_bodies_that_nothing_interprets_are_counted(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    world.buy()
    for account in (MAIN, OUTLET):
        world.sweep(account)
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update receipts set state = 'received'")
    assert _alerts(world) == {}
    with clock.frozen(clock.now() + timedelta(minutes=61)):
        message = _alerts(world)[f"backlog:{MAIN}"][1]
    assert message == "bol_main: 1 bodies received more than 1 h ago and not booked"


def test_stock_that_the_brake_holds_is_counted(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    many_products_at_zero(world, 10)
    push_account(world.shop, MAIN)
    assert _alerts(world) == {
        f"backlog:{MAIN}": (
            "warning",
            "bol_main: 10 quantities held by the brake (order-pipelines release-stock)",
        )
    }


def test_too_much_in_quarantine_is_told_with_its_reasons(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    for _ in range(24):
        world.buy()
    world.fault("renamed_field", count=3, match="/retailer/orders/")
    for account in (MAIN, OUTLET):
        world.sweep(account)
    assert _alerts(world) == {
        "quarantine:bol": (
            "error",
            "3 of 24 orders of bol in the last 24 hours are in quarantine, more than 5 %; open reasons: 3 "
            "missing_field",
        )
    }
