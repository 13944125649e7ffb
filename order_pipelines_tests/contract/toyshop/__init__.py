"""Toyshop, a channel that exists nowhere: the smallest connector that passes the contract kit, and an example of one.

Imports of its own are relative, so that a copy of this folder is a package like anybody else's.
"""

from collections.abc import Mapping
from typing import Any

from order_pipelines.connectors.ports import Connector, Interpreter
from order_pipelines.errors import ConfigurationError

from .client import ToyshopAcceptance, ToyshopOrders, ToyshopParcels, ToyshopStock
from .mapping import interpret


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options: there are none.

    Raises:
        ConfigurationError: one was given.
    """
    for name in options:
        raise ConfigurationError(f"options.{name}: toyshop has no such option; known are none")


def _interpreter(options: Mapping[str, Any]) -> Interpreter:
    check_options(options)
    return interpret


CONNECTOR = Connector(
    system="toyshop",
    title="Toyshop",
    entities=("orders",),
    check_options=check_options,
    interpreter=_interpreter,
    order_source=ToyshopOrders,
    stock_sink=ToyshopStock,
    order_acceptor=ToyshopAcceptance,
    shipment_sink=ToyshopParcels,
    secrets=("client_id", "client_secret"),
)
