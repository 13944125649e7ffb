"""Orders as Mirakl's OR11 shows them, made by a seeded generator that knows what they add up to."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from benchmarks.bol_payloads import CENT, CITIES, STREETS, Article, Sums, place_of

_RATE = Decimal(21)
_SHIPPING = Decimal("4.95")


def make_each(
    amount: int, goods: Sequence[Article], sums: Sums, seed: int = 1
) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the body of each order, accepted and to be shipped, and add it to ``sums``."""
    chance = random.Random(seed)
    for number in range(amount):
        order_id = f"BL{number:07}-A"
        instant = place_of(number, amount)
        placed_at = f"{instant:%Y-%m-%dT%H:%M:%SZ}"
        paid_at = f"{instant + timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}"
        lines = []
        units, goods_total, shipping = 0, Decimal(0), Decimal(0)
        for place, article in enumerate(chance.sample(goods, chance.choice((1, 1, 1, 2, 3))), start=1):
            quantity = chance.choice((1, 1, 1, 2, 4))
            price = article.price
            if chance.random() < 0.1:
                price = _rounded(price * 9 / 10)
            postage = _SHIPPING if place == 1 and chance.random() < 0.3 else Decimal(0)
            lines.append(_line(f"{order_id}-{place}", place, article, price, quantity, postage, placed_at))
            units += quantity
            goods_total += price * quantity
            shipping += postage
        sums.add(f"{instant:%Y-%m}", len(lines), units, goods_total)
        sums.beside += shipping
        order = _order(order_id, placed_at, paid_at, lines, chance)
        order |= {
            "price": float(goods_total),
            "shipping_price": float(shipping),
            "total_price": float(goods_total + shipping),
            "total_commission": float(sum(Decimal(str(line["total_commission"])) for line in lines)),
        }
        yield order_id, orjson.dumps(order)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _tax_in(amount: Decimal) -> list[dict[str, Any]]:
    return [
        {
            "amount": float(_rounded(amount * _RATE / (100 + _RATE))),
            "code": "VAT",
            "rate": float(_RATE),
            "tax_calculation_rule": "PROPORTIONAL_TO_AMOUNT",
        }
    ]


def _line(
    line_id: str,
    place: int,
    article: Article,
    price: Decimal,
    quantity: int,
    shipping: Decimal,
    placed_at: str,
) -> dict[str, Any]:
    total = price * quantity
    fee = _rounded(total * 12 / 100)
    fee_tax = _rounded(fee * _RATE / 100)
    return {
        "can_refund": False,
        "cancelations": [],
        "category_code": "WONEN",
        "category_label": "Wonen en koken",
        "commission_fee": float(fee),
        "commission_rate_vat": float(_RATE),
        "commission_taxes": [{"amount": float(fee_tax), "code": "TAXDEFAULT", "rate": float(_RATE)}],
        "commission_vat": float(fee_tax),
        "created_date": placed_at,
        "debited_date": placed_at,
        "description": None,
        "last_updated_date": placed_at,
        "measurement": None,
        "offer_id": int(article.sku[-5:]),
        "offer_sku": article.sku,
        "offer_state_code": "11",
        "order_line_additional_fields": [],
        "order_line_id": line_id,
        "order_line_index": place,
        "order_line_state": "SHIPPING",
        "order_line_state_reason_code": None,
        "order_line_state_reason_label": None,
        "origin_unit_price": float(article.price),
        "price": float(total),
        "price_additional_info": None,
        "price_unit": float(price),
        "product_medias": [],
        "product_shop_sku": None,
        "product_sku": f"MKP{article.ean}",
        "product_title": f"Artikel {article.sku}",
        "promotions": [],
        "quantity": quantity,
        "received_date": None,
        "refunds": [],
        "shipped_date": None,
        "shipping_from": None,
        "shipping_price": float(shipping),
        "shipping_taxes": _tax_in(shipping) if shipping else [],
        "taxes": _tax_in(total),
        "total_commission": float(fee + fee_tax),
        "total_price": float(total + shipping),
    }


def _order(
    order_id: str, placed_at: str, paid_at: str, lines: list[dict[str, Any]], chance: random.Random
) -> dict[str, Any]:
    postcode, city = chance.choice(CITIES)
    person = {"civility": "Mrs", "firstname": "Marijke", "lastname": "Oldenkamp"}
    address = {
        **person,
        "city": city,
        "company": None,
        "company_2": None,
        "country": "Nederland",
        "country_iso_code": "NLD",
        "phone_secondary": None,
        "state": None,
        "street_1": f"{chance.choice(STREETS)} {chance.randrange(1, 200)}",
        "street_2": None,
        "zip_code": postcode,
    }
    return {
        "acceptance_decision_date": placed_at,
        "can_cancel": True,
        "can_shop_ship": True,
        "channel": None,
        "commercial_id": order_id[:-2],
        "created_date": placed_at,
        "currency_iso_code": "EUR",
        "customer": {
            **person,
            "accounting_contact": None,
            "billing_address": address,
            "customer_id": f"CUST-{order_id[2:-2]}",
            "delivery_contact": None,
            "locale": "nl_NL",
            "organization": None,
            "shipping_address": {**address, "additional_info": None},
        },
        "customer_debited_date": paid_at,
        "customer_directly_pays_seller": False,
        "customer_notification_email": f"notification+{order_id.lower()}@notification.mirakl.example",
        "delivery_date": None,
        "fulfillment": {"center": {"code": "DEFAULT"}},
        "fully_refunded": False,
        "has_customer_message": False,
        "has_incident": False,
        "has_invoice": False,
        "invoice_details": None,
        "last_updated_date": paid_at,
        "leadtime_to_ship": 2,
        "order_additional_fields": [],
        "order_id": order_id,
        "order_lines": lines,
        "order_state": "SHIPPING",
        "order_state_reason_code": None,
        "order_state_reason_label": None,
        "order_tax_mode": "TAX_INCLUDED",
        "paymentType": "IDEAL",
        "payment_type": "IDEAL",
        "payment_workflow": "PAY_ON_ACCEPTANCE",
        "promotions": {"applied_promotions": [], "total_deduced_amount": 0.0},
        "quote_id": None,
        "references": {"order_reference_for_customer": None, "order_reference_for_seller": None},
        "shipping_carrier_code": None,
        "shipping_carrier_standard_code": None,
        "shipping_company": None,
        "shipping_deadline": "2026-12-31T22:59:59Z",
        "shipping_pudo_id": None,
        "shipping_tracking": None,
        "shipping_tracking_url": None,
        "shipping_type_code": "STD",
        "shipping_type_label": "Standaard",
        "shipping_type_standard_code": None,
        "shipping_zone_code": "NL",
        "shipping_zone_label": "Nederland",
        "transaction_date": paid_at,
        "transaction_number": None,
    }
