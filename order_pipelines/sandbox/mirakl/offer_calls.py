"""OF21 and OF22: the offers as they stand."""

from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Offer
from order_pipelines.sandbox.mirakl.paging import offset_page


def list_offers(context: Context) -> Answer:
    """OF21: ``sku`` is the seller's own, ``product_id`` the operator's."""
    call = context.call
    sku, product_id, states = (
        call.query.get("sku"),
        call.query.get("product_id"),
        call.values("offer_state_codes"),
    )
    context.flag("favorite")
    rows = [
        offer
        for offer in sorted(context.shop.offers.values(), key=lambda one: one.offer_id)
        if (sku is None or offer.sku == sku)
        and (product_id is None or offer.product_id == product_id)
        and (not states or offer.state_code in states)
    ]
    page, headers = offset_page(call, rows)
    value = {"offers": [_shape(context, offer) for offer in page], "total_count": len(rows)}
    return Answer(200, value, headers=headers)


def get_offer(context: Context) -> Answer:
    """OF22: by the operator's number."""
    (number,) = context.call.arguments
    if not number.isdigit():
        raise Problem(400, f"Parameter 'offer' must be a number, but is '{number}'")
    offer = next((one for one in context.shop.offers.values() if one.offer_id == int(number)), None)
    if offer is None:
        raise Problem(404, f"Offer with identifier '{number}' not found")
    return Answer(200, _shape(context, offer))


def _price(offer: Offer, channel: str | None, price: Any) -> dict[str, Any]:
    discount = offer.discount if channel is None else None
    unit = discount[0] if discount else price
    return {
        "channel_code": channel,
        "context": {"channel_codes": [channel] if channel else []},
        "discount_end_date": discount[2] if discount else None,
        "discount_start_date": discount[1] if discount else None,
        "price": unit,
        "unit_discount_price": discount[0] if discount else None,
        "unit_origin_price": price,
        "volume_prices": [],
    }


def _shape(context: Context, offer: Offer) -> dict[str, Any]:
    operator = context.operator
    base = _price(offer, None, offer.price)
    return {
        "active": offer.quantity > 0,
        "all_prices": [base, *(_price(offer, code, price) for code, price in offer.channel_prices.items())],
        "allow_quote_requests": False,
        "applicable_pricing": base,
        "available_end_date": None,
        "available_start_date": None,
        "category_code": "WONEN",
        "category_label": "Wonen en koken",
        "channels": [operator.channel[0]] if operator.channel else [],
        "currency_iso_code": operator.currency,
        "description": offer.description,
        "discount": {
            "discount_price": offer.discount[0],
            "end_date": offer.discount[2],
            "origin_price": offer.price,
            "ranges": [],
            "start_date": offer.discount[1],
        }
        if offer.discount
        else None,
        "favorite_rank": None,
        "fulfillment": {"center": {"code": offer.center}},
        "inactivity_reasons": [] if offer.quantity > 0 else ["ZERO_QUANTITY"],
        "leadtime_to_ship": offer.leadtime_to_ship,
        "logistic_class": {"code": "M", "label": "Middel"},
        "max_order_quantity": None,
        "min_order_quantity": None,
        "min_quantity_alert": offer.min_quantity_alert,
        "min_shipping_price": operator.shipping_price,
        "min_shipping_price_additional": 0,
        "min_shipping_type": operator.shipping_type[0],
        "min_shipping_zone": "NL",
        "offer_additional_fields": [],
        "offer_id": offer.offer_id,
        "package_quantity": None,
        "price": base["price"],
        "price_additional_info": None,
        "product_references": [{"reference": offer.ean, "reference_type": "EAN"}],
        "product_sku": offer.product_id,
        "product_title": offer.title,
        "quantity": offer.quantity,
        "shipping_deadline": None,
        "shop_sku": offer.sku,
        "state_code": offer.state_code,
        "total_price": base["price"] + operator.shipping_price,
        "warehouses": [
            {"code": code, "quantity": quantity} for code, quantity in offer.warehouse_quantities.items()
        ],
    }
