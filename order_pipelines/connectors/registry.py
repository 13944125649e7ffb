"""Every outside system the product can talk to: one line each."""

from order_pipelines.connectors.b2b_files import CONNECTOR as B2B_FILES
from order_pipelines.connectors.bol import CONNECTOR as BOL
from order_pipelines.connectors.exact_online import CONNECTOR as EXACT_ONLINE
from order_pipelines.connectors.mirakl import CONNECTOR as MIRAKL
from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.shopware import CONNECTOR as SHOPWARE
from order_pipelines.errors import ConfigurationError

CONNECTORS: dict[str, Connector] = {
    connector.system: connector
    for connector in (
        BOL,
        MIRAKL,
        SHOPWARE,
        B2B_FILES,
        EXACT_ONLINE,
    )
}


def connector_of(system: str) -> Connector:
    """Return the connector of a system.

    Raises:
        ConfigurationError: no connector has that name.
    """
    try:
        return CONNECTORS[system]
    except KeyError:
        known = ", ".join(sorted(CONNECTORS))
        raise ConfigurationError(f"no connector is called {system!r}; known are {known}") from None
