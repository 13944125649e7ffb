"""Orders of an observing account: accepted, announced and cancelled here and there, both ways; late is not wrong."""

import pytest

from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.shadow import compare_account
from order_pipelines_tests.services.observed_shop import BLOKKER, ObservedShop
from order_pipelines_tests.services.shop_world import MAIN

pytestmark = pytest.mark.long_on_postgresql


def _days(world: ObservedShop, account: str, kind: str) -> list[int]:
    return [row.differing for row in world.rows("shadow_days", account=account, kind=kind)]


def _only(world: ObservedShop, kind: str, account: str) -> list[tuple[str, str, str, bool]]:
    return [each[1:] for each in world.differences(account) if each[0] == kind]


def _number(order_id: str) -> str:
    return f"{BLOKKER}:{order_id}"


# --- acceptance ---


def test_an_order_that_both_accept_is_equal_whoever_is_first(observed: ObservedShop) -> None:
    world = observed
    seen_waiting = world.sells(BLOKKER, "KEU-1002")
    world.round()
    world.does(seen_waiting, "accept")
    seen_accepted = world.sells(BLOKKER, "KEU-1002")
    world.does(seen_accepted, "accept")
    world.says_stock()
    world.rounds(3)
    assert {row.order_key for row in world.rows("shadow_acceptances")} == {
        _number(seen_waiting),
        _number(seen_accepted),
    }
    assert world.differences(BLOKKER) == []

    # What the shelf says a day later changes nothing about a decision that was right.
    world.until_nine()
    world.count("KEU-1002", 0, ago_h=1)
    world.shelf["KEU-1002"] = 0
    world.says_stock()
    world.rounds(3)
    assert _only(world, "acceptance", BLOKKER) == []
    assert _days(world, BLOKKER, "acceptance") == [0, 0]
    assert world.written() == []


def test_an_order_accepted_there_that_we_would_have_held_back_counts_on_the_day_it_is_sure(
    observed: ObservedShop,
) -> None:
    world = observed
    world.count("KEU-1002", 1, ago_h=1)
    world.shelf["KEU-1002"] = 0
    order_id = world.sandbox.mirakl.place_order(
        BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 5}], "force": True}
    )
    world.does(order_id, "accept")
    world.says_stock()
    world.round()
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "held back", "accepted", False)]
    (found,) = [each for each in world.facts(BLOKKER).differences if each.kind == "acceptance"]
    assert found.reason == "pieces short: KEU-1002 4"

    world.pass_time(minutes=61)
    world.round()
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "held back", "accepted", True)]
    world.until_nine()
    world.rounds(2)
    assert _days(world, BLOKKER, "acceptance") == [1, 0]
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "held back", "accepted", True)]


def test_goods_that_arrive_within_the_hour_make_it_equal(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.count("KEU-1002", 1, ago_h=1)
    order_id = world.sandbox.mirakl.place_order(
        BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 5}], "force": True}
    )
    world.does(order_id, "accept")
    world.round()
    world.pass_time(minutes=30)
    world.count("KEU-1002", 9, ago_h=0.1)
    world.rounds(3)
    assert _only(world, "acceptance", BLOKKER) == []
    assert _days(world, BLOKKER, "acceptance") == [0]


def test_an_order_that_still_waits_there_counts_after_an_hour_and_ends_when_it_is_accepted(
    observed: ObservedShop,
) -> None:
    world = observed
    order_id = world.sells(BLOKKER, "KEU-1002")
    world.round()
    world.pass_time(minutes=30)
    world.round()
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "accepted", "waits", False)]
    world.pass_time(minutes=31)
    world.round()
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "accepted", "waits", True)]
    world.does(order_id, "accept")
    world.pass_time(minutes=5)
    world.round()
    assert world.row("shadow_differences", subject=_number(order_id)).resolved_at is not None
    assert world.facts(BLOKKER).differences[-1].is_counted
    assert _days(world, BLOKKER, "acceptance") == [1]
    assert world.mirakl_order(order_id)["state"] != "WAITING_ACCEPTANCE"
    assert world.written() == []


