"""Mirakl as the conformance kit knows it: its document, where it is wrong, what it leaves out, and every answer."""

from collections.abc import Iterator
from typing import Any

from order_pipelines.sandbox.mirakl.routes import ROUTES
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance.kit import Client, Document, OpenApi, System, Unlisted
from order_pipelines_tests.conformance.mirakl_driver import drive_mirakl
from order_pipelines_tests.conformance.spec import KnownError

_PAGING = "the operator's documentation has paging for every list, the description names it for none"
_WHOLE = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string", "minLength": 1}


def _parameters(path: str, **members: dict[str, Any]) -> KnownError:
    """Return the paging of a list, which stands beside what the operation itself names."""
    named = [{"in": "query", "name": name, "schema": schema} for name, schema in members.items()]
    return KnownError(f"the paging of {path}", _PAGING, ("paths", path, "parameters"), named)


def _offset_paging(path: str) -> KnownError:
    return _parameters(
        path,
        max=_WHOLE,
        offset=_WHOLE,
        sort=_TEXT,
        order={"type": "string", "enum": ["asc", "desc"]},
        paginate={"type": "boolean"},
    )


def _seek_paging(path: str) -> KnownError:
    return _parameters(path, limit=_WHOLE, page_token=_TEXT, sort=_TEXT)


_ORDER_STATES = (
    "STAGING WAITING_ACCEPTANCE WAITING_DEBIT WAITING_DEBIT_PAYMENT SHIPPING SHIPPED TO_COLLECT RECEIVED CLOSED "
    "REFUSED CANCELED"
)
_FIELDS = "OR11_Response_200_Orders_OrderAdditionalFields"
_MIRAKL = Document(
    "mirakl/mirakl-mmp-seller-openapi.json",
    (
        _offset_paging("/api/orders"),
        _offset_paging("/api/offers"),
        _seek_paging("/api/shipments"),
        _seek_paging("/api/returns"),
        _seek_paging("/api/offers/pricing/imports"),
        _seek_paging("/api/sellerpayment/transactions_logs"),
        KnownError(
            "several states of orders",
            "described as a list between commas, and typed as one word",
            ("paths", "/api/orders", "get", "parameters", "3", "schema"),
            {"type": "array", "items": {"type": "string", "enum": _ORDER_STATES.split()}},
        ),
        KnownError(
            "the value of an operator's own field",
            "it is in variants that only a discriminator leads to, and of the schema itself no member",
            ("components", "schemas", _FIELDS, "properties", "value"),
            {},
        ),
    ),
    nulls_are_absent=True,
)

_PROBLEM = {
    "type": "object",
    "required": ["message", "status"],
    "properties": {"message": _TEXT, "status": {"type": "integer"}, "code": _TEXT},
    "additionalProperties": False,
}
_UNLISTED = (
    Unlisted(
        (400, 401, 403, 404, 405, 415, 429, 500, 502, 503, 504),
        "the description has no answer but the good one; errors come as JSON, or as a page of HTML from what stands "
        "before the platform",
        {"anyOf": [_PROBLEM, {"type": "string", "pattern": "^<html>"}]},
        ((404, "mirakl/error_404.json"), (400, "mirakl/error_400_or21_code.json")),
    ),
)

_REFUSED = (400, 415)
_ALWAYS = (401, 403, 404, 429, 500, 502, 503, 504)
_STATE = "right in form, and not for an order, line or parcel in this state"
_IN_PATH = "what stands in a path is not looked at here"
_TOKEN = "a page token is any text, and may be unknown or too old"
_FORM = "the parts of a form are not looked at here"
_MEANING = "the description has no limits of amounts, and no rule which members belong together"


def _operations(sandbox: Sandbox) -> Iterator[str]:
    for route in ROUTES:
        yield f"{route.method} {route.path}"


