"""What was refused for good goes out again after a person mended the cause, once."""

import pytest

from order_pipelines.errors import DomainRuleError
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.mending import failed_effects, try_failed_again
from order_pipelines.services.planning import plan_all
from order_pipelines_tests.services.shop_world import ShopWorld


def _refused_entry(world: ShopWorld) -> str:
    """An order whose entry names a ledger account that the books do not have."""
    books = world.shop.settings.books["exact"]
    wrong = [
        item.model_copy(update={"ledger_account": "00000000-0000-4000-8000-00000000dead"})
        for item in books.mapping
    ]
    right = world.shop.settings
    world.shop.settings = right.model_copy(
        update={"books": {"exact": books.model_copy(update={"mapping": tuple(wrong)})}}
    )
    order_id = world.buy(("KEU-1001", 1), ago_h=3)
    world.act(order_id, "ship")
    world.sweep()
    plan_all(world.shop)
    assert dispatch_all(world.shop)["sales_entry"].failed == 1
    world.shop.settings = right
    return order_id


def test_a_refused_entry_is_planned_anew_and_booked_once(world: ShopWorld) -> None:
    order_id = _refused_entry(world)
    assert world.entries() == []

    mended = try_failed_again(world.shop)
    assert (mended.planned_again, mended.sent_again) == (1, 0)
    dispatch_all(world.shop)
    plan_all(world.shop)
    dispatch_all(world.shop)

    assert [entry["your_ref"] for entry in world.entries()] == [f"BOL-{order_id}"]
    assert world.row("invoices").state == "booked"
    assert world.order(order_id).invoice_key == "exact:" + f"BOL-{order_id}"
    assert len(world.rows("invoice_orders")) == 1


def test_an_entry_that_is_there_all_the_same_is_found_and_not_booked_again(sqlite_world: ShopWorld) -> None:
    """Refused, and booked by hand meanwhile with the reference that the reason names."""
    world = sqlite_world
    order_id = world.buy(("KEU-1001", 1), ago_h=3)
    world.act(order_id, "ship")
    world.sweep()
    plan_all(world.shop)
    dispatch_all(world.shop)
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update outbox set state = 'failed', external_id = null")

    try_failed_again(world.shop)
    done = dispatch_all(world.shop)["sales_entry"]

    assert (done.found, done.confirmed) == (1, 1)
    assert len(world.entries()) == 1


def test_a_refused_cancellation_is_sent_again(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    order_id = world.buy(("KEU-1001", 1), ago_h=3)
    world.sweep()
    request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK")
    world.fault("process_failure", match="/cancellation", detail={"message": "not now"})
    _dispatch_to_the_end(world)
    with world.shop.store.reading() as connection:
        (failed,) = failed_effects(connection)
    assert world.bol_order(order_id)["items"][0]["quantity_cancelled"] == 0

    assert try_failed_again(world.shop, [failed.effect_key]).sent_again == 1
    _dispatch_to_the_end(world)

    assert world.row("outbox").state == "confirmed"
    assert world.bol_order(order_id)["items"][0]["quantity_cancelled"] == 1


def _dispatch_to_the_end(world: ShopWorld) -> None:
    dispatch_all(world.shop)
    world.pass_time(seconds=5)
    dispatch_all(world.shop)


def test_a_key_that_did_not_fail_changes_nothing(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _refused_entry(world)
    before = world.rows("outbox")

    with pytest.raises(DomainRuleError, match="nothing that failed"):
        try_failed_again(world.shop, ["sales_entry:exact:BOL-1"])

    assert world.rows("outbox") == before
