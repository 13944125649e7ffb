"""What Exact Online counts: calls per minute and day (in headers), wrong calls per endpoint and hour (in no header)."""

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from order_pipelines import clock
from order_pipelines.connectors.http import header_number, reset_seconds
from order_pipelines.connectors.ports import RateBudget

# The tenth wrong answer within an hour blocks the endpoint for an hour, longer when repeated: stop before it.
WRONG_CALLS_ALLOWED = 8
WRONG_CALLS_WINDOW = timedelta(hours=1)
WRONG_STATUSES = frozenset({400, 401, 403, 404})
_LIMITS = ("X-RateLimit-Minutely", "X-RateLimit")
_UNKNOWN_WAIT_S = 60.0


def learn(budget: RateBudget, group: str, headers: Mapping[str, str]) -> None:
    """Tell the budget what a good answer's headers say; a header that is absent says nothing, not 0."""
    for limit in _LIMITS:
        remaining = header_number(headers.get(f"{limit}-Remaining"))
        if remaining is not None:
            budget.learn(
                group,
                limit=header_number(headers.get(f"{limit}-Limit")),
                remaining=remaining,
                reset_s=reset_seconds(headers.get(f"{limit}-Reset")),
            )


def wait_after_429(headers: Mapping[str, str]) -> float:
    """Return the seconds until the limit that was hit is reset: only its headers are there, in epoch milliseconds.

    Without any, a minute: the window of the smaller limit.
    """
    waits = [
        seconds
        for limit in _LIMITS
        if header_number(headers.get(f"{limit}-Remaining")) in {0, None}
        and (seconds := reset_seconds(headers.get(f"{limit}-Reset"))) is not None
    ]
    # One second more than asked, since their clock and ours differ by parts of one.
    return max(waits) + 1.0 if waits else _UNKNOWN_WAIT_S


class ErrorBudget:
    """Counts 400, 401, 403 and 404 per endpoint over one hour, for all clients of this process.

    Keys name host, app, division and endpoint, as the vendor counts.
    """

    def __init__(self) -> None:
        self._wrong: dict[tuple[str, ...], deque[datetime]] = {}
        self._lock = threading.Lock()

    def note(self, key: tuple[str, ...], status: int) -> None:
        """Count the answer ``status``."""
        if status in WRONG_STATUSES:
            with self._lock:
                self._wrong.setdefault(key, deque()).append(clock.now())

    def wait_s(self, key: tuple[str, ...]) -> float | None:
        """Return the seconds until the endpoint may be called again, ``None`` when it may be called now."""
        with self._lock:
            wrong = self._wrong.get(key)
            if wrong is None:
                return None
            now = clock.now()
            while wrong and wrong[0] <= now - WRONG_CALLS_WINDOW:
                wrong.popleft()
            if len(wrong) < WRONG_CALLS_ALLOWED:
                return None
            return (wrong[len(wrong) - WRONG_CALLS_ALLOWED] + WRONG_CALLS_WINDOW - now).total_seconds()


WRONG_CALLS = ErrorBudget()
"""The counter of this process."""
