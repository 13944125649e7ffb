"""Orders in: one way for polls, webhooks, files and replays. Received first, interpreted afterwards, booked at once.

A sweep of an account lists what changed, writes down what must be read (so that nothing listed can be forgotten), reads
each order, stores the bodies, and interprets what waits. Only then the cursor moves, in the same store.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import Fetched, Interpreter, Listed, OrderSource, Since
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Interpretation, Problem
from order_pipelines.errors import ConnectorError, OrderPipelinesError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming, Receipt
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import cursors, fetch_backlog, orders, receipts
from order_pipelines.services.booking import Booked, book_orders, settle_quarantine
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import Arrived, quarantine_row
from order_pipelines.services.shop import Shop

log = logging.getLogger(__name__)

ORDER = "order"
_BATCH = 200
_STORE_EVERY = 25
_BACKOFF_S = (30, 120, 600, 3600)
_LEASE_S = 3600.0
_STORE_TROUBLE = (sa.exc.OperationalError, sa.exc.InterfaceError)
_UNFORESEEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OrderPipelinesError,
    sa.exc.StatementError,
)
_RECENT = timedelta(hours=1)
# Channels give times in whole seconds: a change in the second of our last read may have come after it.
_SAME_MOMENT = timedelta(seconds=30)


@dataclass
class Sweep:
    """What one sweep of one account did. ``problem`` names why it did not finish, if so."""

    account: str
    listed: int = 0
    fetched: int = 0
    failed: int = 0
    booked: Booked = field(default_factory=Booked)
    problem: str | None = None
    retryable: bool = True


def sweep_account(shop: Shop, account: str, *, deep: bool = False) -> Sweep:
    """Read everything that changed at one account and book it. One process at a time does this for an account.

    Never raises for what the other side does: the sweep's ``problem`` says it, and the next sweep goes on there.
    """
    sweep = Sweep(account)
    with holding(shop.store, f"intake:{account}", ttl_s=_LEASE_S) as lease:
        if lease is None:
            sweep.problem = "another process reads this account now"
            return sweep
        started = clock.now()
        since = Since(_last_complete(shop, account), deep)
        try:
            source = shop.connect(
                account, lambda connector: connector.order_source, _deadline(shop, since, started)
            )
            _attempted(shop, account, started)
            _list(shop, account, source, since, sweep)
            _fetch_backlog(shop, account, source, sweep)
        except OrderPipelinesError as error:
            sweep.problem = str(error)
            sweep.retryable = getattr(error, "retryable", False)
        interpret_waiting(shop, shop.account(account).system, sweep.booked)
        _finish(shop, account, started, sweep)
    return sweep


def _deadline(shop: Shop, since: Since, started: datetime) -> datetime:
    """A first or deep sweep walks weeks of days under the channel's limits and may take longer than an ordinary one."""
    cadence = shop.settings.cadence
    recent = since.last_complete_at is not None and started - since.last_complete_at < _RECENT
    return started + timedelta(
        seconds=cadence.account_deadline_s if recent and not since.deep else cadence.deep_deadline_s
    )


def _last_complete(shop: Shop, account: str) -> datetime | None:
    with shop.store.reading() as connection:
        query = sa.select(cursors.c.complete_at).where(
            cursors.c.account == account, cursors.c.stream == "orders"
        )
        return connection.execute(query).scalar()


def _attempted(shop: Shop, account: str, started: datetime) -> None:
    with shop.store.small_transaction() as connection:
        upsert(connection, cursors, [{"account": account, "stream": "orders", "attempted_at": started}])


def _finish(shop: Shop, account: str, started: datetime, sweep: Sweep) -> None:
    """Move the cursor when everything listed is either stored or written down as still to read."""
    with shop.store.small_transaction() as connection:
        row: dict[str, Any] = {"account": account, "stream": "orders", "reason": sweep.problem}
        if sweep.problem is None:
            row |= {"complete_at": started, "failed_since": None}
        else:
            since = connection.execute(
                sa.select(cursors.c.failed_since).where(
                    cursors.c.account == account, cursors.c.stream == "orders"
                )
            ).scalar()
            row["failed_since"] = since or started
        upsert(connection, cursors, [row])


def _list(shop: Shop, account: str, source: OrderSource, since: Since, sweep: Sweep) -> None:
    page: list[Listed] = []
    for listed in source.list_orders(since):
        sweep.listed += 1
        page.append(listed)
        if len(page) >= _BATCH:
            _take_listed(shop, account, page)
            page = []
    _take_listed(shop, account, page)


