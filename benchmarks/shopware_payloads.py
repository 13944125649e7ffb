"""Orders of Shopware with all that we ask for in one search, by a seeded generator that knows what they add up to."""

import random
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from benchmarks.bol_payloads import CENT, CITIES, STREETS, Article, Sums, place_of

_RATE = Decimal(21)
_SHIPPING = Decimal("4.95")
_LIVE = "0fa91ce3e96a4bc2be4bd9ce752c3425"
_ROUNDING = {"decimals": 2, "interval": 0.01, "roundForNet": True, "extensions": []}
_RULES = [{"taxRate": 21.0, "percentage": 100.0, "extensions": [], "apiAlias": "cart_tax_rule"}]
_CURRENCY, _LANGUAGE, _CHANNEL, _COUNTRY, _METHOD, _PAYMENT = (f"{number:032x}" for number in range(1, 7))
_STATES = {name: f"{number:032x}" for number, name in enumerate(("open", "paid"), start=7)}


class _Order:
    """One order in the making; its entities share a moment, an id and a source of ids."""

    def __init__(self, number: int, placed_at: str, chance: random.Random) -> None:
        self.number = number
        self.placed_at = placed_at
        self.chance = chance
        self.id = self.new_id()

    def new_id(self) -> str:
        return f"{self.chance.getrandbits(128):032x}"

    def entity(self, alias: str, **members: Any) -> dict[str, Any]:
        """Return an entity that belongs to the order."""
        return {
            "id": self.new_id(),
            "versionId": _LIVE,
            **members,
            "customFields": None,
            "createdAt": self.placed_at,
            "updatedAt": None,
            "order": None,
            "extensions": {},
            "apiAlias": alias,
        }


