"""Files in: a watched folder whose files count once by content. Originals are kept; what was read moves aside."""

import hashlib
import logging
import os
import re
import shutil
import stat
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.orders import Problem
from order_pipelines.errors import ConfigurationError, DataContractError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import upsert
from order_pipelines.operations.tables import files, receipts
from order_pipelines.services.booking import settle_quarantine
from order_pipelines.services.file_booking import FILE, book_file
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.shipping import match_shipments
from order_pipelines.services.shop import Shop

log = logging.getLogger(__name__)

PROCESSED, REJECTED, TAKING_IN, WAITING = "processed", "rejected", "taking_in", "waiting"
_ASIDE = {PROCESSED, REJECTED}
_UNFINISHED = re.compile(r"(^[.~])|(\.(part|tmp|crdownload|filepart)$)", re.IGNORECASE)
_PLAIN_SUFFIX = re.compile(r"(\.csv)?\.[a-z0-9]{1,8}\Z", re.ASCII)
_SETTLE = timedelta(seconds=2)
_TORN_AFTER = timedelta(days=1)


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
    found: list[tuple[float, str, Path]] = []
    for directory, subfolders, names in os.walk(folder, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if name not in _ASIDE and not name.startswith("."))
        for name in names:
            path = Path(directory) / name
            try:
                state = path.lstat()
            except OSError:
                # Gone between two looks, or in a folder that lets nobody look: nothing that waits for us.
                continue
            if _UNFINISHED.search(name) or not stat.S_ISREG(state.st_mode):
                continue
            if state.st_mtime <= now - settle.total_seconds():
                found.append((state.st_mtime, str(path), path))
    return [path for _, _, path in sorted(found)]


def take_in(shop: Shop, account: str, *, settle: timedelta = _SETTLE) -> list[FileResult]:
    """Read every waiting file of an account. One process at a time does this for an account."""
    results: list[FileResult] = []
    with holding(shop.store, f"files:{account}") as lease:
        if lease is None:
            return results
        _remove_torn_copies(shop)
        _check_places(folder_of(shop, account))
        for path in scan(shop, account, settle=settle):
            results.append(_take_in_one(shop, account, path))
        if results:
            match_shipments(shop)
    return results


def _take_in_one(shop: Shop, account: str, path: Path) -> FileResult:
    name = _shown_name(path.relative_to(folder_of(shop, account)))
    closed = _why_closed(path)
    if closed is not None:
        return FileResult(name, WAITING, reason=closed)
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
        _move_aside(path, folder_of(shop, account), known.state, digest, known.reason)
        reason = f"the same content was {known.state} before as {known.name}"
        return FileResult(
            name, known.state, digest, known.rows_read, dict(known.counts), reason, is_repeat=True
        )
    receipt = _receive(shop, account, name, digest, original)
    result = FileResult(name, PROCESSED, digest)
    try:
        taken = book_file(shop, receipt, original)
        result.rows_read, result.counts, result.reason = taken.rows_read, taken.as_dict(), taken.held
    except (DataContractError, sa.exc.DataError) as error:
        # The store's own words would show the row, which may name people.
        is_ours = isinstance(error, DataContractError)
        reason = str(error) if is_ours else f"{name}: holds a value that the store cannot keep; report it"
        result.state, result.reason = REJECTED, reason
        _reject(shop, account, receipt, reason)
    _finish(shop, account, receipt, result)
    _move_aside(path, folder_of(shop, account), result.state, digest, result.reason)
    return result


def _shown_name(path: Path) -> str:
    """Return a name as a row and a line can hold it: whoever drops files chooses their names, byte by byte."""
    text = os.fsencode(path.as_posix()).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _why_closed(path: Path) -> str | None:
    """Return why a file cannot be read, ``None`` when it can: one that is closed to us keeps no other waiting."""
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        return f"cannot be read ({error.strerror}); it is read when it can be"
    return None


def _check_places(folder: Path) -> None:
    """Refuse to move files to anywhere but folders of their own below the watched one.

    Raises:
        ConfigurationError: something else stands there, for example a link that somebody dropped.
    """
    for name in sorted(_ASIDE):
        place = folder / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise ConfigurationError(f"{place} must be a folder of its own; remove what stands there")


def _copy(shop: Shop, path: Path) -> tuple[str, Path] | None:
    """Copy the file to the originals under the hash of what was read; ``None`` when it changed meanwhile."""
    keep = shop.settings.data_dir / "originals"
    keep.mkdir(parents=True, exist_ok=True)
    before = path.stat()
    # Not its name: with what is added it could be longer than a name may be.
    mark = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    partial = keep / f".{os.getpid()}-{mark}.part"
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
            after = os.fstat(source.fileno())
    except OSError as error:
        # On a full disk half a copy would only take the room that somebody is looking for.
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(keep)) from None
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
    suffix = _PLAIN_SUFFIX.search(path.name.lower())
    original = keep / f"{name}{suffix[0] if suffix else ''}"
    partial.replace(original)
    return name, original


def _remove_torn_copies(shop: Shop) -> None:
    """Remove copies that a killed process left unfinished; none takes a day, and they hold customers' names."""
    yesterday = clock.now() - _TORN_AFTER
    for path in (shop.settings.data_dir / "originals").glob(".*.part"):
        if path.stat().st_mtime < yesterday.timestamp():
            path.unlink(missing_ok=True)


def _receive(shop: Shop, account: str, name: str, digest: str, original: Path) -> Receipt:
    now = clock.now()
    with shop.store.transaction() as connection:
        row = connection.execute(
            sa.select(receipts)
            .where(receipts.c.account == account, receipts.c.kind == FILE, receipts.c.content_hash == digest)
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
        FILE,
    )


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
    if reason is not None and state == REJECTED:
        # Before the move: a process that dies in between finds the file again, and nothing else would write the reason.
        (target / f"{place.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
    if path.exists():
        shutil.move(path, place)
