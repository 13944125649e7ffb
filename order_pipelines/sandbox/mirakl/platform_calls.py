"""What a seller reads from the operator instead of knowing it, and the seller's account: A01 to TL02."""

from decimal import Decimal
from itertools import accumulate
from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Transaction, utc_time
from order_pipelines.sandbox.mirakl.operators import REASON_TYPES
from order_pipelines.sandbox.mirakl.paging import HIGHEST_LOG_LIMIT

_NO_TAX_NUMBER = {"mandatory": False, "validation_regex": None}


def get_account(context: Context) -> Answer:
    """A01."""
    shop, operator = context.shop, context.operator
    seller = {
        "city": "Zwolle",
        "country_iso_code": "NLD",
        "state": None,
        "street_1": "Winkelkade 1",
        "street_2": None,
        "zip_code": "8011 CD",
    }
    value: dict[str, Any] = {
        "applicable_taxes": [],
        "approval_delay": None,
        "approval_rate": None,
        "banner": None,
        "billing_info": None,
        "channels": [operator.channel[0]] if operator.channel else [],
        "closed_from": None,
        "closed_to": None,
        "contact_informations": {
            "city": "Zwolle",
            "country": "NLD",
            "email": "winkel@seller.example",
            "lastname": "Kade",
            "street1": "Winkelkade 1",
        },
        "currency_iso_code": operator.currency,
        "date_created": utc_time(shop.opened_at),
        "default_billing_information": {
            "default_language": "nl_NL",
            "id": f"billing-{operator.shop_id}",
            "registration_address": seller,
        },
        "description": None,
        "domains": ["PRODUCT"],
        "evaluations_count": 0,
        "free_shipping": False,
        "grade": None,
        "is_professional": True,
        "kyc": {"status": "APPROVED"},
        "last_updated_date": utc_time(shop.opened_at),
        "logo": None,
        "model": "MARKETPLACE",
        "offers_count": len(shop.offers),
        "orders_count": len(shop.orders),
        "payment_details": {
            "paid_balance": 0,
            "payable_balance": 0,
            "pending_balance": sum((row.amount for row in shop.ledger.rows), Decimal(0)),
        },
        "payment_info": None,
        "payment_method_mandatory": False,
        "premium": False,
        "pro_details": None,
        "shipping": {"lead_time_to_ship": 2},
        "shipping_country": "NLD",
        "shipping_types": [operator.shipping_type[0]],
        "shipping_zones": ["NL", "BE"],
        "shop_additional_fields": [],
        "shop_id": operator.shop_id,
        "shop_name": "Winkelkade",
        "shop_state": "OPEN",
        "suspension_type": None,
    }
    return Answer(200, value)


def get_configuration(context: Context) -> Answer:
    """PC01."""
    operator = context.operator
    is_due_date = operator.payment_workflow == "PAY_ON_DUE_DATE"
    features: dict[str, Any] = {
        "catalog": {
            "allow_shop_contribution_to_all_channels": False,
            "exclude_invalid_products": False,
            "list_of_multiple_values_separator": "PIPE",
            "product_acceptance_by_channel": False,
            "product_data_validation_by_channel": False,
            "product_import_only_on_leaf": False,
        },
        "circular_economy_data_collection": False,
        "competitive_pricing_tool": False,
        "direct_payment_customer_store": {"activated": False, "refund_cancel_authorized": False},
        "disable_seller_alternative_carrier": False,
        "dropship": {"retail_pricing_edition_enabled": None, "retail_pricing_enabled": False},
        "kyc_status_per_seller": False,
        "lead_time_to_ship_by_sellers_enabled": "OFFER",
        "multi_currency": False,
        "multi_payout_psp_per_seller": False,
        "no_reply_needed": False,
        "offer_prices_decimals": "2",
        "operator_csv_delimiter": operator.csv_delimiter,
        "order_conditions": {
            "lead_time_to_ship": True,
            "maximum_order_quantity": False,
            "minimum_order_quantity": False,
            "package_order_quantity": False,
        },
        "order_tax_mode": operator.tax_mode,
        "order_workflows": {
            "no_customer_payment_confirmation": False,
            "order_acceptance": "PARTIAL" if operator.has_partial_acceptance else "TOTAL",
            "pause_debit_workflow": False,
            "pay_on_due_date": is_due_date,
            "pay_on_shipment": False,
            "sellers_edit_shipping_origin": False,
            "shipping_and_billing_details_before_acceptance": False,
        },
        "payment_confirmation": True,
        "pricing": {
            "channel_pricing": "DISABLED" if operator.channel is None else "MULTI",
            "discount_period_required": False,
            "discount_price_creation_in_the_past_blocked": False,
            "scheduled_pricing": False,
            "volume_discount": False,
            "volume_pricing": False,
        },
        "product_data_validation_by_channel": False,
        "promotion": {
            "cart_promotion_campaign": True,
            "discount_campaign": False,
            "seller_promotion": False,
        },
        "returns": {"drop_ship": False, "marketplace": operator.has_returns, "one_creditor": False},
        "shipment": {"multi_part_item_shipment": False, "multi_shipment": operator.has_multi_shipment},
        "shop_tax_options": {
            "local_tax_number": _NO_TAX_NUMBER,
            "tax_identification_number": _NO_TAX_NUMBER,
        },
        "tax_collection": {
            "activated": "DISABLED",
            "product_tax_code_mandatory": False,
            "tax_collection_by_operator": False,
        },
        "tax_id_number": _NO_TAX_NUMBER,
        "warehouses": {"geolocation": False, "restricted_countries": []},
    }
    value = {
        "features": features,
        "modules": {
            "mirakl_catalog_integrator": False,
            "mirakl_catalog_manager": False,
            "mirakl_catalog_transformer": False,
            "mirakl_platform_services": False,
            "offer_management": True,
            "offer_management_mode": "FULL",
            "order_management": True,
            "order_management_mode": "FULL",
            "promotions": True,
            "quotes": False,
            "tax_manager": {"activated": False, "tax_provider": {"avalara": False, "vertex": False}},
        },
        "platform_configuration": {
            "customer_model": {"b2b": True, "b2c": True},
            "enhanced_seller_invoicing": {"enabled": False},
            "platform_model": {"drop_ship": False, "marketplace": True, "one_creditor": False},
        },
        "platform_name": operator.platform,
        "tenant_name": operator.account,
        "timezone": "Europe/Amsterdam",
    }
    return Answer(200, value)


