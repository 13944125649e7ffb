"""One shop whose first bol account and whose books lie behind a hostile server; the second account does not."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from order_pipelines.connectors.exact_online import limits
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.hostile.server import HostileServer, hostile_server
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld, impatient, opened_world


@dataclass
class Besieged:
    """The shop, and the servers in front of ``bol_main`` and of the books; ``elsewhere`` must never be called."""

    world: ShopWorld
    bol: HostileServer
    books: HostileServer
    elsewhere: HostileServer

    def calm(self) -> None:
        """End all hostility; what it left in the shop's memory (waits of the rate budget) goes too."""
        for server in (self.bol, self.books, self.elsewhere):
            server.behave()
        self.world.clear_faults()
        self.world.shop._budgets.clear()
        limits.WRONG_CALLS._wrong.clear()

    def patience(self, seconds: float) -> None:
        """Let a call take so long at most."""
        self.world.shop.settings = impatient(load_settings(self.world.path), seconds)


@pytest.fixture(scope="session")
def hostile_sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        yield sandbox


@pytest.fixture
def besieged(hostile_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Besieged]:
    rows = {row["account"]: row for row in hostile_sandbox.systems()}
    bol_url, exact_url = rows[MAIN]["base_url"], rows["exact"]["base_url"]
    with (
        hostile_server(bol_url) as bol,
        hostile_server(exact_url) as books,
        hostile_server() as elsewhere,
        memory_folder() as folder,
        opened_world(
            hostile_sandbox, f"sqlite:///{folder / 'operations.sqlite'}", folder, monkeypatch
        ) as world,
    ):
        text = world.path.read_text(encoding="utf-8")
        before, main, after = text.partition(f"[accounts.{MAIN}]")
        main, outlet, after = after.partition("[accounts.bol_outlet]")
        main = main.replace(bol_url, bol.url)
        text = f"{before}[accounts.{MAIN}]{main}{outlet}{after.replace(exact_url, books.url)}"
        world.path.write_text(text, encoding="utf-8")
        world.shop.close()
        world.shop = Shop.open(load_settings(world.path))
        limits.WRONG_CALLS._wrong.clear()
        found = Besieged(world, bol, books, elsewhere)
        found.patience(60)
        yield found
        limits.WRONG_CALLS._wrong.clear()
