"""What should be booked of a line of an order."""

from dataclasses import dataclass
from datetime import datetime

from order_pipelines.domain.stock import Departure

Position = tuple[str, str]
"""An article and a location."""


@dataclass(frozen=True, slots=True)
class LineTarget:
    """What should be booked of one order line now; ``sku`` ``None`` means nothing at all.

    A line of a bundle is one target for each part; ``bundle_quantity``, on the first of them, are the bundles owed, and
    ``pieces_each`` of the part are owed for each: 0 where the bundle is made of other parts since some left.
    ``changed_at`` is when what is owed last changed: a release is dated by it, a demand by ``placed_at``.
    ``moved_to`` are the pieces that are owed of this article since its bundle is made of something else, before
    anything left or was cancelled; ``None`` when it is made of what it was.
    """

    order_key: str
    line_id: str
    account: str
    sku: str | None
    location: str | None
    open_quantity: int
    placed_at: datetime
    departures: tuple[Departure, ...] = ()
    bundle_sku: str | None = None
    bundle_quantity: int | None = None
    pieces_each: int | None = None
    changed_at: datetime | None = None
    moved_to: int | None = None
