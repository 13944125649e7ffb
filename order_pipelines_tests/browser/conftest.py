"""One ``up`` and one Chromium for all tests of a process; pages that are watched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from order_pipelines_tests.browser.chromium import Watched, browser
from order_pipelines_tests.browser.running import Standstill, standstill


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standstill]:
    """A real ``up`` in a fresh folder, after a sweep, a broken file and the report; nothing moves in it."""
    with standstill(tmp_path_factory.mktemp("browser") / "up") as found:
        yield found


@pytest.fixture(scope="session")
def report(world: Standstill) -> Path:
    """The report of that world, a file."""
    assert world.report.is_file()
    return world.report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; fails with what to do where there is none."""
    with browser() as found:
        yield found


@pytest.fixture
def watched() -> Watched:
    """What the page of this test complains of and where it reaches."""
    return Watched()


@pytest.fixture
def page(chromium: Browser, watched: Watched) -> Iterator[Page]:
    """A page of a browser that nobody used before."""
    context = chromium.new_context(timezone_id="Europe/Amsterdam", locale="en-GB")
    watched.watch(context)
    yield context.new_page()
    context.close()
