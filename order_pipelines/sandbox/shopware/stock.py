"""What orders do to stock: from 6.6 on at once, before that when an order is completed."""

from collections.abc import Iterable
from datetime import datetime

from order_pipelines.sandbox.shopware.states import StateMachines
from order_pipelines.sandbox.shopware.store import Row, Store


class StockKeeper:
    """The stock of one shop.

    ``is_live``: of 6.6, where ``stock`` falls when an order is placed, rises when it is cancelled, and
    ``availableStock`` is the same number. Otherwise of 6.5: ``stock`` falls when an order is completed, and
    ``availableStock`` is stock less what is in open orders. Neither cares about deliveries.
    """

    def __init__(self, store: Store, machines: StateMachines, *, is_live: bool) -> None:
        self._store = store
        self._machines = machines
        self.is_live = is_live

    def placed(self, order: Row, at: datetime) -> None:
        """An order came in."""
        if self.is_live:
            self._move(order, -1)
        self._settle(self._goods(order))

    def moved(self, order: Row, was: str, became: str) -> None:
        """The state of an order changed."""
        if self.is_live:
            self._move(
                order, {("cancelled", "open"): -1}.get((was, became), 1 if became == "cancelled" else 0)
            )
        else:
            self._move(order, -1 if became == "completed" else 1 if was == "completed" else 0)
        self._settle(self._goods(order))

    def written(self, product: Row) -> None:
        """The merchant wrote a product."""
        self._settle([(product, 0)])

    def _goods(self, order: Row) -> list[tuple[Row, int]]:
        found = []
        for line in self._store.those_of("order_line_item", "orderId", order["id"]):
            product = self._store.get("product", line["productId"])
            if product is not None:
                found.append((product, line["quantity"]))
        return found

    def _move(self, order: Row, sign: int) -> None:
        for product, quantity in self._goods(order):
            product["stock"] += sign * quantity

    def _settle(self, goods: Iterable[tuple[Row, int]]) -> None:
        for product, _ in goods:
            taken = 0 if self.is_live else self._in_open_orders(product)
            product["availableStock"] = product["stock"] - taken
            product["available"] = (
                not product["isCloseout"] or product["availableStock"] >= product["minPurchase"]
            )

    def _in_open_orders(self, product: Row) -> int:
        taken = 0
        for line in self._store.those_of("order_line_item", "productId", product["id"]):
            order = self._store.get("order", line["orderId"])
            if order is not None and self._machines.name_of(order) in {"open", "in_progress"}:
                taken += line["quantity"]
        return taken
