"""The fast lane put together: for each account a poller, a reader of deliveries, one pusher and a read-back."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.live.account import AccountLane
from order_pipelines.live.breaker import Breaker
from order_pipelines.live.budgets import ImpatientBudget, waiting_until
from order_pipelines.live.figures import backlogs
from order_pipelines.live.holding import Holder, lease_name
from order_pipelines.live.reading import DeliveryReader, Poller
from order_pipelines.live.reporting import Reporter
from order_pipelines.live.watching import Expirer, Mover, Watcher
from order_pipelines.live.worker import Worker
from order_pipelines.live.writing import Pusher, ReadBack
from order_pipelines.operations.letterbox import Letterbox
from order_pipelines.operations.tables import cursors, leases
from order_pipelines.services.account_stops import all_stops
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.shop import Shop
from order_pipelines.services.webhooks import open_doors

log = logging.getLogger(__name__)

_PATIENCE_S = 7.0


class Lane:
    """All workers of one instance. Make it, :meth:`start` it, :meth:`stop` it.

    Args:
        shop: whose lane it is; its store is shared by the workers, and closed by whoever opened it.
        instance: a name of this process; made up when ``None``.
    """

    def __init__(self, shop: Shop, *, instance: str | None = None) -> None:
        self.instance = instance or f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.doors = open_doors(shop)
        self.box = Letterbox(shop.store)
        self._stopping = threading.Event()
        self._is_started = False
        settings = shop.settings.live
        served = [name for name, _ in shop.accounts(lambda able: able.order_source)]
        self._pushed = [
            name for name, account in shop.accounts(lambda able: able.stock_sink) if account.stock.push
        ]
        names = list(dict.fromkeys([*served, *self._pushed]))
        self._reading_shop, self._writing_shop = self._shops(shop, names)
        self._holder = Holder(shop.store, names, settings.lease_seconds, self._stopping)
        self.lanes = {
            name: AccountLane(
                name,
                shop.account(name).system,
                self._is_ours(name),
                self.nudge,
                Breaker(settings.breaker_failures),
                Breaker(settings.breaker_failures),
            )
            for name in names
        }
        pollers = [Poller(self._reading_shop, self.lanes[name], self._stopping) for name in served]
        readers = {
            name: DeliveryReader(self._reading_shop, self.lanes[name], self._stopping) for name in self.doors
        }
        pushers = {
            name: Pusher(self._writing_shop, self.lanes[name], self._stopping) for name in self._pushed
        }
        checkers = [ReadBack(self._reading_shop, self.lanes[name], self._stopping) for name in self._pushed]
        self._watcher = Watcher(shop.store, pushers, readers, self._stopping)
        self._mover = Mover(self.box, self._watcher, self._stopping)
        self._reporter = Reporter(shop, self.instance, self.lanes, self._pushed, self._stopping)
        self._workers: list[Worker] = [
            self._holder,
            self._watcher,
            self._mover,
            Expirer(shop, self._watcher, self._stopping),
            self._reporter,
            *pollers,
            *readers.values(),
            *pushers.values(),
            *checkers,
        ]
        self._store = shop.store

    def _is_ours(self, name: str) -> Any:
        return lambda: self._holder.holds(name) and not self._stopping.is_set()

    def _shops(self, shop: Shop, names: Sequence[str]) -> tuple[Shop, Shop]:
        """One view of the shop for those who may wait for a rate budget, one for pushers; they share the budgets."""
        sleep = waiting_until(self._stopping)
        shared = {name: SharedBudget(shop.store, name, sleep=sleep) for name in names}
        lease_s = float(shop.settings.live.lease_seconds)
        reading = Shop(shop.settings, shop.store, shop.tokens, lease_s, dict(shared))
        impatient = {name: ImpatientBudget(budget) for name, budget in shared.items()}
        return reading, Shop(shop.settings, shop.store, shop.tokens, lease_s, dict(impatient))

    def nudge(self) -> None:
        """Something was booked or delivered: whoever has to do with it begins now."""
        self._mover.nudge()
        self._watcher.nudge()

    def start(self) -> None:
        """Take the leases that are free, then start everything."""
        self._holder.round()
        for worker in self._workers:
            worker.start()
        self._is_started = True

    def stop(self) -> list[str]:
        """Let every worker finish its call, give the leases back and write the last minute; returns who hangs."""
        self._stopping.set()
        for worker in self._workers:
            worker.nudge()
        give_up = time.monotonic() + _PATIENCE_S
        for worker in self._workers:
            if worker.is_alive():
                worker.join(max(0.0, give_up - time.monotonic()))
        hanging = [worker.name for worker in self._workers if worker.is_alive()]
        for name in hanging:
            log.warning("%s did not end in time; what it held runs out by itself", name)
        if not self._holder.is_alive():
            self._holder.give_back()
        if not self._reporter.is_alive():
            try:
                self._reporter.write()
            except sa.exc.SQLAlchemyError as error:
                log.warning("the last minute is not reported (%s)", type(error).__name__)
        return hanging

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all is at work, and how each account fares; names nobody."""
        dead = [worker.name for worker in self._workers if self._is_started and not worker.is_alive()]
        status = "stopping" if self._stopping.is_set() else "ready" if self._is_started else "starting"
        page: dict[str, Any] = {"instance": self.instance, "store": "answers", "dead_workers": dead}
        try:
            page["accounts"] = self._accounts()
        except sa.exc.SQLAlchemyError as error:
            page |= {"store": f"does not answer ({type(error).__name__})", "accounts": {}}
            status = "not_ready"
        if dead and status == "ready":
            status = "not_ready"
        return status == "ready", {"status": status, **page}

    def _accounts(self) -> dict[str, Any]:
        now = clock.now()
        with self._store.reading() as connection:
            read = {
                row.account: row
                for row in connection.execute(sa.select(cursors).where(cursors.c.stream == "orders"))
            }
            held = set(
                connection.execute(
                    sa.select(leases.c.name).where(
                        leases.c.name.in_([lease_name(name) for name in self.lanes]),
                        leases.c.expires_at > now,
                    )
                ).scalars()
            )
            stops = all_stops(connection)
        waiting = backlogs(self._store)
        accounts = {}
        for name, lane in self.lanes.items():
            row = read.get(name)
            ours = self._holder.holds(name)
            accounts[name] = {
                "system": lane.system,
                "served_by": "this instance"
                if ours
                else "another instance"
                if lease_name(name) in held
                else "nobody",
                "orders_complete_at": _shown(row and row.complete_at),
                "orders_asked_at": _shown(row and row.attempted_at),
                "is_failing": row is not None and row.failed_since is not None,
                "last_push_at": _shown(lane.pushed_at),
                "last_delivery_at": _shown(lane.told_at),
                "backlog": waiting[name],
                "stopped": {stop.what: _shown(stop.stopped_at) for stop in stops if stop.account == name},
                "reading": lane.reading.state,
                "writing": lane.writing.state,
            }
        return accounts


def _shown(instant: Any) -> str | None:
    return None if instant is None else clock.isoformat(instant)
