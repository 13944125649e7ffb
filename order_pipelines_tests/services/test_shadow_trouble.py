"""What could not be compared is unknown and never clean: broken listings, old orders, wrong clocks, two at once."""

import threading

import pytest

from order_pipelines.connectors.bol import stock as bol_stock
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.leases import holding
from order_pipelines.services.shadow import compare_account, is_due, observing
from order_pipelines.services.shadow_facts import READY, read_facts
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.observed_shop import BLOKKER, ObservedShop
from order_pipelines_tests.services.shop_world import MAIN, OUTLET


def _stock_day(world: ObservedShop, account: str = MAIN) -> tuple[int, int, int]:
    """Comparisons, failures and differences of the newest day."""
    row = world.rows("shadow_days", account=account, kind="stock")[-1]
    return row.comparisons, row.failures, row.differing


def test_a_listing_that_breaks_off_midway_makes_the_day_unknown_and_changes_no_difference(
    observed: ObservedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bol_stock, "PAGE_SIZE", 5)
    world = observed
    world.says_stock(account=MAIN, KEU_1001=50)
    world.rounds(2, minutes=15)
    assert world.differences() == [("stock", "KEU-1001", "42", "50", True)]

    world.until_nine()
    world.says_stock()
    world.fault("500", rate=1.0, match="cursor=", account=MAIN)
    comparison = world.round()[MAIN]
    (problem,) = comparison.problems
    assert problem.startswith("bol GET /retailer/offers ")
    assert _stock_day(world) == (0, 1, 0)
    assert world.differences() == [("stock", "KEU-1001", "42", "50", True)]
    reasons = [each.sentence for each in world.facts().reasons]
    assert reasons[1].startswith("stock could not be compared: bol GET /retailer/offers ")
    assert reasons[2] == "0 of 7 clean days"
    # Orders were read, and are compared; the other channel as a whole.
    assert world.rows("shadow_days", account=MAIN, kind="tracking")[-1].comparisons == 1
    assert _stock_day(world, BLOKKER) == (1, 0, 0)

    world.clear_faults()
    world.pass_time(minutes=10)
    world.round()
    assert (_stock_day(world), world.differences()) == ((1, 1, 0), [])
    assert world.written() == []


