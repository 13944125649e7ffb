"""The lane's workers on a clock that a test moves: hours of polls and pushes in seconds, one worker at a time."""

import heapq
import threading
from itertools import count

from order_pipelines import clock
from order_pipelines.live.account import AccountLane
from order_pipelines.live.breaker import Breaker
from order_pipelines.live.budgets import ImpatientBudget
from order_pipelines.live.reading import Poller
from order_pipelines.live.watching import Watcher
from order_pipelines.live.worker import Worker
from order_pipelines.live.writing import Pusher, ReadBack
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.shop import Shop
from order_pipelines_tests.live.lane_world import CHANNELS, LaneWorld


class _Bell(Worker):
    """Stands where a pusher would: remembers that it was woken."""

    def __init__(self, account: str, rung: set[str]) -> None:
        super().__init__(f"bell {account}", threading.Event())
        self._account = account
        self._rung = rung

    def nudge(self) -> None:
        self._rung.add(self._account)


class LaneRounds:
    """Pollers, pushers and read-backs of all channels, each called when it is due by the world's clock."""

    def __init__(self, world: LaneWorld) -> None:
        self.world = world
        self._began_at = clock.now()
        self._numbers = count()
        self._rung: set[str] = set()
        never = threading.Event()
        shop = world.shop
        budgets = {name: SharedBudget(shop.store, name, sleep=self._sleep) for name in CHANNELS}
        reading = Shop(shop.settings, shop.store, shop.tokens, shop.lease_s, dict(budgets))
        impatient = {name: ImpatientBudget(budget) for name, budget in budgets.items()}
        writing = Shop(shop.settings, shop.store, shop.tokens, shop.lease_s, dict(impatient))
        failures = shop.settings.live.breaker_failures
        self.lanes = {
            name: AccountLane(
                name,
                shop.account(name).system,
                lambda: True,
                self._look,
                Breaker(failures, monotonic=self.now_s),
                Breaker(failures, monotonic=self.now_s),
            )
            for name in CHANNELS
        }
        self._pushers = {name: Pusher(writing, lane, never) for name, lane in self.lanes.items()}
        self._watcher = Watcher(shop.store, {name: _Bell(name, self._rung) for name in CHANNELS}, {}, never)
        workers: list[Worker] = [Poller(reading, lane, never) for lane in self.lanes.values()]
        workers += self._pushers.values()
        workers += [ReadBack(reading, lane, never) for lane in self.lanes.values()]
        self._due: list[tuple[float, int, Worker]] = [(0.0, next(self._numbers), one) for one in workers]
        heapq.heapify(self._due)

    def now_s(self) -> float:
        """Seconds since the beginning."""
        return (clock.now() - self._began_at).total_seconds()

    def go_on(self, minutes: float) -> None:
        """Let so much time pass, and everybody do what is due in it."""
        until_s = self.now_s() + minutes * 60
        while self._due[0][0] <= until_s:
            due_s, _, worker = heapq.heappop(self._due)
            self._sleep(due_s - self.now_s())
            wait_s = self._called(worker)
            heapq.heappush(self._due, (self.now_s() + wait_s, next(self._numbers), worker))
            self._look()
            self._wake()
        self._sleep(until_s - self.now_s())

    def _called(self, worker: Worker) -> float:
        wait_s = worker.round()
        assert worker.troubles == 0
        # A round at once is one a moment later: else a worker that has nothing to wait for stops the clock.
        return max(wait_s, 0.05)

    def _look(self) -> None:
        self._watcher.round()

    def _wake(self) -> None:
        """Let those be next whose numbers changed."""
        woken = {self._pushers[name] for name in self._rung}
        self._rung.clear()
        if woken:
            now_s = self.now_s()
            self._due = [
                (min(due, now_s) if one in woken else due, number, one) for due, number, one in self._due
            ]
            heapq.heapify(self._due)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.world.shop_world.pass_time(seconds=seconds)
