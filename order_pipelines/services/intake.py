"""Orders in: one way for polls, webhooks, files and replays. Received first, interpreted afterwards, booked at once.

A sweep of an account lists what changed, writes down what must be read (so that nothing listed can be forgotten), reads
each order, stores the bodies, and interprets what waits. Only then the cursor moves, in the same store.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.http import asking_before_calls
from order_pipelines.connectors.ports import Fetched, Listed, OrderSource, Since
from order_pipelines.errors import AccountStoppedError, ConnectorError, OrderPipelinesError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import cursors, fetch_backlog, orders
from order_pipelines.services.account_stops import ORDERS, CallGate, stop_of
from order_pipelines.services.booking import Booked
from order_pipelines.services.interpreting import (
    BACKOFF_S,
    ORDER,
    arrived_of,
    interpret,
    interpret_waiting,
    reinterpret,
)
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import ORDER_STREAM, complete_at, finish_reading
from order_pipelines.services.unreadable import is_usable_id, note_unreadable, set_aside

__all__ = [
    "ORDER",
    "Sweep",
    "arrived_of",
    "interpret",
    "interpret_waiting",
    "reinterpret",
    "sweep_account",
    "sweep_orders",
]

log = logging.getLogger(__name__)

_BATCH = 200
_STORE_EVERY = 25
_RECENT = timedelta(hours=1)
# Channels give times in whole seconds: a change in the second of our last read may have come after it.
_SAME_MOMENT = timedelta(seconds=30)
_TOO_MANY = 429
_OF_THE_ACCOUNT = frozenset({401, 403, _TOO_MANY})


@dataclass
class Sweep:
    """What one sweep of an account did; ``problem`` is why it did not finish, ``is_busy`` that another process does.

    ``is_stopped``: a person stopped the reading. ``is_refused``: the channel had too many calls; ``retry_after_s`` is
    how long it wants to be left alone.
    """

    account: str
    listed: int = 0
    fetched: int = 0
    failed: int = 0
    booked: Booked = field(default_factory=Booked)
    problem: str | None = None
    retryable: bool = True
    is_busy: bool = False
    is_stopped: bool = False
    is_refused: bool = False
    retry_after_s: float | None = None


def sweep_account(shop: Shop, account: str, *, deep: bool = False) -> Sweep:
    """Read everything that changed at one account and book it. One process at a time does this for an account.

    Never raises for what the other side does: the sweep's ``problem`` says it, and the next sweep goes on there.
    """
    sweep = Sweep(account)
    with holding(shop.store, f"intake:{account}", ttl_s=shop.lease_s) as lease:
        if lease is None:
            sweep.problem = "another process reads this account now"
            sweep.is_busy = True
            return sweep
        with shop.store.reading() as connection:
            stop = stop_of(connection, account, ORDERS)
            last = complete_at(connection, account)
        if stop is not None:
            sweep.is_stopped, sweep.problem, sweep.retryable = True, stop.words, False
            return sweep
        started = clock.now()
        since = Since(last, deep)
        try:
            source = shop.connect(
                account, lambda connector: connector.order_source, _deadline(shop, since, started)
            )
            _attempted(shop, account, started)
            with asking_before_calls(CallGate(shop.store, account, ORDERS)):
                broken_off = _list(shop, account, source, since, sweep)
                _fetch_backlog(shop, account, source, sweep)
            if broken_off is not None:
                raise broken_off
        except AccountStoppedError as error:
            sweep.is_stopped, sweep.problem, sweep.retryable = True, str(error), False
        except OrderPipelinesError as error:
            sweep.problem = str(error)
            sweep.retryable = getattr(error, "retryable", False)
            sweep.retry_after_s = getattr(error, "retry_after_s", None)
            sweep.is_refused = getattr(error, "status", None) == _TOO_MANY
        interpret_waiting(shop, shop.account(account).system, sweep.booked)
        if not sweep.is_stopped:
            # Everything listed is stored by now, or written down as still to read.
            finish_reading(shop.store, account, ORDER_STREAM, started, sweep.problem)
    return sweep


def _deadline(shop: Shop, since: Since, started: datetime) -> datetime:
    """A first or deep sweep walks weeks of days under the channel's limits and may take longer than an ordinary one."""
    cadence = shop.settings.cadence
    recent = since.last_complete_at is not None and started - since.last_complete_at < _RECENT
    return started + timedelta(
        seconds=cadence.account_deadline_s if recent and not since.deep else cadence.deep_deadline_s
    )


