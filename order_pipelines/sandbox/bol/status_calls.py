"""Process status: one, many, or all of an entity."""

from order_pipelines.sandbox.bol import shapes
from order_pipelines.sandbox.bol.checks import BodyReader
from order_pipelines.sandbox.bol.desk import Context
from order_pipelines.sandbox.bol.http import Answer, invalid, not_found
from order_pipelines.sandbox.bol.model import ProcessStatus
from order_pipelines.sandbox.bol.order_pages import PAGE_SIZE

EVENT_TYPES = (
    "CREATE_SHIPMENT", "CANCEL_ORDER", "CHANGE_TRANSPORT", "HANDLE_RETURN_ITEM", "CREATE_RETURN_ITEM",
    "CREATE_INBOUND", "DELETE_OFFER", "CREATE_OFFER", "UPDATE_OFFER", "UPDATE_OFFER_STOCK", "UPDATE_OFFER_PRICE",
    "CREATE_OFFER_EXPORT", "UNPUBLISHED_OFFER_REPORT", "CREATE_PRODUCT_CONTENT", "CREATE_SUBSCRIPTION",
    "UPDATE_SUBSCRIPTION", "DELETE_SUBSCRIPTION", "SEND_SUBSCRIPTION_TST_MSG", "CREATE_SHIPPING_LABEL",
    "CREATE_REPLENISHMENT", "UPDATE_REPLENISHMENT", "REQUEST_PRODUCT_DESTINATIONS", "CREATE_SOV_SEARCH_TERM_REPORT",
    "CREATE_SOV_CATEGORY_REPORT", "UPLOAD_INVOICE", "CREATE_CAMPAIGN_PERFORMANCE_REPORT",
)  # fmt: skip
_MOST_AT_ONCE = 1000


def get_status(context: Context) -> Answer:
    """GET /shared/process-status/{id}; a status too old is a 404."""
    process_status_id = context.call.arguments[0]
    status = context.desk.processes.find(process_status_id, context.now)
    if status is None:
        raise not_found(f"Process status with id {process_status_id} not found.")
    return context.json(shapes.process_status(status, context.call.base_url))


def get_statuses(context: Context) -> Answer:
    """POST /shared/process-status: up to 1000; unknown ones are left out."""
    body = BodyReader(context.call.json(), ("processStatusQueries",))
    entries = body.items("processStatusQueries", fewest=1, most=_MOST_AT_ONCE, required=True)
    body.finish()
    found = []
    for number, raw in enumerate(entries):
        entry = BodyReader(raw, ("processStatusId",), f"processStatusQueries[{number}].")
        process_status_id = entry.text("processStatusId", required=True)
        entry.finish()
        status = context.desk.processes.find(str(process_status_id), context.now)
        if status is not None:
            found.append(status)
    return _answer(context, found)


def find_statuses(context: Context) -> Answer:
    """GET /shared/process-status?entity-id&event-type&page: newest first, fifty a page."""
    entity_id = context.call.query.get("entity-id")
    event_type = context.word("event-type", EVENT_TYPES, None)
    if entity_id is None or event_type is None:
        raise invalid("entity-id" if entity_id is None else "event-type", "must not be null")
    found = context.desk.processes.find_by_entity(event_type, entity_id, context.now)
    start = (context.page_number() - 1) * PAGE_SIZE
    page = found[start : start + PAGE_SIZE]
    return _answer(context, page) if page else context.json({})


def _answer(context: Context, found: list[ProcessStatus]) -> Answer:
    return context.json(
        {"processStatuses": [shapes.process_status(status, context.call.base_url) for status in found]}
    )