def _take_listed(shop: Shop, account: str, page: Sequence[Listed]) -> None:
    """Store complete entities; write down the ones whose detail is not known in this version yet."""
    if not page:
        return
    system = shop.account(account).system
    now = clock.now()
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
            }
            for key, changed_at in newest.items()
            if key not in known or changed_at is None or _is_newer(changed_at, *known[key])
        ]
        upsert(connection, fetch_backlog, _not_waiting_yet(connection, account, wanted))


def _not_waiting_yet(
    connection: Connection, account: str, wanted: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Leave out what waits already in this version: its attempts and its place count from when it was first listed."""
    waiting: dict[str, datetime | None] = {}
    for part in chunks([row["external_id"] for row in wanted]):
        query = sa.select(fetch_backlog.c.external_id, fetch_backlog.c.changed_at).where(
            fetch_backlog.c.account == account, fetch_backlog.c.external_id.in_(part)
        )
        for row in connection.execute(query):
            waiting[row.external_id] = row.changed_at
    return [
        row
        for row in wanted
        if row["external_id"] not in waiting or waiting[row["external_id"]] != row["changed_at"]
    ]


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
                    sa.or_(fetch_backlog.c.not_before.is_(None), fetch_backlog.c.not_before <= now),
                )
                .order_by(fetch_backlog.c.attempts, fetch_backlog.c.listed_at, fetch_backlog.c.external_id)
            )
        )
    ready: list[Fetched] = []
    system_down: ConnectorError | None = None
    for row in due:
        try:
            ready.append(source.fetch_order(row.external_id))
        except ConnectorError as error:
            sweep.failed += 1
            _postpone(shop, row, error)
            if _stops_account(error):
                system_down = error
                break
        if len(ready) >= _STORE_EVERY:
            _store_fetched(shop, account, ready, sweep)
            ready = []
    _store_fetched(shop, account, ready, sweep)
    if system_down is not None:
        raise system_down


def _stops_account(error: ConnectorError) -> bool:
    """Whether going on with the next order is pointless: no connection, no right, no budget."""
    return error.status is None or error.status in {401, 403, 429}


def _postpone(shop: Shop, row: Any, error: ConnectorError) -> None:
    attempts = row.attempts + 1
    wait = max(error.retry_after_s or 0.0, _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1])
    values: dict[str, Any] = {
        "attempts": attempts,
        "reason": str(error),
        "not_before": clock.now() + timedelta(seconds=wait),
    }
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(fetch_backlog)
            .where(fetch_backlog.c.account == row.account, fetch_backlog.c.external_id == row.external_id)
            .values(**values)
        )
        if not error.retryable:
            problem = Problem("unreadable_order", f"the order was listed but cannot be read: {error}")
            rows = [quarantine_row(row.account, "order", f"{row.account}:{row.external_id}", problem, 0)]
            settle_quarantine(connection, rows, ())


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


def interpret_waiting(shop: Shop, system: str, booked: Booked | None = None) -> Booked:
    """Interpret and book every received order body of a system that nothing has interpreted yet."""
    total = booked if booked is not None else Booked()
    cache = CatalogueCache()
    above = 0
    while True:
        with shop.store.reading() as connection:
            batch = inbox.waiting(connection, system=system, kind=ORDER, limit=_BATCH, above=above)
        if not batch:
            return total
        above = batch[-1].receipt_seq
        total.add(_interpret_each_that_can_be(shop, batch, cache))


def _interpret_each_that_can_be(shop: Shop, batch: Sequence[Receipt], cache: CatalogueCache) -> Booked:
    """Interpret a batch; when something in it cannot be booked at all, find it by halves and set it aside.

    A mapping reports bad content, so this is for what nobody foresaw: without it one body would stop all that follow.
    """
    try:
        return interpret(shop, batch, cache)
    except _STORE_TROUBLE:
        raise
    except _UNFORESEEN as error:
        if len(batch) == 1:
            return _set_aside(shop, batch[0], error)
    half = len(batch) // 2
    booked = _interpret_each_that_can_be(shop, batch[:half], cache)
    booked.add(_interpret_each_that_can_be(shop, batch[half:], cache))
    return booked


def _set_aside(shop: Shop, receipt: Receipt, error: Exception) -> Booked:
    """Put a body that cannot be booked into quarantine; only the kind of error is told, its text may name people."""
    cause = getattr(error, "orig", None) or error
    kind = type(cause).__name__
    log.error("receipt %d of %s cannot be booked (%s); set aside", receipt.receipt_seq, receipt.account, kind)
    reason = f"the body was received and cannot be booked ({kind}); it is kept, report it and retry after the repair"
    key = f"{receipt.account}:{receipt.external_id}"
    row = quarantine_row(receipt.account, "order", key, Problem("unbookable", reason), receipt.receipt_seq)
    with shop.store.transaction() as connection:
        settle_quarantine(connection, [row], ())
        inbox.mark(connection, [receipt.receipt_seq], inbox.REJECTED, "see quarantine")
    return Booked(orders_quarantined=1, quarantined={key})


def interpret(shop: Shop, batch: Sequence[Receipt], cache: CatalogueCache) -> Booked:
    """Interpret receipts and book what they mean, in one transaction. Bodies without meaning go to quarantine."""
    interpreters: dict[str, Interpreter] = {}
    versions: list[Arrived] = []
    rows: list[dict[str, Any]] = []
    refused: set[int] = set()
    read: list[Receipt] = []
    for receipt in batch:
        interpreter = interpreters.get(receipt.account)
        if interpreter is None:
            make = connector_of(receipt.system).interpreter
            if make is None or receipt.account not in shop.settings.accounts:
                # Stays as received: the account may come back under its name.
                continue
            interpreter = make(shop.account(receipt.account).options)
            interpreters[receipt.account] = interpreter
        read.append(receipt)
        meaning = interpreter(receipt.body, kind=receipt.kind, name=receipt.external_id)
        versions.extend(arrived_of(receipt, meaning))
        found = _rejects(receipt, meaning)
        rows.extend(found)
        if found and not meaning.orders:
            refused.add(receipt.receipt_seq)
    with shop.store.transaction() as connection:
        booked = book_orders(connection, shop.settings, cache, versions)
        booked.orders_quarantined += len(rows)
        settle_quarantine(connection, rows, ())
        done = [receipt.receipt_seq for receipt in read if receipt.receipt_seq not in refused]
        inbox.mark(connection, done, inbox.INTERPRETED)
        inbox.mark(connection, sorted(refused), inbox.REJECTED, "see quarantine")
        _read_again(connection, [receipt for receipt in read if receipt.receipt_seq in refused])
    return booked


def _read_again(connection: Connection, refused: Sequence[Receipt]) -> None:
    """A body without meaning may be a bad moment of the other side: the order goes back on the list of what to read."""
    again = [receipt for receipt in refused if receipt.arrived_by == "poll"]
    if not again:
        return
    now = clock.now()
    attempts: dict[tuple[str, str], int] = {}
    for part in chunks([receipt.external_id for receipt in again]):
        query = (
            sa.select(receipts.c.account, receipts.c.external_id, sa.func.count().label("times"))
            .where(receipts.c.external_id.in_(part), receipts.c.state == inbox.REJECTED)
            .group_by(receipts.c.account, receipts.c.external_id)
        )
        for row in connection.execute(query):
            attempts[(row.account, row.external_id)] = int(row.times)
    rows = {}
    for receipt in again:
        times = max(1, attempts.get((receipt.account, receipt.external_id), 1))
        wait = _BACKOFF_S[min(times, len(_BACKOFF_S)) - 1]
        rows[(receipt.account, receipt.external_id)] = {
            "account": receipt.account,
            "external_id": receipt.external_id,
            "listed_at": now,
            "attempts": times,
            "reason": "the body that came could not be read",
            "not_before": now + timedelta(seconds=wait),
        }
    upsert(connection, fetch_backlog, list(rows.values()))


def arrived_of(receipt: Receipt, meaning: Interpretation) -> list[Arrived]:
    """Return the orders of a body with where they came from."""
    return [
        Arrived(
            receipt.account,
            receipt.system,
            order,
            receipt.receipt_seq,
            receipt.content_hash,
            receipt.received_at,
            receipt.read_began_at,
        )
        for order in meaning.orders
    ]


def _rejects(receipt: Receipt, meaning: Interpretation) -> list[dict[str, Any]]:
    return [
        quarantine_row(
            receipt.account,
            "order",
            f"{receipt.account}:{reject.external_id or receipt.external_id}",
            reject.problem,
            receipt.receipt_seq,
            row=reject.row,
        )
        for reject in meaning.rejects
    ]


def reinterpret(shop: Shop, numbers: Iterable[int]) -> Booked:
    """Interpret stored receipts again; booking is idempotent, so this changes only what the rules now see otherwise."""
    total = Booked()
    cache = CatalogueCache()
    for part in chunks(sorted(set(numbers)), _BATCH):
        with shop.store.reading() as connection:
            batch = [item for item in inbox.by_number(connection, part) if item.kind == ORDER]
        if batch:
            total.add(_interpret_each_that_can_be(shop, batch, cache))
    return total


def sweep_orders(shop: Shop, system: str, *, deep: bool = False) -> list[Sweep]:
    """Sweep every account of a system; one account's failure stops no other."""
    return [
        sweep_account(shop, name, deep=deep)
        for name, account in shop.accounts(lambda connector: connector.order_source)
        if account.system == system
    ]
