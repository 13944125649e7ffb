"""Files in: a watched folder whose files count once by content. Originals are kept; what was read moves aside."""

import gc
import hashlib
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Interpretation, Order, Problem
from order_pipelines.errors import DataContractError
from order_pipelines.identifiers import make_order_key
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import upsert
from order_pipelines.operations.tables import files, receipts
from order_pipelines.services.booking import book_orders, settle_quarantine
from order_pipelines.services.intake import arrived_of
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_files import book_statements

log = logging.getLogger(__name__)

PROCESSED, REJECTED, TAKING_IN, WAITING = "processed", "rejected", "taking_in", "waiting"
_ASIDE = {PROCESSED, REJECTED}
_UNFINISHED = re.compile(r"(^[.~])|(\.(part|tmp|crdownload|filepart)$)", re.IGNORECASE)
_SETTLE = timedelta(seconds=2)
_LEASE_S = 1800.0


@dataclass
class FileResult:
    """What became of one file. ``counts`` add up to ``rows_read`` for order files."""

    name: str
    state: str
    content_hash: str | None = None
    rows_read: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    is_repeat: bool = False


def folder_of(shop: Shop, account: str) -> Path:
    """Return the watched folder of an account (option ``folder``, relative to the settings file)."""
    return shop.settings.resolve(Path(str(shop.account(account).options.get("folder", "inbox"))))


def scan(shop: Shop, account: str, *, settle: timedelta = _SETTLE) -> list[Path]:
    """Return the files waiting in the folder, oldest first: regular files only, finished and untouched for a moment."""
    folder = folder_of(shop, account)
    if not folder.is_dir():
        return []
    now = clock.now().timestamp() if settle else float("inf")
    found = []
    for directory, subfolders, names in os.walk(folder, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if name not in _ASIDE and not name.startswith("."))
        for name in names:
            path = Path(directory) / name
            if _UNFINISHED.search(name) or path.is_symlink() or not path.is_file():
                continue
            if path.stat().st_mtime <= now - settle.total_seconds():
                found.append(path)
    return sorted(found, key=lambda path: (path.stat().st_mtime, str(path)))


def take_in(shop: Shop, account: str, *, settle: timedelta = _SETTLE) -> list[FileResult]:
    """Read every waiting file of an account. One process at a time does this for an account."""
    results: list[FileResult] = []
    with holding(shop.store, f"files:{account}", ttl_s=_LEASE_S) as lease:
        if lease is None:
            return results
        for path in scan(shop, account, settle=settle):
            results.append(_take_in_one(shop, account, path))
        if results:
            match_shipments(shop)
    return results


def _take_in_one(shop: Shop, account: str, path: Path) -> FileResult:
    name = path.relative_to(folder_of(shop, account)).as_posix()
    copied = _copy(shop, path)
    if copied is None:
        return FileResult(
            name, WAITING, reason="the file changed while it was read; it is read again when it rests"
        )
    digest, original = copied
    with shop.store.reading() as connection:
        known = connection.execute(
            sa.select(files).where(files.c.account == account, files.c.content_hash == digest)
        ).first()
    if known is not None and known.state in _ASIDE:
        _move_aside(path, folder_of(shop, account), known.state, digest)
        reason = f"the same content was {known.state} before as {known.name}"
        return FileResult(
            name, known.state, digest, known.rows_read, dict(known.counts), reason, is_repeat=True
        )
    receipt = _receive(shop, account, name, digest, original)
    result = FileResult(name, PROCESSED, digest)
    try:
        _book_file(shop, account, name, receipt, original, result)
    except DataContractError as error:
        result.state, result.reason = REJECTED, str(error)
        _reject(shop, account, receipt, str(error))
    _finish(shop, account, receipt, result)
    _move_aside(path, folder_of(shop, account), result.state, digest, result.reason)
    return result


def _copy(shop: Shop, path: Path) -> tuple[str, Path] | None:
    """Copy the file to the originals under the hash of what was read; ``None`` when it changed meanwhile."""
    keep = shop.settings.data_dir / "originals"
    keep.mkdir(parents=True, exist_ok=True)
    before = path.stat()
    partial = keep / f".{os.getpid()}-{path.name}.part"
    digest = hashlib.sha256()
    with path.open("rb") as source, partial.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
        after = os.fstat(source.fileno())
    moved_on = path.stat() if path.exists() else None
    same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    if (
        not same
        or moved_on is None
        or moved_on.st_ino != before.st_ino
        or moved_on.st_mtime_ns != before.st_mtime_ns
    ):
        partial.unlink()
        return None
    name = digest.hexdigest()
    suffixes = "".join(path.suffixes[-2:]) if path.name.lower().endswith(".csv.gz") else path.suffix
    original = keep / f"{name}{suffixes.lower()}"
    partial.replace(original)
    return name, original


def _receive(shop: Shop, account: str, name: str, digest: str, original: Path) -> Receipt:
    now = clock.now()
    with shop.store.transaction() as connection:
        row = connection.execute(
            sa.select(receipts)
            .where(
                receipts.c.account == account, receipts.c.kind == "file", receipts.c.content_hash == digest
            )
            .order_by(receipts.c.receipt_seq)
        ).first()
        if row is None:
            number = inbox.receive_file(
                connection,
                account=account,
                system=shop.account(account).system,
                name=name,
                digest=digest,
                place=original.relative_to(shop.settings.data_dir).as_posix(),
                size=original.stat().st_size,
            )
            received_at = now
        else:
            number, received_at = row.receipt_seq, row.received_at
        upsert(
            connection,
            files,
            [
                {
                    "account": account,
                    "content_hash": digest,
                    "name": name[:255],
                    "state": TAKING_IN,
                    "rows_read": 0,
                    "counts": {},
                    "received_at": received_at,
                }
            ],
        )
    return Receipt(
        number,
        account,
        shop.account(account).system,
        "file",
        name,
        digest,
        received_at,
        received_at,
        b"",
        "file",
    )


