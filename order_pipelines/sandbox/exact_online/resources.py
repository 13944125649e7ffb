"""One call on a resource, once authorised and counted: which row or page it gets, what it writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from order_pipelines.sandbox.exact_online import schema
from order_pipelines.sandbox.exact_online.books import sparse_account
from order_pipelines.sandbox.exact_online.edm import EntityType, Row
from order_pipelines.sandbox.exact_online.entries import post_sales_entry, posted_answer
from order_pipelines.sandbox.exact_online.listing import Query, Reader
from order_pipelines.sandbox.exact_online.odata import parse_filter, parse_literals
from order_pipelines.sandbox.exact_online.tenant import Tenant
from order_pipelines.sandbox.exact_online.wire import ApiError, dutch_wall_time
from order_pipelines.sandbox.standin import Fault

Answer = tuple[int, Any, dict[str, str]]
"""Status, JSON body (``None`` = empty) and extra headers."""

_FILTER_DEMANDED = ("ID", "Code", "Modified")


@dataclass(frozen=True)
class Call:
    """One call: ``root`` is the address up to the division, ``resource`` the path below it, ``now`` aware."""

    tenant: Tenant
    now: datetime
    method: str
    root: str
    resource: str
    key: str | None
    link: str | None
    parameters: list[tuple[str, str]]
    payload: Any
    wants_representation: bool
    mandatory_filter: bool
    search_lag: Fault | None


def answer_call(call: Call) -> Answer:
    """Carry out a call; ApiError for everything that does not end well."""
    entity = schema.RESOURCES.get(call.resource)
    if entity is None:
        raise ApiError(404, f"Resource not found for the segment '{call.resource.rpartition('/')[2]}'.")
    if call.method == "GET":
        return 200, _read(call, entity), {}
    if call.method == "POST" and call.key is None and entity is schema.SALES_ENTRY:
        return _post_entry(call)
    if call.method == "POST" and call.key is None and entity is schema.ACCOUNT:
        row = call.tenant.books.post_account(call.payload, _wall_time(call))
        return _created(call, entity, row if call.wants_representation else sparse_account(row))
    if call.method == "PUT" and call.key is not None and entity is schema.ACCOUNT:
        call.tenant.books.put_account(_row(call, entity), call.payload, _wall_time(call))
        return 204, None, {}
    raise ApiError(405, f"The method {call.method} is not supported here.")


def _wall_time(call: Call) -> datetime:
    return dutch_wall_time(call.now)


def _read(call: Call, entity: EntityType) -> dict[str, Any]:
    query = Query.read(call.parameters)
    books = call.tenant.books
    if entity is schema.ME:
        return Reader(entity, call.root, query, books.children).page([call.tenant.me(call.now)])
    if call.key is not None and call.link is not None:
        child_type, rows = books.children(call.link, _row(call, entity))
        address = f"{call.root}/{entity.path}({call.key})/{call.link}"
        return Reader(child_type, call.root, query, books.children).page(rows, address)
    reader = Reader(entity, call.root, query, books.children)
    if call.key is not None:
        return reader.one(_row(call, entity))
    if call.mandatory_filter and entity is schema.ACCOUNT:
        _demand_filter(query, entity)
    return reader.page(books.visible_rows(entity, _wall_time(call)))


def _demand_filter(query: Query, entity: EntityType) -> None:
    text = query.text("$filter")
    used = parse_filter(text, entity)[1] if text else set()
    if not used.intersection(_FILTER_DEMANDED):
        raise ApiError(
            400,
            "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter "
            f"parameter with one of the following fields in the url: {','.join(_FILTER_DEMANDED)}.",
        )


def _row(call: Call, entity: EntityType) -> Row:
    """Return the row that the key names; ApiError 404 where there is none, 400 for a key of the wrong type."""
    key = call.key or ""
    values = parse_literals(key)
    if len(values) != 1 or (entity.fields[entity.key].type == "Guid") != key.strip().startswith("guid'"):
        raise ApiError(400, "Bad Request - Error in query syntax.")
    row = call.tenant.books.find(entity, values[0])
    if row is None:
        raise ApiError(404, f"Resource not found for the segment '{entity.path.rpartition('/')[2]}'.")
    return row


def _post_entry(call: Call) -> Answer:
    header = post_sales_entry(call.tenant.books, call.payload, _wall_time(call))
    if call.search_lag is not None:
        lag_s = float(call.search_lag.detail.get("seconds", call.search_lag.seconds))
        call.tenant.books.hide_from_search(header["EntryID"], _wall_time(call) + timedelta(seconds=lag_s))
    return _created(call, schema.SALES_ENTRY, posted_answer(header))


def _created(call: Call, entity: EntityType, row: Row) -> Answer:
    answer = Reader(entity, call.root, Query({}), call.tenant.books.children).one(row)
    return 201, answer, {"Location": answer["d"]["__metadata"]["uri"]}
