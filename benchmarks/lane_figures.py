"""What the events of offers say of a spell of sales: how long each number was on its way, and what was skipped."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

_LATE = timedelta(milliseconds=500)
_ANSWERS = frozenset({"accepted", "confirmed", "rejected", "in_doubt"})


class Event(Protocol):
    """A row of ``channel_stock_events``."""

    account: str
    offer_id: str
    sku: str
    kind: str
    version: int
    happened_at: datetime


@dataclass
class Told:
    """Numbers of a group of accounts, in the order in which they became known; milliseconds.

    ``accepted`` and ``confirmed``: from known to the first answer for that number or a newer one. ``never``: none yet.
    ``coalesced``: a newer one went in its place. ``outdated``: calls that carried a number half a second after a newer
    one was known. ``ages``: how long the oldest number of each call that was not told yet had been known.
    """

    accepted: list[float] = field(default_factory=list)
    confirmed: list[float] = field(default_factory=list)
    never: int = 0
    coalesced: int = 0
    sent: int = 0
    outdated: int = 0
    ages: list[float] = field(default_factory=list)

    @property
    def updates(self) -> int:
        """How many numbers changed."""
        return len(self.accepted) + self.never


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, not a number of nothing."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def told(events: Iterable[Event], accounts: Iterable[str], began_at: datetime, ended_at: datetime) -> Told:
    """Follow the numbers of these accounts that became known in the spell; ``events`` in order, also later ones."""
    wanted = frozenset(accounts)
    by_offer: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.account in wanted:
            by_offer[event.account, event.offer_id].append(event)
    found: list[tuple[datetime, float | None, float | None]] = []
    result = Told()
    for rows in by_offer.values():
        known = [row for row in rows if row.kind == "desired" and began_at <= row.happened_at <= ended_at]
        for row in known:
            answered = _first(rows, row, {"accepted", "confirmed"})
            found.append((row.happened_at, answered, _first(rows, row, {"confirmed"})))
        _count_calls(rows, known, result)
    found.sort(key=lambda one: one[0])
    result.accepted = [one[1] for one in found if one[1] is not None]
    result.confirmed = [one[2] for one in found if one[2] is not None]
    result.never = len(found) - len(result.accepted)
    return result


def _first(rows: Sequence[Event], known: Event, kinds: set[str]) -> float | None:
    for row in rows:
        if row.kind in kinds and row.version >= known.version and row.happened_at >= known.happened_at:
            return (row.happened_at - known.happened_at).total_seconds() * 1000
    return None


def _count_calls(rows: Sequence[Event], known: Sequence[Event], result: Told) -> None:
    """Compare what was sent with what was known at that moment."""
    if not known:
        return
    at = {row.version: row.happened_at for row in known}
    answered = {row.version for row in rows if row.kind in {"accepted", "confirmed"}}
    result.coalesced += sum(version not in answered for version in at)
    told_until = min(at) - 1
    call: Event | None = None
    for row in rows:
        if row.kind == "sent":
            call = row
        elif row.kind == "postponed":
            # It was not time for a call: nobody was told anything.
            call = None
        elif row.kind in _ANSWERS and call is not None:
            result.sent += 1
            sent_at, version = call.happened_at, call.version
            result.outdated += any(one > version and since + _LATE < sent_at for one, since in at.items())
            news = [since for one, since in at.items() if told_until < one <= version]
            if news:
                result.ages.append((sent_at - min(news)).total_seconds() * 1000)
            told_until = max(told_until, version)
            call = None


def spread(results: Sequence[float]) -> tuple[float, float]:
    """Return the p95 of the first and of the last third."""
    third = max(1, len(results) // 3)
    return percentile(results[:third], 95), percentile(results[-third:], 95)