def _batches(shop: Shop, account: str, name: str, original: Path) -> Iterator[Interpretation]:
    make = connector_of(shop.account(account).system).file_interpreter
    if make is None:
        raise DataContractError(f"accounts.{account} takes no files")
    return make(shop.account(account).options)(original, name=name)


def _book_file(
    shop: Shop, account: str, name: str, receipt: Receipt, original: Path, result: FileResult
) -> None:
    """Book batch by batch in short transactions, so that sales never wait for a long file."""
    cache = CatalogueCache()
    counts: Counter[str] = Counter()
    with _without_cycle_collection():
        for batch in _batches(shop, account, name, original):
            _book_batch(shop, account, receipt, batch, cache, counts)
            result.rows_read += batch.rows_read
    result.counts = {key: value for key, value in sorted(counts.items()) if value}


@contextmanager
def _without_cycle_collection() -> Iterator[None]:
    """Rows of a file have no cycles; looking for some costs a third of the time of a long file."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _book_batch(
    shop: Shop,
    account: str,
    receipt: Receipt,
    batch: Interpretation,
    cache: CatalogueCache,
    counts: Counter[str],
) -> None:
    with shop.store.transaction() as connection:
        booked = book_orders(
            connection, shop.settings, cache, arrived_of(receipt, _completed(shop, receipt, batch))
        )
        stated = book_statements(
            connection,
            shop,
            cache.get(connection),
            account,
            receipt.content_hash,
            batch.stock_counts,
            batch.stock_corrections,
            receipt.receipt_seq,
        )
        note_shipment_lines(connection, account, receipt.content_hash, batch.shipments, receipt.receipt_seq)
        settle_quarantine(connection, _reject_rows(account, receipt, batch), ())
    _count(counts, account, batch, booked.quarantined)
    counts["stock_statements_quarantined"] += stated.quarantined


def _completed(shop: Shop, receipt: Receipt, batch: Interpretation) -> Interpretation:
    """Fill in what people leave out of files: ordered when it came, in the account's currency; flagged as our word."""
    currency = shop.account(receipt.account).currency
    batch.orders = [_complete(order, receipt.received_at, currency) for order in batch.orders]
    return batch


def _complete(order: Order, received_at: datetime, currency: str) -> Order:
    said = {problem.field for problem in order.problems}
    lacks_date = order.ordered_at is None and "ordered_at" not in said
    lacks_currency = order.currency is None and "currency" not in said
    if not lacks_date and not lacks_currency:
        return order
    return replace(
        order,
        ordered_at=received_at if lacks_date else order.ordered_at,
        currency=currency if lacks_currency else order.currency,
        must_flag=(*order.must_flag, "dated_by_receipt") if lacks_date else order.must_flag,
    )


def _count(counts: Counter[str], account: str, batch: Interpretation, quarantined: set[str]) -> None:
    for order in batch.orders:
        if make_order_key(account, order.external_order_id) in quarantined:
            counts["quarantined_rows"] += len(order.lines)
            counts["orders_quarantined"] += 1
            continue
        counts["orders" if order.order_kind == "sale" else "credits"] += 1
        for line in order.lines:
            counts[
                f"credit_{line.line_kind}_lines"
                if order.order_kind == "credit"
                else f"{line.line_kind}_lines"
            ] += 1
    counts["stock_counts"] += len(batch.stock_counts)
    counts["stock_corrections"] += len(batch.stock_corrections)
    counts["shipment_lines"] += len(batch.shipments)
    counts["quarantined_rows"] += len(batch.rejects)


def _reject_rows(account: str, receipt: Receipt, batch: Interpretation) -> list[dict[str, Any]]:
    return [
        quarantine_row(
            account,
            "file_row",
            f"{account}:{receipt.content_hash[:12]}:{reject.row if reject.row is not None else reject.external_id}",
            reject.problem,
            receipt.receipt_seq,
            row=reject.row,
        )
        for reject in batch.rejects
    ]


def _reject(shop: Shop, account: str, receipt: Receipt, reason: str) -> None:
    problem = Problem("file_unreadable", reason)
    with shop.store.transaction() as connection:
        row = quarantine_row(
            account, "file", f"{account}:{receipt.content_hash[:12]}", problem, receipt.receipt_seq
        )
        settle_quarantine(connection, [row], ())


def _finish(shop: Shop, account: str, receipt: Receipt, result: FileResult) -> None:
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(files)
            .where(files.c.account == account, files.c.content_hash == receipt.content_hash)
            .values(
                state=result.state,
                reason=result.reason,
                rows_read=result.rows_read,
                counts=result.counts,
                finished_at=clock.now(),
            )
        )
        state = inbox.INTERPRETED if result.state == PROCESSED else inbox.REJECTED
        inbox.mark(connection, [receipt.receipt_seq], state, result.reason)


def _move_aside(path: Path, folder: Path, state: str, digest: str, reason: str | None = None) -> None:
    """Move the file out of the way; its own name is only decoration, never a path."""
    target = folder / state
    target.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-80:]
    place = target / f"{digest[:8]}_{safe}"
    if path.exists():
        shutil.move(path, place)
    if reason is not None and state == REJECTED:
        (target / f"{digest[:8]}_{safe}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