def _attempted(shop: Shop, account: str, started: datetime) -> None:
    with shop.store.small_transaction() as connection:
        upsert(connection, cursors, [{"account": account, "stream": ORDER_STREAM, "attempted_at": started}])


def _list(shop: Shop, account: str, source: OrderSource, since: Since, sweep: Sweep) -> ConnectorError | None:
    """Write down what is listed; returns the error of a listing that broke off and leaves the details readable.

    What it named until then is kept. The next listing begins at its beginning all the same: entries move while days
    or pages are walked, so that a place in the middle would not be the same place.
    """
    page: list[Listed] = []
    broken_off: ConnectorError | None = None
    try:
        for listed in source.list_orders(since):
            sweep.listed += 1
            page.append(listed)
            if len(page) >= _BATCH:
                _take_listed(shop, account, page)
                page = []
    except ConnectorError as error:
        # A limit counts for its endpoint: details may have theirs left. Without a connection or a right they have not.
        if error.status in {None, 401, 403}:
            _take_listed(shop, account, page)
            raise
        broken_off = error
    _take_listed(shop, account, page)
    return broken_off


def _take_listed(shop: Shop, account: str, page: Sequence[Listed]) -> None:
    """Store complete entities; write down the ones whose detail is not known in this version yet."""
    if not page:
        return
    system = shop.account(account).system
    now = clock.now()
    unusable = [listed for listed in page if not is_usable_id(listed.external_id)]
    page = [listed for listed in page if is_usable_id(listed.external_id)]
    complete = [
        Incoming(account, system, ORDER, listed.external_id, listed.body, now, "listing", listed.request)
        for listed in page
        if listed.is_complete
    ]
    newest: dict[str, datetime | None] = {}
    for listed in page:
        if not listed.is_complete:
            newest[listed.external_id] = listed.changed_at
    with shop.store.transaction() as connection:
        inbox.receive(connection, complete)
        set_aside(connection, account, system, unusable)
        known: dict[str, tuple[datetime, datetime]] = {}
        for part in chunks(list(newest)):
            for row in connection.execute(
                sa.select(orders.c.external_order_id, orders.c.changed_at, orders.c.read_began_at).where(
                    orders.c.account == account, orders.c.external_order_id.in_(part)
                )
            ):
                known[row.external_order_id] = (row.changed_at, row.read_began_at)
        wanted = [
            {
                "account": account,
                "external_id": key,
                "changed_at": changed_at,
                "listed_at": now,
                "attempts": 0,
                "reason": None,
                "not_before": None,
                "given_up_at": None,
            }
            for key, changed_at in newest.items()
            if key not in known or changed_at is None or _is_newer(changed_at, *known[key])
        ]
        upsert(connection, fetch_backlog, _not_waiting_yet(connection, account, wanted))


