"""What systems push: taken durably before it is answered, and worked off by reading again what it names.

A push is never believed. Only account, topic and external id are kept; the order itself is read by the connector and
goes the way of every other order. Where a push names no order, or many come at once, changes are listed instead.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.http import asking_before_calls
from order_pipelines.connectors.ports import Fetched, WebhookDoor
from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import AccountStoppedError, ConnectorError, OrderPipelinesError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.letterbox import DONE, PENDING, REFUSED, Delivery, Letterbox
from order_pipelines.operations.store import OperationsStore, chunks
from order_pipelines.operations.tables import webhook_deliveries
from order_pipelines.services.account_stops import ORDERS, CallGate, stop_of
from order_pipelines.services.booking import Booked
from order_pipelines.services.intake import ORDER, sweep_account
from order_pipelines.services.interpreting import reinterpret
from order_pipelines.services.shop import Shop
from order_pipelines.services.unreadable import is_usable_id

log = logging.getLogger(__name__)

# Listing what changed costs a few calls whatever the number of orders; reading one costs one.
_SWEEP_FROM = 25
_MOST = 500
_BACKOFF_S = (2, 5, 15, 60, 300)
_BUSY_S = 1.0
_TRIES = 50
_OF_THE_ACCOUNT = frozenset({401, 403, 429})


@dataclass
class Worked:
    """What became of an account's deliveries; ``problem``: why some wait."""

    account: str
    due: int = 0
    done: int = 0
    fetched: int = 0
    is_swept: bool = False
    is_busy: bool = False
    booked: Booked = field(default_factory=Booked)
    problem: str | None = None
    retry_after_s: float | None = None


def open_doors(shop: Shop) -> dict[str, WebhookDoor]:
    """Return the doors of all accounts to which their system can push.

    Raises:
        ConfigurationError: a secret's variable is not set.
    """
    doors: dict[str, WebhookDoor] = {}
    for name, account in shop.accounts(lambda connector: connector.webhook_door):
        make = connector_of(account.system).webhook_door
        door = make(shop.port_account(name)) if make is not None else None
        if door is not None:
            doors[name] = door
    return doors


def take(
    box: Letterbox, account: str, door: WebhookDoor, headers: Mapping[str, str], body: bytes
) -> int | None:
    """Keep what a push says, durably; returns how many pieces of news, ``None`` when it is not from the system.

    Nothing is parsed, written or read for a push that is not.
    """
    now = clock.now()
    if not door.verify(headers, body, now):
        return None
    notices = door.notices(headers, body)
    # An id that fits no column is none of an order that could be read.
    deliveries = [
        Delivery(
            account,
            one.key,
            one.topic,
            one.external_id if one.external_id is not None and is_usable_id(one.external_id) else None,
            now,
        )
        for one in notices
        if is_usable_id(one.key)
    ]
    box.put(deliveries)
    return len(deliveries)


def accounts_with_deliveries(store: OperationsStore) -> set[str]:
    """Return the accounts for which something is due now."""
    with store.reading() as connection:
        query = sa.select(webhook_deliveries.c.account).where(*_is_due()).distinct()
        return set(connection.execute(query).scalars())


def work_deliveries(shop: Shop, account: str) -> Worked:
    """Read what an account's deliveries name, book it, and only then call them done.

    Never raises for what the other side does; what could not be read waits, further apart each time.
    """
    with shop.store.reading() as connection:
        if stop_of(connection, account, ORDERS) is not None:
            # What is delivered is kept; it is worked when the account may go on.
            return Worked(account)
        rows = list(
            connection.execute(
                sa.select(webhook_deliveries)
                .where(webhook_deliveries.c.account == account, *_is_due())
                .order_by(webhook_deliveries.c.received_at, webhook_deliveries.c.delivery_key)
                .limit(_MOST)
            )
        )
    worked = Worked(account, due=len(rows))
    if not rows:
        return worked
    named: dict[str, list[Any]] = defaultdict(list)
    unnamed = [row for row in rows if row.external_id is None]
    for row in rows:
        if row.external_id is not None:
            named[row.external_id].append(row)
    if unnamed or len(named) >= _SWEEP_FROM:
        _list_changes(shop, account, rows, worked)
    else:
        _read_each(shop, account, named, worked)
    return worked


def _is_due() -> tuple[sa.ColumnElement[bool], ...]:
    due = sa.or_(webhook_deliveries.c.not_before.is_(None), webhook_deliveries.c.not_before <= clock.now())
    return webhook_deliveries.c.state == PENDING, due


