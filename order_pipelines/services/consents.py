"""Keeping consents alive: a grant that nobody uses for weeks ends, and only a person can give it anew."""

from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.services.shop import Shop


def keep_consents_alive(shop: Shop) -> dict[str, str]:
    """Renew idle consents of all live accounts; returns what went wrong, by account. Each night is often enough."""
    problems: dict[str, str] = {}
    for name, account in shop.accounts(lambda connector: connector.keep_alive):
        renew = connector_of(account.system).keep_alive
        if renew is None or account.mode != "live":
            continue
        try:
            renew(shop.port_account(name), shop.house(name))
        except OrderPipelinesError as error:
            problems[name] = str(error)
    return problems
