"""Rules of stock: what an order line demands, what has left, what a channel may be told. No input or output."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

DemandMove = Literal["sold", "cancelled", "fulfilled"]
"""What is owed to customers. Of a line all that was ``sold``, less ``cancelled``, less ``fulfilled`` is still owed.

``fulfilled`` are pieces owed no more because they left; that they left the place is ``shipped``. What was booked on
another article or place than it should have been is taken back there as a negative ``sold``: nobody cancelled it.
"""
ReservationMove = Literal["reserved", "released", "expired", "reservation_posted"]
"""What carts hold."""
GoodsMove = Literal["received", "returned", "transferred"]
"""Goods that came, came back or changed places."""
SupplyMove = Literal["counted", "corrected", GoodsMove]
"""What says how much lies there. All other kinds are sales on their way: ordered, reserved, cancelled, shipped."""
SUPPLY_KINDS: tuple[str, ...] = get_args(SupplyMove)
Movement = Literal[DemandMove, "shipped", "shipped_reversed", SupplyMove, ReservationMove]
"""Why a position moved: the kind of a row of ``stock_movements``."""
MOVEMENT_KINDS: tuple[str, ...] = get_args(Movement)

EventKind = Literal[
    "desired",
    "sent",
    "accepted",
    "postponed",
    "confirmed",
    "rejected",
    "in_doubt",
    "held",
    "released",
    "read_back",
    "repaired",
]
"""What became of the number of an offer: the kind of a row of ``channel_stock_events``."""
STOCK_EVENT_KINDS: tuple[str, ...] = get_args(EventKind)

OversellCause = Literal[
    "detection_lag",
    "push_rejected",
    "push_late",
    "manual_change",
    "till",
    "supplier",
    "policy",
    "count",
    "unknown",
]
"""Why a piece was sold that was not there: the cause of a row of ``oversell_cases``."""
OVERSELL_CAUSES: tuple[str, ...] = get_args(OversellCause)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement that pieces of a line left.

    A channel states totals (``is_cumulative``: so many of this line by then); a shipment file states parcels.
    """

    key: str
    is_cumulative: bool
    quantity: int
    occurred_at: datetime
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """Pieces that left once, with the statement that dates them.

    ``pieces_each`` of the article were in one of what was ordered: one, unless it is a part of a bundle.
    """

    evidence_key: str
    quantity: int
    occurred_at: datetime
    location: str | None
    pieces_each: int = 1


def departures(evidence: Iterable[Evidence]) -> list[Departure]:
    """Return what physically left, each piece once, whatever order the statements came in.

    Parcels count as they are. A channel's totals add only the pieces that no parcel accounts for, dated by the first
    moment at which the channel showed at least that total.
    """
    statements = list(evidence)
    parcels = sorted(
        (item for item in statements if not item.is_cumulative and item.quantity > 0),
        key=lambda item: (item.occurred_at, item.key),
    )
    result = [Departure(item.key, item.quantity, item.occurred_at, item.location) for item in parcels]
    accounted = sum(item.quantity for item in parcels)
    totals = sorted(
        (item for item in statements if item.is_cumulative and item.quantity > 0),
        key=lambda item: (item.occurred_at, item.quantity),
    )
    for item in totals:
        if item.quantity > accounted:
            result.append(Departure(item.key, item.quantity - accounted, item.occurred_at, item.location))
            accounted = item.quantity
    return result


def open_quantity(ordered: int, cancelled: int, shipped: int) -> int:
    """Return the pieces still owed to the customer, never below 0."""
    return max(0, ordered - cancelled - shipped)
