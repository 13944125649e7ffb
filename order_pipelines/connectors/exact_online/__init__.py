"""Exact Online: sales entries, found before they are posted, and the single-use tokens behind every call."""

from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.exact_online.options import check_options
from order_pipelines.connectors.exact_online.probe import LIMITS, ExactProbe
from order_pipelines.connectors.exact_online.reading import ExactReader
from order_pipelines.connectors.exact_online.tokens import keep_alive
from order_pipelines.connectors.ports import Connector

CONNECTOR = Connector(
    system="exact_online",
    title="Exact Online",
    entities=(),
    check_options=check_options,
    invoice_sink=ExactClient,
    books_reader=ExactReader,
    keep_alive=keep_alive,
    account_probe=ExactProbe,
    limits=LIMITS,
    secrets=("client_id", "client_secret"),
)

__all__ = ["CONNECTOR"]
