"""Mirakl, the software under many marketplaces: one connector for every operator. See README.md for endpoints."""

from collections.abc import Mapping
from typing import Any

from order_pipelines.connectors.mirakl.acceptance import MiraklAcceptance
from order_pipelines.connectors.mirakl.mapping import interpret
from order_pipelines.connectors.mirakl.options import check_options, read_options
from order_pipelines.connectors.mirakl.orders import MiraklOrders
from order_pipelines.connectors.mirakl.probe import LIMITS, MiraklProbe
from order_pipelines.connectors.mirakl.refunds import MiraklRefunds
from order_pipelines.connectors.mirakl.returns import MiraklReturns, interpret_return
from order_pipelines.connectors.mirakl.shipments import MiraklShipments
from order_pipelines.connectors.mirakl.stock import MiraklStock
from order_pipelines.connectors.ports import Connector, Interpreter


def _interpreter(options: Mapping[str, Any]) -> Interpreter:
    """Return the mapping; no option changes what a payload means."""
    check_options(options)
    return interpret


def _ships_whole_orders(options: Mapping[str, Any]) -> bool:
    """Tell whether the operator has no multi-shipment."""
    return not read_options(options).multi_shipment


def _write_interval_s(options: Mapping[str, Any]) -> int:
    return read_options(options).stock_import_interval_s


CONNECTOR = Connector(
    system="mirakl",
    title="Mirakl",
    entities=("orders", "returns"),
    check_options=check_options,
    interpreter=_interpreter,
    order_source=MiraklOrders,
    stock_sink=MiraklStock,
    order_acceptor=MiraklAcceptance,
    shipment_sink=MiraklShipments,
    ships_whole_orders=_ships_whole_orders,
    return_source=MiraklReturns,
    return_interpreter=interpret_return,
    refund_sink=MiraklRefunds,
    account_probe=MiraklProbe,
    limits=LIMITS,
    write_interval_s=_write_interval_s,
    secrets=("api_key",),
)
