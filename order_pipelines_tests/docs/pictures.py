"""Makes the pictures of the README: ``make pictures``. No test imports it.

It goes the way that the browser tests go (``order_pipelines_tests/browser``): everything is brought up on free ports,
one sweep runs, a broken file is dropped and refused, the report is written, all stands still; then the pages are
pictured with an installed Chromium.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page

from order_pipelines_tests.browser import walk
from order_pipelines_tests.browser.chromium import browser, find_or_explain
from order_pipelines_tests.browser.running import ROOT, Standstill, standstill

LARGEST_BYTES = 300_000

PAGES: Mapping[str, Callable[[Page, Standstill], None]] = {
    "asset_graph.png": walk.asset_graph,
    "asset.png": walk.asset,
    "run.png": walk.run,
    "failed_check.png": walk.failed_check,
    "report.png": walk.report,
}


def take_pictures(chromium: Browser, world: Standstill) -> Mapping[str, bytes]:
    """Return the pictures by file name, as PNG."""
    context = chromium.new_context(timezone_id="Europe/Amsterdam", locale="en-GB")
    page = context.new_page()
    pictures = {}
    for name, show in PAGES.items():
        show(page, world)
        walk.settled(page)
        pictures[name] = page.screenshot()
    context.close()
    return pictures


def main() -> None:
    """Make the pictures and write them, if none is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "pictures")
    folder: Path = parser.parse_args().folder
    find_or_explain()
    with (
        tempfile.TemporaryDirectory(prefix="order-pipelines-pictures-") as scratch,
        standstill(Path(scratch) / "up") as world,
        browser() as chromium,
    ):
        pictures = take_pictures(chromium, world)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{folder / name}: {len(content) // 1000} kB\n")
    large = [name for name, content in pictures.items() if len(content) >= LARGEST_BYTES]
    if large:
        raise SystemExit(f"larger than {LARGEST_BYTES // 1000} kB: {', '.join(large)}")


if __name__ == "__main__":
    main()