def test_a_listing_that_lacks_half_the_offers_is_not_compared(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.round()
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    kept = {key: offers[key] for key in list(offers)[:1]}
    offers.clear()
    offers.update(kept)
    world.pass_time(minutes=15)
    (problem,) = world.round()[MAIN].problems
    assert "10 of 11 offers are not listed any more" in problem
    assert _stock_day(world) == (1, 1, 0)


def test_with_old_orders_neither_stock_nor_orders_are_compared(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.round()
    world.says_stock(account=MAIN, KEU_1001=50)
    world.pass_time(minutes=61)
    assert set(compare_account(world.shop, MAIN).problems) == {
        f"orders were last read completely too long ago: {MAIN}, {OUTLET}, {BLOKKER}",
        f"orders were last read completely too long ago: {MAIN}",
    }
    assert world.differences() == []
    assert _stock_day(world) == (1, 1, 0)
    for kind in ("tracking", "cancellation"):
        assert world.row("shadow_days", account=MAIN, kind=kind).failures == 1


def test_an_account_whose_orders_were_never_read_is_unknown(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    problems = compare_account(world.shop, BLOKKER).problems
    assert f"orders of {BLOKKER} were never read completely" in problems
    (day,) = (world.facts(BLOKKER).days or {}).values()
    assert not any(each.is_known for each in day.values())


def test_a_day_on_which_nothing_ran_ends_the_row_of_clean_days(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    for _ in range(3):
        world.round()
        world.until_nine()
    assert world.facts().clean == 2
    world.until_nine()
    world.round()
    assert world.facts().clean == 0
    world.until_nine()
    world.round()
    assert world.facts().clean == 1


def test_a_clock_that_was_set_back_lengthens_the_wait_and_breaks_nothing(observed: ObservedShop) -> None:
    world = observed
    world.says_stock(account=MAIN, KEU_1001=50)
    world.round()
    # The orders' own watermark lies ahead now, as it would after a real jump.
    world.pass_time(hours=-3)
    world.swept_at = None
    compare_account(world.shop, MAIN)
    row = world.row("shadow_differences", sku="KEU-1001")
    assert (row.times, row.counted_at) == (2, None)
    assert row.first_seen_at == row.ours_since == row.last_seen_at

    world.pass_time(minutes=9)
    compare_account(world.shop, MAIN)
    assert world.differences() == [("stock", "KEU-1001", "42", "50", False)]
    world.pass_time(minutes=2)
    compare_account(world.shop, MAIN)
    assert world.differences() == [("stock", "KEU-1001", "42", "50", True)]
    assert world.row("shadow_days", account=MAIN, kind="stock").differing == 1


def test_a_clock_that_was_a_year_ahead_for_a_while_leaves_the_clean_days_alone(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.remove_account(BLOKKER)
    for _ in range(2):
        world.round()
        world.until_nine()
    # Counted in a year that is not yet.
    world.pass_time(days=365)
    world.says_stock(account=MAIN, KEU_1001=50)
    world.rounds(2, minutes=15)
    assert world.differences() == [("stock", "KEU-1001", "42", "50", True)]
    world.says_stock()
    world.pass_time(days=-365)
    with world.shop.store.reading() as connection:
        assert is_due(connection, MAIN)
    assert compare_account(world.shop, MAIN).problems == []
    assert (world.differences(), world.facts().clean) == ([], 1)
    assert [row.differing for row in world.rows("shadow_days", kind="stock", account=MAIN)] == [0, 0, 0, 1]
    for _ in range(6):
        world.swept_at = None
        world.round()
        world.until_nine()
    world.round()
    assert (world.facts().verdict, world.facts().clean) == (READY, 7)


def test_an_account_that_is_taken_out_of_the_settings_is_neither_compared_nor_shown(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.round()
    rows = len(world.rows("shadow_days", account=BLOKKER))
    assert rows == 4
    world.remove_account(BLOKKER)
    assert observing(world.shop) == [MAIN, OUTLET]
    assert [each.account for each in read_facts(world.shop.store, world.shop.settings)] == [
        MAIN,
        OUTLET,
        "exact",
    ]
    with pytest.raises(ConfigurationError, match="no account is called 'blokker'"):
        compare_account(world.shop, BLOKKER)
    world.round()
    assert len(world.rows("shadow_days", account=BLOKKER)) == rows
    gone = world.rows("audit_log", account=BLOKKER)[-1]
    assert (gone.subject, gone.value_before, gone.value_after) == ("accounts.blokker.mode", "observe", None)


def test_a_live_account_and_one_that_sends_nothing_are_not_compared(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.go_live(MAIN)
    for account, why in ((MAIN, "it is live"), ("exact", "it would send nothing")):
        with pytest.raises(ConfigurationError, match=f"accounts.{account}: nothing to compare; {why}"):
            compare_account(world.shop, account)
    assert observing(world.shop) == [OUTLET, BLOKKER]
    assert world.rows("shadow_days") == []


def test_a_process_with_older_settings_compares_nothing(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    older = Shop.open(load_settings(world.path))
    world.go_live(MAIN)
    with pytest.raises(ConfigurationError, match="another process works with other settings"):
        compare_account(older, MAIN)
    older.close()
    assert world.rows("shadow_days") == []


def test_while_one_process_compares_another_leaves_it_alone(observed: ObservedShop) -> None:
    world = observed
    world.round()
    with holding(world.shop.store, f"shadow:{MAIN}") as lease:
        assert lease is not None
        comparison = compare_account(world.shop, MAIN)
        assert (comparison.is_busy, comparison.results) == (True, ())
        assert not compare_account(world.shop, BLOKKER).is_busy
    assert _stock_day(world) == (1, 0, 0)
    assert _stock_day(world, BLOKKER) == (2, 0, 0)


def test_two_at_once_write_one_comparison_each_or_one_alone(observed: ObservedShop) -> None:
    world = observed
    world.says_stock(account=MAIN, KEU_1001=50)
    world.round()
    world.pass_time(minutes=15)
    busy = []

    def compare() -> None:
        shop = Shop.open(load_settings(world.path))
        try:
            busy.append(compare_account(shop, MAIN).is_busy)
        finally:
            shop.close()

    threads = [threading.Thread(target=compare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done = busy.count(False)
    assert (len(busy), done >= 1) == (3, True)
    assert _stock_day(world)[0] == 1 + done
    assert world.row("shadow_differences", sku="KEU-1001").times == 1 + done


def test_a_comparison_is_due_after_nearly_an_hour(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed

    def due() -> bool:
        with world.shop.store.reading() as connection:
            return is_due(connection, MAIN)

    assert due()
    world.round()
    assert not due()
    world.pass_time(minutes=54)
    assert not due()
    world.pass_time(minutes=2)
    assert due()
