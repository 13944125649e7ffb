"""Every outside system the product can talk to: one line each, and those that other packages bring along."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from order_pipelines.connectors.b2b_files import CONNECTOR as B2B_FILES
from order_pipelines.connectors.bol import CONNECTOR as BOL
from order_pipelines.connectors.exact_online import CONNECTOR as EXACT_ONLINE
from order_pipelines.connectors.mirakl import CONNECTOR as MIRAKL
from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.shopware import CONNECTOR as SHOPWARE
from order_pipelines.errors import ConfigurationError

GROUP = "order_pipelines.connectors"
"""Entry points by which an installed package offers a connector: ``toyshop = "its_package:CONNECTOR"``."""

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
    """Return the connector of a system; what other packages are installed is looked at only for a name not in here.

    Raises:
        ConfigurationError: no connector has that name, or the package that offers it cannot be used.
    """
    found = CONNECTORS.get(system) or _load(system)
    if found is None:
        known = ", ".join(sorted({*CONNECTORS, *installed_connectors()}))
        raise ConfigurationError(f"no connector is called {system!r}; known are {known}")
    return found


def installed_connectors() -> dict[str, str]:
    """Return the connectors that installed packages offer: system → package. They take no name of the house."""
    return {entry.name: entry.module for entry in entry_points(group=GROUP) if entry.name not in CONNECTORS}


@cache
def _load(system: str) -> Connector | None:
    offers: list[EntryPoint] = list(entry_points(group=GROUP, name=system))
    if not offers:
        return None
    if len(offers) > 1:
        modules = ", ".join(sorted(entry.module for entry in offers))
        raise ConfigurationError(
            f"several packages offer a connector {system!r}: {modules}; keep one of them"
        )
    (entry,) = offers
    try:
        connector = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the connector {system!r} of the package {entry.module} cannot be loaded: {error}"
        ) from error
    if not isinstance(connector, Connector) or connector.system != system:
        raise ConfigurationError(f"{entry.value} is no connector of the system {system!r}")
    return connector
