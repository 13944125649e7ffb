"""Stock of an observing account against what its channel shows: what shoppers can buy decides, and minutes do not."""

import pytest

from order_pipelines.connectors.bol import stock as bol_stock
from order_pipelines.services.shadow import compare_account
from order_pipelines_tests.services.observed_shop import BLOKKER, ObservedShop
from order_pipelines_tests.services.shop_world import MAIN, OUTLET


def test_a_program_that_is_minutes_slower_leaves_no_trace(observed: ObservedShop) -> None:
    world = observed
    world.sells(MAIN, "KEU-1001", 2)
    world.round()
    assert world.differences(BLOKKER) == [("stock", "KEU-1001", "40", "42", False)]
    world.pass_time(minutes=5)
    world.says_stock()
    world.pass_time(minutes=6)
    world.round()

    assert world.differences(BLOKKER) == []
    assert world.rows("shadow_differences") == []
    day = world.row("shadow_days", account=BLOKKER, kind="stock")
    assert (day.comparisons, day.failures, day.compared, day.equal) == (2, 0, 41, 41)
    assert (day.unsettled, day.differing) == (0, 0)
    assert world.written() == []


def test_what_stands_for_ten_minutes_counts_with_both_numbers_and_since_when(observed: ObservedShop) -> None:
    world = observed
    world.says_stock(account=BLOKKER, KEU_1001=50, KEU_1002=3)
    world.rounds(2, minutes=10)
    assert world.differences(BLOKKER) == [
        ("stock", "KEU-1001", "42", "50", True),
        ("stock", "KEU-1002", "65", "3", True),
    ]
    row = world.row("shadow_differences", sku="KEU-1001")
    assert (row.account, row.subject, row.times, row.resolved_at) == (BLOKKER, "KEU-1001", 2, None)
    assert (row.counted_at - row.first_seen_at).total_seconds() >= 600
    assert world.row("shadow_days", account=BLOKKER, kind="stock").differing == 2

    # It ends, and the day keeps what it saw.
    world.says_stock()
    world.round()
    assert world.differences(BLOKKER) == []
    assert world.row("shadow_differences", sku="KEU-1001").resolved_at is not None
    day = world.row("shadow_days", account=BLOKKER, kind="stock")
    assert (day.equal, day.differing) == (41, 2)


