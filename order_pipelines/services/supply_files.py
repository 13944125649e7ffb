"""What files say of purchase orders and of suppliers' stock: the newest statement of each stands, and no other.

Neither moves stock. What was received is booked from goods movements; here it only lowers what is still to come.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Interpretation, Problem
from order_pipelines.domain.supply import BundlePart, PurchaseLine, SupplierOffer
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import incoming_stock, supplier_stock
from order_pipelines.services.complete_lists import (
    ListName,
    Stamp,
    is_from_the_future,
    newest_list,
    note_list,
    shrunk,
    stamp_of,
)
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.shop import Shop

_LONGEST_LINE = 100
PURCHASES, SUPPLIES = "purchase_orders", "supplier_stock"
Problems = list[tuple[int | None, Problem]]


@dataclass
class Supplies:
    """What one file says of supplies, complete: a list is judged and booked as a whole.

    ``spoiled``: the bundles of which a row cannot be read.
    """

    purchase_lines: list[PurchaseLine] = field(default_factory=list)
    supplier_offers: list[SupplierOffer] = field(default_factory=list)
    bundle_parts: list[BundlePart] = field(default_factory=list)
    spoiled: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether the file says nothing of supplies."""
        return not (self.purchase_lines or self.supplier_offers or self.bundle_parts)

    def add(self, batch: Interpretation) -> None:
        """Take in a batch of the file."""
        self.purchase_lines += batch.purchase_lines
        self.supplier_offers += batch.supplier_offers
        self.bundle_parts += batch.bundle_parts
        self.spoiled |= {reject.external_id for reject in batch.rejects if reject.external_id is not None}


# ------------------------------------------------------------------------------------------------ purchase orders


def book_purchase_lines(
    connection: Connection, shop: Shop, catalogue: Catalogue, receipt: Receipt, lines: Sequence[PurchaseLine]
) -> Problems:
    """Write what is on its way, in the caller's transaction; returns what was not believed, by row."""
    if not lines:
        return []
    rows, problems = _purchase_rows(shop, catalogue, receipt, lines)
    name = ListName(receipt.account, PURCHASES)
    newest = newest_list(connection, name)
    table = incoming_stock.c
    before = {
        (row.purchase_order, row.line_id): row
        for row in connection.execute(sa.select(incoming_stock).where(table.account == receipt.account))
    }
    is_full = bool(shop.account(receipt.account).options.get("full_purchase_orders", False))
    if is_full and rows:
        stamp = min(_stamp(row) for row in rows.values())
        if newest is None or stamp > newest:
            note_list(connection, name, stamp)
            newest = stamp
    fresh = {
        key: row
        for key, row in rows.items()
        if (newest is None or _stamp(row) >= newest)
        and (key not in before or _stamp(row) >= (before[key].stated_at, before[key].receipt_seq))
    }
    closed = [
        key
        for key, row in before.items()
        if newest is not None and key not in fresh and (row.stated_at, row.receipt_seq) < newest
    ]
    for order, line in closed:
        connection.execute(
            sa.delete(incoming_stock).where(
                table.account == receipt.account, table.purchase_order == order, table.line_id == line
            )
        )
    upsert(connection, incoming_stock, list(fresh.values()))
    moved = {before[key].sku for key in closed} | {row["sku"] for row in fresh.values()}
    moved |= {before[key].sku for key in fresh if key in before}
    refresh_desired(connection, shop.settings, moved)
    return problems


def _purchase_rows(
    shop: Shop, catalogue: Catalogue, receipt: Receipt, lines: Sequence[PurchaseLine]
) -> tuple[dict[tuple[str, str], dict[str, Any]], Problems]:
    places = {place.name for place in shop.settings.locations}
    problems: Problems = []
    repeats: Counter[tuple[str, str]] = Counter()
    said: dict[tuple[str, str], list[tuple[PurchaseLine, dict[str, Any]]]] = {}
    for line in lines:
        sku = catalogue.find(line.sku, line.ean)
        location = line.location or shop.account(receipt.account).ships_from
        if isinstance(sku, Problem):
            problems.append((line.row, sku))
        elif location is None or location not in places:
            problems.append((line.row, unknown_location(location)))
        elif is_from_the_future(line.stated_at, shop.settings.limits.max_future_hours):
            problems.append((line.row, from_the_future()))
        else:
            repeats[(line.purchase_order, sku)] += 1
            name = line.line_id or _article_line(sku, repeats[(line.purchase_order, sku)])
            row = _purchase_row(line, name, sku, location, receipt)
            said.setdefault((line.purchase_order, name), []).append((line, row))
    rows = {}
    for key, found in said.items():
        if any(row != found[0][1] for _, row in found):
            problems += [(line.row, twice(f"line {key[1]} of {key[0]}")) for line, _ in found]
        else:
            rows[key] = found[0][1]
    return rows, problems


def _purchase_row(line: PurchaseLine, name: str, sku: str, location: str, receipt: Receipt) -> dict[str, Any]:
    stated_at, number = stamp_of(line.stated_at, receipt)
    return {
        "account": receipt.account,
        "purchase_order": line.purchase_order,
        "line_id": name,
        "sku": sku,
        "location": location,
        "quantity_ordered": line.quantity_ordered,
        "quantity_received": line.quantity_received,
        "expected_on": None if line.expected_on is None else line.expected_on.isoformat(),
        "supplier": line.supplier,
        "unit_cost": line.unit_cost,
        "stated_at": stated_at,
        "receipt_seq": number,
    }


