"""Mirakl's stand-in with two operators, and how the connector is told of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.acceptance import MiraklAcceptance
from order_pipelines.connectors.mirakl.orders import MiraklOrders
from order_pipelines.connectors.mirakl.refunds import MiraklRefunds
from order_pipelines.connectors.mirakl.returns import MiraklReturns
from order_pipelines.connectors.mirakl.shipments import MiraklShipments
from order_pipelines.connectors.mirakl.stock import MiraklStock
from order_pipelines.connectors.ports import Account, House
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore

FIRST = "blokker"
SECOND = "mirakl_two"
SKU = "KEU-1001"


class MiraklWorld:
    """The outside: two operators, their clock, and one house of ours that uses them. Sleeping moves both clocks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.mirakl = sandbox.mirakl
        self.slept_s: list[float] = []
        self.budget = MemoryBudget(sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + seconds)
        clock.follow(self.sandbox.clock.offset_s)

    def account(self, name: str = FIRST, key: str | None = None, **options: Any) -> Account:
        row = next(row for row in self.sandbox.systems() if row["account"] == name)
        secrets = {"api_key": row["credentials"]["api_key"] if key is None else key}
        return Account(name, row["base_url"], None, options, secrets)

    def house(self, deadline: datetime | None = None) -> House:
        return House(MemoryTokenStore(), self.budget, deadline)

    def orders(self, name: str = FIRST, *, deadline: datetime | None = None, **options: Any) -> MiraklOrders:
        return MiraklOrders(self.account(name, **options), self.house(deadline))

    def stock(self, name: str = FIRST, *, deadline: datetime | None = None, **options: Any) -> MiraklStock:
        return MiraklStock(self.account(name, **options), self.house(deadline))

    def acceptance(self, name: str = FIRST) -> MiraklAcceptance:
        return MiraklAcceptance(self.account(name), self.house())

    def shipments(self, name: str = FIRST, **options: Any) -> MiraklShipments:
        options.setdefault("multi_shipment", name == FIRST)
        return MiraklShipments(self.account(name, **options), self.house())

    def refunds(self, name: str = FIRST, **options: Any) -> MiraklRefunds:
        return MiraklRefunds(self.account(name, **options), self.house())

    def returns(self, name: str = FIRST) -> MiraklReturns:
        return MiraklReturns(self.account(name), self.house())

    def buy(self, *goods: tuple[str, int], account: str = FIRST, **wish: Any) -> str:
        """Let a shopper buy ``(sku, pieces)``; return the order id."""
        lines = [{"sku": sku, "quantity": pieces} for sku, pieces in (goods or ((SKU, 1),))]
        return self.mirakl.place_order(account, {"lines": lines, "force": True, **wish})

    def ready(self, *goods: tuple[str, int], account: str = FIRST, **wish: Any) -> str:
        """Let a shopper buy, accept it, let the payment come through: the order is to be shipped."""
        order_id = self.buy(*goods, account=account, **wish)
        self.act(order_id, "accept", account)
        self.pass_time(60)
        assert self.order(order_id, account)["state"] == "SHIPPING"
        return order_id

    def act(self, order_id: str, action: str, account: str = FIRST, **detail: Any) -> dict[str, Any]:
        return dict(self.mirakl.act(account, order_id, action, detail) or {})

    def state(self, account: str = FIRST) -> dict[str, Any]:
        return self.mirakl.state(account)

    def order(self, order_id: str, account: str = FIRST) -> dict[str, Any]:
        found: dict[str, Any] = next(
            order for order in self.state(account)["orders"] if order["order_id"] == order_id
        )
        return found

    def offer(self, sku: str = SKU, account: str = FIRST) -> dict[str, Any]:
        found: dict[str, Any] = next(offer for offer in self.state(account)["offers"] if offer["sku"] == sku)
        return found

    def writes(self, account: str = FIRST) -> list[tuple[str, str]]:
        return [(write["method"], write["path"]) for write in self.state(account)["writes"]]

    def fault(self, kind: str, **detail: Any) -> None:
        self.mirakl.faults.add(Fault(kind, **detail))


@contextmanager
def mirakl_world(*, relaxed: bool) -> Iterator[MiraklWorld]:
    """Start the operators on a free port; time runs with it until the end."""
    with Sandbox(control_port=0, relaxed=relaxed) as sandbox:
        try:
            yield MiraklWorld(sandbox)
        finally:
            clock.follow(0)
