"""Who is woken by what: numbers that changed wake pushers, deliveries wake their readers; carts run out."""

import threading
from collections.abc import Mapping

import sqlalchemy as sa

from order_pipelines.live.worker import Worker
from order_pipelines.operations.letterbox import Letterbox
from order_pipelines.operations.store import CHANGE, OperationsStore
from order_pipelines.operations.tables import channel_stock, counters
from order_pipelines.services.push_outcome import PENDING
from order_pipelines.services.reservations import expire_reservations
from order_pipelines.services.shop import Shop
from order_pipelines.services.webhooks import accounts_with_deliveries

# Another process's booking is seen at the next look: one row of counters is read for it.
_LOOK_EVERY_S = 0.1
_EXPIRE_EVERY_S = 1.0
_MOVE_EVERY_S = 1.0


class Watcher(Worker):
    """Looks at the counter of changes, and wakes whoever has something to do. Nudged, it looks at once."""

    def __init__(
        self,
        store: OperationsStore,
        pushers: Mapping[str, Worker],
        readers: Mapping[str, Worker],
        stopping: threading.Event,
    ) -> None:
        super().__init__("watcher", stopping)
        self._store = store
        self._pushers = pushers
        self._readers = readers
        self._seen = 0

    def round(self) -> float:
        for account in self._accounts_with_news():
            if account in self._pushers:
                self._pushers[account].nudge()
        for account in accounts_with_deliveries(self._store):
            if account in self._readers:
                self._readers[account].nudge()
        return _LOOK_EVERY_S

    def _accounts_with_news(self) -> set[str]:
        with self._store.reading() as connection:
            reached = connection.execute(
                sa.select(counters.c.value).where(counters.c.name == CHANGE)
            ).scalar_one()
            if reached == self._seen:
                return set()
            query = sa.select(channel_stock.c.account).where(
                channel_stock.c.change_seq > self._seen,
                channel_stock.c.confirmed_version < channel_stock.c.desired_version,
                channel_stock.c.state == PENDING,
                channel_stock.c.not_before.is_(None),
            )
            found = set(connection.execute(query.distinct()).scalars())
        self._seen = reached
        return found


class Expirer(Worker):
    """Frees what carts held that ran out."""

    def __init__(self, shop: Shop, watcher: Watcher, stopping: threading.Event) -> None:
        super().__init__("carts", stopping)
        self._shop = shop
        self._watcher = watcher

    def round(self) -> float:
        if expire_reservations(self._shop):
            self._watcher.nudge()
        return _EXPIRE_EVERY_S


class Mover(Worker):
    """Moves deliveries from the letterbox into the store; nudged by whoever puts one in."""

    def __init__(self, box: Letterbox, watcher: Watcher, stopping: threading.Event) -> None:
        super().__init__("letterbox", stopping)
        self._box = box
        self._watcher = watcher

    def round(self) -> float:
        moved = self._box.move()
        if moved:
            self._watcher.nudge()
            return 0.0
        return _MOVE_EVERY_S
