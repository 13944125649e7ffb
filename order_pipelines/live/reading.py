"""What comes in for one account: polls at a pace of their own, and what its system pushed."""

import logging
import threading
from datetime import timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.live.account import AccountLane
from order_pipelines.live.breaker import Pace
from order_pipelines.live.worker import Worker
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import channel_stock
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.shipping import match_shipments
from order_pipelines.services.shop import Shop
from order_pipelines.services.webhooks import work_deliveries

log = logging.getLogger(__name__)

_IDLE_S = 1.0
_BUSY_S = 5.0
_NOTHING_DUE_S = 5.0
# A shop that told of something is busy, and of what it tells something may be lost.
_TALKATIVE_FOR = timedelta(minutes=5)


def is_near_zero(store: OperationsStore, account: str, pieces: int) -> bool:
    """Whether an offer of the account has so few pieces left, but some: the next sale may be one too many."""
    query = sa.select(sa.literal(1)).where(
        channel_stock.c.account == account, channel_stock.c.available_quantity.between(1, pieces)
    )
    with store.reading() as connection:
        return connection.execute(query.limit(1)).first() is not None


class Poller(Worker):
    """Sweeps one account. The lease of the sweep keeps it apart from those of Dagster's jobs."""

    def __init__(self, shop: Shop, lane: AccountLane, stopping: threading.Event) -> None:
        super().__init__(f"poller {lane.name}", stopping)
        settings = shop.settings.live
        self._shop = shop
        self._lane = lane
        self._pace = Pace(settings.poll_seconds, settings.fast_poll_seconds)

    def round(self) -> float:
        lane = self._lane
        if not lane.is_ours():
            return _IDLE_S
        if wait_s := lane.reading.wait_s():
            return wait_s
        sweep = sweep_account(self._shop, lane.name)
        if sweep.is_busy:
            lane.reading.left_open()
            return _BUSY_S
        if sweep.is_stopped:
            lane.note_booked(sweep.booked)
            lane.reading.left_open()
            return _IDLE_S
        lane.count(polls=1, poll_problems=int(sweep.problem is not None), not_read=sweep.failed)
        lane.note_booked(sweep.booked)
        if sweep.problem is None:
            lane.polled_at = clock.now()
            lane.reading.succeeded()
        else:
            log.warning("%s", sweep.problem)
            _judge(lane, sweep.retry_after_s)
        if sweep.booked.orders_new:
            # Parcels of files that were waiting for an order find it now.
            match_shipments(self._shop)
        return self._pace.next_s(
            is_fast=self._is_fast(), is_refused=sweep.is_refused, retry_after_s=sweep.retry_after_s
        )

    def after_trouble(self) -> None:
        self._lane.reading.left_open()

    def _is_fast(self) -> bool:
        told_at = self._lane.told_at
        if told_at is not None and timedelta(0) <= clock.now() - told_at < _TALKATIVE_FOR:
            return True
        return is_near_zero(self._shop.store, self._lane.name, self._shop.settings.live.near_zero)


class DeliveryReader(Worker):
    """Reads what pushes of one account named."""

    def __init__(self, shop: Shop, lane: AccountLane, stopping: threading.Event) -> None:
        super().__init__(f"deliveries {lane.name}", stopping)
        self._shop = shop
        self._lane = lane

    def round(self) -> float:
        lane = self._lane
        if not lane.is_ours():
            return _IDLE_S
        if wait_s := lane.reading.wait_s():
            return wait_s
        worked = work_deliveries(self._shop, lane.name)
        lane.count(deliveries=worked.done)
        lane.note_booked(worked.booked)
        if worked.problem is not None:
            log.warning("%s", worked.problem)
            _judge(lane, worked.retry_after_s)
        elif worked.done:
            lane.told_at = clock.now()
            lane.reading.succeeded()
            return 0.0
        else:
            lane.reading.left_open()
        # What is due sooner is seen by the watcher.
        return _NOTHING_DUE_S

    def after_trouble(self) -> None:
        self._lane.reading.left_open()


def _judge(lane: AccountLane, retry_after_s: float | None) -> None:
    """A refusal for too many calls is no failure: the account is well, and the budget knows when it may be asked."""
    if retry_after_s is None:
        lane.reading.failed()
    else:
        lane.reading.left_open()
