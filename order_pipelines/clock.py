"""The only clock. Instants are aware and UTC; a business day is a calendar day in the merchant's zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Europe/Amsterdam")

_offset = timedelta(0)
_frozen: datetime | None = None


def now() -> datetime:
    """Return the present instant in UTC (of the sandbox world when :func:`follow` was told its offset)."""
    if _frozen is not None:
        return _frozen
    return datetime.now(UTC) + _offset


def follow(offset_s: float) -> None:
    """Run ``offset_s`` seconds ahead of the machine's clock. For sandbox settings only."""
    global _offset  # noqa: PLW0603
    _offset = timedelta(seconds=offset_s)


@contextmanager
def frozen(instant: datetime) -> Iterator[None]:
    """Hold the clock at ``instant`` (aware); for tests and for replays of a past day."""
    global _frozen  # noqa: PLW0603
    before = _frozen
    _frozen = instant.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before


def order_date(instant: datetime, zone: ZoneInfo = BUSINESS_ZONE) -> date:
    """Return the business day of an aware ``instant``."""
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        # 9999-12-31T23:59:59Z, other systems' word for 'never', has no Dutch wall time.
        return instant.date()


def day_bounds(day: date, zone: ZoneInfo = BUSINESS_ZONE) -> tuple[datetime, datetime]:
    """Return the first instant of ``day`` and of the day after, in UTC (23, 24 or 25 hours apart)."""
    first = datetime.combine(day, time.min, zone).astimezone(UTC)
    after = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    return first, after


def isoformat(instant: datetime) -> str:
    """Return ``2026-11-21T17:00:00Z``, with microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
