"""Returns in: listed, received, interpreted and booked by version; then held against what was sold.

A return is a wish. Nothing here writes to the ledger, to the outbox or to an order.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.aftersales import ReturnSource
from order_pipelines.connectors.ports import Listed, Since
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Problem, Reject
from order_pipelines.domain.returns import ChannelReturn
from order_pipelines.errors import NotOfferedError, OrderPipelinesError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming, Receipt
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import channel_return_lines, channel_returns, receipts
from order_pipelines.services.order_rows import fitted, quarantine_row
from order_pipelines.services.quarantining import settle_quarantine
from order_pipelines.services.return_matching import match_returns
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import complete_at, finish_reading
from order_pipelines.services.unreadable import is_usable_id

log = logging.getLogger(__name__)

RETURN = "return"
STREAM = "returns"
_BATCH = 200
_LONGEST_KEY = 250
# Nobody waits for a return within minutes; operators ask not to be asked more often than every five (RT11).
_READ_EVERY = timedelta(minutes=55)
_AT_MOST_EVERY = timedelta(minutes=5)
_DEEP_EVERY = timedelta(hours=20)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass
class ReturnSweep:
    """What one reading of an account's returns did.

    ``is_read`` is false when it was not time yet, ``is_offered`` when the other side has no returns; ``problem`` is
    why it did not finish.
    """

    account: str
    is_read: bool = True
    is_offered: bool = True
    is_busy: bool = False
    listed: int = 0
    changed: int = 0
    stale: int = 0
    rejected: int = 0
    remarkable: int = 0
    problem: str | None = None
    retryable: bool = True
    orders: set[str] = field(default_factory=set)


def sweep_returns(shop: Shop, account: str, *, deep: bool = False) -> ReturnSweep:
    """Read the returns that changed at one account and book them, unless that was done within the hour.

    Never raises for what the other side does: the sweep's ``problem`` says it, and the next one goes on there.
    """
    sweep = ReturnSweep(account)
    started = clock.now()
    with shop.store.reading() as connection:
        last = complete_at(connection, account, STREAM)
    if last is not None and timedelta(0) <= started - last < (_AT_MOST_EVERY if deep else _READ_EVERY):
        sweep.is_read = False
        return sweep
    with holding(shop.store, f"{STREAM}:{account}") as lease:
        if lease is None:
            sweep.problem = "another process reads the returns of this account now"
            sweep.is_busy = True
            return sweep
        try:
            deadline = started + timedelta(seconds=shop.settings.cadence.account_deadline_s)
            source = shop.connect(account, lambda connector: connector.return_source, deadline)
            _list(shop, account, source, Since(last, deep or _is_old(last, started)), sweep)
        except NotOfferedError as error:
            # Reported as absent and not as broken: many operators have no returns.
            sweep.is_offered = False
            log.info("%s: %s", account, error)
        except OrderPipelinesError as error:
            sweep.problem = str(error)
            sweep.retryable = getattr(error, "retryable", False)
        _interpret_waiting(shop, shop.account(account).system, sweep)
        with shop.store.transaction() as connection:
            match_returns(connection, shop.settings, account, sweep.orders)
            sweep.remarkable = _count_remarkable(connection, account)
        finish_reading(shop.store, account, STREAM, started, sweep.problem)
    return sweep


def _is_old(last: datetime | None, now: datetime) -> bool:
    return last is not None and now - last > _DEEP_EVERY


def _list(shop: Shop, account: str, source: ReturnSource, since: Since, sweep: ReturnSweep) -> None:
    """Store what is listed, page by page: what came before a listing broke off is kept."""
    page: list[Listed] = []
    try:
        for listed in source.list_returns(since):
            sweep.listed += 1
            page.append(listed)
            if len(page) >= _BATCH:
                _receive(shop, account, page)
                page = []
    finally:
        _receive(shop, account, page)


def _receive(shop: Shop, account: str, page: Sequence[Listed]) -> None:
    """Store the bodies that are another than the newest one of their return: lists repeat all that is open."""
    if not page:
        return
    system, now = shop.account(account).system, clock.now()
    named = {_usable(listed): listed for listed in page}
    with shop.store.transaction() as connection:
        newest: dict[str, str] = {}
        for part in chunks(list(named)):
            query = (
                sa.select(receipts.c.external_id, receipts.c.content_hash)
                .where(
                    receipts.c.account == account,
                    receipts.c.kind == RETURN,
                    receipts.c.external_id.in_(part),
                )
                .order_by(receipts.c.receipt_seq)
            )
            newest |= {row.external_id: row.content_hash for row in connection.execute(query)}
        inbox.receive(
            connection,
            [
                Incoming(account, system, RETURN, name, listed.body, now, "listing", listed.request)
                for name, listed in named.items()
                if newest.get(name) != inbox.content_hash(listed.body)
            ],
        )


def _usable(listed: Listed) -> str:
    if is_usable_id(listed.external_id):
        return listed.external_id
    return f"unusable-{hashlib.sha256(listed.external_id.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _interpret_waiting(shop: Shop, system: str, sweep: ReturnSweep) -> None:
    above = 0
    while True:
        with shop.store.reading() as connection:
            batch = inbox.waiting(connection, system=system, kind=RETURN, limit=_BATCH, above=above)
        if not batch:
            return
        above = batch[-1].receipt_seq
        _interpret(shop, batch, sweep)


def reinterpret_returns(shop: Shop, numbers: Iterable[int]) -> int:
    """Interpret stored receipts of returns again; returns how many returns changed."""
    done = ReturnSweep("")
    accounts: set[str] = set()
    for part in chunks(sorted(set(numbers)), _BATCH):
        with shop.store.reading() as connection:
            batch = [item for item in inbox.by_number(connection, part) if item.kind == RETURN]
        if batch:
            _interpret(shop, batch, done)
            accounts |= {item.account for item in batch}
    with shop.store.transaction() as connection:
        for account in sorted(accounts):
            match_returns(connection, shop.settings, account, done.orders)
    return done.changed


def _interpret(shop: Shop, batch: Sequence[Receipt], sweep: ReturnSweep) -> None:
    """Interpret receipts and book what they mean, in one transaction. Bodies without meaning go to quarantine."""
    versions: list[tuple[Receipt, ChannelReturn]] = []
    rejects: list[tuple[Receipt, Reject]] = []
    read: list[Receipt] = []
    for receipt in batch:
        interpreter = connector_of(receipt.system).return_interpreter
        if interpreter is None or receipt.account not in shop.settings.accounts:
            # Stays as received: the account may come back under its name.
            continue
        read.append(receipt)
        meaning = interpreter(receipt.body, name=receipt.external_id)
        versions += [(receipt, each) for each in meaning.returns if is_usable_id(each.external_return_id)]
        rejects += [(receipt, reject) for reject in meaning.rejects]
        rejects += [
            (receipt, Reject(Problem("unusable_id", "the return has an id that is none; the body is kept")))
            for each in meaning.returns
            if not is_usable_id(each.external_return_id)
        ]
    rows = [
        quarantine_row(
            receipt.account,
            RETURN,
            f"{receipt.account}:{RETURN}:{receipt.external_id}"[:_LONGEST_KEY],
            reject.problem,
            receipt.receipt_seq,
        )
        for receipt, reject in rejects
    ]
    refused = {receipt.receipt_seq for receipt, _ in rejects}
    sound = [
        f"{receipt.account}:{RETURN}:{receipt.external_id}"[:_LONGEST_KEY]
        for receipt in read
        if receipt.receipt_seq not in refused
    ]
    with shop.store.transaction() as connection:
        _book(connection, versions, sweep)
        settle_quarantine(connection, rows, sound)
        inbox.mark(
            connection,
            [each.receipt_seq for each in read if each.receipt_seq not in refused],
            inbox.INTERPRETED,
        )
        inbox.mark(connection, sorted(refused), inbox.REJECTED, "see quarantine")
    sweep.rejected += len(rows)


def _book(
    connection: Connection, versions: Sequence[tuple[Receipt, ChannelReturn]], sweep: ReturnSweep
) -> None:
    """Let the newest version of each return stand, in whatever order and however often they come."""
    best: dict[str, tuple[Receipt, ChannelReturn]] = {}
    for receipt, found in versions:
        key = return_key(receipt.account, found.external_return_id)
        if key not in best or _version(receipt, found) > _version(*best[key]):
            best[key] = (receipt, found)
    known: dict[str, Any] = {}
    for part in chunks(list(best)):
        query = sa.select(channel_returns).where(channel_returns.c.return_key.in_(part))
        known |= {row.return_key: row for row in connection.execute(query)}
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for key, (receipt, found) in best.items():
        before = known.get(key)
        version = _version(receipt, found)
        if before is not None and version < (before.changed_at, before.read_began_at, before.content_hash):
            sweep.stale += 1
            continue
        heads.append(_head(key, receipt, found, version[0]))
        lines += _lines(key, found)
    if not heads:
        return
    first = next_values(connection, CHANGE, len(heads))
    upsert(connection, channel_returns, [{**row, "change_seq": first + at} for at, row in enumerate(heads)])
    for part in chunks([row["return_key"] for row in heads]):
        connection.execute(sa.delete(channel_return_lines).where(channel_return_lines.c.return_key.in_(part)))
    for rows in chunks(lines):
        connection.execute(channel_return_lines.insert(), list(rows))
    sweep.changed += len(heads)
    sweep.orders |= {row["external_order_id"] for row in lines if row["external_order_id"] is not None}


def return_key(account: str, external_return_id: str) -> str:
    """Return the key of a return: account and the channel's id, shortened with a hash where that is too long."""
    key = f"{account}:{external_return_id}"
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:180]}~{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _version(receipt: Receipt, found: ChannelReturn) -> tuple[datetime, datetime, str]:
    """What makes one version newer than another: the channel's time, when reading began, content."""
    changed_at = found.changed_at or receipt.read_began_at
    return min(changed_at, receipt.read_began_at + _CLOCK_SKEW), receipt.read_began_at, receipt.content_hash


def _head(key: str, receipt: Receipt, found: ChannelReturn, changed_at: datetime) -> dict[str, Any]:
    return {
        "return_key": key,
        "account": receipt.account,
        "system": receipt.system,
        "external_return_id": found.external_return_id,
        "registered_at": found.registered_at,
        "changed_at": changed_at,
        "read_began_at": receipt.read_began_at,
        "content_hash": receipt.content_hash,
        "receipt_seq": receipt.receipt_seq,
    }


def _lines(key: str, found: ChannelReturn) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(found.lines, start=1):
        line_id = line.return_line_id[:180]
        if line_id in rows:
            line_id = f"{line_id}#{number}"
        row: dict[str, Any] = {
            "return_key": key,
            "return_line_id": line_id,
            "external_order_id": line.external_order_id,
            "external_line_id": line.external_line_id,
            "ean_said": line.ean,
            "order_key": None,
            "line_id": None,
            "sku": None,
            "quantity": line.quantity if line.quantity is None else _counted(line.quantity),
            "state": line.state,
            "state_said": line.state_said,
            "reason_code": line.reason_code,
            "reason_label": line.reason_label,
            "own_fulfilment": line.own_fulfilment,
            "remarks": [],
        }
        rows[line_id] = fitted(channel_return_lines, row)
    return list(rows.values())


def _counted(quantity: int) -> int:
    """Return a number that the column holds; what is larger is as absurd as that."""
    return max(-(2**31), min(quantity, 2**31 - 1))


def _count_remarkable(connection: Connection, account: str) -> int:
    lines, heads = channel_return_lines, channel_returns
    query = (
        sa.select(sa.func.count())
        .select_from(lines.join(heads, heads.c.return_key == lines.c.return_key))
        .where(heads.c.account == account, lines.c.remarks != [])
    )
    return int(connection.execute(query).scalar_one())