def _list_changes(shop: Shop, account: str, rows: Sequence[Any], worked: Worked) -> None:
    sweep = sweep_account(shop, account)
    worked.is_swept, worked.is_busy = True, sweep.is_busy
    worked.booked.add(sweep.booked)
    if sweep.is_busy:
        # Whoever reads now may have begun before this news came: it is listed again at once.
        _postpone(shop, rows, _BUSY_S, None)
        return
    if sweep.problem is not None:
        worked.problem, worked.retry_after_s = sweep.problem, sweep.retry_after_s
        _postpone(shop, rows, sweep.retry_after_s, sweep.problem)
        return
    _finish(shop, rows, worked, "changes listed")


def _read_each(shop: Shop, account: str, named: Mapping[str, list[Any]], worked: Worked) -> None:
    deadline = clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)
    try:
        source = shop.connect(account, lambda connector: connector.order_source, deadline)
    except OrderPipelinesError as error:
        worked.problem = str(error)
        _postpone(shop, [row for rows in named.values() for row in rows], None, worked.problem)
        return
    unreadable: list[Any] = []
    gate = CallGate(shop.store, account, ORDERS)
    for external_id, rows in named.items():
        try:
            with asking_before_calls(gate):
                fetched = source.fetch_order(external_id)
        except AccountStoppedError:
            return
        except ConnectorError as error:
            if not error.retryable and error.status not in _OF_THE_ACCOUNT:
                unreadable += rows
                continue
            worked.problem, worked.retry_after_s = str(error), error.retry_after_s
            _postpone(shop, rows, error.retry_after_s, worked.problem)
            if error.status in _OF_THE_ACCOUNT or error.status is None:
                return
            continue
        worked.fetched += 1
        worked.booked.add(reinterpret(shop, [_store(shop, account, fetched, rows)]))
        worked.done += len(rows)
    if unreadable:
        # Not there, or not to be had by its id: what changed is listed, and the pushes are done with that.
        log.info(
            "%d pushes of %s name no order that can be read; changes are listed", len(unreadable), account
        )
        _list_changes(shop, account, unreadable, worked)


def _store(shop: Shop, account: str, fetched: Fetched, rows: Sequence[Any]) -> int:
    """Receive the body and call its deliveries done in one transaction: what is received is booked whoever dies."""
    system = shop.account(account).system
    with shop.store.transaction() as connection:
        (number,) = inbox.receive(
            connection,
            [
                Incoming(
                    account,
                    system,
                    ORDER,
                    fetched.external_id,
                    fetched.body,
                    fetched.read_began_at,
                    "webhook",
                    fetched.request,
                )
            ],
        )
        _mark(connection, rows, state=DONE, done_at=clock.now(), reason=None)
    return number


def _finish(shop: Shop, rows: Sequence[Any], worked: Worked, reason: str) -> None:
    with shop.store.small_transaction() as connection:
        _mark(connection, rows, state=DONE, done_at=clock.now(), reason=reason)
    worked.done += len(rows)


def _postpone(shop: Shop, rows: Sequence[Any], wait_s: float | None, problem: str | None) -> None:
    now = clock.now()
    with shop.store.small_transaction() as connection:
        for row in rows:
            attempts = row.attempts + (problem is not None)
            wait = max(wait_s or 0.0, _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1] if attempts else 0.0)
            values = {"attempts": attempts, "not_before": now + timedelta(seconds=wait), "reason": problem}
            if attempts >= _TRIES:
                # Sweeps go on reading the account, and their own backlog knows what is missing.
                values |= {"state": REFUSED, "done_at": now}
            _mark(connection, [row], **values)


def _mark(connection: sa.Connection, rows: Sequence[Any], **values: Any) -> None:
    for part in chunks([row.delivery_key for row in rows]):
        connection.execute(
            sa.update(webhook_deliveries)
            .where(
                webhook_deliveries.c.account == rows[0].account,
                webhook_deliveries.c.delivery_key.in_(part),
                webhook_deliveries.c.state == PENDING,
            )
            .values(**values)
        )


def forget_old(store: OperationsStore, keep_days: int) -> int:
    """Remove deliveries that were done longer ago; returns how many."""
    before = clock.now() - timedelta(days=keep_days)
    with store.small_transaction() as connection:
        return connection.execute(
            sa.delete(webhook_deliveries).where(
                webhook_deliveries.c.state != PENDING, webhook_deliveries.c.done_at < before
            )
        ).rowcount