MIRAKL = System(
    name="mirakl",
    published=lambda specs: OpenApi(specs, (_MIRAKL,), _UNLISTED),
    operations=_operations,
    drive=drive_mirakl,
    answers={
        None: (404, 405),
        "GET /api/account": (200, *_ALWAYS),
        "GET /api/platform/configuration": (200, *_ALWAYS),
        "GET /api/shipping/carriers": (200, *_ALWAYS),
        "GET /api/reasons": (200, *_ALWAYS),
        "GET /api/reasons/{reason_type}": (200, 400, *_ALWAYS),
        "GET /api/orders/taxes": (200, *_ALWAYS),
        "GET /api/orders": (200, 400, *_ALWAYS),
        "GET /api/orders/{order_id}": (200, *_ALWAYS),
        "PUT /api/orders/{order_id}/accept": (204, *_REFUSED, *_ALWAYS),
        "PUT /api/orders/{order_id}/tracking": (204, *_REFUSED, *_ALWAYS),
        "PUT /api/orders/{order_id}/ship": (204, 400, *_ALWAYS),
        "PUT /api/orders/{order_id}/cancel": (204, 400, *_ALWAYS),
        "PUT /api/orders/refund": (200, *_REFUSED, *_ALWAYS),
        "PUT /api/orders/cancel": (200, *_REFUSED, *_ALWAYS),
        "POST /api/shipments": (201, *_REFUSED, *_ALWAYS),
        "GET /api/shipments": (200, 400, *_ALWAYS),
        "POST /api/shipments/tracking": (200, *_REFUSED, *_ALWAYS),
        "PUT /api/shipments/ship": (200, *_REFUSED, *_ALWAYS),
        "GET /api/returns": (200, 400, *_ALWAYS),
        "PUT /api/returns/receive": (200, *_REFUSED, *_ALWAYS),
        "POST /api/offers/stock/imports": (201, *_REFUSED, *_ALWAYS),
        "GET /api/offers/stock/imports/{import_id}/status": (200, *_ALWAYS),
        "GET /api/offers/stock/imports/{import_id}/error_report": (200, *_ALWAYS),
        "POST /api/offers/pricing/imports": (201, *_REFUSED, *_ALWAYS),
        "GET /api/offers/pricing/imports": (200, 400, *_ALWAYS),
        "GET /api/offers/pricing/imports/{import_id}/error_report": (200, *_ALWAYS),
        "POST /api/offers/imports": (201, *_REFUSED, *_ALWAYS),
        "POST /api/offers": (201, *_REFUSED, *_ALWAYS),
        "GET /api/offers/imports/{import}": (200, *_ALWAYS),
        "GET /api/offers/imports/{import}/error_report": (200, *_ALWAYS),
        "GET /api/offers": (200, 400, *_ALWAYS),
        "GET /api/offers/{offer}": (200, 400, *_ALWAYS),
        "GET /api/sellerpayment/transactions_logs": (200, 400, *_ALWAYS),
    },
    stricter={
        "GET /api/reasons/{reason_type}": _IN_PATH,
        "GET /api/offers/{offer}": _IN_PATH,
        "GET /api/shipments": _TOKEN,
        "GET /api/returns": _TOKEN,
        "GET /api/offers/pricing/imports": _TOKEN,
        "PUT /api/orders/{order_id}/accept": _STATE,
        "PUT /api/orders/{order_id}/tracking": _STATE,
        "PUT /api/orders/{order_id}/ship": _STATE,
        "PUT /api/orders/{order_id}/cancel": _STATE,
        "PUT /api/orders/refund": _MEANING,
        "PUT /api/orders/cancel": _STATE,
        "POST /api/shipments": _MEANING,
        "POST /api/offers": _MEANING,
        "POST /api/offers/imports": _FORM,
        "POST /api/offers/pricing/imports": _FORM,
        "POST /api/offers/stock/imports": _FORM,
    },
    sends=(
        "GET /api/offers",
        "GET /api/offers/stock/imports/{import_id}/error_report",
        "GET /api/offers/stock/imports/{import_id}/status",
        "GET /api/orders",
        "GET /api/orders/{order_id}",
        "GET /api/reasons/{reason_type}",
        "GET /api/returns",
        "GET /api/shipments",
        "GET /api/shipping/carriers",
        "POST /api/offers/stock/imports",
        "POST /api/shipments",
        "PUT /api/orders/cancel",
        "PUT /api/orders/refund",
        "PUT /api/orders/{order_id}/accept",
        "PUT /api/orders/{order_id}/cancel",
        "PUT /api/orders/{order_id}/ship",
        "PUT /api/orders/{order_id}/tracking",
    ),
    own_tests=("test_mirakl_*.py",),
    on_purpose={
        "test_a_page_of_html_can_come_instead_of_json": "a fault of the wire",
        "test_a_truncated_body_breaks_off": "a fault of the wire",
        "test_a_member_can_be_missing_or_renamed_once": "a fault of the content",
        "test_new_members_and_new_words_may_come_at_any_time": "what Mirakl says may happen without notice",
        "test_a_malformed_order_stays_so_until_it_is_repaired": "an order placed with a fault of its content",
    },
    documents=(_MIRAKL,),
    unlisted=_UNLISTED,
    client=Client(
        "mirakl_client",
        "mirakl_client.py",
        (
            "mirakl-lib takes the address as an argument",
            "mirakl-api-client speaks https only: the address of each of its resources is replaced",
            "the time of the operator is moved on the sandbox's control port, where others would wait",
        ),
        "threads, documents, products, promotions, invoices; mirakl-lib demands a state of every address, and takes no "
        "order whose customer's Dutch address is known; the official client is for PHP",
    ),
)
