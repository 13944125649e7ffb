"""What received bodies mean: interpreted and booked in batches; what cannot be booked is set aside, never lost."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import Interpreter
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Interpretation, Problem, Reject
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import fetch_backlog, orders, receipts
from order_pipelines.services.booking import Booked, book_orders, settle_quarantine
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import Arrived, quarantine_row
from order_pipelines.services.shop import Shop
from order_pipelines.services.unreadable import GIVE_UP_AFTER

log = logging.getLogger(__name__)

ORDER = "order"
BACKOFF_S = (30, 120, 600, 3600)
_BATCH = 200
# Read by its id, because a listing or a push named it.
_ASKED_FOR = frozenset({"poll", "webhook"})
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
        meaning = _as_asked(receipt, interpreter(receipt.body, kind=receipt.kind, name=receipt.external_id))
        versions.extend(arrived_of(receipt, meaning))
        found = _rejects(receipt, meaning)
        rows.extend(found)
        if found and not meaning.orders:
            refused.add(receipt.receipt_seq)
    with shop.store.transaction() as connection:
        booked = book_orders(connection, shop.settings, cache, versions)
        rows = _without_superseded(connection, rows, {one.receipt_seq: one.read_began_at for one in read})
        booked.orders_quarantined += len(rows)
        settle_quarantine(connection, rows, ())
        done = [receipt.receipt_seq for receipt in read if receipt.receipt_seq not in refused]
        inbox.mark(connection, done, inbox.INTERPRETED)
        inbox.mark(connection, sorted(refused), inbox.REJECTED, "see quarantine")
        _read_again(connection, [receipt for receipt in read if receipt.receipt_seq in refused])
    return booked


def _without_superseded(
    connection: Connection, rows: Sequence[dict[str, Any]], read_at: Mapping[int, datetime]
) -> list[dict[str, Any]]:
    """Leave out what was wrong with a body when its order was read well since: late news of an old trouble is none."""
    known: dict[str, datetime] = {}
    for part in chunks(sorted({row["entity_key"] for row in rows})):
        query = sa.select(orders.c.order_key, orders.c.read_began_at).where(orders.c.order_key.in_(part))
        known |= {row.order_key: row.read_began_at for row in connection.execute(query)}
    return [
        row
        for row in rows
        if row["entity_key"] not in known or known[row["entity_key"]] < read_at[row["receipt_seq"]]
    ]


def _as_asked(receipt: Receipt, meaning: Interpretation) -> Interpretation:
    """Refuse the answer that is another order than the one asked for: the one asked for would count as read."""
    if receipt.arrived_by not in _ASKED_FOR or all(
        order.external_order_id == receipt.external_id for order in meaning.orders
    ):
        return meaning
    reason = "the channel answered with another order than the one that was asked for"
    return Interpretation(rejects=[Reject(Problem("unreadable_order", reason))], rows_read=meaning.rows_read)


def _read_again(connection: Connection, refused: Sequence[Receipt]) -> None:
    """A body without meaning may be a bad moment of the other side: the order goes back on the list of what to read."""
    again = [receipt for receipt in refused if receipt.arrived_by in _ASKED_FOR]
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
        wait = BACKOFF_S[min(times, len(BACKOFF_S)) - 1]
        rows[(receipt.account, receipt.external_id)] = {
            "account": receipt.account,
            "external_id": receipt.external_id,
            "listed_at": now,
            "attempts": times,
            "reason": "the body that came could not be read",
            "not_before": now + timedelta(seconds=wait),
            "given_up_at": now if times >= GIVE_UP_AFTER else None,
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
