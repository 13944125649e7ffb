"""What the report says above everything: accounts that stand still, and inputs that are too old to raise a number."""

from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.services.account_stops import all_stops
from order_pipelines.services.freshness import LOCATION, ORDERS, stale_inputs
from order_pipelines.services.report import Notice
from order_pipelines.settings import Settings

_ANCHOR = "voorraad"


def brake_notices(connection: Connection, settings: Settings) -> list[Notice]:
    """Return a notice for each account that a person stopped, and for each input that is too old."""
    stopped = sorted({stop.account for stop in all_stops(connection)} & settings.accounts.keys())
    notices = [Notice(f"{name} is stilgezet", _ANCHOR) for name in stopped]
    seen: set[tuple[str, str]] = set()
    for name, account in settings.accounts.items():
        if not account.enabled or not account.stock.push or connector_of(account.system).stock_sink is None:
            continue
        for stale in stale_inputs(connection, settings, name):
            if (key := (stale.kind, stale.subject)) not in seen:
                seen.add(key)
                notices.append(Notice(_said(*key), _ANCHOR))
    return notices


def _said(kind: str, subject: str) -> str:
    if kind == ORDERS:
        return f"orders van {subject} te lang niet gelezen"
    if kind == LOCATION:
        return f"locatie {subject} te lang niet geteld"
    return f"lijst van leverancier {subject} te oud"
