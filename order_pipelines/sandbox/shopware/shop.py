"""The rules of one shop: who may buy, what a transition does, who gets a mail, what is told to apps.

Nothing in here knows HTTP. Whoever calls holds the stand-in's lock.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.shopware.goods import found_products, found_settings
from order_pipelines.sandbox.shopware.orders import OrderDesk
from order_pipelines.sandbox.shopware.schema import LIVE_VERSION
from order_pipelines.sandbox.shopware.states import Outcome, StateMachines
from order_pipelines.sandbox.shopware.stock import StockKeeper
from order_pipelines.sandbox.shopware.store import Row, Store, wire_time
from order_pipelines.sandbox.shopware.wish import Wish
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

_FOUNDED = timedelta(days=400)
Tell = Callable[[str, list[dict[str, Any]] | dict[str, Any]], None]


class Shop:
    """One Shopware installation; ``tell`` takes the events that apps may hear of."""

    def __init__(
        self, account: str, version: str, catalogue: Catalogue, opened_at: datetime, seed: int, *, share: int
    ) -> None:
        self.account = account
        self.version = version
        self.store = Store(account, seed)
        founded_at = opened_at - _FOUNDED
        self.machines = StateMachines(self.store, founded_at)
        found_settings(self.store, founded_at)
        found_products(self.store, catalogue, share, founded_at)
        self.orders = OrderDesk(self.store, self.machines, account, seed)
        self.stock = StockKeeper(self.store, self.machines, is_live=not version.startswith("6.5"))
        self.child_changes_touch_the_order = False
        self.mails: list[dict[str, Any]] = []
        self.writes: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self.oversold = 0
        self.tell: Tell = lambda event, payload: None

    # --- buying ---

    def place(self, wish: Wish, now: datetime) -> Row:
        """Take an order of a shopper.

        Raises:
            OrderRefused: something is unknown or cannot be bought in that quantity and ``force`` is not set.
        """
        goods = self.orders.goods_of(wish)
        wanted: Counter[str] = Counter()
        for product, quantity in goods:
            wanted[product["id"]] += quantity
        for key, quantity in wanted.items():
            row = self.store.get("product", key)
            assert row is not None
            left = max(row["availableStock"], 0)
            if quantity > left and row["isCloseout"] and not wish.force:
                raise OrderRefused(
                    f"{self.account} has {left} of {row['productNumber']}, {quantity} are wanted"
                )
            self.oversold += max(quantity - left, 0)
        order = self.orders.write(wish, now)
        self.stock.placed(order, now)
        self.tell("checkout.order.placed", {"order": _public(order)})
        self.announce("order", order, "insert", ["id", "orderNumber", "stateId"])
        return order

    # --- changes ---

    def move(
        self, machine: str, row: Row, transition: str, now: datetime, *, sends_mail: bool, by_api: bool = True
    ) -> Outcome:
        """Do a transition with all that it brings about; one that changes nothing sends no mail.

        Raises:
            Problem: 400, the state does not allow it.
        """
        outcome = self.machines.reach(machine, row, transition, now)
        if outcome.was == outcome.became:
            return outcome
        order = row if machine == "order" else self.store.get("order", row["orderId"])
        assert order is not None, f"{machine} without an order"
        if machine == "order":
            self.stock.moved(order, outcome.was, outcome.became)
        else:
            self._touch(order, now)
        if sends_mail:
            self._mail(order, f"{machine}.{outcome.became}", now, by_api=by_api)
        self.tell(f"state_enter.{machine}.state.{outcome.became}", {"order": _public(order)})
        self.announce("order", order, "update", ["stateId", "updatedAt"])
        return outcome

    def change_product(self, product: Row, changes: Row, now: datetime) -> None:
        """Write members of a product."""
        fields = self.store.change("product", product, changes, now)
        self.stock.written(product)
        self.announce("product", product, "update", fields)

    def change_delivery(self, delivery: Row, changes: Row, now: datetime) -> None:
        """Write members of a delivery; a list replaces the list that was there."""
        fields = self.store.change("order_delivery", delivery, changes, now)
        order = self.store.get("order", delivery["orderId"])
        if order is not None:
            self._touch(order, now)
        self.announce("order_delivery", delivery, "update", fields)

    def change_order(self, order: Row, changes: Row, now: datetime) -> None:
        """Write members of an order."""
        self.announce("order", order, "update", self.store.change("order", order, changes, now))

    def draft(self, order: Row) -> str:
        """Let an admin begin to edit an order, which makes a draft of it; return the draft's version."""
        version = self.store.new_id()
        self.store.draft("order", order, version, {"amountTotal": 0.0, "customerComment": "wordt bewerkt"})
        row = {"id": order["id"], "versionId": version}
        self.announce("order", row, "insert", ["amountTotal", "customerComment"])
        return version

    def delete_product(self, product: Row) -> None:
        """Drop a product; the lines of orders keep their texts and lose their link."""
        self.store.remove("product", product["id"])
        for line in self.store.those_of("order_line_item", "productId", product["id"]):
            line["productId"] = line["productVersionId"] = None
        self.announce("product", product, "delete", [])

    def announce(self, entity: str, row: Row, operation: str, fields: list[str]) -> None:
        """Tell apps that a row was written: its key and version, nothing of its content."""
        self.tell(
            f"{entity}.written",
            [
                {
                    "entity": entity,
                    "operation": operation,
                    "primaryKey": row["id"],
                    "updatedFields": fields,
                    "versionId": row.get("versionId", LIVE_VERSION),
                }
            ],
        )

    def _touch(self, order: Row, now: datetime) -> None:
        if self.child_changes_touch_the_order:
            order["updatedAt"] = wire_time(now)

    def _mail(self, order: Row, kind: str, now: datetime, *, by_api: bool) -> None:
        customers = self.parts("order_customer", order)
        self.mails.append(
            {
                "at": wire_time(now),
                "kind": kind,
                "order_id": order["id"],
                "to": customers[0]["email"],
                "by_api": by_api,
            }
        )

    # --- looking up ---

    def order(self, key: str) -> Row:
        """Return an order by id or number.

        Raises:
            UnknownThing: there is none.
        """
        row = self.store.get("order", key)
        if row is None:
            row = next((one for one in self.store.rows("order") if one["orderNumber"] == key), None)
        if row is None:
            raise UnknownThing(f"{self.account} has no order {key}")
        return row

    def parts(self, name: str, order: Row) -> list[Row]:
        """Return the rows of an entity that belong to an order, oldest first."""
        return self.store.those_of(name, "orderId", order["id"])

    def product(self, number: str) -> Row:
        """Return a product by its number.

        Raises:
            UnknownThing: there is none.
        """
        for row in self.store.rows("product"):
            if row["productNumber"] == number:
                return row
        raise UnknownThing(f"{self.account} has no product {number}")


def _public(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}