def list_carriers(context: Context) -> Answer:
    """SH21."""
    return Answer(200, {"carriers": [vars(carrier) for carrier in context.operator.carriers]})


def list_reasons(context: Context) -> Answer:
    """RE01."""
    rows = [vars(reason) for reason in context.operator.reasons]
    return Answer(200, {"reasons": rows, "total_count": len(rows)})


def list_reasons_of_type(context: Context) -> Answer:
    """RE02."""
    (kind,) = context.call.arguments
    if kind not in REASON_TYPES:
        raise Problem(400, f"Unknown reason type: {kind}")
    rows = [{"code": one.code, "label": one.label} for one in context.operator.reasons if one.type == kind]
    return Answer(200, {"reasons": rows, "total_count": len(rows)})


def list_taxes(context: Context) -> Answer:
    """OR75."""
    operator = context.operator
    label = f"BTW {operator.tax_rate} %"
    row = {"code": operator.tax_code, "label": label, "tax_calculation_rule": "PROPORTIONAL_TO_AMOUNT"}
    return Answer(200, {"taxes": [row]})


def list_transactions(context: Context) -> Answer:
    """TL02: by the instant of the last change; what was booked may change later."""
    call = context.call
    orders, lines = call.values("order_id"), call.values("order_line_id")
    kinds, states = call.values("transaction_type"), call.values("payment_state")
    is_created = context.window("date_created_from", "date_created_to")
    is_traded = context.window("transaction_date_from", "transaction_date_to")
    is_changed = context.window("last_updated_from", "")
    balances = accumulate(row.amount for row in context.shop.ledger.rows)
    booked = list(zip(context.shop.ledger.rows, balances, strict=True))
    shapes = [
        _transaction(context, row, balance)
        for row, balance in sorted(booked, key=lambda one: one[0].changed_at)
        if (not orders or (row.order is not None and row.order.order_id in orders))
        and (not lines or (row.line is not None and row.line.line_id in lines))
        and (not kinds or row.type in kinds)
        and (not states or row.payment_state in states)
        and is_created(row.created_at)
        and is_traded(row.created_at)
        and is_changed(row.changed_at)
    ]
    return Answer(200, context.desk.tokens.page(call, shapes, context.now, HIGHEST_LOG_LIMIT))


def _transaction(context: Context, row: Transaction, balance: Decimal) -> dict[str, Any]:
    entities: dict[str, Any] = {"domain": "PRODUCT"}
    if row.order is not None:
        entities["order"] = {
            "commercial_id": row.order.commercial_id,
            "creation_date": utc_time(row.order.created_at),
            "id": row.order.order_id,
        }
    if row.line is not None:
        entities["order_line"] = {"id": row.line.line_id}
    if row.refund_id is not None:
        entities["refund"] = {"id": row.refund_id}
    return {
        "accounting_document_creation_date": None,
        "accounting_document_number": None,
        "amount": row.amount,
        "amount_credited": max(row.amount, Decimal(0)),
        "amount_debited": max(-row.amount, Decimal(0)),
        "balance": balance,
        "currency_iso_code": context.operator.currency,
        "date_created": utc_time(row.created_at),
        "entities": entities,
        "id": row.transaction_id,
        "last_updated": utc_time(row.changed_at),
        "pay_out_psp_code": "NOT_SPECIFIED",
        "payment_state": row.payment_state,
        "type": row.type,
    }
