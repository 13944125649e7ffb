"""A world with Exact Online in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines_tests.connectors.exact_online.exact_world import ExactWorld, exact_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ExactWorld]:
    """Return Exact Online with limits a thousand times the real ones, and one account that nobody has used yet."""
    with exact_world(tmp_path, relaxed=True) as world:
        yield world


@pytest.fixture
def strict_world(tmp_path: Path) -> Iterator[ExactWorld]:
    """Return Exact Online with its real limits."""
    with exact_world(tmp_path) as world:
        yield world