def test_a_number_of_ours_that_moved_in_between_gives_the_other_program_time_again(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.says_stock(account=MAIN, KEU_1001=50)
    world.round()
    world.pass_time(minutes=30)
    world.sells(BLOKKER, "KEU-1001")
    world.round()
    assert world.differences() == [("stock", "KEU-1001", "41", "50", False)]
    world.pass_time(minutes=10)
    world.round()
    assert world.differences() == [("stock", "KEU-1001", "41", "50", True)]


def test_a_sale_that_was_not_read_yet_is_no_difference_however_long_it_stands(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.round()
    world.pass_time(minutes=1)
    world.sells(MAIN, "KEU-1001")
    for _ in range(3):
        world.pass_time(minutes=12)
        compare_account(world.shop, MAIN)
        assert world.differences() == [("stock", "KEU-1001", "42", "41", False)]
    world.round()
    assert world.differences() == []


def test_another_meaning_of_the_same_stock_is_equal_when_shoppers_see_the_same(
    sqlite_observed: ObservedShop,
) -> None:
    """The other program lets bol subtract all open orders and tells it those on top; we send what is available."""
    world = sqlite_observed
    world.sells(MAIN, "KEU-1001", 2)
    (offer,) = [each for each in world.sandbox.bol.desk(MAIN).shop.offers.values() if each.sku == "KEU-1001"]
    offer.write_stock(42, False, world.sandbox.clock.now())
    world.rounds(2, minutes=15)
    row = world.row("channel_offers", account=MAIN, sku="KEU-1001")
    assert (row.stock_set, row.stock_shown) == (42, 40)
    assert world.row("channel_stock", account=MAIN, sku="KEU-1001").desired_quantity == 40
    assert world.differences() == []


def test_what_we_leave_to_bol_to_subtract_is_compared_as_shoppers_see_it(
    sqlite_observed: ObservedShop,
) -> None:
    """We would tell bol 42 with two open; the other program tells it 40 and means what is available: both show 40."""
    world = sqlite_observed
    world.change_settings(
        "history_days = 10", "history_days = 10\nmanaged_by_retailer = false", "bol_main.options"
    )
    world.sells(MAIN, "KEU-1001", 2)
    world.says_stock()
    world.rounds(2, minutes=15)
    row = world.row("channel_offers", account=MAIN, sku="KEU-1001")
    assert (row.stock_set, row.stock_shown) == (40, 40)
    assert world.row("channel_stock", account=MAIN, sku="KEU-1001").desired_quantity == 42
    assert world.differences() == []


def test_offers_without_product_and_products_without_offer_stand_apart(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.add_products([("NEW-1", "high", ["8720999999990"]), ("NEW-2", "high", [])])
    world.count("NEW-1", 5)
    world.round()
    apart = {each.what: each for each in world.facts(BLOKKER).apart}
    assert (apart["offers_without_product"].count, apart["offers_without_product"].names) == (
        1,
        ("OUD-0001",),
    )
    assert apart["offers_without_number"].count == 0
    assert "NEW-1" not in apart["offers_without_product"].names
    assert "NEW-2" not in apart["products_without_offer"].names
    assert apart["products_without_offer"].count == 22
    assert world.differences(BLOKKER) == []


def test_an_account_whose_stock_we_would_not_send_is_compared_by_its_orders_only(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text + "\n[accounts.bol_main.stock]\npush = false\n", encoding="utf-8")
    world.restart()
    world.says_stock(account=MAIN, KEU_1001=7)
    world.rounds(2, minutes=15)
    assert [each.kind for each in world.facts().kinds] == ["tracking", "cancellation"]
    assert world.differences() == []


def test_an_account_of_which_no_offer_has_a_number_is_never_called_equal(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.sandbox.bol.desk(OUTLET).shop.offers.clear()
    world.round()
    compare_account(world.shop, OUTLET)
    facts = world.facts(OUTLET)
    assert [each.code for each in facts.reasons] == ["no_numbers", "too_few_days"]
    assert facts.days is not None
    (day,) = facts.days.values()
    assert (day["stock"].is_known, day["tracking"].is_clean) == (False, True)


def test_a_difference_of_stock_spoils_every_day_on_which_it_stands(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.says_stock(account=MAIN, KEU_1001=50)
    for _ in range(3):
        world.rounds(2, minutes=15)
        world.until_nine()
    world.says_stock()
    world.rounds(2, minutes=15)
    days = world.rows("shadow_days", account=MAIN, kind="stock")
    assert [row.differing for row in days] == [1, 1, 1, 0]


def test_the_old_offers_of_bol_are_read_by_an_export_and_by_nothing_else(
    sqlite_observed: ObservedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bol_stock, "EXPORT_POLL_S", 0.1)
    world = sqlite_observed
    world.change_settings("history_days = 10", 'history_days = 10\noffers_api = "v10"', "bol_main.options")
    world.says_stock(account=MAIN, KEU_1001=50)
    world.round()
    assert world.differences() == [("stock", "KEU-1001", "42", "50", False)]
    assert [(write["method"], write["path"]) for write in world.written()] == [
        ("POST", "/retailer/offers/export")
    ]


def test_a_listing_of_minutes_ago_is_not_asked_for_again(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.round()
    seen = world.row("channel_offers", account=MAIN, sku="KEU-1001").seen_at
    world.pass_time(minutes=4)
    compare_account(world.shop, MAIN)
    assert world.row("channel_offers", account=MAIN, sku="KEU-1001").seen_at == seen
    world.pass_time(minutes=2)
    compare_account(world.shop, MAIN)
    assert world.row("channel_offers", account=MAIN, sku="KEU-1001").seen_at > seen
