"""Imports as their caller sees them: STO01 to STO03, PRI01 to PRI03, OF01, OF24, OF02 and OF03."""

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Import, utc_time

IMPORT_FAULTS = frozenset({"slow_import", "import_failed", "silent_reject"})
_DELIMITERS = {"SEMICOLON": ";", "COMMA": ","}
_OFFER_MEMBERS = {
    "sku": "shop_sku",
    "product-id": "product_id",
    "product-id-type": "product_id_type",
    "description": "description",
    "price": "price",
    "quantity": "quantity",
    "min-quantity-alert": "min_quantity_alert",
    "state": "state_code",
    "leadtime-to-ship": "leadtime_to_ship",
    "update-delete": "update_delete",
}
_REQUIRED = {"STOCK": {"offer-sku", "quantity"}, "PRICE": {"offer-sku", "price"}, "OFFER": {"sku", "price"}}


def import_stock(context: Context) -> Answer:
    """STO01: absolute quantities, and nothing but them."""
    one = _begin(context, "STOCK", _file_rows(context), "NORMAL", context.shop.new_uuid())
    return _created(context, {"import_id": one.import_id}, f"/stock/imports/{one.import_id}/status")


def import_prices(context: Context) -> Answer:
    """PRI01: all prices of each offer anew."""
    one = _begin(context, "PRICE", _file_rows(context), "NORMAL", context.shop.new_uuid())
    return _created(context, {"importId": one.import_id, "import_id": one.import_id}, "/pricing/imports")


def import_offer_file(context: Context) -> Answer:
    """OF01: a file of whole offers; REPLACE deletes every offer that is not in it."""
    mode = context.call.form().get("import_mode", b"NORMAL").decode("utf-8", "replace")
    if mode not in {"NORMAL", "REPLACE"}:
        raise Problem(400, f"import_mode '{mode}' is not supported")
    rows = [
        {name: row.get(column) for column, name in _OFFER_MEMBERS.items()}
        | {"discount": {"price": row.get("discount-price")}}
        if "sku" in row
        else row
        for row in _file_rows(context)
    ]
    return _begin_offers(context, rows, mode)


def import_offers(context: Context) -> Answer:
    """OF24: whole offers; what is not sent is reset."""
    return _begin_offers(context, context.call.rows("offers"), "NORMAL")


def _begin_offers(context: Context, rows: list[dict[str, Any]], mode: str) -> Answer:
    fingerprint = _fingerprint(context)
    for one in context.shop.imports.values():
        # The same again while the first is on its way: no second import, but the id of the first.
        if one.fingerprint == fingerprint and one.status in {"WAITING", "RUNNING"}:
            return _created(context, {"import_id": int(one.import_id)}, f"/imports/{one.import_id}")
    one = _begin(context, "OFFER", rows, mode, str(context.shop.new_import_number()))
    return _created(context, {"import_id": int(one.import_id)}, f"/imports/{one.import_id}")


def _fingerprint(context: Context) -> str:
    """Return what makes two requests the same; the boundary of a form does not."""
    call = context.call
    parts = call.form() if call.headers.get("content-type", "").startswith("multipart/") else {"": call.body}
    return hashlib.sha256(repr([call.path, sorted(parts.items())]).encode()).hexdigest()


def _created(context: Context, value: dict[str, Any], place: str) -> Answer:
    return Answer(201, value, headers={"Location": f"{context.call.base_url}/api/offers{place}"})


def _file_rows(context: Context) -> list[dict[str, Any]]:
    content = context.call.form().get("file")
    if not content:
        raise Problem(400, "Required part 'file' is not present.")
    text = content.decode("utf-8-sig", "replace")
    first = text.partition("\n")[0]
    return list(csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ","))


