"""Order details as bol's v10 writes them, made by a seeded generator that knows what they add up to.

What the payloads of other systems have in common with them stands here too.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

_ZONE = ZoneInfo("Europe/Amsterdam")
FIRST_DAY = datetime(2026, 9, 1, 7, tzinfo=UTC)
# However many there are, they lie in these weeks: with more orders the shop sells more, not for longer.
SPAN_S = 7_200_000
_PER_FILE = 1_000
STREETS = ("Lindelaan", "Havenkade", "Molenweg", "Kerkstraat", "Beukenhof")
CITIES = (("9712AA", "Groningen"), ("3511KL", "Utrecht"), ("5611EM", "Eindhoven"), ("8011CW", "Zwolle"))
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Article:
    """One article of the product master."""

    sku: str
    ean: str
    price: Decimal


@dataclass
class Sums:
    """What orders add up to; ``months`` by ``YYYY-MM`` in UTC: orders, lines, their totals.

    ``beside`` is what buyers pay besides the lines: shipping, less what is taken off the order as a whole.
    """

    orders: int = 0
    lines: int = 0
    units: int = 0
    total: Decimal = Decimal(0)
    beside: Decimal = Decimal(0)
    months: dict[str, tuple[int, int, Decimal]] = field(default_factory=dict)

    def add(self, month: str, lines: int, units: int, total: Decimal) -> None:
        """Count an order."""
        self.orders += 1
        self.lines += lines
        self.units += units
        self.total += total
        before = self.months.get(month, (0, 0, Decimal(0)))
        self.months[month] = (before[0] + 1, before[1] + lines, before[2] + total)


@dataclass
class Payloads(Sums):
    """Bodies by order id, and their sums."""

    bodies: dict[str, bytes] = field(default_factory=dict)


def articles(amount: int) -> list[Article]:
    """Return articles with EANs of the range that GS1 leaves to shops for themselves."""
    return [
        Article(
            f"SKU-{number:05}",
            _with_check_digit(f"20{number:010}"),
            Decimal(500 + 37 * number % 9_000) * CENT,
        )
        for number in range(amount)
    ]


def _with_check_digit(digits: str) -> str:
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def make(amount: int, goods: Sequence[Article], seed: int = 1) -> Payloads:
    """Return ``amount`` open orders of one to three lines, fulfilled by the merchant."""
    made = Payloads()
    made.bodies.update(make_each(amount, goods, made, seed))
    return made


def write_files(folder: Path, amount: int, goods: Sequence[Article], seed: int = 1) -> Sums:
    """Write the same orders as JSON, one a line and a thousand a file; returns what they add up to."""
    sums = Sums()
    write_parts(folder, (body for _, body in make_each(amount, goods, sums, seed)))
    return sums


def write_parts(folder: Path, bodies: Iterable[bytes]) -> None:
    """Write bodies as JSON, one a line and a thousand a file."""
    each = iter(bodies)
    number = 0
    while part := list(islice(each, _PER_FILE)):
        (folder / f"orders-{number:05}.jsonl").write_bytes(b"\n".join(part) + b"\n")
        number += 1


def place_of(number: int, amount: int) -> datetime:
    """Return when an order is placed, in UTC."""
    return FIRST_DAY + timedelta(seconds=SPAN_S * number // amount)


def make_each(amount: int, goods: Sequence[Article], sums: Sums, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the body of each order, and add it to ``sums``."""
    chance = random.Random(seed)
    for number in range(amount):
        order_id = f"A{number:09}"
        instant = place_of(number, amount)
        placed_at = instant.astimezone(_ZONE).isoformat()
        items = []
        units, order_total = 0, Decimal(0)
        for line, article in enumerate(chance.sample(goods, chance.choice((1, 1, 1, 2, 3)))):
            quantity = chance.choice((1, 1, 1, 2, 4))
            discount = (article.price * CENT * 10).quantize(CENT) if chance.random() < 0.1 else Decimal(0)
            total = article.price * quantity - discount
            items.append(_item(f"{number:08}{line}", article, quantity, discount, total, placed_at))
            units += quantity
            order_total += total
        sums.add(f"{instant:%Y-%m}", len(items), units, order_total)
        yield order_id, orjson.dumps(_order(order_id, placed_at, items, chance))


def _order(
    order_id: str, placed_at: str, items: list[dict[str, Any]], chance: random.Random
) -> dict[str, Any]:
    postcode, city = chance.choice(CITIES)
    address = {
        "salutation": "FEMALE",
        "firstName": "Marijke",
        "surname": "Oldenkamp",
        "streetName": chance.choice(STREETS),
        "houseNumber": str(chance.randrange(1, 200)),
        "zipCode": postcode,
        "city": city,
        "countryCode": "NL",
        "email": f"2{order_id.lower()}abcdefghij@verkopen.bol.com",
    }
    return {
        "orderId": order_id,
        "pickupPoint": False,
        "orderPlacedDateTime": placed_at,
        "shipmentDetails": {**address, "language": "nl"},
        "billingDetails": address,
        "orderItems": items,
    }


def _item(
    item_id: str, article: Article, quantity: int, discount: Decimal, total: Decimal, changed_at: str
) -> dict[str, Any]:
    return {
        "orderItemId": item_id,
        "cancellationRequest": False,
        "fulfilment": {
            "method": "FBR",
            "distributionParty": "RETAILER",
            "latestDeliveryDate": "2026-12-31",
            "expiryDate": "2027-01-03",
            "timeFrameType": "REGULAR",
        },
        "offer": {"offerId": f"00000000-0000-4000-8000-{article.ean[:12]}", "reference": article.sku},
        "product": {"ean": article.ean, "title": f"Artikel {article.sku}"},
        "quantity": quantity,
        "quantityShipped": 0,
        "quantityCancelled": 0,
        "unitPrice": float(article.price),
        "totalPrice": float(total),
        "discounts": [{"title": "Najaarsactie", "amount": float(discount)}] if discount else [],
        "commission": float((total * 12 * CENT).quantize(CENT)),
        "additionalServices": [],
        "latestChangedDateTime": changed_at,
    }
