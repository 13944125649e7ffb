"""Exact Online: sales entries, found before they are posted, and the single-use tokens behind every call."""

from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.exact_online.options import check_options
from order_pipelines.connectors.exact_online.tokens import keep_alive
from order_pipelines.connectors.ports import Connector

CONNECTOR = Connector(
    system="exact_online",
    title="Exact Online",
    entities=(),
    check_options=check_options,
    invoice_sink=ExactClient,
    keep_alive=keep_alive,
    secrets=("client_id", "client_secret"),
)

__all__ = ["CONNECTOR"]
