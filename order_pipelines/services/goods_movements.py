"""Goods that files say came in, came back or changed places: booked once per document, line and kind.

A second statement of the same line with other contents is not booked: whether the first or the second is wrong is not
in either. What stands was promised from; a person writes the difference as a document of its own, or counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Problem
from order_pipelines.domain.supply import GoodsMovement
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.ledger import Ledger, Position
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.full_counts import keep_full_counts
from order_pipelines.services.judging import is_history
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_files import place_of


@dataclass(frozen=True, slots=True)
class _Posting:
    key: str
    position: Position
    quantity: int
    occurred_at: datetime


@dataclass
class MovedLines:
    """What a file said so far, across its batches: how often a document names an article, and each line's content."""

    repeats: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    said: dict[str, tuple[_Posting, ...]] = field(default_factory=dict)


def book_movements(
    connection: Connection,
    shop: Shop,
    catalogue: Catalogue,
    receipt: Receipt,
    movements: Sequence[GoodsMovement],
    lines: MovedLines,
) -> list[tuple[int | None, Problem]]:
    """Book what moved, in the caller's transaction; returns what was not booked, by row.

    A transfer is two movements or none. What lies before the account's start was in its first count.
    """
    if not movements:
        return []
    account = shop.account(receipt.account)
    problems: list[tuple[int | None, Problem]] = []
    wanted: dict[str, tuple[GoodsMovement, tuple[_Posting, ...]]] = {}
    for moved in movements:
        if is_history(account, moved.occurred_at, shop.settings):
            continue
        found = _postings(shop, catalogue, receipt.account, moved, lines)
        if isinstance(found, Problem):
            problems.append((moved.row, found))
            continue
        name, postings = found
        if lines.said.setdefault(name, postings) != postings:
            problems.append((moved.row, _other_content(moved)))
            continue
        wanted[name] = (moved, postings)
    ledger = Ledger(connection)
    all_postings = [posting for _, postings in wanted.values() for posting in postings]
    booked = ledger.posted(receipt.account, {posting.key: posting.position for posting in all_postings})
    for moved, postings in wanted.values():
        before = [booked[posting.key] for posting in postings if posting.key in booked]
        if before:
            same = [
                _Posting(posting.key, (row.sku, row.location), row.physical_quantity, row.occurred_at)
                for posting, row in zip(postings, before, strict=False)
            ]
            if tuple(same) != postings:
                problems.append((moved.row, _other_content(moved)))
            continue
        for posting in postings:
            ledger.post(
                posting.position,
                posting.quantity,
                moved.kind,
                posting.occurred_at,
                source=receipt.account,
                key=posting.key,
                cause=f"{moved.kind} {moved.document} of {receipt.external_id}",
            )
    if ledger.has_changes:
        places = {posting.position for posting in all_postings}
        keep_full_counts(connection, shop, receipt.account, ledger, places)
        skus = ledger.flush(next_values(connection, CHANGE))
        refresh_desired(connection, shop.settings, skus)
    return problems


def _postings(
    shop: Shop, catalogue: Catalogue, account: str, moved: GoodsMovement, lines: MovedLines
) -> tuple[str, tuple[_Posting, ...]] | Problem:
    place = place_of(shop, catalogue, account, moved.location, moved.sku, moved.ean, moved.occurred_at)
    if isinstance(place, Problem):
        return place
    line = f"line:{moved.line_id}"
    if moved.line_id is None:
        # Not its place in the file: a later copy of the list may hold more rows. Its article stays what it is.
        repeat = (moved.kind, moved.document, place[0])
        lines.repeats[repeat] += 1
        line = f"article:{lines.repeats[repeat]}:{place[0]}"
    name = f"goods:{moved.kind}:{len(moved.document)}:{moved.document}:{line}"
    if moved.kind != "transferred":
        return name, (_Posting(name, place, moved.quantity, moved.occurred_at),)
    target = place_of(shop, catalogue, account, moved.to_location, moved.sku, moved.ean, moved.occurred_at)
    if isinstance(target, Problem):
        return target
    return name, (
        _Posting(f"from:{name}", place, -moved.quantity, moved.occurred_at),
        _Posting(f"to:{name}", target, moved.quantity, moved.occurred_at),
    )


def _other_content(moved: GoodsMovement) -> Problem:
    line = moved.line_id or moved.sku or moved.ean
    return Problem(
        "other_content",
        f"document {moved.document} line {line} was booked with other contents before, and those stand; write the "
        "difference under a document number of its own, or count",
        value=moved.document,
    )
