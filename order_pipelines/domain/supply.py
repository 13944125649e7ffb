"""What comes in and what it is made of, as files state it: goods that moved, purchase orders, suppliers, bundles.

``None`` means: the file does not say. Which article is meant, and whether it may be believed, is decided elsewhere.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

MovementKind = Literal["received", "returned", "transferred"]


@dataclass(frozen=True, slots=True)
class GoodsMovement:
    """Pieces that came in, came back or changed places.

    Args:
        kind: ``received`` from a supplier, ``returned`` by a customer, ``transferred`` between two own places.
        document: number of the delivery note, return or transfer; with ``line_id`` it names the row for ever.
        quantity: pieces, >= 1.
        occurred_at: when they moved.
        location: where they arrived; of a transfer, where they left.
        to_location: of a transfer, where they arrived.
        line_id: as the document numbers it; without one the article names the line.
    """

    kind: MovementKind
    document: str
    quantity: int
    occurred_at: datetime
    location: str | None = None
    to_location: str | None = None
    line_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One line of a purchase order of the merchant's own. ``quantity_received`` moves no stock: goods movements do.

    ``unit_cost`` is in the merchant's currency, without VAT.
    """

    purchase_order: str
    quantity_ordered: int
    quantity_received: int = 0
    location: str | None = None
    expected_on: date | None = None
    supplier: str | None = None
    unit_cost: Decimal | None = None
    stated_at: datetime | None = None
    line_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class SupplierOffer:
    """What a supplier says it has of an article and would send for us."""

    supplier: str
    quantity: int
    lead_days: int | None = None
    unit_cost: Decimal | None = None
    stated_at: datetime | None = None
    sku: str | None = None
    ean: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class BundlePart:
    """``quantity`` pieces of an article in one bundle, >= 1."""

    bundle_sku: str
    quantity: int
    stated_at: datetime | None = None
    sku: str | None = None
    ean: str | None = None
    row: int | None = None


def nested_bundles(new: dict[str, dict[str, int]], kept: dict[str, dict[str, int]]) -> set[str]:
    """Return which of the ``new`` bundles may not be: those that hold a bundle, or themselves.

    ``kept`` stand whatever happens; a new bundle that is a part of one of those may not be a bundle either.
    """
    bad: set[str] = set()
    while True:
        bundles = kept.keys() | (new.keys() - bad)
        inside_kept = {part for parts in kept.values() for part in parts}
        worse = {
            sku
            for sku, parts in new.items()
            if sku not in bad and (parts.keys() & bundles or sku in inside_kept)
        }
        if not worse:
            return bad
        bad |= worse
