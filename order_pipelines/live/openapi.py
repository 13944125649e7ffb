"""The HTTP door as an OpenAPI 3.1 document, written by hand: what a shop's programmer is told."""

from importlib.metadata import version
from typing import Any

_JSON = "application/json"
_ERRORS = {
    "400": "The body broke off.",
    "401": "No key, or one that is not known. Says nothing more.",
    "403": "Carts of this shop hold no stock.",
    "404": "There is no such reservation of this shop.",
    "408": "The body did not come in time.",
    "409": "It cannot be had: `not_available`, `shopper_limit`, `share_limit`, `last_piece`, `too_long`, "
    "`order_taken`.",
    "410": "The reservation is over: it ran out, was given back or became an order.",
    "413": "The body is larger than is taken here.",
    "422": "The request is none: `bad_request`, `unknown_article`, or `other_request` for a key of another cart.",
    "503": "Not now; the same request again does no harm.",
}
_REFUSALS = [
    "bad_request", "broken_off", "has_ended", "last_piece", "method_not_allowed", "not_available", "not_enabled",
    "not_found", "order_taken", "other_request", "refused", "share_limit", "shopper_limit", "too_large", "too_long",
    "too_slow", "try_again", "unauthorized", "unknown_article", "unknown_reservation",
]  # fmt: skip
_KEY: list[dict[str, list[str]]] = [{"reservationKey": []}]


def document() -> dict[str, Any]:
    """Return the document, as served at ``/openapi.json``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "order_pipelines live",
            "version": version("order-pipelines"),
            "summary": "Carts of own shops hold stock; systems push their news; how the fast lane fares.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/reservations": {"post": _make()},
            "/reservations/{reservation_id}": {
                "parameters": [_path("reservation_id")],
                "get": _on_one("showReservation", "How a reservation stands", ()),
                "delete": _on_one("cancelReservation", "Give the pieces back", ("410",)),
            },
            "/reservations/{reservation_id}/extend": {
                "parameters": [_path("reservation_id")],
                "post": _on_one("extendReservation", "Hold the pieces for another while", ("409", "410")),
            },
            "/reservations/{reservation_id}/confirm": {
                "parameters": [_path("reservation_id")],
                "post": _on_one(
                    "confirmReservation",
                    "Say that the cart became an order; its pieces wait for that order",
                    ("400", "408", "409", "410", "413", "422"),
                    body="Confirmation",
                ),
            },
            "/webhooks/{account}": {"parameters": [_path("account")], "post": _webhook()},
            "/health": {"get": _health()},
            "/openapi.json": {
                "get": {
                    "operationId": "readDocument",
                    "summary": "This document",
                    "security": [],
                    "responses": {"200": _answer("This document.", {"type": "object"})},
                }
            },
        },
        "components": {
            "securitySchemes": {
                "reservationKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The key of one shop (`reservation_key` in the secrets of its account).",
                }
            },
            "schemas": _schemas(),
        },
    }


def _make() -> dict[str, Any]:
    return {
        "operationId": "makeReservation",
        "summary": "Hold all of these pieces for a cart, or none",
        "description": "The same request again is the same reservation, as long as its key is the same.",
        "security": _KEY,
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Your own name of this request; or `request_key` in the body.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        ],
        "requestBody": _body("Cart"),
        "responses": {
            "201": _answer("The pieces are held.", _ref("Reservation"))
            | {"headers": {"Location": {"schema": {"type": "string"}}}},
            **_errors("400", "401", "403", "408", "409", "413", "422", "503"),
        },
    }


def _on_one(name: str, summary: str, errors: tuple[str, ...], *, body: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": _KEY,
        "responses": {
            "200": _answer("The reservation as it stands now.", _ref("Reservation")),
            **_errors("401", "403", "404", "503", *errors),
        },
    }
    if body is not None:
        operation["requestBody"] = _body(body)
    return operation


def _webhook() -> dict[str, Any]:
    return {
        "operationId": "takeWebhook",
        "summary": "News of a system, signed as that system signs",
        "description": "Taken durably before it is answered; what it names is read from the system afterwards.",
        "security": [],
        "requestBody": {"required": True, "content": {_JSON: {"schema": {}}}},
        "responses": {
            "204": {"description": "Taken."},
            **_errors("400", "401", "404", "408", "413", "503"),
        },
    }


def _health() -> dict[str, Any]:
    return {
        "operationId": "readHealth",
        "summary": "Whether everything is at work, and how each account fares",
        "security": [],
        "responses": {
            "200": _answer("Everything is at work.", _ref("Health")),
            "503": _answer("Not everything is.", {"anyOf": [_ref("Health"), _ref("Refusal")]}),
        },
    }


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(name: str) -> dict[str, Any]:
    return {"required": True, "content": {_JSON: {"schema": _ref(name)}}}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


def _errors(*statuses: str) -> dict[str, Any]:
    return {status: _answer(_ERRORS[status], _ref("Refusal")) for status in sorted(statuses)}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    instant = {"type": "string", "format": "date-time"}
    known_instant = {"type": ["string", "null"], "format": "date-time"}
    count = {"type": "integer", "minimum": 0}
    breaker = {"enum": ["closed", "open", "half_open"]}
    account = {
        "system": text,
        "served_by": {"enum": ["this instance", "another instance", "nobody"]},
        "orders_complete_at": known_instant,
        "orders_asked_at": known_instant,
        "is_failing": {"type": "boolean"},
        "last_push_at": known_instant,
        "last_delivery_at": known_instant,
        "backlog": _object(
            ["orders", "deliveries", "quantities"], orders=count, deliveries=count, quantities=count
        ),
        "reading": breaker,
        "writing": breaker,
    }
    return {
        "Item": _object(
            ["sku", "quantity"],
            sku={"type": "string", "minLength": 1, "maxLength": 200},
            quantity={"type": "integer", "minimum": 1, "maximum": 100_000},
        ),
        "Cart": _object(
            ["items"],
            items={"type": "array", "minItems": 1, "items": _ref("Item")},
            shopper={
                "type": "string",
                "minLength": 1,
                "description": "Who holds the cart, as the shop names him; only a hash is kept.",
            },
            request_key={"type": "string", "minLength": 1, "maxLength": 200},
        ),
        "Confirmation": _object(
            ["order_reference"],
            order_reference={
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "The order's number or id at the shop.",
            },
        ),
        "Reservation": _object(
            ["reservation_id", "state", "expires_at", "ttl_seconds", "items", "order_reference"],
            reservation_id=text,
            state={"enum": ["live", "confirmed", "posted", "voided", "expired"]},
            expires_at=instant,
            ttl_seconds=count,
            items={"type": "array", "items": _ref("Item")},
            order_reference={"type": ["string", "null"]},
        ),
        "Refusal": _object(
            ["error", "message"],
            error={"enum": _REFUSALS},
            message=text,
            sku=text,
            available={"type": "integer"},
        ),
        "Health": _object(
            ["status", "instance", "store", "dead_workers", "accounts"],
            status={"enum": ["starting", "ready", "not_ready", "stopping"]},
            instance=text,
            store=text,
            dead_workers={"type": "array", "items": text},
            accounts={"type": "object", "additionalProperties": _object(list(account), **account)},
        ),
    }
