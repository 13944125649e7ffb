"""What the vendor counts: calls per minute and day of a division, wrong calls per endpoint and hour."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

CALLS_PER_MINUTE = 60
CALLS_PER_DAY = 5_000
ERRORS_PER_HOUR = 10
COUNTED_ERRORS = frozenset({400, 401, 403, 404})


class CallLimits:
    """The limits of one app at one division: per calendar minute and per day (midnight UTC).

    Both borders are read from a report of 2024-05-13: the day reset at 02:00:00 Dutch summer time, the minute on the
    full minute.
    """

    def __init__(self, factor: int = 1) -> None:
        self.per_minute = CALLS_PER_MINUTE * factor
        self.per_day = CALLS_PER_DAY * factor
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._days: Counter[str] = Counter()

    def take(self, now: datetime) -> tuple[bool, dict[str, str]]:
        """Count one call at ``now``; return whether it may go on and the headers that its answer carries.

        Of a refused call only the headers of the limit that was hit are sent.
        """
        minute, day = minute_of(now), now.date().isoformat()
        if self._days[day] >= self.per_day:
            self.refused[minute] += 1
            return False, self.day_headers(now)
        if self.calls[minute] >= self.per_minute:
            self.refused[minute] += 1
            return False, self.minute_headers(now)
        self.calls[minute] += 1
        self._days[day] += 1
        return True, self.day_headers(now) | self.minute_headers(now)

    def minute_headers(self, now: datetime, *, used_up: bool = False) -> dict[str, str]:
        """Return the headers of the minute's limit at ``now``; the reset is epoch milliseconds."""
        left = 0 if used_up else self.per_minute - self.calls[minute_of(now)]
        reset = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        return {
            "X-RateLimit-Minutely-Limit": str(self.per_minute),
            "X-RateLimit-Minutely-Remaining": str(left),
            "X-RateLimit-Minutely-Reset": str(int(reset.timestamp()) * 1000),
        }

    def day_headers(self, now: datetime, *, used_up: bool = False) -> dict[str, str]:
        """Return the headers of the day's limit at ``now``; the reset is epoch milliseconds."""
        left = 0 if used_up else self.per_day - self._days[now.date().isoformat()]
        reset = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return {
            "X-RateLimit-Limit": str(self.per_day),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(reset.timestamp()) * 1000),
        }


def minute_of(now: datetime) -> str:
    """Return the minute of an instant as text, e.g. ``2026-11-20T10:31Z``."""
    return now.strftime("%Y-%m-%dT%H:%MZ")


@dataclass
class _Endpoint:
    errors: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None
    blocks: int = 0


class ErrorBudget:
    """Ten answers 400, 401, 403 or 404 at one endpoint within an hour block it for an hour, later for longer.

    That the block grows is published; that it doubles is our reading of it.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def note(self, endpoint: str, status: int, now: datetime) -> None:
        """Count the answer ``status`` given at ``endpoint``."""
        if status not in COUNTED_ERRORS:
            return
        state = self._endpoints.setdefault(endpoint, _Endpoint())
        while state.errors and state.errors[0] <= now - timedelta(hours=1):
            state.errors.popleft()
        state.errors.append(now)
        if len(state.errors) >= ERRORS_PER_HOUR:
            state.errors.clear()
            state.blocked_until = now + timedelta(hours=1) * 2**state.blocks
            state.blocks += 1

    def is_blocked(self, endpoint: str, now: datetime) -> bool:
        """Say whether ``endpoint`` answers nothing at ``now``."""
        state = self._endpoints.get(endpoint)
        return state is not None and state.blocked_until is not None and now < state.blocked_until

    def blocked(self, now: datetime) -> dict[str, str]:
        """Return the blocked endpoints and until when."""
        return {
            endpoint: state.blocked_until.isoformat()
            for endpoint, state in self._endpoints.items()
            if state.blocked_until is not None and now < state.blocked_until
        }