def _article_line(sku: str, repeat: int) -> str:
    """A line without a number is named by its article: its place in the file changes when another line is received."""
    name = f"{sku}#{repeat}"
    if len(name) <= _LONGEST_LINE:
        return name
    return f"{hashlib.sha256(sku.encode()).hexdigest()}#{repeat}"


def _stamp(row: dict[str, Any]) -> Stamp:
    return (row["stated_at"], row["receipt_seq"])


# ------------------------------------------------------------------------------------------------ suppliers


@dataclass(frozen=True, slots=True)
class SupplierList:
    """What a file says of one supplier: complete, and newer or older than what is known."""

    name: ListName
    stamp: Stamp
    rows: dict[str, dict[str, Any]]

    @property
    def supplier(self) -> str:
        """Whose list it is."""
        return self.name.scope


def supplier_lists(
    shop: Shop, catalogue: Catalogue, receipt: Receipt, offers: Sequence[SupplierOffer]
) -> tuple[list[SupplierList], Problems]:
    """Return the lists of a file, one for each supplier, and what of them is not believed, by row."""
    problems: Problems = []
    said: dict[tuple[str, str], list[tuple[SupplierOffer, dict[str, Any]]]] = {}
    stamps: dict[str, Stamp] = {}
    for offer in offers:
        if is_from_the_future(offer.stated_at, shop.settings.limits.max_future_hours):
            problems.append((offer.row, from_the_future()))
            continue
        stamp = stamp_of(offer.stated_at, receipt)
        stamps[offer.supplier] = max(stamps.get(offer.supplier, stamp), stamp)
        sku = catalogue.find(offer.sku, offer.ean)
        if isinstance(sku, Problem):
            problems.append((offer.row, sku))
            continue
        row = {
            "account": receipt.account,
            "supplier": offer.supplier,
            "sku": sku,
            "quantity": offer.quantity,
            "lead_days": offer.lead_days,
            "unit_cost": offer.unit_cost,
            "stated_at": stamp[0],
            "receipt_seq": stamp[1],
        }
        said.setdefault((offer.supplier, sku), []).append((offer, row))
    rows: dict[str, dict[str, dict[str, Any]]] = {supplier: {} for supplier in stamps}
    for (supplier, sku), found in said.items():
        if any(row != found[0][1] for _, row in found):
            problems += [(offer.row, twice(f"article {sku} of {supplier}")) for offer, _ in found]
        else:
            rows[supplier][sku] = found[0][1]
    lists = [
        SupplierList(ListName(receipt.account, SUPPLIES, supplier), stamps[supplier], rows[supplier])
        for supplier in sorted(stamps)
    ]
    return lists, problems


def why_lists_not_believed(connection: Connection, shop: Shop, lists: Sequence[SupplierList]) -> list[str]:
    """Return for each supplier why the file may hold half of its list."""
    reasons = []
    for found in lists:
        newest = newest_list(connection, found.name)
        if newest is not None and newest >= found.stamp:
            continue
        known = set(_known(connection, found))
        reason = shrunk(
            f"the list of {found.supplier}",
            len(known),
            len(known - found.rows.keys()),
            shop.account(found.name.account).options,
        )
        if reason is not None:
            reasons.append(reason)
    return reasons


def book_supplier_lists(connection: Connection, shop: Shop, lists: Sequence[SupplierList]) -> None:
    """Let each list replace the former one of its supplier, in the caller's transaction; an older one does nothing."""
    changed: set[str] = set()
    for found in lists:
        newest = newest_list(connection, found.name)
        if newest is not None and newest > found.stamp:
            continue
        before = _known(connection, found)
        connection.execute(
            sa.delete(supplier_stock).where(
                supplier_stock.c.account == found.name.account, supplier_stock.c.supplier == found.supplier
            )
        )
        for part in chunks(list(found.rows.values())):
            upsert(connection, supplier_stock, list(part))
        note_list(connection, found.name, found.stamp)
        now = {sku: row["quantity"] for sku, row in found.rows.items()}
        changed |= {sku for sku in before.keys() | now.keys() if before.get(sku) != now.get(sku)}
    refresh_desired(connection, shop.settings, changed)


def _known(connection: Connection, found: SupplierList) -> dict[str, int]:
    query = sa.select(supplier_stock.c.sku, supplier_stock.c.quantity).where(
        supplier_stock.c.account == found.name.account, supplier_stock.c.supplier == found.supplier
    )
    return {row.sku: row.quantity for row in connection.execute(query)}


# ------------------------------------------------------------------------------------------------ reasons


def unknown_location(location: str | None) -> Problem:
    """Return the problem of a place that the settings do not have."""
    return Problem("unknown_location", "the location is not in the settings ([[locations]])", value=location)


def from_the_future() -> Problem:
    """Return the problem of a statement that would stand above all that follow."""
    return Problem("future_order", "the statement is dated in the future")


def twice(what: str) -> Problem:
    """Return the problem of rows of one thing that differ: none of them counts."""
    return Problem("conflicting_values", f"the file says two things of {what}; neither counts")