def _not_waiting_yet(
    connection: Connection, account: str, wanted: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Leave out what waits already in this version: its attempts and its place count from when it was first listed."""
    waiting: dict[str, Any] = {}
    for part in chunks([row["external_id"] for row in wanted]):
        query = sa.select(
            fetch_backlog.c.external_id, fetch_backlog.c.changed_at, fetch_backlog.c.listed_at
        ).where(fetch_backlog.c.account == account, fetch_backlog.c.external_id.in_(part))
        for row in connection.execute(query):
            waiting[row.external_id] = row
    return [row for row in wanted if not _waits_already(waiting.get(row["external_id"]), row["changed_at"])]


def _waits_already(row: Any, changed_at: datetime | None) -> bool:
    if row is None:
        return False
    if row.changed_at is None and changed_at is not None:
        # It was read and its body was none: what changed before that reading is no newer version.
        return bool(changed_at <= row.listed_at)
    return bool(row.changed_at == changed_at)


def _is_newer(listed_at: datetime, known_at: datetime, read_began_at: datetime) -> bool:
    return listed_at > known_at or (listed_at == known_at and read_began_at < listed_at + _SAME_MOMENT)


def _fetch_backlog(shop: Shop, account: str, source: OrderSource, sweep: Sweep) -> None:
    """Read what was written down, oldest first and what failed before last: one bad order keeps no other waiting."""
    now = clock.now()
    with shop.store.reading() as connection:
        due = list(
            connection.execute(
                sa.select(fetch_backlog)
                .where(
                    fetch_backlog.c.account == account,
                    fetch_backlog.c.given_up_at.is_(None),
                    sa.or_(fetch_backlog.c.not_before.is_(None), fetch_backlog.c.not_before <= now),
                )
                .order_by(fetch_backlog.c.attempts, fetch_backlog.c.listed_at, fetch_backlog.c.external_id)
            )
        )
    ready: list[Fetched] = []
    ended_by: OrderPipelinesError | None = None
    for row in due:
        try:
            ready.append(source.fetch_order(row.external_id))
        except AccountStoppedError as error:
            ended_by = error
            break
        except ConnectorError as error:
            sweep.failed += 1
            _postpone(shop, row, error)
            if _stops_account(error):
                ended_by = error
                break
        if len(ready) >= _STORE_EVERY:
            _store_fetched(shop, account, ready, sweep)
            ready = []
    _store_fetched(shop, account, ready, sweep)
    if ended_by is not None:
        raise ended_by


def _stops_account(error: ConnectorError) -> bool:
    """Whether going on with the next order is pointless: no connection, no right, no budget."""
    return error.status in _OF_THE_ACCOUNT or (error.status is None and error.retryable)


def _postpone(shop: Shop, row: Any, error: ConnectorError) -> None:
    attempts = row.attempts + 1
    wait = max(error.retry_after_s or 0.0, BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1])
    values: dict[str, Any] = {
        "attempts": attempts,
        "reason": str(error),
        "not_before": clock.now() + timedelta(seconds=wait),
    }
    with shop.store.transaction() as connection:
        if not error.retryable and error.status not in _OF_THE_ACCOUNT:
            values["given_up_at"] = note_unreadable(connection, row, attempts, error)
        connection.execute(
            sa.update(fetch_backlog)
            .where(fetch_backlog.c.account == row.account, fetch_backlog.c.external_id == row.external_id)
            .values(**values)
        )


def _store_fetched(shop: Shop, account: str, fetched: Sequence[Fetched], sweep: Sweep) -> None:
    if not fetched:
        return
    system = shop.account(account).system
    with shop.store.transaction() as connection:
        inbox.receive(
            connection,
            [
                Incoming(
                    account,
                    system,
                    item.kind,
                    item.external_id,
                    item.body,
                    item.read_began_at,
                    "poll",
                    item.request,
                )
                for item in fetched
            ],
        )
        for part in chunks([item.external_id for item in fetched]):
            connection.execute(
                sa.delete(fetch_backlog).where(
                    fetch_backlog.c.account == account, fetch_backlog.c.external_id.in_(part)
                )
            )
    sweep.fetched += len(fetched)


def sweep_orders(shop: Shop, system: str, *, deep: bool = False) -> list[Sweep]:
    """Sweep every account of a system; one account's failure stops no other."""
    return [
        sweep_account(shop, name, deep=deep)
        for name, account in shop.accounts(lambda connector: connector.order_source)
        if account.system == system
    ]
