"""The only door in: bodies as received, stored once per content; every receipt of a body is a row of its own."""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.errors import DataContractError
from order_pipelines.operations.store import RECEIPT, chunks, insert_new, next_values
from order_pipelines.operations.tables import bodies, receipts

_COMPRESS_FROM = 400
RECEIVED, INTERPRETED, REJECTED = "received", "interpreted", "rejected"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One body on its way in. ``arrived_by``: ``listing``, ``poll``, ``webhook``, ``file`` or ``replay``."""

    account: str
    system: str
    kind: str
    external_id: str
    body: bytes
    read_began_at: datetime
    arrived_by: str
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A stored receipt with its body."""

    receipt_seq: int
    account: str
    system: str
    kind: str
    external_id: str
    content_hash: str
    received_at: datetime
    read_began_at: datetime
    body: bytes
    arrived_by: str = "poll"


def content_hash(body: bytes) -> str:
    """Return the SHA-256 of a body in hex."""
    return hashlib.sha256(body).hexdigest()


def receive(connection: Connection, incoming: Sequence[Incoming]) -> list[int]:
    """Store bodies and receipts durably, before anything interprets them; returns the receipt numbers in order."""
    if not incoming:
        return []
    now = clock.now()
    first = next_values(connection, RECEIPT, len(incoming))
    body_rows: dict[str, dict[str, object]] = {}
    receipt_rows = []
    for number, item in enumerate(incoming, start=first):
        digest = content_hash(item.body)
        if digest not in body_rows:
            compress = len(item.body) >= _COMPRESS_FROM
            body_rows[digest] = {
                "content_hash": digest,
                "content": zlib.compress(item.body, 1) if compress else item.body,
                "encoding": "zlib" if compress else "plain",
                "size_bytes": len(item.body),
                "first_received_at": now,
            }
        receipt_rows.append(
            {
                "receipt_seq": number,
                "account": item.account,
                "system": item.system,
                "kind": item.kind,
                "external_id": item.external_id,
                "content_hash": digest,
                "received_at": now,
                "read_began_at": item.read_began_at,
                "arrived_by": item.arrived_by,
                "request": item.request,
                "state": RECEIVED,
            }
        )
    insert_new(connection, bodies, list(body_rows.values()))
    connection.execute(receipts.insert(), receipt_rows)
    return [row["receipt_seq"] for row in receipt_rows]  # type: ignore[misc]


def body_of(connection: Connection, digest: str) -> bytes:
    """Return a body as received.

    Raises:
        DataContractError: no body with that hash is stored.
    """
    row = connection.execute(
        sa.select(bodies.c.content, bodies.c.encoding).where(bodies.c.content_hash == digest)
    ).first()
    if row is None:
        raise DataContractError(f"body {digest} is not in the inbox")
    return _decode(row.content, row.encoding)


def _decode(content: bytes, encoding: str) -> bytes:
    """Return the body; of a file kept beside the store, its place below the data folder."""
    return zlib.decompress(content) if encoding == "zlib" else bytes(content)


_with_body = sa.select(receipts, bodies.c.content, bodies.c.encoding).join(
    bodies, bodies.c.content_hash == receipts.c.content_hash
)


def _receipts(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[Receipt]:
    return [
        Receipt(
            row.receipt_seq,
            row.account,
            row.system,
            row.kind,
            row.external_id,
            row.content_hash,
            row.received_at,
            row.read_began_at,
            _decode(row.content, row.encoding),
            row.arrived_by,
        )
        for row in rows
    ]


def waiting(connection: Connection, *, system: str, kind: str, limit: int, above: int = 0) -> list[Receipt]:
    """Return receipts that nothing has interpreted yet, oldest first."""
    query = (
        _with_body.where(
            receipts.c.state == RECEIVED,
            receipts.c.system == system,
            receipts.c.kind == kind,
            receipts.c.receipt_seq > above,
        )
        .order_by(receipts.c.receipt_seq)
        .limit(limit)
    )
    return _receipts(connection.execute(query))


def by_number(connection: Connection, numbers: Sequence[int]) -> list[Receipt]:
    """Return receipts by number, in that order."""
    found: list[Receipt] = []
    for part in chunks(sorted(numbers)):
        query = _with_body.where(receipts.c.receipt_seq.in_(part)).order_by(receipts.c.receipt_seq)
        found.extend(_receipts(connection.execute(query)))
    return found


def mark(connection: Connection, numbers: Sequence[int], state: str, reason: str | None = None) -> None:
    """Record what became of receipts."""
    now = clock.now()
    for part in chunks(list(numbers)):
        connection.execute(
            sa.update(receipts)
            .where(receipts.c.receipt_seq.in_(part))
            .values(state=state, reason=reason, interpreted_at=now)
        )


def receive_file(
    connection: Connection, *, account: str, system: str, name: str, digest: str, place: str, size: int
) -> int:
    """Record a file whose content is kept beside the store at ``place`` (relative to the data folder)."""
    now = clock.now()
    insert_new(
        connection,
        bodies,
        [
            {
                "content_hash": digest,
                "content": place.encode(),
                "encoding": "file",
                "size_bytes": size,
                "first_received_at": now,
            }
        ],
    )
    number = next_values(connection, RECEIPT)
    connection.execute(
        receipts.insert().values(
            receipt_seq=number,
            account=account,
            system=system,
            kind="file",
            external_id=name[:200],
            content_hash=digest,
            received_at=now,
            read_began_at=now,
            arrived_by="file",
            state=RECEIVED,
        )
    )
    return number
