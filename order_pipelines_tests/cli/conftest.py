"""A merchant on the sandbox, whom nothing was read for yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.demo import merchant, script
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.cli.person import Typing


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Typing]:
    """A merchant whose forty bol orders and two files are waiting; nothing was read yet."""
    with Sandbox(0, relaxed=True) as sandbox:
        sandbox.world.demo_script()
        outside = merchant.Sandbox(sandbox.control_url, sandbox.systems())
        settings = merchant.write_merchant(tmp_path, outside)
        merchant.drop_orders(tmp_path, "inkoop.csv", script.IN_ONE_CSV)
        yield Typing(settings, merchant.environment_of(outside), sandbox)
    clock.follow(0)
