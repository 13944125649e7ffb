"""Shopware's stand-in with its two shops, and how the connector is told of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, Listed, Since
from order_pipelines.connectors.shopware.acceptance import ShopwareAcceptance
from order_pipelines.connectors.shopware.customers import ShopwareCustomers
from order_pipelines.connectors.shopware.mapping import interpret
from order_pipelines.connectors.shopware.orders import ShopwareOrders
from order_pipelines.connectors.shopware.shipments import ShopwareShipments
from order_pipelines.connectors.shopware.stock import ShopwareStock
from order_pipelines.domain.orders import Order
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore

MAIN = "webshop"
OLD = "webshop_65"


class ShopwareWorld:
    """The outside: the shops, their clock, and one house of ours that uses them. Sleeping moves both clocks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.shopware = sandbox.shopware
        self.tokens = MemoryTokenStore()
        self.slept_s: list[float] = []
        self.budget = MemoryBudget(sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + seconds)
        clock.follow(self.sandbox.clock.offset_s)

    def row(self, name: str = MAIN) -> dict[str, Any]:
        return next(row for row in self.sandbox.systems() if row["account"] == name)

    def account(self, name: str = MAIN, secret: str | None = None, **options: Any) -> Account:
        row = self.row(name)
        secrets = {**row["credentials"]}
        if secret is not None:
            secrets["client_secret"] = secret
        return Account(name, row["base_url"], None, options, secrets)

    def house(self, deadline: datetime | None = None) -> House:
        return House(self.tokens, self.budget, deadline)

    def orders(self, name: str = MAIN, **options: Any) -> ShopwareOrders:
        return ShopwareOrders(self.account(name, **options), self.house())

    def stock(self, name: str = MAIN, **options: Any) -> ShopwareStock:
        return ShopwareStock(self.account(name, **options), self.house())

    def shipments(self, name: str = MAIN, **options: Any) -> ShopwareShipments:
        return ShopwareShipments(self.account(name, **options), self.house())

    def acceptance(self, name: str = MAIN, **options: Any) -> ShopwareAcceptance:
        return ShopwareAcceptance(self.account(name, **options), self.house())

    def customers(self, name: str = MAIN, **options: Any) -> ShopwareCustomers:
        return ShopwareCustomers(self.account(name, **options), self.house())

    def listed(
        self, since: datetime | None = None, *, deep: bool = False, name: str = MAIN, **options: Any
    ) -> list[Listed]:
        return list(self.orders(name, **options).list_orders(Since(since, deep)))

    def read(self, order_id: str, name: str = MAIN) -> Order:
        """Return an order as the mapping sees what the shop answers."""
        body = self.orders(name).fetch_order(order_id).body
        (order,) = interpret(body, kind="order").orders
        return order

    def buy(
        self,
        *lines: tuple[str, int] | dict[str, Any],
        account: str = MAIN,
        ago: timedelta = timedelta(0),
        **wish: Any,
    ) -> str:
        """Let a shopper buy ``(sku, pieces)``, or lines in the stand-in's words; return the order id."""
        rows = [
            line if isinstance(line, dict) else {"sku": line[0], "quantity": line[1]}
            for line in (lines or (("KEU-1001", 1),))
        ]
        placed_at = (self.sandbox.clock.now() - ago).isoformat()
        return self.shopware.place_order(
            account, {"lines": rows, "force": True, "placed_at": placed_at, **wish}
        )

    def act(self, order_id: str, action: str, account: str = MAIN, **detail: Any) -> dict[str, Any]:
        return self.shopware.act(account, order_id, action, detail)

    def state(self, account: str = MAIN) -> dict[str, Any]:
        return self.shopware.state(account)

    def order(self, order_id: str, account: str = MAIN) -> dict[str, Any]:
        found: dict[str, Any] = next(
            order for order in self.state(account)["orders"] if order["order_id"] == order_id
        )
        return found

    def lines(self, order_id: str, account: str = MAIN) -> list[str]:
        return [line["line_id"] for line in self.order(order_id, account)["lines"]]

    def offer(self, sku: str, account: str = MAIN) -> dict[str, Any]:
        found: dict[str, Any] = next(offer for offer in self.state(account)["offers"] if offer["sku"] == sku)
        return found

    def writes(self, account: str = MAIN) -> list[tuple[str, str]]:
        """Return method and last parts of the path of every write that the shop received."""
        return [
            (write["method"], "/".join(write["path"].split("/")[-3:]))
            for write in self.state(account)["writes"]
        ]

    def fault(self, kind: str, **detail: Any) -> None:
        self.shopware.faults.add(Fault(kind, **detail))


@contextmanager
def shopware_world(*, relaxed: bool) -> Iterator[ShopwareWorld]:
    """Start the shops on a free port; time runs with them until the end."""
    with Sandbox(control_port=0, relaxed=relaxed) as sandbox:
        try:
            yield ShopwareWorld(sandbox)
        finally:
            clock.follow(0)
