"""Which call goes where, in which media types, and under which limit."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from order_pipelines.sandbox.bol import offer_calls, order_calls, status_calls, subscriptions
from order_pipelines.sandbox.bol.desk import Context
from order_pipelines.sandbox.bol.http import V10_CSV, V10_JSON, V11_JSON, Answer, Call, Problem, not_found


@dataclass(frozen=True)
class Route:
    """One operation: ``name`` is the path with placeholders, ``media_types`` what its Accept may say."""

    method: str
    name: str
    handler: Callable[[Context], Answer]
    limit_group: str
    media_types: tuple[str, ...] = (V10_JSON,)
    is_write: bool = False
    body_media_type: str = V10_JSON
    has_body: bool = True

    @property
    def takes_body(self) -> bool:
        """Tell whether a Content-Type is demanded."""
        return self.has_body and self.method in ("POST", "PUT", "PATCH")


ROUTES = (
    Route("GET", "/retailer/orders", order_calls.list_orders, "GET /orders"),
    Route(
        "PUT",
        "/retailer/orders/cancellation",
        order_calls.cancel_item,
        "PUT /orders/cancellation",
        is_write=True,
    ),
    Route("GET", "/retailer/orders/{}", order_calls.get_order, "GET /orders/*"),
    Route("GET", "/retailer/shipments", order_calls.list_shipments, "GET /shipments"),
    Route("POST", "/retailer/shipments", order_calls.create_shipment, "POST /shipments", is_write=True),
    Route("GET", "/retailer/shipments/{}", order_calls.get_shipment, "GET /shipments/*"),
    Route("PUT", "/retailer/transports/{}", order_calls.change_transport, "PUT /transports/*", is_write=True),
    Route("GET", "/retailer/returns", order_calls.list_returns, "GET /returns"),
    Route("GET", "/retailer/returns/{}", order_calls.get_return, "GET /returns/*"),
    Route("GET", "/retailer/offers", offer_calls.list_offers, "GET /offers", (V11_JSON,)),
    Route(
        "POST", "/retailer/offers/export", offer_calls.request_export, "POST /offers/export", is_write=True
    ),
    Route("GET", "/retailer/offers/export/{}", offer_calls.get_export, "GET /offers/export/*", (V10_CSV,)),
    Route("GET", "/retailer/offers/{}", offer_calls.get_offer, "GET /offers/*", (V10_JSON, V11_JSON)),
    Route(
        "PATCH", "/retailer/offers/{}", offer_calls.patch_offer, "WRITE /offers", (V11_JSON,), True, V11_JSON
    ),
    Route("PUT", "/retailer/offers/{}/stock", offer_calls.put_stock, "WRITE /offers", is_write=True),
    Route(
        "GET",
        "/retailer/offers/{}/not-for-sale-reasons",
        offer_calls.get_not_for_sale_reasons,
        "GET /offers/*",
        (V11_JSON,),
    ),
    Route("GET", "/retailer/subscriptions", subscriptions.list_subscriptions, "subscriptions"),
    Route(
        "POST", "/retailer/subscriptions", subscriptions.create_subscription, "subscriptions", is_write=True
    ),
    Route("GET", "/retailer/subscriptions/signature-keys", subscriptions.get_signature_keys, "subscriptions"),
    Route(
        "POST",
        "/retailer/subscriptions/test/{}",
        subscriptions.send_test_message,
        "subscriptions",
        is_write=True,
        has_body=False,
    ),
    Route("GET", "/retailer/subscriptions/{}", subscriptions.get_subscription, "subscriptions"),
    Route(
        "PUT", "/retailer/subscriptions/{}", subscriptions.change_subscription, "subscriptions", is_write=True
    ),
    Route(
        "DELETE",
        "/retailer/subscriptions/{}",
        subscriptions.delete_subscription,
        "subscriptions",
        is_write=True,
    ),
    Route("GET", "/shared/process-status", status_calls.find_statuses, "GET /process-status"),
    Route("POST", "/shared/process-status", status_calls.get_statuses, "POST /process-status"),
    Route("GET", "/shared/process-status/{}", status_calls.get_status, "GET /process-status"),
)
_PLAIN = {(route.method, route.name): route for route in ROUTES if "{}" not in route.name}
_PLAIN_PATHS = frozenset(name for _, name in _PLAIN)
_PATTERNS = [
    (re.compile(re.escape(route.name).replace(r"\{\}", "([^/]+)") + "$"), route)
    for route in ROUTES
    if "{}" in route.name
]


def find_route(call: Call) -> Route:
    """Return the operation of a call and leave its path arguments in ``call.arguments``.

    Raises:
        Problem: 404 there is no such address here, 405 it has other methods.
    """
    plain = _PLAIN.get((call.method, call.path))
    if plain is not None:
        return plain
    is_plain = call.path in _PLAIN_PATHS
    is_known = is_plain
    for pattern, route in _PATTERNS:
        found = None if is_plain else pattern.match(call.path)
        if found is None:
            continue
        if route.method == call.method:
            call.arguments = found.groups()
            return route
        is_known = True
    if is_known:
        raise Problem(405, f"Request method '{call.method}' is not supported.")
    raise not_found(f"No resource at {call.path}; the sandbox stands in for a part of the Retailer API.")


def check_media_types(route: Route, call: Call) -> None:
    """Demand the exact vendor media types and note which version was asked for.

    Raises:
        Problem: 406 wrong Accept, 400 no Content-Type, 415 wrong Content-Type.
    """
    accepted = [part.split(";")[0].strip() for part in call.headers.get("accept", "").split(",")]
    fitting = next((media_type for media_type in accepted if media_type in route.media_types), None)
    if fitting is None:
        raise Problem(
            406, f"Could not find acceptable representation; this resource speaks {route.media_types[0]}."
        )
    call.media_type = fitting
    if not route.takes_body:
        return
    sent = call.headers.get("content-type")
    if not sent:
        # Users report a 400 without any explanation (contract digest, section 15).
        raise Problem(400, "Bad request", violations=[])
    if sent.split(";")[0].strip() != route.body_media_type:
        raise Problem(415, f"Content type '{sent}' not supported.")
