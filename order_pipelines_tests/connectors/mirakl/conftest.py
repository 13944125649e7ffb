"""A world with two Mirakl operators in it."""

from collections.abc import Iterator

import pytest

from order_pipelines_tests.connectors.mirakl.mirakl_world import MiraklWorld, mirakl_world


@pytest.fixture
def world() -> Iterator[MiraklWorld]:
    """Return operators with their real call frequencies."""
    with mirakl_world(relaxed=False) as world:
        yield world
