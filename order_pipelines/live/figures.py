"""What an instance did in a minute, an account and asset at a time: counts, and how long numbers were on their way."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_pipelines.operations.store import STOCK_EVENT, OperationsStore
from order_pipelines.operations.tables import (
    channel_stock,
    channel_stock_events,
    counters,
    fetch_backlog,
    webhook_deliveries,
)

_AT_ONCE = 2000
_ANSWERS = frozenset({"confirmed", "accepted", "rejected", "in_doubt"})
_WAITING = 100_000
"""More offers than this on their way at once: the oldest are no longer timed."""


@dataclass
class Minute:
    """What became of one account's numbers in a minute; lags in milliseconds."""

    counts: Counter[str] = field(default_factory=Counter)
    until_sent: list[float] = field(default_factory=list)
    until_answered: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, int | None]:
        """Return everything as numbers; a lag without a case is unknown, not zero."""
        return {
            **{name: self.counts[name] for name in ("sent", "confirmed", "accepted", "rejected", "in_doubt")},
            "known_to_sent_p50_ms": percentile(self.until_sent, 50),
            "known_to_sent_p95_ms": percentile(self.until_sent, 95),
            "sent_to_answered_p50_ms": percentile(self.until_answered, 50),
            "sent_to_answered_p95_ms": percentile(self.until_answered, 95),
        }


def percentile(values: Sequence[float], percent: int) -> int | None:
    """Return the nearest-rank percentile in whole milliseconds, ``None`` of nothing."""
    if not values:
        return None
    return round(sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)])


class Lags:
    """Follows the events of offers: from the first number not told yet to its call, from the call to its answer."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store
        with store.reading() as connection:
            query = sa.select(counters.c.value).where(counters.c.name == STOCK_EVENT)
            self._seen = int(connection.execute(query).scalar_one())
        self._known: dict[tuple[str, str], datetime] = {}
        self._sent: dict[tuple[str, str], tuple[datetime, datetime | None]] = {}
        self._minutes: dict[str, Minute] = defaultdict(Minute)

    def follow(self) -> None:
        """Take in what happened since the last time."""
        while True:
            query = (
                sa.select(
                    channel_stock_events.c.event_seq,
                    channel_stock_events.c.account,
                    channel_stock_events.c.offer_id,
                    channel_stock_events.c.kind,
                    channel_stock_events.c.happened_at,
                )
                .where(channel_stock_events.c.event_seq > self._seen)
                .order_by(channel_stock_events.c.event_seq)
                .limit(_AT_ONCE)
            )
            with self._store.reading() as connection:
                rows = connection.execute(query).all()
            self._take(rows)
            if len(rows) < _AT_ONCE:
                return

    def take_minute(self, account: str) -> Minute:
        """Return an account's minute and begin a new one."""
        return self._minutes.pop(account, Minute())

    def _take(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self._seen = row.event_seq
            offer = (row.account, row.offer_id)
            if row.kind in {"desired", "repaired"}:
                self._known.setdefault(offer, row.happened_at)
            elif row.kind == "sent":
                self._sent[offer] = (row.happened_at, self._known.pop(offer, None))
            elif row.kind == "postponed" and offer in self._sent:
                # It was not time for a call: the number is still not told.
                known_at = self._sent.pop(offer)[1]
                if known_at is not None:
                    self._known[offer] = known_at
            elif row.kind in _ANSWERS:
                self._answered(offer, row)
        for waiting in (self._known, self._sent):
            while len(waiting) > _WAITING:
                waiting.pop(next(iter(waiting)))

    def _answered(self, offer: tuple[str, str], row: Any) -> None:
        minute = self._minutes[row.account]
        minute.counts[row.kind] += 1
        sent = self._sent.pop(offer, None)
        if sent is None:
            # The fate of a write that was accepted before.
            return
        sent_at, known_at = sent
        minute.counts["sent"] += 1
        minute.until_answered.append(_ms(sent_at, row.happened_at))
        if known_at is not None:
            minute.until_sent.append(_ms(known_at, sent_at))


def _ms(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds() * 1000)


def backlogs(store: OperationsStore) -> dict[str, dict[str, int]]:
    """Return what waits, by account: ``orders`` to be read, ``deliveries`` to be worked, ``quantities`` to be told."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"orders": 0, "deliveries": 0, "quantities": 0})
    with store.reading() as connection:
        for name, table, condition in (
            ("orders", fetch_backlog, fetch_backlog.c.given_up_at.is_(None)),
            ("deliveries", webhook_deliveries, webhook_deliveries.c.state == "pending"),
            (
                "quantities",
                channel_stock,
                channel_stock.c.confirmed_version < channel_stock.c.desired_version,
            ),
        ):
            query = sa.select(table.c.account, sa.func.count()).where(condition).group_by(table.c.account)
            for account, count in connection.execute(query):
                found[account][name] = int(count)
    return found
