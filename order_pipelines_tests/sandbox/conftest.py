"""A running sandbox, a clock that stands still, and a caller for each bol account."""

from collections.abc import Iterator

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(0, clock=StandingClock()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox with a world of its own for this test."""
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def clock(sandbox: Sandbox) -> StandingClock:
    assert isinstance(sandbox.clock, StandingClock)
    return sandbox.clock


@pytest.fixture
def main(sandbox: Sandbox) -> BolCaller:
    return BolCaller(sandbox, "bol_main")


@pytest.fixture
def outlet(sandbox: Sandbox) -> BolCaller:
    return BolCaller(sandbox, "bol_outlet")
