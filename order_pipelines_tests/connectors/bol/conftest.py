"""A world with two bol accounts in it."""

from collections.abc import Iterator

import pytest

from order_pipelines_tests.connectors.bol.bol_world import BolWorld, bol_world


@pytest.fixture
def world() -> Iterator[BolWorld]:
    """Return bol with limits a thousand times the real ones."""
    with bol_world(relaxed=True) as world:
        yield world


@pytest.fixture
def strict_world() -> Iterator[BolWorld]:
    """Return bol with its real limits."""
    with bol_world(relaxed=False) as world:
        yield world