def test_an_order_in_quarantine_that_was_accepted_there_says_so(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    order_id = world.sandbox.mirakl.place_order(
        BLOKKER, {"lines": [{"sku": "OUD-0001", "quantity": 1}], "force": True}
    )
    world.does(order_id, "accept")
    world.round()
    (found,) = [each for each in world.facts(BLOKKER).differences if each.kind == "acceptance"]
    assert (found.ours, found.theirs, found.reason) == ("held back", "accepted", "in quarantine here")


def test_an_order_that_was_refused_there_is_a_difference_where_we_would_have_accepted(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    order_id = world.sells(BLOKKER, "KEU-1002")
    world.round()
    world.does(order_id, "refuse")
    world.pass_time(minutes=61)
    world.round()
    assert _only(world, "acceptance", BLOKKER) == [(_number(order_id), "accepted", "cancelled", True)]


def test_where_a_person_accepts_nothing_is_compared(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.change_settings('serves = ["main"]', 'serves = ["main"]\nacceptance = "by_hand"', BLOKKER)
    order_id = world.sells(BLOKKER, "KEU-1002")
    world.does(order_id, "accept")
    world.rounds(2)
    assert [each.kind for each in world.facts(BLOKKER).kinds] == ["stock", "tracking", "cancellation"]


# --- tracking ---


def test_a_parcel_that_both_tell_of_is_equal_and_one_that_only_we_know_counts_after_four_hours(
    observed: ObservedShop,
) -> None:
    world = observed
    both, ours = world.sells(MAIN, "KEU-1001"), world.sells(MAIN, "KEU-1001")
    world.round()
    world.parcel(both, "KEU-1001", tracking="3SA")
    world.parcel(ours, "KEU-1001", tracking="3SB")
    world.ships_at_bol(both)
    world.says_stock()
    world.rounds(4)
    assert _only(world, "tracking", MAIN) == [(f"{MAIN}:{ours}", "1", "0", False)]
    world.round()
    assert _only(world, "tracking", MAIN) == [(f"{MAIN}:{ours}", "1", "0", True)]
    (found,) = [each for each in world.facts().differences if each.kind == "tracking"]
    assert found.reason == "the channel does not hold as shipped what left here"
    figures = next(each for each in world.facts().kinds if each.kind == "tracking")
    assert (figures.compared, figures.equal, figures.differing) == (2, 1, 1)

    world.ships_at_bol(ours)
    world.pass_time(minutes=5)
    world.round()
    assert world.row("shadow_differences", subject=f"{MAIN}:{ours}").resolved_at is not None
    assert world.written() == []


def test_what_the_channel_holds_as_shipped_and_no_parcel_here_tells_of_counts_after_four_hours(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    order_id = world.sells(MAIN, "KEU-1001", 2)
    world.ships_at_bol(order_id)
    world.says_stock()
    world.rounds(4)
    assert _only(world, "tracking", MAIN) == [(f"{MAIN}:{order_id}", "0", "2", False)]
    world.pass_time(minutes=5)
    world.round()
    assert _only(world, "tracking", MAIN) == [(f"{MAIN}:{order_id}", "0", "2", True)]
    assert _days(world, MAIN, "tracking") == [1]


def test_a_file_of_parcels_at_the_end_of_the_shift_is_in_time(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    order_id = world.sells(MAIN, "KEU-1001", 2)
    world.ships_at_bol(order_id)
    world.rounds(4)
    world.parcel(order_id, "KEU-1001", 2)
    world.rounds(4)
    assert _only(world, "tracking", MAIN) == []
    assert world.rows("shadow_differences", kind="tracking") == []


def test_what_the_orders_do_not_show_yet_is_asked_of_the_channel_itself(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    order_id = world.sells(MAIN, "KEU-1001")
    world.round()
    world.parcel(order_id, "KEU-1001")
    world.round()
    assert _only(world, "tracking", MAIN) == [(f"{MAIN}:{order_id}", "1", "0", False)]
    world.ships_at_bol(order_id)
    compare_account(world.shop, MAIN)
    assert world.row("order_lines", order_key=f"{MAIN}:{order_id}").quantity_shipped == 0
    assert _only(world, "tracking", MAIN) == []


def test_an_order_of_before_we_observed_is_not_compared(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    order_id = world.buy(("KEU-1001", 1), ago_h=2)
    world.ships_at_bol(order_id)
    world.rounds(2)
    assert _only(world, "tracking", MAIN) == []
    assert next(each for each in world.facts().kinds if each.kind == "tracking").compared == 0


# --- cancellation ---


def test_a_cancellation_that_a_person_asked_for_is_compared_with_what_became_of_it(
    observed: ObservedShop,
) -> None:
    world = observed
    done, left = world.sells(MAIN, "KEU-1001"), world.sells(MAIN, "KEU-1001")
    world.round()
    for order_id in (done, left):
        assert request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK") == 1
    world.act(done, "cancel")
    world.pass_time(minutes=30)
    world.round()
    line = world.row("order_lines", order_key=f"{MAIN}:{left}").line_id
    subject = f"{MAIN}:{left} line {line}"
    assert _only(world, "cancellation", MAIN) == [(subject, "cancelled", "not cancelled", False)]
    world.pass_time(minutes=31)
    world.round()
    assert _only(world, "cancellation", MAIN) == [(subject, "cancelled", "not cancelled", True)]
    figures = next(each for each in world.facts().kinds if each.kind == "cancellation")
    assert (figures.compared, figures.equal, figures.differing) == (2, 1, 1)
    assert world.written() == []


def test_the_lines_of_two_parcels_add_up(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    order_id = world.sells(MAIN, "KEU-1001", 2)
    world.round()
    world.parcel(order_id, "KEU-1001", tracking="3SA")
    world.act(order_id, "ship", quantity=1)
    world.pass_time(minutes=5)
    world.round()
    assert _only(world, "tracking", MAIN) == []
    world.parcel(order_id, "KEU-1001", tracking="3SB")
    world.act(order_id, "ship", quantity=1)
    world.pass_time(minutes=5)
    world.round()
    assert _only(world, "tracking", MAIN) == []
    assert next(each for each in world.facts().kinds if each.kind == "tracking").compared == 1


def test_a_part_that_left_here_is_not_announced_where_only_whole_orders_are(
    sqlite_observed: ObservedShop,
) -> None:
    """Without parcels Mirakl takes an order as a whole: until the rest has left here we would say nothing."""
    world = sqlite_observed
    world.change_settings("multi_shipment = true", "multi_shipment = false", r"blokker\.options")
    order_id = world.sells(BLOKKER, "KEU-1002", 2)
    world.round()
    world.does(order_id, "accept")
    world.parcel(order_id, "KEU-1002", tracking="3SA")
    world.says_stock()
    world.round()
    assert _only(world, "tracking", BLOKKER) == []
    world.parcel(order_id, "KEU-1002", tracking="3SB")
    world.round()
    assert _only(world, "tracking", BLOKKER) == [(_number(order_id), "2", "0", False)]
    world.does(order_id, "ship")
    world.round()
    assert _only(world, "tracking", BLOKKER) == []
    assert world.written() == []
