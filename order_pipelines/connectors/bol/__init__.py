"""bol (bol.com), the marketplace: Retailer API v10, offers v11. See README.md for endpoints, limits and quirks."""

from collections.abc import Mapping
from typing import Any

from order_pipelines.connectors.bol.mapping import interpret
from order_pipelines.connectors.bol.options import check_options
from order_pipelines.connectors.bol.orders import BolOrders
from order_pipelines.connectors.bol.probe import LIMITS, BolProbe
from order_pipelines.connectors.bol.returns import BolReturns, interpret_return
from order_pipelines.connectors.bol.shipments import BolShipments
from order_pipelines.connectors.bol.stock import make_stock_sink
from order_pipelines.connectors.ports import Connector, Interpreter


def _interpreter(options: Mapping[str, Any]) -> Interpreter:
    """Return the mapping; no option changes what a payload means."""
    check_options(options)
    return interpret


CONNECTOR = Connector(
    system="bol",
    title="bol",
    entities=("orders", "returns"),
    check_options=check_options,
    interpreter=_interpreter,
    order_source=BolOrders,
    stock_sink=make_stock_sink,
    shipment_sink=BolShipments,
    return_source=BolReturns,
    return_interpreter=interpret_return,
    account_probe=BolProbe,
    limits=LIMITS,
    secrets=("client_id", "client_secret"),
)
