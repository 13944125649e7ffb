"""Dagster's pages of a real ``up``, as a person reads them: the graph, a run, a check that failed and why."""

import re

import pytest
from playwright.sync_api import Page, expect

from order_pipelines_tests.browser import walk
from order_pipelines_tests.browser.chromium import Watched
from order_pipelines_tests.browser.running import LANE_ASSETS, Standstill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = [
    "build_marts",
    "check_before_go_live",
    "check_conservation",
    "check_core_claims",
    "check_core_declarations",
    "check_mart_claims",
    "check_mart_declarations",
    "intake__b2b_files",
    "intake__b2b_files__orders_b2b_files__orders_quarantine_share",
    "intake__bol__offers",
    "intake__bol__orders",
    "intake__bol__orders_bol__orders_quarantine_share",
    "intake__bol__returns",
    "intake__mirakl__offers",
    "intake__mirakl__orders",
    "intake__mirakl__orders_mirakl__orders_quarantine_share",
    "intake__mirakl__returns",
    "intake__products",
    "intake__shopware__offers",
    "intake__shopware__orders",
    "intake__shopware__orders_shopware__orders_quarantine_share",
    "load_core",
    "publish__bol__shipments",
    "publish__bol__stock",
    "publish__exact_online__sales_entries",
    "publish__mirakl__acceptances",
    "publish__mirakl__refunds",
    "publish__mirakl__shipments",
    "publish__mirakl__stock",
    "publish__shopware__shipments",
    "publish__shopware__stock",
    "publish__warehouse_copy",
]
# The newest event of bol__orders is a minute of the fast lane, younger than the check of the last sweep.
PASSED = {
    "b2b_files__orders": "1 / 2",
    "bol__offers": "1 / 1",
    "revenue_per_channel_day": "2 / 2",
    "exact_online__sales_entries": "1 / 1",
}


def said(page: Page) -> str:
    """Return what can be read on the page, with single spaces."""
    return " ".join(page.inner_text("body").split())


def assert_quiet(watched: Watched) -> None:
    """Nothing went wrong in the browser, and it asked nobody but this machine."""
    assert watched.complaints == []
    assert watched.hosts == {"127.0.0.1"}


def test_the_graph_shows_every_asset_of_the_story_with_its_state(
    page: Page, world: Standstill, watched: Watched
) -> None:
    walk.asset_graph(page, world)
    text = said(page)
    for name in ("b2b_files__orders", "bol__offers", "bol__orders", "bol__stock", "revenue_per_channel_day"):
        assert name in text
    assert text.count("Materialized") == 8
    # The one that the broken file failed, and what passed.
    for name, passed in PASSED.items():
        assert re.search(rf"\b{name} Latest event [^/]*? Asset checks {passed} Passed", text), text
    assert_quiet(watched)


def test_an_asset_says_what_a_row_is_and_who_answers_for_it(
    page: Page, world: Standstill, watched: Watched
) -> None:
    walk.asset(page, world)
    expect(page.get_by_text("ISO 4217 code of all amounts.").first).to_be_visible()
    text = said(page)
    assert "One row: one business day of one channel, account, country and currency." in text
    assert "Owners finance" in text
    assert "Source: mart.orders." in text
    assert_quiet(watched)


def test_a_run_shows_its_steps_and_that_all_of_them_succeeded(
    page: Page, world: Standstill, watched: Watched
) -> None:
    walk.run(page, world)
    text = said(page)
    for words in (
        "Success Run of sweep_shop",
        "61 assets",
        "No steps have errored",
        f"Succeeded ({walk.SWEEP_STEPS})",
    ):
        assert words in text
    assert len(STEPS) == walk.SWEEP_STEPS
    for step in STEPS:
        expect(page.get_by_text(step, exact=True).first).to_be_attached()
    assert_quiet(watched)


def test_a_check_that_failed_says_which_file_and_why_at_first_sight(
    page: Page, world: Standstill, watched: Watched
) -> None:
    walk.failed_check(page, world)
    text = said(page)
    assert "Evaluation result Failed" in text
    assert (
        "wholesale: orders/zonder_aantallen.csv: has no header with an article (artikelnr, sku, ean) and a quantity "
        "(aantal, qty)"
    ) in text
    assert text.count("orders/zonder_aantallen.csv") == 1
    # The other check of that asset is none the worse.
    assert "quarantine_share Succeeded" in text
    page.get_by_text("[Show Markdown]").click()
    expect(page.get_by_role("dialog").get_by_text("orders/zonder_aantallen.csv")).to_contain_text(
        "(aantal, qty)"
    )
    assert_quiet(watched)


@pytest.mark.parametrize("asset", LANE_ASSETS)
def test_a_minute_of_the_fast_lane_is_an_event_of_the_asset_it_worked_on(
    page: Page, world: Standstill, watched: Watched, asset: str
) -> None:
    """After a sale at bol: in the list of events, of no run, with both accounts and the figures of that minute."""
    walk.lane_minute(page, world, asset)
    expect(page.get_by_text("bol_outlet", exact=True)).to_be_visible(timeout=walk.PATIENCE_MS)
    text = said(page)
    assert "Reported Materialized" in text
    assert "bol_main" in text
    figure = LANE_ASSETS[asset]
    assert f"order_pipelines/{figure} {world.minutes[asset].figures[figure]} " in text
    assert "order_pipelines/accounts 2" in text
    assert_quiet(watched)


def test_the_sensor_that_tells_of_the_lane_runs_from_the_start(world: Standstill) -> None:
    assert world.lane_sensor == "RUNNING"


def test_what_runs_by_itself_is_listed(page: Page, world: Standstill, watched: Watched) -> None:
    page.goto(f"{world.dagster.url}/automation")
    for name in (
        "sweep_every_1_minutes",
        "deep_sweep_nightly",
        "purge_history_nightly",
        "report_every_morning",
        "drop_folder",
        "fast_lane",
        "unprocessed_changes",
        "run_failure_to_alert",
        "run_success_ends_alert",
    ):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=walk.PATIENCE_MS)
    assert_quiet(watched)
