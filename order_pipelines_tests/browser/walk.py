"""The way through Dagster's pages and the report that tests and pictures share.

Each function goes to one page, waits until what it is about can be read there, and leaves it on the screen.
"""

from urllib.parse import quote

from playwright.sync_api import Page, expect

from order_pipelines_tests.browser.running import Standstill

PATIENCE_MS = 60_000
GRAPH_SIZE, PAGE_SIZE, REPORT_SIZE, PHONE_SIZE = (2000, 1400), (1500, 1000), (1340, 1120), (390, 844)
STORY = (
    "intake/b2b_files__orders",
    "intake/bol__offers",
    "intake/bol__orders",
    "core/orders",
    "mart/orders",
    "mart/revenue_per_channel_day",
    "publish/bol__stock",
    "publish/exact_online__sales_entries",
)
SWEEP_STEPS = 32
FAILED_CHECK = "b2b_files__orders_every_account_read"
_GROUPS = ("b2b_files", "bol", "exact_online", "house", "invoicing", "orders", "products", "revenue", "stock")


def sized(page: Page, size: tuple[int, int]) -> None:
    """Give the window its size in CSS pixels."""
    page.set_viewport_size({"width": size[0], "height": size[1]})


def settled(page: Page) -> None:
    """Wait until two looks in a row show the same: charts and graphs move into their place."""
    before = page.screenshot()
    for _ in range(40):
        page.wait_for_timeout(500)
        now = page.screenshot()
        if now == before:
            return
        before = now


def asset_graph(page: Page, world: Standstill) -> None:
    """Show the assets of the story with their groups open."""
    sized(page, GRAPH_SIZE)
    selection = quote(" or ".join(f'key:"{key}"' for key in STORY), safe="")
    expanded = quote(",".join(f"global@global:{group}" for group in _GROUPS))
    page.goto(f"{world.dagster.url}/asset-groups~{selection}?expanded={expanded}")
    for key in STORY:
        expect(page.get_by_text(key.rpartition("/")[2], exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    # Boxes come first, their state when the server has answered for each.
    expect(page.get_by_text("Materialized", exact=True)).to_have_count(len(STORY), timeout=PATIENCE_MS)
    _hide_navigation(page)


def asset(page: Page, world: Standstill) -> None:
    """Show what an asset says of itself."""
    sized(page, PAGE_SIZE)
    page.goto(f"{world.dagster.url}/assets/mart/revenue_per_channel_day")
    expect(page.get_by_text("One row: one business day of one channel")).to_be_visible(timeout=PATIENCE_MS)
    _hide_navigation(page)


def run(page: Page, world: Standstill) -> None:
    """Show the sweep: its steps on a line of time, and by name."""
    sized(page, PAGE_SIZE)
    page.goto(f"{world.dagster.url}/runs/{world.sweep}")
    expect(page.get_by_text(f"Succeeded ({SWEEP_STEPS})")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Finished execution of run")).to_be_visible(timeout=PATIENCE_MS)
    _hide_navigation(page)
    # The switch beside it, which has no name, gives the steps all the room.
    page.get_by_role("button", name="Re-execute all").locator("xpath=preceding::button[1]").click()
    page.get_by_text(f"Succeeded ({SWEEP_STEPS})").click()


def failed_check(page: Page, world: Standstill) -> None:
    """Show the check that failed and why."""
    sized(page, PAGE_SIZE)
    page.goto(f"{world.dagster.url}/assets/intake/b2b_files__orders?view=checks&checkDetail={FAILED_CHECK}")
    expect(page.get_by_text("Latest execution")).to_be_visible(timeout=PATIENCE_MS)
    _hide_navigation(page)


def lane_minute(page: Page, world: Standstill, asset: str) -> None:
    """Show what the fast lane did in one minute, among the events of an asset."""
    sized(page, PAGE_SIZE)
    minute = world.minutes[asset]
    page.goto(f"{world.dagster.url}/assets/{asset}?view=events&time={minute.timestamp}")
    expect(page.get_by_text(minute.description, exact=True)).to_be_visible(timeout=PATIENCE_MS)


def report(page: Page, world: Standstill) -> None:
    """Open the report as a file, as its reader does."""
    sized(page, REPORT_SIZE)
    page.goto(world.report.as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)


def _hide_navigation(page: Page) -> None:
    switch = page.get_by_text("Hide navigation", exact=True)
    if switch.count():
        switch.click()
