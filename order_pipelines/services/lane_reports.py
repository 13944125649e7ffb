"""The minutes of the fast lane on their way to Dagster: which were not reported yet, added up an asset and minute."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import lane_minutes

_MOST = 2000
# Seen at least this often although nothing happened: an asset that is never reported looks stale.
_QUIET_EVERY_MINUTES = 10
_LAG = "_ms"
_STATE = "backlog"


@dataclass(frozen=True, slots=True)
class LaneMinute:
    """One asset's minute: figures added up over accounts and instances (of lags the largest), and those of each."""

    minute: datetime
    asset: str
    totals: dict[str, int | None]
    accounts: dict[str, dict[str, int | None]]

    @property
    def is_worth_telling(self) -> bool:
        """Whether anything happened, or it is time for a sign of life."""
        doings = (value for name, value in self.totals.items() if name not in {"polls", _STATE})
        return any(doings) or self.minute.minute % _QUIET_EVERY_MINUTES == 0


def take_minutes(store: OperationsStore, last_stamp: datetime | None) -> tuple[list[LaneMinute], datetime]:
    """Return whole minutes that were not reported, and mark them with a stamp, which is returned too.

    ``last_stamp`` is that of the last time that ended well: what was marked after it never got there and comes again.
    """
    now = clock.now()
    stamp = now if last_stamp is None else max(now, last_stamp + timedelta(microseconds=1))
    with store.small_transaction() as connection:
        if last_stamp is not None:
            connection.execute(
                sa.update(lane_minutes)
                .where(lane_minutes.c.reported_at > last_stamp)
                .values(reported_at=None)
            )
        rows = connection.execute(
            sa.select(lane_minutes)
            .where(
                lane_minutes.c.reported_at.is_(None),
                lane_minutes.c.minute < now.replace(second=0, microsecond=0),
            )
            .order_by(lane_minutes.c.minute, lane_minutes.c.asset, lane_minutes.c.account)
            .limit(_MOST)
        ).all()
        for row in rows:
            connection.execute(
                sa.update(lane_minutes)
                .where(
                    *(
                        lane_minutes.c[column.name] == row._mapping[column]
                        for column in lane_minutes.primary_key
                    )
                )
                .values(reported_at=stamp)
            )
    return _added_up(rows), stamp


def _added_up(rows: Sequence[sa.Row[tuple[object, ...]]]) -> list[LaneMinute]:
    found: dict[tuple[datetime, str], dict[str, dict[str, int | None]]] = defaultdict(dict)
    for row in rows:
        of_minute = found[(row.minute, row.asset)]
        figures: dict[str, int | None] = json.loads(row.figures)
        of_minute[row.account] = _plus(of_minute.get(row.account, {}), figures)
    minutes = []
    for (minute, asset), accounts in sorted(found.items()):
        totals: dict[str, int | None] = {}
        for figures in accounts.values():
            totals = _plus(totals, figures)
        minutes.append(LaneMinute(minute, asset, totals, accounts))
    return minutes


def _plus(one: dict[str, int | None], other: dict[str, int | None]) -> dict[str, int | None]:
    total = dict(one)
    for name, value in other.items():
        before = total.get(name)
        if before is None or value is None:
            total[name] = value if before is None else before
        else:
            total[name] = max(before, value) if name.endswith(_LAG) else before + value
    return total


def forget_reported(store: OperationsStore, keep_days: int) -> int:
    """Remove minutes that are older, reported or not; returns how many."""
    before = clock.now() - timedelta(days=keep_days)
    with store.small_transaction() as connection:
        return connection.execute(sa.delete(lane_minutes).where(lane_minutes.c.minute < before)).rowcount
