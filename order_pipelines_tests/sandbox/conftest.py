"""A running sandbox, a clock that stands still, and callers of each bol account, each Mirakl operator and the books."""

from collections.abc import Iterator

import pytest

from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox import exact_online_server
from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock
from order_pipelines_tests.sandbox.exact_online_server import ExactUser, Switchboard, connected, serving
from order_pipelines_tests.sandbox.mirakl_caller import BLOKKER, SECOND, MiraklCaller
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller


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


@pytest.fixture
def blokker(sandbox: Sandbox) -> MiraklCaller:
    return MiraklCaller(sandbox, BLOKKER)


@pytest.fixture
def second(sandbox: Sandbox) -> MiraklCaller:
    return MiraklCaller(sandbox, SECOND)


@pytest.fixture
def webshop(sandbox: Sandbox) -> ShopwareCaller:
    return ShopwareCaller(sandbox, "webshop")


@pytest.fixture
def webshop_65(sandbox: Sandbox) -> ShopwareCaller:
    return ShopwareCaller(sandbox, "webshop_65")


@pytest.fixture(scope="session")
def switchboard() -> Iterator[tuple[Switchboard, str]]:
    """One server for all tests of Exact Online alone: starting one takes longer than most of them."""
    board = Switchboard()
    with serving(board) as base_url:
        yield board, base_url


@pytest.fixture
def exact(switchboard: tuple[Switchboard, str]) -> Iterator[ExactUser]:
    """A user of a fresh and strict stand-in, logged in at 12:31:00 Dutch time."""
    standing = exact_online_server.StandingClock()
    yield from connected(switchboard, ExactStandIn(standing), standing)


@pytest.fixture
def relaxed(switchboard: tuple[Switchboard, str]) -> Iterator[ExactUser]:
    """A user of a stand-in whose limits are a thousand times as wide."""
    standing = exact_online_server.StandingClock()
    yield from connected(switchboard, ExactStandIn(standing, relaxed=True), standing)
