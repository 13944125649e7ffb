"""Documents of orders: each call makes a new one with a new number, and refusals of single orders come in a 200."""

from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware.goods import DOCUMENT_TYPES
from order_pipelines.sandbox.shopware.http import Problem, not_found
from order_pipelines.sandbox.shopware.shop import Shop
from order_pipelines.sandbox.shopware.store import Row

_FIRST_NUMBER = 1000
_NEEDS_AN_INVOICE = {"credit_note", "storno"}
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def create_documents(shop: Shop, kind: str, wanted: Any, now: datetime) -> dict[str, Any]:
    """Make one document for each order that is named.

    Raises:
        Problem: 400, there is no such kind of document, or the body is no list.
    """
    if kind not in DOCUMENT_TYPES:
        raise Problem(
            400,
            "DOCUMENT__INVALID_RENDERER_TYPE",
            f'Unable to find a document renderer with type "{kind}"',
            parameters={"type": kind},
        )
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise Problem(400, "FRAMEWORK__INVALID_REQUEST_PARAMETER", "The body has to be a list of operations.")
    data: list[dict[str, str]] = []
    errors: dict[str, list[dict[str, Any]]] = {}
    for operation in wanted:
        order_id = str(operation.get("orderId"))
        order = shop.store.get("order", order_id)
        if order is None:
            errors[order_id] = [
                _error("DOCUMENT__ORDER_NOT_FOUND", "404", f'The order with id "{order_id}" is unknown.')
            ]
        elif kind in _NEEDS_AN_INVOICE and _invoice_of(shop, order) is None:
            text = f"Unable to generate document. Can not generate {kind} document because no invoice document exists."
            errors[order_id] = [_error("DOCUMENT__GENERATION_ERROR", "400", text)]
        else:
            made = _make(shop, order, kind, operation, now)
            data.append({"documentId": made["id"], "documentDeepLink": made["deepLinkCode"]})
    return {"data": data, "errors": errors or []}


def read_document(shop: Shop, key: str, deep_link: str) -> bytes:
    """Return a document as PDF.

    Raises:
        Problem: 404, there is none of that id and link.
    """
    row = shop.store.get("document", key)
    if row is None or row["deepLinkCode"] != deep_link:
        raise not_found("document", key)
    return _PDF


def _make(shop: Shop, order: Row, kind: str, operation: Row, now: datetime) -> Row:
    invoice = _invoice_of(shop, order) if kind in _NEEDS_AN_INVOICE else None
    number = str(_FIRST_NUMBER + shop.store.next_number(f"document {kind}"))
    return shop.store.add(
        "document",
        {
            "documentTypeId": shop.store.id_of("document-type", kind),
            "referencedDocumentId": None if invoice is None else invoice["id"],
            "orderId": order["id"],
            "orderVersionId": order["versionId"],
            "config": {"documentNumber": number, **dict(operation.get("config") or {})},
            "sent": False,
            "static": bool(operation.get("static", False)),
            "deepLinkCode": shop.store.new_id(),
            "documentNumber": number,
        },
        now,
    )


def _invoice_of(shop: Shop, order: Row) -> Row | None:
    invoices = [
        row
        for row in shop.parts("document", order)
        if row["documentTypeId"] == shop.store.id_of("document-type", "invoice")
    ]
    return invoices[-1] if invoices else None


def _error(code: str, status: str, detail: str) -> dict[str, Any]:
    return {
        "status": status,
        "code": code,
        "title": "Bad Request",
        "detail": detail,
        "meta": {"parameters": []},
    }
