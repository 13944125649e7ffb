"""Shopware as the conformance kit knows it: its document, where it is wrong, what it leaves out, and every answer."""

from collections.abc import Iterator
from typing import Any

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.shopware.calls import ROUTES
from order_pipelines_tests.conformance.kit import Client, OpenApi, System, Unlisted
from order_pipelines_tests.conformance.shopware_document import AdminApi
from order_pipelines_tests.conformance.shopware_driver import drive_shopware
from order_pipelines_tests.conformance.spec import KnownError

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}


def _object(required: tuple[str, ...], **members: object) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": members,
        "additionalProperties": False,
    }


def _content(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


_EMPTY_LIST = {"type": "array", "maxItems": 0}
_KEYS_BY_ENTITY = {
    "anyOf": [{"type": "object", "additionalProperties": {"type": "array", "items": _ID}}, _EMPTY_LIST]
}
_ERROR = _object(
    ("status", "code", "detail"),
    status={"type": "string", "pattern": "^[0-9]{3}$"},
    code=_TEXT,
    title=_TEXT,
    detail=_TEXT,
    template=_TEXT,
    source=_object(("pointer",), pointer={"type": "string"}),
    meta=_object(("parameters",), parameters={"anyOf": [{"type": "object"}, _EMPTY_LIST]}),
)
_STATE = _object(
    ("id", "name", "technicalName", "stateMachineId"),
    id=_ID,
    name=_TEXT,
    technicalName=_TEXT,
    stateMachineId=_ID,
    translated={"type": "object"},
    customFields={"anyOf": [{"type": "object"}, _EMPTY_LIST, {"type": "null"}]},
    createdAt={"type": "string", "format": "date-time"},
    updatedAt={"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    extensions=_EMPTY_LIST,
)
_MACHINES = {
    "order": "orderId",
    "order_delivery": "orderDeliveryId",
    "order_transaction": "orderTransactionId",
}


def _moved(machine: str, key: str) -> KnownError:
    path = f"/_action/{machine}/{{{key}}}/state/{{transition}}"
    evidence = (f"POST /api{path}", 200, "shopware/transition_ship_response.json")
    return KnownError(
        f"the answer of a transition of {machine}",
        "only a remark says that something comes back; it is the state that was reached",
        ("paths", path, "post", "responses", "200", "content"),
        _content(_STATE),
        evidence if machine == "order_delivery" else None,
    )


_CRITERIA = ("components", "schemas", "Criteria", "properties")
_SYNC = ("paths", "/_action/sync", "post")
_SYNC_ANSWER = (*_SYNC, "responses", "200", "content", "application/json", "schema", "properties")
_FOLLOWING = "/_action/state-machine/{entityName}/{entityId}/state"
_CREATE = "/_action/order/document/{documentTypeName}/create"
_ADMIN = AdminApi(
    "shopware/adminapi.json",
    (
        *(_moved(machine, key) for machine, key in _MACHINES.items()),
        KnownError(
            "operators of filters",
            "the code knows AND, OR and XOR in any case, and neither nor nor nand (QueryStringParser)",
            ("components", "schemas", "MultiNotFilter", "properties", "operator"),
            {"type": "string", "pattern": "^(?i:and|or|xor)$"},
        ),
        KnownError(
            "the mode of counting",
            "documentation and code have the numbers 0, 1 and 2 beside the words",
            (*_CRITERIA, "total-count-mode"),
            {"enum": ["none", "exact", "next-pages", 0, 1, 2]},
        ),
        KnownError(
            "the term of a search",
            "it is documented with the criteria and missing from the list of their members",
            (*_CRITERIA, "term"),
            _TEXT,
        ),
        KnownError(
            "the form of a bulk write",
            "operations may have names, as in the documentation's own example; and an id may be a resolver",
            (*_SYNC, "requestBody", "content", "application/json", "schema"),
            {
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#/components/schemas/_Operation"}},
                    {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/_Operation"}},
                ]
            },
        ),
        KnownError(
            "an operation of a bulk write",
            "as published, with a name to refer to",
            ("components", "schemas", "_Operation"),
            _object(
                ("action", "entity", "payload"),
                action={"enum": ["upsert", "delete"]},
                entity=_TEXT,
                payload={"type": "array", "items": {"type": "object"}},
                criteria={"type": "array", "items": {"type": "object"}},
            ),
        ),
        *(
            KnownError(
                f"{member} of a bulk write",
                "it comes as an empty list where there is nothing, and extensions are missing",
                (*_SYNC_ANSWER, member),
                _KEYS_BY_ENTITY if member != "extensions" else _EMPTY_LIST,
                ("POST /api/_action/sync", 200, "shopware/sync_response.json") if member != "data" else None,
            )
            for member in ("data", "notFound", "deleted", "extensions")
        ),
        KnownError(
            "what becomes of documents",
            "a sentence says that they were made; ids and errors of single orders come back",
            ("paths", _CREATE, "post", "responses", "200", "content"),
            _content(
                _object(
                    ("data", "errors"),
                    data={
                        "type": "array",
                        "items": _object(
                            ("documentId", "documentDeepLink"), documentId=_ID, documentDeepLink=_TEXT
                        ),
                    },
                    errors={
                        "anyOf": [
                            {"type": "object", "additionalProperties": {"type": "array", "items": _ERROR}},
                            _EMPTY_LIST,
                        ]
                    },
                )
            ),
        ),
        KnownError(
            "the file of a document",
            "it comes under its own media type",
            (
                "paths",
                "/_action/document/{documentId}/{deepLinkCode}",
                "get",
                "responses",
                "200",
                "content",
            ),
            _content({"type": "string"}, "application/pdf"),
        ),
        *(
            KnownError(
                f"the refusal {status} of what may follow",
                "a sentence stands in the place of the errors that every refusal has",
                ("paths", _FOLLOWING, "get", "responses", status, "content"),
                _content({"$ref": "#/components/schemas/failure"}),
            )
            for status in ("400", "403")
        ),
        KnownError(
            "the form of a login",
            "OAuth's own form is taken as well, and the pair may stand in a Basic header",
            ("paths", "/oauth/token", "post", "requestBody", "content"),
            {
                media_type: {
                    "schema": _object(
                        ("grant_type",),
                        grant_type={"const": "client_credentials"},
                        client_id=_TEXT,
                        client_secret=_TEXT,
                        scope={"type": "string"},
                    )
                }
                for media_type in ("application/json", "application/x-www-form-urlencoded")
            },
        ),
        KnownError(
            "the template of an error",
            "a violated constraint has the text without its values too",
            ("components", "schemas", "error", "properties", "template"),
            _TEXT,
            ("PATCH /api/product/{id}", 400, "shopware/error_400_write.json"),
        ),
    ),
    base_path="/api",
)

_REFUSAL = _object(("errors",), errors={"type": "array", "minItems": 1, "items": _ERROR})
_UNLISTED = (
    Unlisted((204,), "a change that asks for nothing back has no body", {"type": "null"}),
    Unlisted(
        (400, 401, 403, 404, 405, 415, 429, 500, 503, 504),
        "may come at every address; listed for few",
        _REFUSAL,
        (
            (400, "shopware/error_400_illegal_transition.json"),
            (400, "shopware/error_400_limit.json"),
            (400, "shopware/error_400_write.json"),
            (401, "shopware/error_401.json"),
            (404, "shopware/error_404.json"),
        ),
    ),
)

_ALWAYS = (401, 403, 404, 429, 500, 503, 504)
_RIGHT_IN_FORM = (
    "right in form, and not for what is there: a row that is unknown, or a state that does not allow it"
)
_NO_REASON = "any 32 characters are an id, and nothing else can be wrong"


def _operations(sandbox: Sandbox) -> Iterator[str]:
    for route in ROUTES:
        yield f"{route.method} {route.name}"
    yield "POST /api/oauth/token"


def _entity(path: str, *, is_writable: bool = False) -> dict[str | None, tuple[int, ...]]:
    told: dict[str | None, tuple[int, ...]] = {
        f"POST /api/search/{path}": (200, 400, 415, *_ALWAYS),
        f"GET /api/{path}/{{id}}": (200, 415, *_ALWAYS),
    }
    if is_writable:
        told[f"PATCH /api/{path}/{{id}}"] = (200, 204, 400, 415, *_ALWAYS)
    return told


SHOPWARE = System(
    name="shopware",
    published=lambda specs: OpenApi(specs, (_ADMIN,), _UNLISTED),
    operations=_operations,
    drive=drive_shopware,
    answers={
        None: (404, 405),
        **_entity("order", is_writable=True),
        **_entity("order-line-item"),
        **_entity("order-delivery", is_writable=True),
        **_entity("order-transaction"),
        **_entity("order-customer"),
        **_entity("order-address"),
        **_entity("product", is_writable=True),
        **_entity("customer"),
        **_entity("sales-channel"),
        **_entity("currency"),
        **_entity("country"),
        **_entity("shipping-method"),
        **_entity("payment-method"),
        **_entity("tax"),
        **_entity("tag"),
        **_entity("state-machine-state"),
        **_entity("document"),
        "POST /api/_action/sync": (200, 400, *_ALWAYS),
        "POST /api/_action/order/{orderId}/state/{transition}": (200, 400, *_ALWAYS),
        "POST /api/_action/order_delivery/{orderDeliveryId}/state/{transition}": (200, 400, *_ALWAYS),
        "POST /api/_action/order_transaction/{orderTransactionId}/state/{transition}": (200, 400, *_ALWAYS),
        "GET /api/_action/state-machine/{entityName}/{entityId}/state": (200, 400, *_ALWAYS),
        "POST /api/_action/order/document/{documentTypeName}/create": (200, 400, *_ALWAYS),
        "GET /api/_action/document/{documentId}/{deepLinkCode}": (200, *_ALWAYS),
        "GET /api/_info/version": (200, *_ALWAYS),
        "GET /api/_info/config": (200, *_ALWAYS),
        "POST /api/oauth/token": (200, 400, *_ALWAYS),
    },
    stricter={
        "POST /api/_action/order/{orderId}/state/{transition}": _RIGHT_IN_FORM,
        "POST /api/_action/order_delivery/{orderDeliveryId}/state/{transition}": _RIGHT_IN_FORM,
        "POST /api/_action/order_transaction/{orderTransactionId}/state/{transition}": _RIGHT_IN_FORM,
        "GET /api/_action/state-machine/{entityName}/{entityId}/state": _RIGHT_IN_FORM,
        "POST /api/_action/sync": "the rows of a bulk write are objects of any kind to the description",
    },
    sends=(
        "PATCH /api/order-delivery/{id}",
        "PATCH /api/order/{id}",
        "POST /api/_action/order/{orderId}/state/{transition}",
        "POST /api/_action/order_delivery/{orderDeliveryId}/state/{transition}",
        "POST /api/_action/order_transaction/{orderTransactionId}/state/{transition}",
        "POST /api/_action/sync",
        "POST /api/oauth/token",
        "POST /api/search/customer",
        "POST /api/search/order",
        "POST /api/search/order-delivery",
        "POST /api/search/order-line-item",
        "POST /api/search/order-transaction",
        "POST /api/search/product",
    ),
    own_tests=("test_shopware_*.py",),
    on_purpose={
        "test_a_page_of_html_can_come_instead_of_json": "a fault of the wire",
        "test_a_truncated_body_breaks_off": "a fault of the wire",
        "test_a_malformed_order_stays_so_until_it_is_repaired": "an order placed with a fault of its content",
    },
    documents=(_ADMIN,),
    unlisted=_UNLISTED,
    client=Client(
        "shopware_client",
        "shopware_client.py",
        (
            "the address of the shop is an argument of the client",
            "the time of the shop is moved on the sandbox's control port, where others would wait",
        ),
        "media, mails, uploads of documents, aggregations, everything of the storefront, entities that are no part of "
        "orders and goods",
    ),
)
