"""What goes out for one account: the newest number only, zero first; and whether the channel kept it."""

import logging
import threading
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.live.account import AccountLane
from order_pipelines.live.worker import Worker
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.services.push_outcome import ON_HOLD, Push
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers

log = logging.getLogger(__name__)

_IDLE_S = 1.0
_BUSY_S = 0.5
_LONGEST_S = 30.0
_HELD_S = 2.0
_MOST = 8
_FATE_FIRST_S, _FATE_LONGEST_S = 1.0, 15.0
_LIST_EVERY = timedelta(minutes=55)


class Pusher(Worker):
    """Sends what one account's offers should show. There is one for an account, and it never overtakes itself."""

    def __init__(self, shop: Shop, lane: AccountLane, stopping: threading.Event) -> None:
        super().__init__(f"pusher {lane.name}", stopping)
        self._shop = shop
        self._lane = lane
        self._fate_s = _FATE_FIRST_S
        self._told: str | None = None

    def round(self) -> float:
        lane = self._lane
        if not lane.is_ours():
            return _IDLE_S
        if wait_s := lane.writing.wait_s():
            return wait_s
        push = push_account(self._shop, lane.name, most=_MOST)
        if push.is_busy:
            lane.writing.left_open()
            return _BUSY_S
        if push.is_stopped:
            lane.writing.left_open()
            self._say(push)
            return _IDLE_S
        if push.confirmed or push.accepted or push.rejected:
            lane.pushed_at = clock.now()
        self._judge(push)
        if push.left and not push.is_cut_short:
            return 0.0
        return self._next_s(push)

    def after_trouble(self) -> None:
        self._lane.writing.left_open()

    def _judge(self, push: Push) -> None:
        lane = self._lane
        lane.count(pushes=int(push.due > 0), push_problems=int(push.is_cut_short))
        self._say(push)
        if not push.is_cut_short:
            lane.writing.succeeded()
        elif push.retry_after_s is not None:
            lane.writing.left_open()
        else:
            lane.writing.failed()

    def _say(self, push: Push) -> None:
        """Said once, not at each look: what is held back waits for a person or for orders to be read."""
        if push.problem != self._told:
            self._told = push.problem
            if push.problem is not None:
                log.warning("%s", push.problem)

    def _next_s(self, push: Push) -> float:
        """When to look again without news: a write's fate, the next permitted call, a quantity tried again."""
        if push.accepted:
            self._fate_s = min(self._fate_s * 1.5, _FATE_LONGEST_S)
            fate_s = self._fate_s
        else:
            self._fate_s = fate_s = _FATE_FIRST_S
        waits = [_LONGEST_S]
        if push.accepted:
            waits.append(fate_s)
        if push.held or push.waiting:
            # Until the inputs are fresh again, which is no news of a number; or until a sale lowers what may be shown.
            waits.append(_HELD_S)
        if push.retry_after_s is not None:
            waits.append(push.retry_after_s)
        with self._shop.store.reading() as connection:
            not_before = connection.execute(
                sa.select(sa.func.min(channel_stock.c.not_before)).where(
                    channel_stock.c.account == self._lane.name,
                    channel_stock.c.confirmed_version < channel_stock.c.desired_version,
                    channel_stock.c.state != ON_HOLD,
                )
            ).scalar()
        if not_before is not None:
            waits.append((not_before - clock.now()).total_seconds())
        return max(0.05, min(waits))


class ReadBack(Worker):
    """Compares what the channel shows with what it confirmed: a sample by day, everything once a night."""

    def __init__(self, shop: Shop, lane: AccountLane, stopping: threading.Event) -> None:
        super().__init__(f"read back {lane.name}", stopping)
        self._shop = shop
        self._lane = lane

    def round(self) -> float:
        lane, settings = self._lane, self._shop.settings.live
        if not lane.is_ours():
            return _IDLE_S
        if lane.writing.state != "closed":
            return _IDLE_S
        try:
            if self._is_listing_due():
                listed = refresh_offers(self._shop, lane.name)
                lane.count(offers_listed=listed.offers)
                if listed.problem is not None:
                    log.warning("%s", listed.problem)
            if self._shop.account(lane.name).mode == "live":
                differing = read_back(self._shop, lane.name, limit=settings.read_back_offers)
                lane.count(read_back_differs=differing)
        except OrderPipelinesError as error:
            log.warning("%s", error)
        lane.on_booked()
        return settings.read_back_seconds

    def _is_listing_due(self) -> bool:
        with self._shop.store.reading() as connection:
            seen_at = connection.execute(
                sa.select(sa.func.max(channel_offers.c.seen_at)).where(
                    channel_offers.c.account == self._lane.name
                )
            ).scalar()
        now = clock.now()
        if seen_at is None or now - seen_at >= _LIST_EVERY:
            return True
        return bool(seen_at < self._last_night(now))

    def _last_night(self, now: datetime) -> datetime:
        """The last time that everything was to be read, by the merchant's wall clock."""
        zone = self._shop.settings.merchant.zone
        at = time.fromisoformat(self._shop.settings.live.read_all_at)
        local = now.astimezone(zone)
        tonight = datetime.combine(local.date(), at, zone)
        return tonight if tonight <= local else datetime.combine(local.date() - timedelta(days=1), at, zone)
