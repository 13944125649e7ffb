"""bol's stand-in with two accounts, and how the connector is told of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.bol import CONNECTOR
from order_pipelines.connectors.bol.returns import BolReturns
from order_pipelines.connectors.bol.stock import make_stock_sink
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, OrderSource, ShipmentSink, StockSink
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore

MAIN = "bol_main"
OUTLET = "bol_outlet"


class BolWorld:
    """The outside: bol, its clock, and one house of ours that uses it. Sleeping moves both clocks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bol = sandbox.bol
        self.tokens = MemoryTokenStore()
        self.slept_s: list[float] = []
        self.budget = MemoryBudget(sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + seconds)
        clock.follow(self.sandbox.clock.offset_s)

    def account(self, name: str = MAIN, secret: str | None = None, **options: Any) -> Account:
        row = next(row for row in self.sandbox.systems() if row["account"] == name)
        secrets = (
            {**row["credentials"]} if secret is None else {**row["credentials"], "client_secret": secret}
        )
        return Account(name, row["base_url"], row["token_url"], options, secrets)

    def house(self, deadline: datetime | None = None) -> House:
        return House(self.tokens, self.budget, deadline)

    def orders(self, name: str = MAIN, *, deadline: datetime | None = None, **options: Any) -> OrderSource:
        assert CONNECTOR.order_source is not None
        return CONNECTOR.order_source(self.account(name, **options), self.house(deadline))

    def stock(self, name: str = MAIN, **options: Any) -> StockSink:
        return make_stock_sink(self.account(name, **options), self.house())

    def shipments(self, name: str = MAIN) -> ShipmentSink:
        assert CONNECTOR.shipment_sink is not None
        return CONNECTOR.shipment_sink(self.account(name), self.house())

    def returns(self, name: str = MAIN, **options: Any) -> BolReturns:
        return BolReturns(self.account(name, **options), self.house())

    def buy(
        self,
        *goods: tuple[str, int],
        account: str = MAIN,
        ago: timedelta = timedelta(0),
        **wish: Any,
    ) -> str:
        """Let a shopper buy ``(sku, pieces)``; return the order id."""
        lines = [{"sku": sku, "quantity": pieces} for sku, pieces in (goods or (("KEU-1001", 1),))]
        placed_at = self.sandbox.clock.now() - ago
        return self.bol.place_order(
            account, {"lines": lines, "force": True, "placed_at": placed_at.isoformat(), **wish}
        )

    def act(self, order_id: str, action: str, account: str = MAIN, **detail: Any) -> None:
        self.bol.act(account, order_id, action, detail)

    def state(self, account: str = MAIN) -> dict[str, Any]:
        return self.bol.state(account)

    def order(self, order_id: str, account: str = MAIN) -> dict[str, Any]:
        found: dict[str, Any] = next(
            order for order in self.state(account)["orders"] if order["order_id"] == order_id
        )
        return found

    def offer(self, sku: str, account: str = MAIN) -> dict[str, Any]:
        found: dict[str, Any] = next(offer for offer in self.state(account)["offers"] if offer["sku"] == sku)
        return found

    def fault(self, kind: str, **detail: Any) -> None:
        self.bol.faults.add(Fault(kind, **detail))

    def requests_for_a_token(self, account: str = MAIN) -> int:
        return len(self.state(account)["token_requests"])


@contextmanager
def bol_world(*, relaxed: bool) -> Iterator[BolWorld]:
    """Start bol on a free port; time runs with it until the end."""
    with Sandbox(control_port=0, relaxed=relaxed) as sandbox:
        try:
            yield BolWorld(sandbox)
        finally:
            clock.follow(0)
