"""Mirakl's own examples against its own description, and the rule that a member may be null.

What an example lacks or has too much is typed in: the description and the examples beside it are of different years.
"""

import re
from pathlib import Path

import pytest

from order_pipelines_tests.conformance.exchanges import Exchange
from order_pipelines_tests.conformance.kit import Document, Published
from order_pipelines_tests.conformance.mirakl_system import MIRAKL
from order_pipelines_tests.conformance.shared_folder import SHARED

SPECS = SHARED / "specs"
SAMPLES = SHARED / "samples" / "mirakl"


def _unnamed(*members: str) -> str:
    told = ", ".join(f"'{member}'" for member in members)
    verb = "was" if len(members) == 1 else "were"
    return f"Additional properties are not allowed ({told} {verb} unexpected)"


def _missing(member: str) -> str:
    return f"'{member}' is a required property"


# The value of an operator's own field is in variants that only a discriminator leads to.
_VALUE = _unnamed("value")

# Positions in lists are left out: each problem stands once.
ANSWERS: dict[tuple[str, str, int, str], set[str]] = {
    ("GET", "/api/account", 200, "A01_account.json"): {
        "$.payment_info: "
        + _unnamed(
            "bank_account_number",
            "bank_city",
            "bank_name",
            "bank_street",
            "bank_zip",
            "bic",
            "routing_number",
        ),
        f"$.shippings[].additional_fields[]: {_VALUE}",
        f"$.shop_additional_fields[]: {_VALUE}",
        f"$: {_missing('billing_info')}",
        f"$: {_missing('shipping_types')}",
        f"$: {_missing('shipping_zones')}",
    },
    ("GET", "/api/offers/imports/1", 200, "OF02_import_status.json"): {
        f"$: {_missing('reason_status')}",
        f"$: {_missing('type')}",
    },
    ("GET", "/api/offers/imports/1/error_report", 200, "OF03_error_report.csv"): set(),
    ("GET", "/api/offers", 200, "OF21_offers_list.json"): {
        f"$.offers[].offer_additional_fields[]: {_VALUE}",
        f"$.offers[]: {_missing('max_order_quantity')}",
        f"$.offers[]: {_missing('min_quantity_alert')}",
    },
    ("POST", "/api/offers", 201, "OF24_response.json"): set(),
    ("GET", "/api/orders", 200, "OR11_order_shipping_eur_tax_included.json"): set(),
    ("GET", "/api/orders", 200, "OR11_orders_received_usd.json"): {
        f"$.orders[].order_lines[].order_line_additional_fields[]: {_VALUE}",
        f"$.orders[].order_lines[].refunds[]: {_missing('refund_state')}",
        f"$.orders[].order_lines[].shipping_taxes[]: {_missing('tax_calculation_rule')}",
        f"$.orders[].order_lines[].taxes[]: {_missing('tax_calculation_rule')}",
        f"$.orders[].order_lines[]: {_missing('commission_rate_vat')}",
        f"$.orders[].order_lines[]: {_missing('commission_vat')}",
        f"$.orders[]: {_missing('paymentType')}",
    },
    ("GET", "/api/orders/1", 200, "OR12_order.json"): {
        f"$.order_lines[]: {_missing('shipping_price_additional_unit')}",
        f"$.order_lines[]: {_missing('shipping_price_unit')}",
        f"$: {_missing('paymentType')}",
    },
    ("PUT", "/api/orders/refund", 200, "OR28_refund_response.json"): {
        f"$.refunds[]: {_unnamed('tax_legal_notice')}"
    },
    ("GET", "/api/reasons/REFUND", 200, "RE02_reasons.json"): {f"$: {_missing('total_count')}"},
    ("GET", "/api/returns", 200, "RT11_returns.json"): {
        f"$.data[].return_lines[]: {_missing('reason_code')}",
        f"$.data[].tracking: {_unnamed('carrierCode', 'carrierName')}",
    },
    ("GET", "/api/shipping/carriers", 200, "SH21_carriers.json"): set(),
    ("POST", "/api/shipments", 201, "ST01_response.json"): {
        f"$.shipment_success[].shipment_additional_information[]: {_VALUE}"
    },
    ("GET", "/api/shipments", 200, "ST11_shipments.json"): {
        f"$.data[].shipment_additional_information[]: {_VALUE}",
        f"$.data[].tracking: {_unnamed('carrier_estimated_delivery_date')}",
    },
    ("GET", "/api/offers/stock/imports/1/status", 200, "STO02_stock_import_status_shape.json"): set(),
    ("GET", "/api/sellerpayment/transactions_logs", 200, "TL02_transactions.json"): {
        f"$.data[]: {_unnamed('payment_voucher_number', 'shop')}"
    },
    ("GET", "/api/invoices", 200, "IV01_invoices.json"): {
        "$.invoices[]: "
        + _unnamed(
            "end_time",
            "payment_info",
            "payment_voucher_number",
            "seller_billing_cycle_id",
            "start_time",
            "summary",
        ),
        f"$.invoices[]: {_unnamed('payment_voucher_number', 'seller_billing_cycle_id')}",
        f"$.invoices[]: {_unnamed('seller_billing_cycle_id')}",
    },
    ("GET", "/api/orders/1", 404, "error_404.json"): set(),
    ("PUT", "/api/orders/1/accept", 400, "error_400_or21_code.json"): set(),
}
# Numbers that stand in quotation marks, and one that ought to: Mirakl takes both.
REQUESTS: dict[tuple[str, str, str], set[str]] = {
    ("PUT", "/api/orders/1/accept", "OR21_accept_request.json"): set(),
    ("PUT", "/api/orders/1/tracking", "OR23_tracking_request.json"): set(),
    ("PUT", "/api/orders/refund", "OR28_refund_request.json"): {
        "$.refunds[].shipping_taxes[].amount: '1' is not of type 'number'",
        "$.refunds[].taxes[].amount: '1' is not of type 'number'",
        f"$.refunds[]: {_unnamed('tax_legal_notice')}",
    },
    ("PUT", "/api/orders/cancel", "OR30_cancel_request.json"): {
        "$.cancelations[].reason_code: 34 is not of type 'string'",
        "$.cancelations[].shipping_taxes[].amount: '1' is not of type 'number'",
    },
    ("POST", "/api/offers", "OF24_offers_request.json"): {
        "$.offers[].all_prices[].unit_discount_price: '49' is not of type 'number'",
        f"$.offers[].offer_additional_fields[]: {_VALUE}",
        "$.offers[].package_quantity: '2' is not of type 'integer'",
        "$.offers[].quantity: '5000' is not of type 'integer'",
    },
    ("POST", "/api/shipments", "ST01_create_shipments_request.json"): {
        "$.shipments[].shipment_additional_information[].value: 'IUYHJ777-98' is not of type 'object'",
        "$.shipments[].shipment_additional_information[].value: '2024-01-01' is not of type 'object'",
    },
    ("PUT", "/api/returns/accept", "RT21_accept_return_request.json"): set(),
}
# The two files of headers, the file of stock, and what Mirakl sends to nobody.
NO_BODIES = {
    "OR11_page_headers.txt",
    "SOURCES.md",
    "STO01_stock.csv",
    "error_429_headers.txt",
    "webhook_http_connector_order.json",
}


