"""Each minute one row an account and asset of what this instance did, for Dagster to show; never in a push's way."""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from order_pipelines import clock
from order_pipelines.live.account import AccountLane
from order_pipelines.live.figures import Lags, backlogs
from order_pipelines.live.worker import Worker
from order_pipelines.operations.store import insert_new
from order_pipelines.operations.tables import lane_minutes
from order_pipelines.services.lane_reports import forget_reported
from order_pipelines.services.shop import Shop
from order_pipelines.services.webhooks import forget_old

log = logging.getLogger(__name__)

_EVERY_S = 2.0
_TIDY_EVERY = timedelta(hours=1)
_READING = ("polls", "poll_problems", "deliveries", "orders_new", "orders_changed", "orders_quarantined",
            "lines", "not_read")  # fmt: skip
_WRITING = ("pushes", "push_problems", "offers_listed", "read_back_differs")


class Reporter(Worker):
    """Writes the minutes of the accounts that this instance serves."""

    def __init__(
        self,
        shop: Shop,
        instance: str,
        lanes: Mapping[str, AccountLane],
        pushed: Sequence[str],
        stopping: threading.Event,
    ) -> None:
        super().__init__("reporter", stopping)
        self._shop = shop
        self._instance = instance
        self._lanes = lanes
        self._pushed = frozenset(pushed)
        self._lags = Lags(shop.store)
        self._minute = _minute_of(clock.now())
        self._tidied_at = clock.now()

    def round(self) -> float:
        self._lags.follow()
        now = clock.now()
        if _minute_of(now) != self._minute:
            self.write()
        if now - self._tidied_at >= _TIDY_EVERY or now < self._tidied_at:
            self._tidied_at = now
            keep_days = self._shop.settings.live.keep_days
            forget_old(self._shop.store, keep_days)
            forget_reported(self._shop.store, keep_days)
        return _EVERY_S

    def write(self) -> None:
        """Write down the minute under way as it stands, and begin the present one."""
        minute, self._minute = self._minute, _minute_of(clock.now())
        waiting = backlogs(self._shop.store)
        rows: list[dict[str, Any]] = []
        for name, lane in self._lanes.items():
            counts, told = lane.take_counts(), self._lags.take_minute(name)
            if not lane.is_ours() and not any(counts.values()):
                continue
            of = {"minute": minute, "instance": self._instance, "account": name}
            left = waiting[name]
            reading = {
                **{key: counts.get(key, 0) for key in _READING},
                "backlog": left["orders"] + left["deliveries"],
            }
            rows.append({**of, "asset": f"intake/{lane.system}__orders", "figures": json.dumps(reading)})
            if name in self._pushed:
                writing = {
                    **{key: counts.get(key, 0) for key in _WRITING},
                    **told.figures(),
                    "backlog": left["quantities"],
                }
                rows.append({**of, "asset": f"publish/{lane.system}__stock", "figures": json.dumps(writing)})
        with self._shop.store.small_transaction() as connection:
            # A clock that was set back gives a minute twice: the first stands.
            insert_new(connection, lane_minutes, rows)


def _minute_of(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)
