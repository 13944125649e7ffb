"""What the workers of one account share: whether they may work, how its calls fare, and what they did."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from order_pipelines.live.breaker import Breaker
from order_pipelines.services.booking import Booked


@dataclass
class AccountLane:
    """One account of the lane. ``is_ours``: whether this instance serves it now; ``booked``: call it after bookings."""

    name: str
    system: str
    is_ours: Callable[[], bool]
    on_booked: Callable[[], None]
    reading: Breaker
    writing: Breaker
    polled_at: datetime | None = None
    pushed_at: datetime | None = None
    told_at: datetime | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def count(self, **figures: int) -> None:
        """Add to the figures of this minute."""
        with self._lock:
            self._counts.update(figures)

    def take_counts(self) -> dict[str, int]:
        """Return the figures since the last time, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)

    def note_booked(self, booked: Booked) -> None:
        """Count what was booked and let the pushers look at once."""
        self.count(
            orders_new=booked.orders_new,
            orders_changed=booked.orders_changed,
            orders_quarantined=booked.orders_quarantined,
            lines=booked.lines,
        )
        if booked.orders_new or booked.orders_changed:
            self.on_booked()
