"""Instants of one made-up week, short to write."""

from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def at(hour: float = 0, *, day: int = 0) -> datetime:
    """Return ``hour`` o'clock (UTC) on Monday 16 November 2026, or ``day`` days later."""
    return MONDAY + timedelta(days=day, hours=hour)
