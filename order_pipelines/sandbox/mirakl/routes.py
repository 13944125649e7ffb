"""Every call that the stand-in takes, by Mirakl's own code for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from order_pipelines.sandbox.mirakl import (
    import_calls,
    money_calls,
    offer_calls,
    order_calls,
    platform_calls,
    return_calls,
    shipment_calls,
)
from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Call, Problem


@dataclass(frozen=True)
class Route:
    """One operation."""

    code: str
    method: str
    path: str
    handler: Callable[[Context], Answer]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path of this operation looks like."""
        return re.compile(re.sub(r"\{[^}]+\}", "([^/]+)", self.path))


# Plain paths stand before those with a placeholder in the same place.
ROUTES = (
    Route("A01", "GET", "/api/account", platform_calls.get_account),
    Route("PC01", "GET", "/api/platform/configuration", platform_calls.get_configuration),
    Route("SH21", "GET", "/api/shipping/carriers", platform_calls.list_carriers),
    Route("RE01", "GET", "/api/reasons", platform_calls.list_reasons),
    Route("RE02", "GET", "/api/reasons/{reason_type}", platform_calls.list_reasons_of_type),
    Route("OR75", "GET", "/api/orders/taxes", platform_calls.list_taxes),
    Route("OR11", "GET", "/api/orders", order_calls.list_orders),
    Route("OR28", "PUT", "/api/orders/refund", money_calls.refund_lines),
    Route("OR30", "PUT", "/api/orders/cancel", money_calls.cancel_lines),
    Route("OR12", "GET", "/api/orders/{order_id}", order_calls.get_order),
    Route("OR21", "PUT", "/api/orders/{order_id}/accept", order_calls.accept_lines),
    Route("OR23", "PUT", "/api/orders/{order_id}/tracking", order_calls.set_tracking),
    Route("OR24", "PUT", "/api/orders/{order_id}/ship", order_calls.ship_order),
    Route("OR29", "PUT", "/api/orders/{order_id}/cancel", money_calls.cancel_order),
    Route("ST01", "POST", "/api/shipments", shipment_calls.create_shipments),
    Route("ST11", "GET", "/api/shipments", shipment_calls.list_shipments),
    Route("ST23", "POST", "/api/shipments/tracking", shipment_calls.set_shipment_tracking),
    Route("ST24", "PUT", "/api/shipments/ship", shipment_calls.ship_shipments),
    Route("RT11", "GET", "/api/returns", return_calls.list_returns),
    Route("RT25", "PUT", "/api/returns/receive", return_calls.receive_returns),
    Route("STO01", "POST", "/api/offers/stock/imports", import_calls.import_stock),
    Route("STO02", "GET", "/api/offers/stock/imports/{import_id}/status", import_calls.stock_status),
    Route("STO03", "GET", "/api/offers/stock/imports/{import_id}/error_report", import_calls.stock_errors),
    Route("PRI01", "POST", "/api/offers/pricing/imports", import_calls.import_prices),
    Route("PRI02", "GET", "/api/offers/pricing/imports", import_calls.list_price_imports),
    Route("PRI03", "GET", "/api/offers/pricing/imports/{import_id}/error_report", import_calls.price_errors),
    Route("OF01", "POST", "/api/offers/imports", import_calls.import_offer_file),
    Route("OF24", "POST", "/api/offers", import_calls.import_offers),
    Route("OF02", "GET", "/api/offers/imports/{import}", import_calls.offer_import_status),
    Route("OF03", "GET", "/api/offers/imports/{import}/error_report", import_calls.offer_errors),
    Route("OF21", "GET", "/api/offers", offer_calls.list_offers),
    Route("OF22", "GET", "/api/offers/{offer}", offer_calls.get_offer),
    Route("TL02", "GET", "/api/sellerpayment/transactions_logs", platform_calls.list_transactions),
)


def find_route(call: Call) -> Route:
    """Return the operation of a call and put what its path says into ``arguments``.

    Raises:
        Problem: 404 for another path, 405 for another method.
    """
    is_known_path = False
    for route in ROUTES:
        found = route.pattern.fullmatch(call.path)
        if found is None:
            continue
        is_known_path = True
        if route.method == call.method:
            call.arguments = found.groups()
            return route
    if is_known_path:
        raise Problem(405, f"Request method '{call.method}' is not supported")
    raise Problem(404, f"No handler found for {call.method} {call.path}")
