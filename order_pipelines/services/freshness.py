"""Places that report their stock regularly, and did not lately. What follows from that is decided elsewhere."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.tables import stock_positions
from order_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class StaleLocation:
    """A place whose last count is older than allowed; ``age_hours`` ``None``: it was never counted."""

    name: str
    age_hours: float | None
    max_age_hours: int


def stale_locations(connection: Connection, settings: Settings) -> list[StaleLocation]:
    """Return the places whose newest count, of whatever article, is older than ``locations.max_age_hours``.

    Only counts are a report: goods that others sent to a place, or sold from it, say nothing about whether it reports.
    """
    limits = {
        place.name: place.max_age_hours for place in settings.locations if place.max_age_hours is not None
    }
    if not limits:
        return []
    query = (
        sa.select(stock_positions.c.location, sa.func.max(stock_positions.c.counted_at).label("counted_at"))
        .where(stock_positions.c.location.in_(sorted(limits)))
        .group_by(stock_positions.c.location)
    )
    counted = {row.location: row.counted_at for row in connection.execute(query)}
    now = clock.now()
    stale = []
    for name, limit in limits.items():
        at = counted.get(name)
        age = None if at is None else (now - at).total_seconds() / 3600
        if age is None or age > limit:
            stale.append(StaleLocation(name, age, limit))
    return stale
