"""Orders as OR11 and OR12 write them: all members there, null where nothing is known."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.bol.spoil import spoil
from order_pipelines.sandbox.mirakl.model import Line, Order, Part, utc_time
from order_pipelines.sandbox.mirakl.operators import Operator

_RULE = "PROPORTIONAL_TO_AMOUNT"
# OR12 is documented with fewer members than OR11 and is answered so.
_ONLY_IN_LIST = frozenset(
    {
        "can_cancel", "can_shop_ship", "channel", "currency_iso_code", "customer_debited_date",
        "customer_directly_pays_seller", "customer_notification_email", "delivery_date", "fulfillment",
        "fully_refunded", "invoice_details", "leadtime_to_ship", "order_additional_fields", "order_tax_mode",
        "payment_workflow", "promotions", "quote_id", "references", "shipping_carrier_code",
        "shipping_carrier_standard_code", "shipping_deadline", "shipping_pudo_id", "shipping_type_standard_code",
        "transaction_date", "transaction_number",
    }
)  # fmt: skip
_ONLY_IN_LISTED_LINE = frozenset(
    {
        "cancelations", "commission_taxes", "measurement", "origin_unit_price", "product_medias", "product_shop_sku",
        "promotions", "refunds", "shipping_from", "shipping_taxes", "taxes",
    }
)  # fmt: skip
_ONLY_IN_LISTED_CUSTOMER = frozenset({"accounting_contact", "delivery_contact", "locale", "organization"})


def listed_order(order: Order, operator: Operator) -> dict[str, Any]:
    """Return an order as a row of OR11."""
    live = [line for line in order.lines if line.state != "REFUSED"]
    price = sum((line.price for line in live), Decimal(0))
    shipping = sum((line.shipping_price for line in live), Decimal(0))
    deduced = sum((amount for line in live for _, amount in line.discounts), Decimal(0))
    shape: dict[str, Any] = {
        "acceptance_decision_date": utc_time(order.accepted_at),
        "can_cancel": order.can_cancel,
        "can_shop_ship": order.can_ship,
        "channel": {"code": operator.channel[0], "label": operator.channel[1]} if operator.channel else None,
        "commercial_id": order.commercial_id,
        "created_date": utc_time(order.created_at),
        "currency_iso_code": order.currency,
        "customer": _customer(order),
        "customer_debited_date": utc_time(order.debited_at),
        "customer_directly_pays_seller": False,
        "customer_notification_email": f"notification+{order.order_id.lower()}@notification.mirakl.example",
        "delivery_date": None,
        "fulfillment": {"center": {"code": order.center}},
        "fully_refunded": bool(live) and all(line.refunds and sum(line.left()) <= 0 for line in live),
        "has_customer_message": False,
        "has_incident": order.has_incident,
        "has_invoice": False,
        "invoice_details": None,
        "last_updated_date": utc_time(order.changed_at),
        "leadtime_to_ship": 2,
        "order_additional_fields": order.additional_fields,
        "order_id": order.order_id,
        "order_lines": [_line(order, line, operator) for line in order.lines],
        "order_state": order.state,
        "order_state_reason_code": order.reason_code,
        "order_state_reason_label": _reason_label(operator, order.reason_code),
        "order_tax_mode": order.tax_mode,
        "paymentType": "IDEAL",
        "payment_type": "IDEAL",
        "payment_workflow": order.payment_workflow,
        "price": price,
        "promotions": {
            "applied_promotions": [one for line in live for one in _promotions(line)],
            "total_deduced_amount": deduced,
        },
        "quote_id": None,
        "references": {"order_reference_for_customer": None, "order_reference_for_seller": None},
        "shipping_carrier_code": order.carrier_code,
        "shipping_carrier_standard_code": order.carrier_standard_code,
        "shipping_company": order.carrier_name,
        "shipping_deadline": utc_time(order.accepted_at + timedelta(days=2)) if order.accepted_at else None,
        "shipping_price": shipping,
        "shipping_pudo_id": order.pudo_id,
        "shipping_tracking": order.tracking_number,
        "shipping_tracking_url": order.tracking_url,
        "shipping_type_code": operator.shipping_type[0],
        "shipping_type_label": operator.shipping_type[1],
        "shipping_type_standard_code": None,
        "shipping_zone_code": order.customer["shipping_address"]["country_iso_code"][:2],
        "shipping_zone_label": order.customer["shipping_address"]["country"],
        "total_commission": sum((line.commission + line.commission_tax for line in live), Decimal(0)),
        "total_price": price + shipping,
        "transaction_date": utc_time(order.debited_at),
        "transaction_number": None,
    }
    return spoil(shape, order.malform) if order.malform else shape


def single_order(order: Order, operator: Operator) -> dict[str, Any]:
    """Return an order as OR12 does."""
    shape = {
        name: value for name, value in listed_order(order, operator).items() if name not in _ONLY_IN_LIST
    }
    if isinstance(shape.get("customer"), dict):
        shape["customer"] = {
            name: _without_second_company(value)
            for name, value in shape["customer"].items()
            if name not in _ONLY_IN_LISTED_CUSTOMER
        }
    shape["order_lines"] = [
        {
            **{name: value for name, value in line.items() if name not in _ONLY_IN_LISTED_LINE},
            "shipping_price_additional_unit": None,
            "shipping_price_unit": None,
        }
        for line in shape.get("order_lines", [])
    ]
    return shape


def _without_second_company(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: one for name, one in value.items() if name != "company_2"}


def _customer(order: Order) -> dict[str, Any]:
    if order.addresses_known:
        return order.customer
    return {**order.customer, "billing_address": None, "shipping_address": None}


def _line(order: Order, line: Line, operator: Operator) -> dict[str, Any]:
    return {
        "can_refund": order.can_refund(line),
        "cancelations": [_cancelation(part, line) for part in line.cancelations],
        "category_code": "WONEN",
        "category_label": "Wonen en koken",
        "commission_fee": line.commission,
        "commission_rate_vat": operator.commission_tax_rate,
        "commission_taxes": [
            {"amount": line.commission_tax, "code": "TAXDEFAULT", "rate": operator.commission_tax_rate}
        ],
        "commission_vat": line.commission_tax,
        "created_date": utc_time(order.created_at),
        "debited_date": utc_time(line.debited_at),
        "description": None,
        "last_updated_date": utc_time(line.changed_at),
        "measurement": line.measurement,
        "offer_id": line.offer.offer_id if line.offer else 0,
        "offer_sku": line.sku,
        "offer_state_code": "11",
        "order_line_additional_fields": [],
        "order_line_id": line.line_id,
        "order_line_index": line.index,
        "order_line_state": line.state,
        "order_line_state_reason_code": line.reason_code,
        "order_line_state_reason_label": _reason_label(operator, line.reason_code),
        "origin_unit_price": line.origin_unit_price,
        "price": line.price,
        "price_additional_info": None,
        "price_unit": line.price_unit,
        "product_medias": [],
        "product_shop_sku": None,
        "product_sku": line.product_id,
        "product_title": line.title,
        "promotions": _promotions(line),
        "quantity": line.quantity,
        "received_date": utc_time(line.received_at),
        "refunds": [_refund(part, line) for part in line.refunds],
        "shipped_date": utc_time(line.shipped_at),
        "shipping_from": None,
        "shipping_price": line.shipping_price,
        "shipping_taxes": [_tax(line, *tax, is_of_line=True) for tax in line.shipping_taxes],
        "taxes": [_tax(line, *tax, is_of_line=True) for tax in line.taxes],
        "total_commission": line.commission + line.commission_tax,
        "total_price": line.price + line.shipping_price,
    }


def _tax(line: Line, code: str, amount: Decimal, *, is_of_line: bool = False) -> dict[str, Any]:
    shape = {"amount": amount, "code": code, "rate": line.tax_rate}
    return {**shape, "tax_calculation_rule": _RULE} if is_of_line else shape


def _promotions(line: Line) -> list[dict[str, Any]]:
    return [
        {
            "apportioned": False,
            "campaign": None,
            "configuration": {"amount_off": amount, "internal_description": title, "type": "AMOUNT_OFF"},
            "deduced_amount": amount,
            "id": f"PROMO-{line.line_id}-{number}",
            "offered_quantity": None,
            "promo_code": None,
        }
        for number, (title, amount) in enumerate(line.discounts, start=1)
    ]


def _cancelation(part: Part, line: Line) -> dict[str, Any]:
    return {
        "amount": part.amount,
        "commission_amount": part.commission,
        "commission_taxes": [{"amount": part.commission_tax, "code": "TAXDEFAULT"}],
        "commission_total_amount": part.commission + part.commission_tax,
        "created_date": utc_time(part.created_at),
        "id": part.id,
        "quantity": part.quantity,
        "reason_code": part.reason_code,
        "shipping_amount": part.shipping_amount,
        "shipping_taxes": [_tax(line, *tax) for tax in part.shipping_taxes],
        "taxes": [_tax(line, *tax) for tax in part.taxes],
    }


def _refund(part: Part, line: Line) -> dict[str, Any]:
    return {
        **_cancelation(part, line),
        "commission_tax_amount": part.commission_tax,
        "order_refund_id": part.group_id,
        "refund_state": part.state,
        "state": part.state,
        "transaction_date": utc_time(part.transaction_at),
        "transaction_number": None,
    }


def _reason_label(operator: Operator, code: str | None) -> str | None:
    return next((reason.label for reason in operator.reasons if reason.code == code), None)