@pytest.fixture(scope="module")
def published() -> Published:
    return MIRAKL.published(SPECS)


def _without_positions(problems: list[str]) -> set[str]:
    return {re.sub(r"\[\d+\]", "[]", problem) for problem in problems}


def test_every_example_is_looked_at() -> None:
    looked_at = {sample for *_, sample in [*ANSWERS, *REQUESTS]}
    assert looked_at | NO_BODIES == {path.name for path in SAMPLES.iterdir()}


@pytest.mark.parametrize("call", ANSWERS, ids=[sample for *_, sample in ANSWERS])
def test_an_answer_of_mirakl_fits_but_for_what_is_known(
    call: tuple[str, str, int, str], published: Published
) -> None:
    method, path, status, sample = call
    media_type = "application/octet-stream" if sample.endswith(".csv") else "application/json"
    body = (SAMPLES / sample).read_bytes()
    exchange = Exchange("mirakl", method, path, (), ("*/*",), None, b"", status, media_type, body)
    assert _without_positions(published.answer_problems(exchange)) == ANSWERS[call]


@pytest.mark.parametrize("call", REQUESTS, ids=[sample for *_, sample in REQUESTS])
def test_a_request_of_mirakls_documentation_fits_but_for_what_is_known(
    call: tuple[str, str, str], published: Published
) -> None:
    method, path, sample = call
    body = (SAMPLES / sample).read_bytes()
    media_type = "application/json"
    exchange = Exchange("mirakl", method, path, (), ("*/*",), media_type, body, 200, media_type, b"{}")
    assert _without_positions(published.request_problems(exchange)) == REQUESTS[call]


_NAMED = {
    "type": "object",
    "required": ["name", "parts"],
    "properties": {
        "name": {"type": "string"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
    },
}
_DOCUMENT = {
    "openapi": "3.1.0",
    "components": {"schemas": {"Part": {"type": "object", "properties": {"size": {"type": "integer"}}}}},
    "paths": {
        "/things": {"get": {"responses": {"200": {"content": {"application/json": {"schema": _NAMED}}}}}}
    },
}


@pytest.mark.parametrize(
    ("body", "with_the_rule", "without_it"),
    [
        ({"name": None, "parts": [{"size": None}]}, 0, 2),
        ({"name": "a", "parts": None}, 0, 1),
        ({"name": "a", "parts": [None]}, 1, 1),
        ({"name": "a"}, 1, 1),
        ({"name": 1, "parts": [{"size": "big"}]}, 2, 2),
        ({"name": "a", "parts": [], "more": None}, 1, 1),
    ],
)
def test_a_member_may_be_null_and_is_there_all_the_same(
    body: object, with_the_rule: int, without_it: int
) -> None:
    found = [
        Document(_DOCUMENT, nulls_are_absent=rule)
        .read(Path())
        .answer_problems("GET /things", 200, "application/json", body)
        for rule in (True, False)
    ]
    assert [len(problems) for problems in found] == [with_the_rule, without_it]


def test_what_is_wrong_inside_a_member_that_may_be_null_is_told() -> None:
    document = Document(_DOCUMENT, nulls_are_absent=True).read(Path())
    body = {"name": "a", "parts": [{"size": "big"}]}
    assert document.answer_problems("GET /things", 200, "application/json", body) == [
        "$.parts[0].size: 'big' is not of type 'integer'"
    ]
