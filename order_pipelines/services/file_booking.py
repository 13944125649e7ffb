"""Booking what a file means: batch by batch, in short transactions, again and again with the same end."""

import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.orders import Interpretation, Order, StockCount
from order_pipelines.errors import DataContractError
from order_pipelines.identifiers import make_order_key
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import quarantine
from order_pipelines.services.booking import Booked, book_orders, resolve_quarantine, settle_quarantine
from order_pipelines.services.complete_lists import held_files, hold, settle_held_alert
from order_pipelines.services.full_counts import full_locations, settle_full_counts, why_not_believed
from order_pipelines.services.goods_movements import MovedLines, book_movements
from order_pipelines.services.intake import arrived_of
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.shipping import note_shipment_lines
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_files import book_statements
from order_pipelines.services.supply_files import Problems, Supplies
from order_pipelines.services.supply_lists import book_lists, read_lists, why_lists_held

log = logging.getLogger(__name__)

FILE = "file"
_BATCH_COUNTS = 1_000
ROW_ENTITIES = ("file_row", "stock_statement")


@dataclass
class Taken:
    """What a file came to. ``counts`` of an order file add up to ``rows_read``; ``held``: why a person must look."""

    rows_read: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    booked: Booked = field(default_factory=Booked)
    problem_keys: set[str] = field(default_factory=set)
    counted: dict[tuple[object, ...], StockCount] = field(default_factory=dict)
    moved: MovedLines = field(default_factory=MovedLines)
    supplies: Supplies = field(default_factory=Supplies)
    held: str | None = None

    def as_dict(self) -> dict[str, int]:
        """Return the counts that are not 0, by name."""
        return {key: value for key, value in sorted(self.counts.items()) if value}


def book_file(shop: Shop, receipt: Receipt, original: Path, *, is_released: bool = False) -> Taken:
    """Book a file batch by batch, so that sales never wait for a long one.

    A complete list that lost too much of what was known is held, nothing of it is booked, unless a person released it.

    Raises:
        DataContractError: the file as a whole cannot be read; nothing of it was booked.
    """
    make = connector_of(receipt.system).file_interpreter
    if make is None:
        raise DataContractError(f"accounts.{receipt.account} takes no files")
    read = make(shop.account(receipt.account).options)
    taken = Taken()
    cache = CatalogueCache()
    with _without_cycle_collection():
        for batch in read(original, name=receipt.external_id):
            _book_batch(shop, receipt, batch, cache, taken)
        _book_lists(shop, receipt, cache, taken, is_released=is_released)
    return taken


def _book_lists(
    shop: Shop, receipt: Receipt, cache: CatalogueCache, taken: Taken, *, is_released: bool
) -> None:
    """Book what a file must be known whole for: counts, and lists that replace the former ones."""
    counts = list(taken.counted.values())
    if not counts and taken.supplies.is_empty:
        return
    with shop.store.transaction() as connection:
        lists = read_lists(shop, cache.get(connection), receipt, taken.supplies)
        reasons = [
            *why_not_believed(connection, shop, cache.get(connection), receipt, counts),
            *why_lists_held(connection, shop, receipt, lists),
        ]
        if reasons and not is_released:
            key, taken.held = hold(connection, receipt, reasons)
            taken.problem_keys.add(key)
            taken.counts["files_held"] += 1
            return
        problems = book_lists(connection, shop, cache.get(connection), receipt, taken.supplies, lists)
        _note_problems(connection, receipt, problems, taken)
    for part in chunks(counts, _BATCH_COUNTS):
        _book_counts(shop, receipt, part, cache, taken)
    if counts and full_locations(shop, receipt.account):
        with shop.store.transaction() as connection:
            is_whole = not taken.problem_keys
            settle_full_counts(connection, shop, cache.get(connection), receipt, counts, is_whole=is_whole)


def _note_problems(connection: Connection, receipt: Receipt, problems: Problems, taken: Taken) -> None:
    """Open the quarantine of rows that were read and cannot be booked."""
    rows = [
        quarantine_row(
            receipt.account, "file_row", _row_key(receipt, row), problem, receipt.receipt_seq, row=row
        )
        for row, problem in problems
    ]
    settle_quarantine(connection, rows, ())
    taken.problem_keys |= {row["quarantine_key"] for row in rows}
    taken.counts["supply_rows_quarantined"] += len(rows)


