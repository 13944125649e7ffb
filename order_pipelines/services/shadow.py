"""Comparing what an observing account would have done with what its channel shows. Reads outside, writes only here.

Calls outside are those of an ordinary reading: the listing of offers (bol's offers v10 want an export to be ordered for
that, which changes nothing there) and single orders whose parcels are in question.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import ConfigurationError, ConnectorError, OrderPipelinesError
from order_pipelines.operations.leases import assert_held, holding
from order_pipelines.operations.tables import channel_offers, cursors, shadow_days
from order_pipelines.services.audit import mode_since
from order_pipelines.services.desired_stock import stale_order_sources
from order_pipelines.services.offers import refresh_offers
from order_pipelines.services.shadow_book import book
from order_pipelines.services.shadow_orders import (
    Parcels,
    compare_acceptance,
    compare_cancellation,
    compare_tracking,
    read_parcels,
)
from order_pipelines.services.shadow_rules import ACCEPTANCE, CANCELLATION, STOCK, TRACKING, Result, kinds_of
from order_pipelines.services.shadow_stock import compare_stock
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import complete_at
from order_pipelines.settings import AccountSettings

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=55)
"""How often Dagster compares: with every hourly listing of the offers."""
_LISTED_LATELY = timedelta(minutes=5)
# Each is a call; what is not asked for now still differs at the next comparison.
_ASKED_AT_MOST = 50
_OF_THE_ACCOUNT = frozenset({401, 403, 429})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one comparison of an account came to; ``is_busy``: another process compares it now."""

    account: str
    results: Sequence[Result] = ()
    is_busy: bool = False

    @property
    def problems(self) -> list[str]:
        """What could not be compared and why, each sentence once."""
        return list(dict.fromkeys(each.problem for each in self.results if each.problem is not None))


def observing(shop: Shop) -> list[str]:
    """Return the enabled accounts that observe and would send something if they were live."""
    return [name for name, account in shop.accounts() if account.mode == "observe" and kinds_of(account)]


def is_due(connection: Connection, account: str) -> bool:
    """Whether an account was not compared for nearly an hour. What a wrong clock dated ahead is not looked at."""
    now = clock.now()
    last = connection.execute(
        sa.select(sa.func.max(shadow_days.c.attempted_at)).where(
            shadow_days.c.account == account, shadow_days.c.attempted_at <= now
        )
    ).scalar()
    return bool(last is None or now - last >= EVERY)


def compare_account(shop: Shop, account: str) -> Comparison:
    """Compare one observing account and write down what was found. One process at a time does this for an account.

    Never raises for what the other side does: what could not be read is noted as unknown.

    Raises:
        ConfigurationError: the account does not observe, or nothing of it would be sent.
    """
    settings = shop.account(account)
    kinds = kinds_of(settings)
    if settings.mode != "observe" or not kinds:
        raise ConfigurationError(
            f"accounts.{account}: nothing to compare; it {'is live' if kinds else 'would send nothing'}"
        )
    with shop.store.reading() as connection:
        recorded, since = mode_since(connection, account)
    if recorded != settings.mode or since is None:
        raise ConfigurationError(
            f"accounts.{account}.mode: another process works with other settings ({recorded}); restart the older one"
        )
    with holding(shop.store, f"shadow:{account}") as lease:
        if lease is None:
            return Comparison(account, is_busy=True)
        results = [_compare_stock(shop, account)] if STOCK in kinds else []
        results += _compare_orders(shop, account, [kind for kind in kinds if kind != STOCK], since)
        with shop.store.transaction() as connection:
            assert_held(connection, lease)
            book(connection, shop.settings, account, results, clock.now())
    return Comparison(account, tuple(results))


def _compare_stock(shop: Shop, account: str) -> Result:
    if not _was_listed_lately(shop, account):
        push = refresh_offers(shop, account)
        if push.problem is not None:
            return Result(STOCK, problem=push.problem)
    sources = [name for name, _ in shop.accounts(lambda connector: connector.order_source)]
    with shop.store.reading() as connection:
        stale = stale_order_sources(connection, shop.settings, account, sources)
        if stale:
            # With old orders our numbers are old too: live they would not be sent, so they say nothing.
            names = ", ".join(name for name, _ in stale)
            return Result(STOCK, problem=f"orders were last read completely too long ago: {names}")
        return compare_stock(connection, account)


def _was_listed_lately(shop: Shop, account: str) -> bool:
    """Whether the offers were listed minutes ago, and believed: one listing serves the sweep and the comparison."""
    seen = sa.select(sa.func.max(channel_offers.c.seen_at)).where(
        channel_offers.c.account == account, channel_offers.c.is_listed.is_(True)
    )
    refused = sa.select(sa.literal(1)).where(cursors.c.account == account, cursors.c.stream == "offers")
    with shop.store.reading() as connection:
        listed_at = connection.execute(seen).scalar()
        if listed_at is None or connection.execute(refused).first() is not None:
            return False
    return bool(timedelta(0) <= clock.now() - listed_at <= _LISTED_LATELY)


def _compare_orders(shop: Shop, account: str, kinds: Sequence[str], since: datetime) -> list[Result]:
    settings = shop.account(account)
    now = clock.now()
    results = []
    with shop.store.reading() as connection:
        problem = _orders_problem(connection, account, settings, now)
        if problem is not None:
            return [Result(kind, problem=problem) for kind in kinds]
        if ACCEPTANCE in kinds:
            results.append(
                compare_acceptance(connection, shop.settings, account, observed_since=since, now=now)
            )
        if CANCELLATION in kinds:
            results.append(compare_cancellation(connection, account, observed_since=since, now=now))
        parcels = _parcels(connection, account, settings, since, now) if TRACKING in kinds else {}
    if TRACKING in kinds:
        try:
            results.append(compare_tracking(parcels, _ask(shop, account, parcels)))
        except OrderPipelinesError as error:
            results.append(Result(TRACKING, problem=str(error)))
    return results


def _parcels(
    connection: Connection, account: str, settings: AccountSettings, since: datetime, now: datetime
) -> dict[str, Parcels]:
    takes_wholes = connector_of(settings.system).ships_whole_orders
    return read_parcels(
        connection,
        account,
        observed_since=since,
        now=now,
        wholes_only=takes_wholes is not None and takes_wholes(settings.options),
    )


def _orders_problem(
    connection: Connection, account: str, settings: AccountSettings, now: datetime
) -> str | None:
    read_at = complete_at(connection, account)
    if read_at is None:
        return f"orders of {account} were never read completely"
    if now - read_at > timedelta(minutes=settings.stock.max_order_age_minutes):
        return f"orders were last read completely too long ago: {account}"
    return None


def _ask(shop: Shop, account: str, parcels: Mapping[str, Parcels]) -> dict[str, Mapping[str, int]]:
    """Ask the channel about orders whose parcels it seems to lack; one that it cannot show stays as it was read.

    Raises:
        OrderPipelinesError: the account cannot be read now.
    """
    lacking = {key: order for key, order in parcels.items() if order.is_lacking}
    if not lacking:
        return {}
    deadline = clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)
    sink = shop.connect(account, lambda connector: connector.shipment_sink, deadline)
    answers = {}
    for key in sorted(lacking)[:_ASKED_AT_MOST]:
        try:
            answers[key] = sink.shipped_quantities(lacking[key].external_order_id)
        except ConnectorError as error:
            if error.retryable or error.status in _OF_THE_ACCOUNT:
                raise
            log.warning("%s: an order cannot be asked for: %s", account, error)
    return answers