def make_each(
    amount: int, goods: Sequence[Article], sums: Sums, seed: int = 1
) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the body of each order, paid and to be shipped, and add it to ``sums``."""
    chance = random.Random(seed)
    for number in range(amount):
        instant = place_of(number, amount)
        order = _Order(number, f"{instant:%Y-%m-%dT%H:%M:%S}.000+00:00", chance)
        items, units, total = [], 0, Decimal(0)
        for place, article in enumerate(chance.sample(goods, chance.choice((1, 1, 1, 2, 3))), start=1):
            quantity = chance.choice((1, 1, 1, 2, 4))
            items.append(_product_line(order, place, article, quantity))
            units += quantity
            total += article.price * quantity
        sums.add(f"{instant:%Y-%m}", len(items), units, total)
        taken_off = _rounded(total / 10) if chance.random() < 0.1 else Decimal(0)
        shipping = _SHIPPING if chance.random() < 0.3 else Decimal(0)
        sums.beside += shipping - taken_off
        if taken_off:
            items.append(_promotion_line(order, len(items) + 1, taken_off))
        yield order.id, orjson.dumps(_order(order, items, total - taken_off, shipping))


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _tax_in(amount: Decimal) -> Decimal:
    return _rounded(amount * _RATE / (100 + _RATE))


def _taxes(amount: Decimal, tax: Decimal) -> list[dict[str, Any]]:
    return [
        {
            "tax": float(tax),
            "taxRate": float(_RATE),
            "price": float(amount),
            "extensions": [],
            "apiAlias": "cart_tax_calculated",
        }
    ]


def _price(unit: Decimal, quantity: int) -> dict[str, Any]:
    total = unit * quantity
    return {
        "unitPrice": float(unit),
        "quantity": quantity,
        "totalPrice": float(total),
        "calculatedTaxes": _taxes(total, _tax_in(total)),
        "taxRules": _RULES,
        "referencePrice": None,
        "listPrice": None,
        "regulationPrice": None,
        "extensions": [],
        "apiAlias": "calculated_price",
    }


def _line(order: _Order, place: int, unit: Decimal, quantity: int, **members: Any) -> dict[str, Any]:
    return order.entity(
        "order_line_item",
        orderId=order.id,
        orderVersionId=_LIVE,
        parentId=None,
        parentVersionId=None,
        coverId=None,
        quantity=quantity,
        removable=False,
        position=place,
        price=_price(unit, quantity),
        unitPrice=float(unit),
        totalPrice=float(unit * quantity),
        description=None,
        parent=None,
        children=None,
        orderDeliveryPositions=None,
        **members,
    )


def _product_line(order: _Order, place: int, article: Article, quantity: int) -> dict[str, Any]:
    product = f"{int(article.ean):032x}"
    definition = {
        "type": "quantity",
        "price": float(article.price),
        "quantity": quantity,
        "isCalculated": True,
        "taxRules": _RULES,
        "apiAlias": "cart_price_quantity",
    }
    return _line(
        order,
        place,
        article.price,
        quantity,
        type="product",
        label=f"Artikel {article.sku}",
        productId=product,
        productVersionId=_LIVE,
        promotionId=None,
        identifier=product,
        referencedId=product,
        payload={"productNumber": article.sku, "isCloseout": True, "options": [], "customFields": {}},
        good=True,
        stackable=True,
        priceDefinition=definition,
        states=["is-physical"],
        product={"id": product, "productNumber": article.sku, "ean": article.ean, "apiAlias": "product"},
    )


def _promotion_line(order: _Order, place: int, amount: Decimal) -> dict[str, Any]:
    promotion = order.new_id()
    return _line(
        order,
        place,
        -amount,
        1,
        type="promotion",
        label="Najaarsactie",
        productId=None,
        productVersionId=None,
        promotionId=promotion,
        identifier=promotion,
        referencedId="NAJAAR",
        payload={"code": "NAJAAR", "discountType": "percentage", "value": "10"},
        good=False,
        stackable=False,
        priceDefinition=None,
        states=[],
        product=None,
    )


def _address(order: _Order) -> dict[str, Any]:
    postcode, city = order.chance.choice(CITIES)
    return order.entity(
        "order_address",
        countryId=_COUNTRY,
        countryStateId=None,
        orderId=order.id,
        orderVersionId=None,
        salutationId=None,
        firstName="Marijke",
        lastName="Oldenkamp",
        street=f"{order.chance.choice(STREETS)} {order.chance.randrange(1, 200)}",
        zipcode=postcode,
        city=city,
        company=None,
        department=None,
        title=None,
        phoneNumber=None,
        additionalAddressLine1=None,
        additionalAddressLine2=None,
        vatId=None,
        country={"id": _COUNTRY, "iso": "NL", "apiAlias": "country"},
    )


def _state(name: str) -> dict[str, Any]:
    return {"id": _STATES[name], "technicalName": name, "apiAlias": "state_machine_state"}


def _delivery(order: _Order, items: Sequence[dict[str, Any]], shipping: Decimal) -> dict[str, Any]:
    address = _address(order)
    delivery = order.entity(
        "order_delivery",
        orderId=order.id,
        orderVersionId=_LIVE,
        shippingOrderAddressId=address["id"],
        shippingOrderAddressVersionId=_LIVE,
        shippingMethodId=_METHOD,
        stateId=_STATES["open"],
        trackingCodes=[],
        shippingDateEarliest="2026-12-30T00:00:00.000+00:00",
        shippingDateLatest="2026-12-31T00:00:00.000+00:00",
        shippingCosts=_price(shipping, 1),
        stateMachineState=_state("open"),
        shippingOrderAddress=address,
        shippingMethod={
            "id": _METHOD,
            "name": "Standaard",
            "technicalName": "shipping_standard",
            "apiAlias": "shipping_method",
        },
    )
    delivery["positions"] = [
        order.entity(
            "order_delivery_position",
            orderDeliveryId=delivery["id"],
            orderDeliveryVersionId=_LIVE,
            orderLineItemId=item["id"],
            orderLineItemVersionId=_LIVE,
            price=item["price"],
            unitPrice=item["unitPrice"],
            totalPrice=item["totalPrice"],
            quantity=item["quantity"],
            orderDelivery=None,
            orderLineItem=None,
        )
        for item in items
        if item["type"] == "product"
    ]
    return delivery


def _transaction(order: _Order, total: Decimal) -> dict[str, Any]:
    amount = {**_price(total, 1), "calculatedTaxes": [], "taxRules": []}
    return order.entity(
        "order_transaction",
        orderId=order.id,
        orderVersionId=_LIVE,
        paymentMethodId=_PAYMENT,
        amount=amount,
        validationData=None,
        stateId=_STATES["paid"],
        stateMachineState=_state("paid"),
        paymentMethod={
            "id": _PAYMENT,
            "name": "Ideal",
            "technicalName": "payment_ideal",
            "apiAlias": "payment_method",
        },
    )


def _order(
    order: _Order, items: list[dict[str, Any]], positions: Decimal, shipping: Decimal
) -> dict[str, Any]:
    total = positions + shipping
    parts = [item["price"] for item in items] + [_price(shipping, 1)]
    tax = sum((Decimal(str(part["calculatedTaxes"][0]["tax"])) for part in parts), Decimal(0))
    billing = _address(order)
    customer_number = str(10_000 + order.number)
    return {
        "id": order.id,
        "versionId": _LIVE,
        "autoIncrement": order.number + 1,
        "orderNumber": customer_number,
        "billingAddressId": billing["id"],
        "billingAddressVersionId": _LIVE,
        "currencyId": _CURRENCY,
        "languageId": _LANGUAGE,
        "salesChannelId": _CHANNEL,
        "orderDateTime": order.placed_at,
        "orderDate": f"{order.placed_at[:10]}T00:00:00.000+00:00",
        "price": {
            "netPrice": float(total - tax),
            "totalPrice": float(total),
            "calculatedTaxes": _taxes(total, tax),
            "taxRules": _RULES,
            "positionPrice": float(positions),
            "taxStatus": "gross",
            "rawTotal": float(total),
            "extensions": [],
            "apiAlias": "cart_price",
        },
        "amountTotal": float(total),
        "amountNet": float(total - tax),
        "positionPrice": float(positions),
        "taxStatus": "gross",
        "shippingCosts": _price(shipping, 1),
        "shippingTotal": float(shipping),
        "currencyFactor": 1.0,
        "deepLinkCode": order.new_id(),
        "affiliateCode": None,
        "campaignCode": None,
        "customerComment": None,
        "source": None,
        "stateId": _STATES["open"],
        "ruleIds": [],
        "createdById": None,
        "updatedById": None,
        "itemRounding": _ROUNDING,
        "totalRounding": _ROUNDING,
        "customFields": None,
        "createdAt": order.placed_at,
        "updatedAt": None,
        "stateMachineState": _state("open"),
        "orderCustomer": order.entity(
            "order_customer",
            customerId=order.new_id(),
            orderId=order.id,
            orderVersionId=_LIVE,
            email=f"shopper.{customer_number}@shopper.example",
            salutationId=None,
            firstName="Marijke",
            lastName="Oldenkamp",
            company=None,
            title=None,
            vatIds=None,
            customerNumber=customer_number,
            remoteAddress="::",
            customer=None,
        ),
        "currency": {"id": _CURRENCY, "isoCode": "EUR", "apiAlias": "currency"},
        "language": {"id": _LANGUAGE, "name": "Nederlands", "apiAlias": "language"},
        "salesChannel": {"id": _CHANNEL, "name": "Storefront", "apiAlias": "sales_channel"},
        "billingAddress": billing,
        "addresses": None,
        "deliveries": [_delivery(order, items, shipping)],
        "lineItems": items,
        "transactions": [_transaction(order, total)],
        "documents": None,
        "tags": [],
        "extensions": {},
        "apiAlias": "order",
    }