def _begin(context: Context, kind: str, rows: list[dict[str, Any]], mode: str, import_id: str) -> Import:
    call, account = context.call, context.operator.account
    fault = context.faults.take(set(IMPORT_FAULTS), call.method, call.target, account)
    delay_s = context.import_delay_s + (fault.seconds if fault and fault.kind == "slow_import" else 0)
    fails_with = "The import could not be processed" if fault and fault.kind == "import_failed" else None
    is_file = call.headers.get("content-type", "").startswith("multipart/")
    lacking = _REQUIRED[kind] - set(rows[0]) if rows and is_file and kind != "OFFER" else set()
    if not rows or lacking:
        fails_with = f"Missing column(s): {', '.join(sorted(lacking))}" if lacking else "The file is empty"
    one = Import(
        import_id=import_id,
        kind=kind,
        mode=mode,
        rows=rows,
        created_at=context.now,
        running_at=context.now + timedelta(seconds=delay_s / 3),
        done_at=context.now + timedelta(seconds=delay_s),
        fingerprint=_fingerprint(context),
        fails_with=fails_with,
        is_silent=fault is not None and fault.kind == "silent_reject",
    )
    context.shop.imports[import_id] = one
    return one


def _asked(context: Context, kind: str) -> Import:
    (import_id,) = context.call.arguments
    one = context.shop.imports.get(import_id)
    if one is None or one.kind != kind:
        raise Problem(404, f"Import with identifier '{import_id}' not found")
    return one


def stock_status(context: Context) -> Answer:
    """STO02."""
    one = _asked(context, "STOCK")
    value = {
        "date_created": utc_time(one.created_at),
        "has_error_report": bool(one.errors),
        "import_id": one.import_id,
        "lines_in_error": one.in_error,
        "lines_in_success": one.in_success,
        "shop_id": context.operator.shop_id,
        "status": one.status,
    }
    return Answer(200, value)


def list_price_imports(context: Context) -> Answer:
    """PRI02: there is no status of one, but a list to search."""
    ids, status = context.call.values("import_id"), context.call.query.get("status")
    rows = [
        {
            "date_created": utc_time(one.created_at),
            "has_error_report": bool(one.errors),
            "import_id": one.import_id,
            "lines_in_error": one.in_error,
            "lines_in_success": one.in_success,
            "offers_in_error": len({sku for _, sku, _ in one.errors}),
            "offers_updated": one.updated,
            "origin": "API",
            "reason_status": one.fails_with if one.status == "FAILED" else None,
            "shop_id": context.operator.shop_id,
            "status": one.status,
        }
        for one in context.shop.imports.values()
        if one.kind == "PRICE" and (not ids or one.import_id in ids) and status in {None, one.status}
    ]
    return Answer(200, context.desk.tokens.page(context.call, rows, context.now))


def offer_import_status(context: Context) -> Answer:
    """OF02."""
    one = _asked(context, "OFFER")
    is_done = one.status in {"COMPLETE", "FAILED"}
    value = {
        "date_created": utc_time(one.created_at),
        "has_error_report": bool(one.errors),
        "import_id": int(one.import_id),
        "lines_in_error": one.in_error,
        "lines_in_pending": 0 if is_done else len(one.rows),
        "lines_in_success": one.in_success,
        "lines_read": len(one.rows) if is_done else 0,
        "mode": one.mode,
        "offer_deleted": one.deleted,
        "offer_inserted": one.inserted,
        "offer_updated": one.updated,
        "reason_status": one.fails_with if one.status == "FAILED" else None,
        "status": one.status,
        "type": "OFFER",
    }
    return Answer(200, value)


def stock_errors(context: Context) -> Answer:
    """STO03."""
    return _error_report(context, _asked(context, "STOCK"), "text/csv;charset=UTF-8")


def price_errors(context: Context) -> Answer:
    """PRI03."""
    return _error_report(context, _asked(context, "PRICE"), "text/csv;charset=UTF-8")


def offer_errors(context: Context) -> Answer:
    """OF03."""
    return _error_report(context, _asked(context, "OFFER"), "application/octet-stream")


def _error_report(context: Context, one: Import, media_type: str) -> Answer:
    """Write the lines that were not taken; names and order of the columns are the operator's."""
    if not one.errors:
        raise Problem(404, f"Import with identifier '{one.import_id}' has no error report")
    text = io.StringIO()
    columns = context.operator.error_columns
    writer = csv.writer(
        text,
        delimiter=_DELIMITERS[context.operator.csv_delimiter],
        quoting=csv.QUOTE_ALL,
        lineterminator="\n",
    )
    writer.writerow(columns)
    for line, sku, message in one.errors:
        said = {"line": line, "line-number": line, "sku": sku, "offer-sku": sku}
        writer.writerow([said.get(column, message) for column in columns])
    return Answer(200, text=text.getvalue(), headers={"Content-Type": media_type})
