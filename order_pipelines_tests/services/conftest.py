"""The sandbox once for all tests of the services, and a shop of its own for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.aftersales_house import House, aftersales_house
from order_pipelines_tests.services.observed_shop import ObservedShop, observed_shop
from order_pipelines_tests.services.pushed_stock import read_everything
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Return both bol accounts and the books on loopback; limits are wide, so that no test waits for them."""
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        yield sandbox


@pytest.fixture
def world(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop on each of the two databases."""
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def sqlite_world(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop on SQLite, for what does not depend on the database."""
    with opened_world(running_sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def house(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Return a shop with an operator's account besides, on each of the two databases."""
    with aftersales_house(running_sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def sqlite_house(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Return a shop with an operator's account besides, on SQLite."""
    with aftersales_house(running_sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def observed(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObservedShop]:
    """Return a shop that observes beside another program, on each of the two databases."""
    with observed_shop(running_sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def sqlite_observed(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObservedShop]:
    """Return a shop that observes beside another program, on SQLite."""
    with observed_shop(running_sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place: these tests commit thousands of times."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def listed(sqlite_world: ShopWorld) -> ShopWorld:
    """A shop of kitchen goods whose offers and orders were read once; nothing was pushed yet."""
    for account in (MAIN, OUTLET):
        offers = sqlite_world.sandbox.bol.desk(account).shop.offers
        for offer_id in [key for key, offer in offers.items() if not (offer.sku or "").startswith("KEU-")]:
            del offers[offer_id]
    read_everything(sqlite_world)
    return sqlite_world
