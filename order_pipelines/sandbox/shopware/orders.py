"""How an order comes about: from what a shopper wants to the rows of a shop."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.shopware import money
from order_pipelines.sandbox.shopware.goods import rounding
from order_pipelines.sandbox.shopware.money import Price
from order_pipelines.sandbox.shopware.people import Shopper, invent_shopper
from order_pipelines.sandbox.shopware.states import StateMachines
from order_pipelines.sandbox.shopware.store import Row, Store, wire_time
from order_pipelines.sandbox.shopware.wish import Wish, WishedLine
from order_pipelines.sandbox.standin import OrderRefused

_FIRST_ORDER_NUMBER = 10000
_BETWEEN_PAYMENTS = timedelta(minutes=5)
_LINK_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@dataclass
class _Item:
    """One line to be: its row without prices, its price, and what lies in it."""

    row: Row
    price: Price
    children: list["_Item"]


class OrderDesk:
    """Writes the orders of one shop."""

    def __init__(self, store: Store, machines: StateMachines, account: str, seed: int) -> None:
        self._store = store
        self._machines = machines
        self._rng = random.Random(f"{seed}:{account}:orders")

    def goods_of(self, wish: Wish) -> list[tuple[Row, int]]:
        """Return the products that an order takes, with their pieces.

        Raises:
            OrderRefused: the shop has no such product.
        """
        flat = [one for line in wish.lines for one in (line, *line.children)]
        return [(self._product(one), one.quantity) for one in flat if one.kind == "product"]

    def write(self, wish: Wish, now: datetime) -> Row:
        """Write an order with all that belongs to it; return its row."""
        placed_at, made_at = wish.placed_at or now, wish.created_at or wish.placed_at or now
        store, order_id = self._store, self._store.new_id()
        shopper = invent_shopper(self._rng, wish.ship_country, business=wish.business)
        factor = Decimal(str(self._currency(wish)["factor"]))
        items = [self._item(line, wish, factor) for line in wish.lines]
        if wish.promotion:
            items.append(self._promotion(wish, items))
        prices = [item.price for item in items]
        shipping = [money.price_spread(wish.shipping, prices, wish.tax_status)]
        if wish.shipping_discount:
            shipping.append(money.price_spread(-wish.shipping_discount, prices, wish.tax_status))
        price = money.shown_order_price(prices, money.together(shipping), wish.tax_status)
        billing = self._address(order_id, shopper, made_at)
        order = store.add(
            "order",
            {
                "id": order_id,
                "orderNumber": wish.order_number
                or str(_FIRST_ORDER_NUMBER + store.next_number("order number")),
                "billingAddressId": billing["id"],
                "billingAddressVersionId": billing["versionId"],
                "currencyId": store.id_of("currency", wish.currency),
                "languageId": store.id_of("language"),
                "salesChannelId": store.id_of("channel", wish.sales_channel),
                "orderDateTime": wire_time(placed_at),
                "orderDate": f"{placed_at.date().isoformat()}T00:00:00.000+00:00",
                "price": price,
                "amountTotal": price["totalPrice"],
                "amountNet": price["netPrice"],
                "positionPrice": price["positionPrice"],
                "taxStatus": wish.tax_status,
                "shippingCosts": money.together(shipping).shown(),
                "shippingTotal": float(sum((one.total for one in shipping), Decimal(0))),
                "currencyFactor": float(factor),
                "deepLinkCode": "".join(self._rng.choices(_LINK_LETTERS, k=32)),
                "customerComment": wish.comment,
                "stateId": self._machines.id_of("order", "open"),
                "ruleIds": [],
                "itemRounding": rounding(),
                "totalRounding": rounding(),
                "_tagIds": [self._tag(name, made_at) for name in wish.tags],
                "_malform": wish.malform,
            },
            made_at,
        )
        self._write_customer(order, shopper, wish, made_at)
        lines = self._write_items(order, items, None, made_at)
        for position, costs in enumerate(shipping):
            self._write_delivery(order, shopper, costs, lines if position == 0 else [], made_at)
        for position, state in enumerate(wish.payments):
            self._write_payment(order, state, made_at + position * _BETWEEN_PAYMENTS)
        return order

    def _product(self, line: WishedLine) -> Row:
        for row in self._store.rows("product"):
            if (line.sku and row["productNumber"] == line.sku) or (line.ean and row["ean"] == line.ean):
                return row
        raise OrderRefused(f"the shop has no {line.sku or line.ean}")

    def _currency(self, wish: Wish) -> Row:
        row = self._store.get("currency", self._store.id_of("currency", wish.currency))
        assert row is not None, wish.currency
        return row

    def _item(self, line: WishedLine, wish: Wish, factor: Decimal) -> _Item:
        if line.kind == "container":
            children = [self._item(child, wish, factor) for child in line.children]
            price = money.together([child.price for child in children])
            return _Item(self._row(line.kind, line.label or "Pakket", 1, good=False), price, children)
        if line.kind == "product":
            product = self._product(line)
            parent = self._store.get("product", product["parentId"]) or product
            tax = self._store.get("tax", product["taxId"] or parent["taxId"])
            assert tax is not None, f"{product['productNumber']} has no tax"
            rate = Decimal(str(tax["taxRate"])).normalize()
            asked = (product["price"] or parent["price"])[0]
            own = asked["gross" if wish.tax_status == "gross" else "net"]
            unit = line.unit_price if line.unit_price is not None else money.cents(Decimal(str(own)) * factor)
            name = product["name"] or parent["name"]
            row = self._row("product", line.label or name, line.quantity, good=True) | {
                "productId": product["id"],
                "productVersionId": product["versionId"],
                "identifier": product["id"],
                "referencedId": product["id"],
                "payload": {
                    "productNumber": product["productNumber"],
                    "stock": product["stock"],
                    "isCloseout": product["isCloseout"],
                    "options": [],
                    "customFields": {},
                },
                "states": ["is-physical"],
            }
            return _Item(row, money.price_at(unit, line.quantity, rate, wish.tax_status), [])
        rate = line.vat_rate if line.vat_rate is not None else Decimal(21)
        unit = line.unit_price or Decimal(0)
        if line.kind == "credit":
            unit = -abs(unit)
        label = line.label or ("Tegoed" if line.kind == "credit" else "Maatwerk")
        price = money.price_at(unit, line.quantity, rate, wish.tax_status)
        return _Item(self._row(line.kind, label, line.quantity, good=line.kind == "custom"), price, [])

    def _promotion(self, wish: Wish, items: list[_Item]) -> _Item:
        price = money.price_spread(-wish.promotion, [item.price for item in items], wish.tax_status)
        row = self._row("promotion", "Actie", 1, good=False) | {
            "promotionId": self._store.id_of("promotion"),
            "referencedId": "ACTIE",
            "payload": {"code": "ACTIE", "discountType": "absolute", "value": str(wish.promotion)},
        }
        return _Item(row, price, [])

    def _row(self, kind: str, label: str, quantity: int, *, good: bool) -> Row:
        return {
            "id": self._store.new_id(),
            "identifier": self._store.new_id(),
            "quantity": quantity,
            "label": label,
            "type": kind,
            "good": good,
            "removable": False,
            "stackable": kind == "product",
            "payload": {},
            "states": [],
        }

    def _write_items(
        self, order: Row, items: list[_Item], parent: Row | None, at: datetime
    ) -> list[tuple[Row, Price]]:
        written = []
        for position, item in enumerate(items, start=1):
            shown = item.price.shown()
            row = self._store.add(
                "order_line_item",
                item.row
                | self._of(order)
                | {
                    "parentId": None if parent is None else parent["id"],
                    "parentVersionId": None if parent is None else parent["versionId"],
                    "position": position,
                    "price": shown,
                    "priceDefinition": self._definition(item),
                    "unitPrice": shown["unitPrice"],
                    "totalPrice": shown["totalPrice"],
                },
                at,
            )
            written.append((row, item.price))
            written += self._write_items(order, item.children, row, at)
        return written

    def _definition(self, item: _Item) -> dict[str, Any]:
        kind = "absolute" if item.row["type"] in {"promotion", "credit"} else "quantity"
        return {
            "type": kind,
            "price": float(item.price.unit),
            "quantity": item.price.quantity,
            "isCalculated": True,
            "taxRules": money.shown_rules(item.price.parts),
            "apiAlias": f"cart_price_{kind}",
        }

    def _write_delivery(
        self, order: Row, shopper: Shopper, costs: Price, lines: list[tuple[Row, Price]], at: datetime
    ) -> None:
        address = self._address(order["id"], shopper, at)
        delivery = self._store.add(
            "order_delivery",
            self._of(order)
            | {
                "shippingOrderAddressId": address["id"],
                "shippingOrderAddressVersionId": address["versionId"],
                "shippingMethodId": self._store.id_of("shipping"),
                "stateId": self._machines.id_of("order_delivery", "open"),
                "trackingCodes": [],
                "shippingDateEarliest": _midnight(at + timedelta(days=1)),
                "shippingDateLatest": _midnight(at + timedelta(days=3)),
                "shippingCosts": costs.shown(),
            },
            at,
        )
        for row, price in lines:
            if not row["good"]:
                continue
            self._store.add(
                "order_delivery_position",
                {
                    "orderDeliveryId": delivery["id"],
                    "orderDeliveryVersionId": delivery["versionId"],
                    "orderLineItemId": row["id"],
                    "orderLineItemVersionId": row["versionId"],
                    "price": price.shown(),
                    "unitPrice": row["unitPrice"],
                    "totalPrice": row["totalPrice"],
                    "quantity": row["quantity"],
                },
                at,
            )

    def _write_payment(self, order: Row, state: str, at: datetime) -> None:
        total = Decimal(str(order["amountTotal"]))
        self._store.add(
            "order_transaction",
            self._of(order)
            | {
                "paymentMethodId": self._store.id_of("payment", "ideal"),
                "amount": Price(total, 1, total, ()).shown(),
                "stateId": self._machines.id_of("order_transaction", state),
            },
            at,
        )

    def _write_customer(self, order: Row, shopper: Shopper, wish: Wish, at: datetime) -> None:
        store = self._store
        address_id = store.new_id()
        told = {
            "firstName": shopper.first_name,
            "lastName": shopper.last_name,
            "company": shopper.company,
        }
        customer = store.add(
            "customer",
            told
            | {
                "groupId": store.id_of("group"),
                "salesChannelId": order["salesChannelId"],
                "languageId": order["languageId"],
                "defaultBillingAddressId": address_id,
                "defaultShippingAddressId": address_id,
                "customerNumber": str(_FIRST_ORDER_NUMBER + store.next_number("customer number")),
                "email": shopper.email,
                "vatIds": [shopper.vat_id] if shopper.vat_id else None,
                "accountType": "business" if shopper.company else "private",
                "active": True,
                "guest": wish.guest,
                "orderCount": 1,
            },
            at,
        )
        store.add(
            "customer_address",
            told | self._place(shopper) | {"id": address_id, "customerId": customer["id"]},
            at,
        )
        store.add(
            "order_customer",
            told
            | self._of(order)
            | {
                "customerId": customer["id"],
                "email": shopper.email,
                "customerNumber": customer["customerNumber"],
                # Of who has none it is null for one and an empty list for another.
                "vatIds": customer["vatIds"] or ([] if wish.guest else None),
                "remoteAddress": "::",
            },
            at,
        )

    def _address(self, order_id: str, shopper: Shopper, at: datetime) -> Row:
        return self._store.add(
            "order_address",
            self._place(shopper)
            | {
                "orderId": order_id,
                "firstName": shopper.first_name,
                "lastName": shopper.last_name,
                "company": shopper.company,
                "vatId": shopper.vat_id,
            },
            at,
        )

    def _place(self, shopper: Shopper) -> Row:
        return {
            "countryId": self._store.id_of("country", shopper.country),
            "street": shopper.street,
            "zipcode": shopper.zip_code,
            "city": shopper.city,
            "phoneNumber": shopper.phone,
        }

    def _tag(self, name: str, at: datetime) -> str:
        tag_id = self._store.id_of("tag", name)
        if self._store.get("tag", tag_id) is None:
            self._store.add("tag", {"id": tag_id, "name": name}, at)
        return tag_id

    @staticmethod
    def _of(order: Row) -> Row:
        return {"orderId": order["id"], "orderVersionId": order["versionId"]}


def _midnight(at: datetime) -> str:
    return f"{at.date().isoformat()}T00:00:00.000+00:00"
