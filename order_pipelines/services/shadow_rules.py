"""When a difference between us and what runs beside us counts, and when a day is clean. Rules only: no store, no call.

Two programs that do the same are never equal at every moment: each reads and writes at moments of its own. What only
shows that must not spoil a day, and what stands must.

A difference of **stock** counts when it stood in two comparisons in a row at least ten minutes apart while our number
stayed the same: ten minutes are two sweeps, in which every program that works has said the number it knows, and a
number of ours that moved in between gave it a new one to say. What is less there than here may be a sale whose order
was not read yet (the rule of the read-back), so our orders must have been read since. An article that sells all day has
a new number at every comparison; so what was unequal in six comparisons in a row over a whole day counts whatever the
numbers were.

A difference of an **order** counts when it stood in two comparisons at least ten minutes apart and the deed is late:
accepting and cancelling an hour after it was decided, because programs do that every few minutes and some every hour; a
parcel four hours after it left, because files of parcels come at the end of a shift.

A difference of stock spoils every day on which it stands, for it is wrong all day. A difference of an order spoils the
day on which it began to count: nobody can accept an order once more, and one of them must not keep an account back for
ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from order_pipelines.connectors.registry import connector_of
from order_pipelines.services.stock_read_back import may_be_unread_sale
from order_pipelines.settings import AccountSettings

STOCK, ACCEPTANCE, TRACKING, CANCELLATION = "stock", "acceptance", "tracking", "cancellation"

CLEAN_DAYS_WANTED = 7
APART = timedelta(minutes=10)
ALWAYS_UNEQUAL_FOR = timedelta(days=1)
ALWAYS_UNEQUAL_TIMES = 6
LATE_AFTER = {
    ACCEPTANCE: timedelta(hours=1),
    CANCELLATION: timedelta(hours=1),
    TRACKING: timedelta(hours=4),
}


def kinds_of(account: AccountSettings) -> tuple[str, ...]:
    """Return what can be compared of an account: what it would send by itself or on a person's word."""
    connector = connector_of(account.system)
    kinds = []
    if connector.stock_sink is not None and account.stock.push:
        kinds.append(STOCK)
    if account.acceptance == "automatic" and connector.asks_seller(account.options):
        kinds.append(ACCEPTANCE)
    if connector.shipment_sink is not None:
        kinds += [TRACKING, CANCELLATION]
    return tuple(kinds)


@dataclass(frozen=True, slots=True)
class Found:
    """One difference as one comparison found it.

    Args:
        subject: offer id, or order key (and line).
        ours: what we would have sent, in words or as a number of pieces.
        theirs: what the channel shows.
        sku: of an offer.
        reason: what we know about it.
        pieces: both numbers, of stock.
        happened_at: when the deed was decided or seen, of orders.
    """

    subject: str
    ours: str
    theirs: str
    sku: str | None = None
    reason: str | None = None
    pieces: tuple[int, int] | None = None
    happened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one comparison of one kind came to; with a ``problem`` nothing was compared.

    Args:
        kind: stock, acceptance, tracking or cancellation.
        compared: offers or orders that both sides say something of.
        found: those of them that differ.
        problem: why nothing could be compared.
        settled: order keys whose acceptance was found equal, for good.
    """

    kind: str
    compared: int = 0
    found: Sequence[Found] = ()
    problem: str | None = None
    settled: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How long a difference stands: first seen, since when with this number of ours, and in how many comparisons."""

    first_seen_at: datetime
    ours_since: datetime
    times: int


def counts(
    kind: str, found: Found, standing: Standing, now: datetime, orders_read_at: datetime | None
) -> bool:
    """Tell whether a difference that was just seen again counts by the rules above."""
    if kind == STOCK:
        return _stock_counts(found, standing, now, orders_read_at)
    happened_at = found.happened_at or standing.first_seen_at
    return now - standing.first_seen_at >= APART and now - happened_at >= LATE_AFTER[kind]


def _stock_counts(found: Found, standing: Standing, now: datetime, orders_read_at: datetime | None) -> bool:
    if standing.times >= ALWAYS_UNEQUAL_TIMES and now - standing.first_seen_at >= ALWAYS_UNEQUAL_FOR:
        return True
    if now - standing.ours_since < APART or found.pieces is None:
        return False
    ours, theirs = found.pieces
    return not may_be_unread_sale(ours, theirs, standing.ours_since, orders_read_at)


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of one kind on one business day.

    Args:
        kind: stock, acceptance, tracking or cancellation.
        comparisons: how many succeeded.
        failures: how many could not be made.
        compared: offers or orders of the last one.
        differing: subjects whose difference counts for this day.
        problem: why the last attempt failed; ``None`` when it succeeded.
    """

    kind: str
    comparisons: int
    failures: int
    compared: int
    differing: int
    problem: str | None = None

    @property
    def is_known(self) -> bool:
        """Compared at least once, no more often not than it was, and of stock at least one offer."""
        return 0 < self.comparisons >= self.failures and (self.kind != STOCK or self.compared > 0)

    @property
    def is_clean(self) -> bool:
        """Known, and nothing differed that counts."""
        return self.is_known and self.differing == 0


def clean_days(
    days: Mapping[date, Mapping[str, Day]], kinds: Sequence[str], *, today: date, first_whole_day: date
) -> int:
    """Return how many whole days in a row up to yesterday were clean, at most seven.

    A day on which the account did not observe from its first hour is no whole day. Today is not over: what counts today
    brings the number to 0, what does not yet adds nothing.
    """
    if any(day.differing for kind, day in days.get(today, {}).items() if kind in kinds):
        return 0
    clean = 0
    day = today - timedelta(days=1)
    while clean < CLEAN_DAYS_WANTED and day >= first_whole_day:
        known = days.get(day, {})
        if not all(kind in known and known[kind].is_clean for kind in kinds):
            break
        clean += 1
        day -= timedelta(days=1)
    return clean