def _row_key(receipt: Receipt, name: object) -> str:
    return f"{receipt.account}:{receipt.content_hash[:12]}:{name}"


def _add_up(counts: Sequence[StockCount], counted: dict[tuple[object, ...], StockCount]) -> None:
    """An article on two shelves is counted in two rows, which may stand far apart in a long file: one count."""
    for count in counts:
        key = (count.location, count.taken_at, count.sku, count.ean)
        first = counted.get(key)
        counted[key] = count if first is None else replace(first, quantity=first.quantity + count.quantity)


def _book_counts(
    shop: Shop, receipt: Receipt, counts: Sequence[StockCount], cache: CatalogueCache, taken: Taken
) -> None:
    with shop.store.transaction() as connection:
        stated = book_statements(
            connection,
            shop,
            cache.get(connection),
            receipt.account,
            receipt.content_hash,
            counts,
            (),
            receipt.receipt_seq,
        )
    taken.problem_keys |= stated.problem_keys
    taken.counts["stock_statements_quarantined"] += len(stated.problem_keys)


def take_in_again(shop: Shop, receipt_seq: int, *, is_released: bool = False) -> Booked:
    """Book a file again from its original; problems of its rows that are gone are resolved at the end."""
    with shop.store.reading() as connection:
        (receipt,) = inbox.by_number(connection, [receipt_seq])
    original = shop.settings.data_dir / receipt.body.decode()
    try:
        taken = book_file(shop, receipt, original, is_released=is_released)
    except DataContractError as error:
        log.warning("%s cannot be read again: %s", receipt.external_id, error)
        return Booked()
    with shop.store.transaction() as connection:
        rows = connection.execute(
            sa.select(quarantine.c.quarantine_key).where(
                quarantine.c.receipt_seq == receipt_seq,
                quarantine.c.entity.in_((*ROW_ENTITIES, FILE)),
                quarantine.c.resolved_at.is_(None),
            )
        ).scalars()
        resolve_quarantine(connection, sorted(set(rows) - taken.problem_keys))
        settle_held_alert(connection, receipt.account)
    return taken.booked


def release_files(shop: Shop, account: str) -> int:
    """Book the files of an account that are held, after a person looked; returns how many."""
    with shop.store.reading() as connection:
        held = held_files(connection, account)
    for receipt_seq in held:
        take_in_again(shop, receipt_seq, is_released=True)
    return len(held)


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
    shop: Shop, receipt: Receipt, batch: Interpretation, cache: CatalogueCache, taken: Taken
) -> None:
    account = receipt.account
    with shop.store.transaction() as connection:
        versions = arrived_of(receipt, _completed(shop, receipt, batch))
        booked = book_orders(connection, shop.settings, cache, versions)
        stated = book_statements(
            connection,
            shop,
            cache.get(connection),
            account,
            receipt.content_hash,
            (),
            batch.stock_corrections,
            receipt.receipt_seq,
        )
        note_shipment_lines(connection, account, receipt.content_hash, batch.shipments, receipt.receipt_seq)
        stuck = book_movements(
            connection, shop, cache.get(connection), receipt, batch.goods_movements, taken.moved
        )
        _note_problems(connection, receipt, stuck, taken)
        rejects = _reject_rows(account, receipt, batch)
        settle_quarantine(connection, rejects, ())
    _add_up(batch.stock_counts, taken.counted)
    taken.supplies.add(batch)
    taken.rows_read += batch.rows_read
    taken.booked.add(booked)
    taken.problem_keys |= stated.problem_keys | {row["quarantine_key"] for row in rejects}
    taken.counts["stock_statements_quarantined"] += len(stated.problem_keys)
    _count(taken.counts, account, batch, booked.quarantined)


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
    counts["goods_movements"] += len(batch.goods_movements)
    counts["purchase_order_lines"] += len(batch.purchase_lines)
    counts["supplier_stock_rows"] += len(batch.supplier_offers)
    counts["bundle_parts"] += len(batch.bundle_parts)
    counts["quarantined_rows"] += len(batch.rejects)


def _reject_rows(account: str, receipt: Receipt, batch: Interpretation) -> list[dict[str, Any]]:
    return [
        quarantine_row(
            account,
            "file_row",
            _row_key(receipt, reject.row if reject.row is not None else reject.external_id),
            reject.problem,
            receipt.receipt_seq,
            row=reject.row,
        )
        for reject in batch.rejects
    ]
