"""Two Shopware shops, begun anew for each test."""

from collections.abc import Iterator

import pytest

from order_pipelines import clock
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.connectors.shopware.shopware_world import ShopwareWorld


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Return all stand-ins, with a token end point that is asked as often as tests like."""
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[ShopwareWorld]:
    """Return the shops as they are at first; time runs with them until the end."""
    sandbox.reset()
    clock.follow(0)
    try:
        yield ShopwareWorld(sandbox)
    finally:
        clock.follow(0)
