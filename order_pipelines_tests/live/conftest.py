"""The sandbox once for all tests of the fast lane, and a shop of its own for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.live.cart_door import RESERVATION_KEY, CartDoor, door_settings
from order_pipelines_tests.live.lane_world import LaneWorld, opened_lane_world
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.cart_shop import CartShop


@pytest.fixture(scope="session")
def lane_sandbox() -> Iterator[Sandbox]:
    """Return every system on loopback; limits are wide, so that no test waits for them."""
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        yield sandbox


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place: these tests commit often."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def world(
    lane_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaneWorld]:
    """Return a shop with four channels on each of the two databases."""
    with opened_lane_world(lane_sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def sqlite_world(
    lane_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaneWorld]:
    """Return the same on SQLite, for what does not depend on the database."""
    with opened_lane_world(lane_sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def carts(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CartDoor]:
    """Return the HTTP door over a shop whose carts hold stock; ten pieces of article A are there."""
    clock.follow(0)
    monkeypatch.setenv("WEBSHOP_CART_KEY", RESERVATION_KEY)
    store = open_store(store_url)
    shop = CartShop(store, door_settings())
    shop.stock("A", 10)
    with CartDoor.opened(shop) as door:
        yield door
    clock.follow(0)
    store.close()
