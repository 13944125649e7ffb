"""bol as the conformance kit knows it: its documents, where they are wrong, what they leave out, and every answer."""

from collections.abc import Iterator

from order_pipelines.sandbox.bol.routes import ROUTES
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance.bol_driver import drive_bol
from order_pipelines_tests.conformance.kit import Client, Document, OpenApi, System, Unlisted
from order_pipelines_tests.conformance.spec import KnownError
from order_pipelines_tests.sandbox.bol_caller import V10_CSV, V11

_PROBLEM = ["type", "title", "status", "detail"]
_WITHOUT_VIOLATIONS = "a 404 comes without violations, while they are marked as required"
_LINK_METHOD = "links of a process status say which method they take, which the schema does not know"


def _empty_page(schema: str, member: str) -> KnownError:
    return KnownError(
        f"the page after the last of {schema}",
        f"an empty page comes as {{}} (documented with the lists), while {member} is marked as required",
        ("components", "schemas", schema, "required"),
        [],
    )


_EXPORT = ("paths", "/retailer/offers/export/{report-id}", "get", "responses")
_RETAILER = Document(
    "bol/retailer-v10.json",
    (
        _empty_page("ReducedOrders", "orders"),
        _empty_page("ShipmentsResponse", "shipments"),
        _empty_page("ReturnsResponse", "returns"),
        KnownError(
            "violations of a problem",
            _WITHOUT_VIOLATIONS,
            ("components", "schemas", "Problem", "required"),
            _PROBLEM,
            ("GET /retailer/orders/{order-id}", 404, "bol/error_404_order.json"),
        ),
        KnownError(
            "the method of a link",
            _LINK_METHOD,
            ("components", "schemas", "Link", "properties", "method"),
            {"type": "string"},
            ("POST /retailer/shipments", 202, "bol/create_shipment_response_202.json"),
        ),
        KnownError(
            "the export of offers",
            "the CSV that everybody gets is not mentioned: the answer has no content at all",
            (*_EXPORT, "200", "content"),
            {V10_CSV: {"schema": {"type": "string"}}},
            ("GET /retailer/offers/export/{report-id}", 200, "bol/offers_export_v10.csv"),
        ),
        KnownError(
            "a problem in CSV",
            "a problem has named members, which CSV has not; the media type of the export was repeated for its errors",
            (*_EXPORT, "404", "content"),
            {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        ),
    ),
)
_SHARED = Document(
    "bol/shared-v10.json",
    (
        _empty_page("ProcessStatusResponse", "processStatuses"),
        KnownError(
            "violations of a problem",
            _WITHOUT_VIOLATIONS,
            ("components", "schemas", "Problem", "required"),
            _PROBLEM,
        ),
        KnownError(
            "the method of a link",
            _LINK_METHOD,
            ("components", "schemas", "Link", "properties", "method"),
            {"type": "string"},
            ("GET /shared/process-status/{process-status-id}", 200, "bol/process_status_pending.json"),
        ),
    ),
)
_OFFERS = Document("bol/offers-v11.json", label="v11")


def _object(*required: str, **members: object) -> dict[str, object]:
    return {
        "type": "object",
        "required": list(required),
        "properties": members,
        "additionalProperties": False,
    }


_TEXT = {"type": "string", "minLength": 1}
_REFUSED_LOGIN = {
    "content": {
        "application/json": {
            "schema": _object("error", "error_description", error=_TEXT, error_description=_TEXT)
        }
    }
}
# Nothing official describes the login: its shape is that of token_200.json and error_401_invalid_client.json in
# samples/bol.
_LOGIN = Document(
    {
        "openapi": "3.1.0",
        "paths": {
            "/token": {
                "post": {
                    "parameters": [
                        {"in": "query", "name": name, "schema": {"type": "string"}}
                        for name in ("grant_type", "client_id", "client_secret")
                    ],
                    "requestBody": {
                        "content": {
                            "application/x-www-form-urlencoded": {
                                "schema": _object(
                                    grant_type={"const": "client_credentials"},
                                    client_id=_TEXT,
                                    client_secret=_TEXT,
                                )
                            }
                        }
                    },
                    "responses": {
                        "200": {
                            "content": {
                                "application/json": {
                                    "schema": _object(
                                        "access_token",
                                        "token_type",
                                        "expires_in",
                                        "scope",
                                        access_token=_TEXT,
                                        token_type={"const": "Bearer"},
                                        expires_in={"type": "integer", "minimum": 1},
                                        scope=_TEXT,
                                    )
                                }
                            }
                        },
                        "400": _REFUSED_LOGIN,
                        "401": _REFUSED_LOGIN,
                    },
                }
            }
        },
    }
)

_BARE = _object("title", "status", "detail", title=_TEXT, status={"type": "integer"}, detail=_TEXT)
_FULL = _object(
    *_PROBLEM,
    "host",
    "instance",
    type=_TEXT,
    title=_TEXT,
    status={"type": "integer"},
    detail=_TEXT,
    host=_TEXT,
    instance=_TEXT,
    violations={"type": "array", "items": _object("reason", name=_TEXT, reason=_TEXT)},
)
UNLISTED = (
    Unlisted(
        (401, 429),
        "answered before any operation is reached, at every address; no document lists them",
        _BARE,
        ((401, "bol/error_401_expired_jwt.json"), (429, "bol/error_429.json")),
    ),
    Unlisted(
        (400, 403, 404, 405, 406, 408, 415, 500, 502, 503, 504),
        "may come at every address; where an operation lists them not, as the problem that others list",
        _FULL,
        ((400, "bol/error_400_invalid_reason_code.json"),),
    ),
)


_ALWAYS = (401, 403, 404, 406, 408, 429, 500, 502, 503, 504)
_ANY_ID = "any text is an id to the stand-in: an unknown one ends in 404, or in FAILURE of its process status"


def _operations(sandbox: Sandbox) -> Iterator[str]:
    for route in ROUTES:
        for media_type in route.media_types:
            yield f"{'v11 ' if media_type == V11 else ''}{route.method} {route.name}"
    yield "POST /token"


BOL = System(
    name="bol",
    published=lambda specs: OpenApi(specs, (_RETAILER, _SHARED, _OFFERS, _LOGIN), UNLISTED),
    operations=_operations,
    drive=drive_bol,
    answers={
        None: (404, 405),
        "GET /retailer/orders": (200, 400, *_ALWAYS),
        "PUT /retailer/orders/cancellation": (202, 400, 415, *_ALWAYS),
        "GET /retailer/orders/{order-id}": (200, *_ALWAYS),
        "GET /retailer/shipments": (200, 400, *_ALWAYS),
        "POST /retailer/shipments": (202, 400, 415, *_ALWAYS),
        "GET /retailer/shipments/{shipment-id}": (200, *_ALWAYS),
        "PUT /retailer/transports/{transport-id}": (202, 400, 415, *_ALWAYS),
        "GET /retailer/returns": (200, 400, *_ALWAYS),
        "GET /retailer/returns/{return-id}": (200, *_ALWAYS),
        "v11 GET /retailer/offers": (200, 400, *_ALWAYS),
        # Who is told 406 has asked in no version of this call, and counts as the older one's.
        "v11 GET /retailer/offers/{offer-id}": (200, 401, 403, 404, 408, 429, 500, 502, 503, 504),
        "v11 PATCH /retailer/offers/{offer-id}": (204, 400, 415, *_ALWAYS),
        "v11 GET /retailer/offers/{offer-id}/not-for-sale-reasons": (200, *_ALWAYS),
        "GET /retailer/offers/{offer-id}": (200, *_ALWAYS),
        "PUT /retailer/offers/{offer-id}/stock": (202, 400, 415, *_ALWAYS),
        "POST /retailer/offers/export": (202, 400, 415, *_ALWAYS),
        "GET /retailer/offers/export/{report-id}": (200, *_ALWAYS),
        "GET /retailer/subscriptions": (200, *_ALWAYS),
        "POST /retailer/subscriptions": (202, 400, 415, *_ALWAYS),
        "GET /retailer/subscriptions/signature-keys": (200, *_ALWAYS),
        "POST /retailer/subscriptions/test/{subscription-id}": (202, *_ALWAYS),
        "GET /retailer/subscriptions/{subscription-id}": (200, *_ALWAYS),
        "PUT /retailer/subscriptions/{subscription-id}": (202, 400, 415, *_ALWAYS),
        "DELETE /retailer/subscriptions/{subscription-id}": (202, *_ALWAYS),
        "GET /shared/process-status": (200, 400, *_ALWAYS),
        "POST /shared/process-status": (200, 400, 415, *_ALWAYS),
        "GET /shared/process-status/{process-status-id}": (200, *_ALWAYS),
        "POST /token": (200, 400, *_ALWAYS),
    },
    never={
        ("GET /retailer/offers/export/{report-id}", 400): _ANY_ID,
        ("GET /retailer/subscriptions", 400): "it takes nothing that could be wrong",
        ("POST /retailer/subscriptions/test/{subscription-id}", 400): _ANY_ID,
        ("GET /retailer/subscriptions/{subscription-id}", 400): _ANY_ID,
        ("DELETE /retailer/subscriptions/{subscription-id}", 400): _ANY_ID,
    },
    sends=(
        "GET /retailer/offers/export/{report-id}",
        "GET /retailer/offers/{offer-id}",
        "GET /retailer/orders",
        "GET /retailer/orders/{order-id}",
        "GET /retailer/returns",
        "GET /retailer/shipments",
        "GET /shared/process-status/{process-status-id}",
        "POST /retailer/offers/export",
        "POST /retailer/shipments",
        "POST /token",
        "PUT /retailer/offers/{offer-id}/stock",
        "PUT /retailer/orders/cancellation",
        "v11 GET /retailer/offers",
        "v11 GET /retailer/offers/{offer-id}",
        "v11 PATCH /retailer/offers/{offer-id}",
    ),
    own_tests=("test_bol_*.py",),
    on_purpose={
        "test_a_page_of_html_can_come_instead_of_json": "a fault of the wire",
        "test_a_truncated_body_breaks_off": "a fault of the wire",
        "test_a_field_of_a_detail_can_be_missing_or_renamed_once": "a fault of the content",
        "test_a_malformed_order_stays_so_until_it_is_repaired": "an order placed with a fault of its content",
        "test_unknown_addresses_and_methods_are_problems": "asks for a published operation that the stand-in lacks",
    },
    documents=(_RETAILER, _SHARED, _OFFERS),
    unlisted=UNLISTED,
    client=Client(
        "bol_client",
        "bol_client.py",
        (
            "the addresses of API and login are arguments of the client",
            "the time of bol is moved on the sandbox's control port, where others would wait",
        ),
        "labels, invoices, replenishment, inventory, insights, product content, offers made, changed or deleted; and "
        "the other way round: nobody has published a client for offers in v11, which the document alone checks",
    ),
)
