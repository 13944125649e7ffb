"""The fast lane of the product in a simulation: its workers make the rounds that its threads make, when they would.

A round that could not find anything is left out: months pass in minutes that way, and nothing else comes of it.
"""

import threading
from collections.abc import Callable

from benchmarks.certificate_connector import pushed_message
from benchmarks.certificate_demand import MINUTE
from benchmarks.certificate_ours import LISTED_EVERY_S, SEEN_EVERY_S, OurWay
from benchmarks.certificate_time import Process
from benchmarks.certificate_world import Channel, Placed
from order_pipelines import clock
from order_pipelines.live.account import AccountLane
from order_pipelines.live.breaker import Breaker
from order_pipelines.live.reading import DeliveryReader, Poller, is_near_zero
from order_pipelines.live.watching import Mover, Watcher
from order_pipelines.live.worker import Worker
from order_pipelines.live.writing import Pusher, ReadBack
from order_pipelines.operations.letterbox import Letterbox
from order_pipelines.services.webhooks import open_doors, take

_IDLE_S = 30.0
_NOTHING = 1e9
_HELD_BACK = 2


class OurLane(OurWay):
    """The fast lane."""

    def make(self) -> None:
        self._epoch, self._due_at, self._unread_at = 0, -1, -1
        self._has_due: set[str] = set()
        self._has_unread: set[str] = set()
        self._doors = open_doors(self.shop)
        self._box = Letterbox(self.shop.store)

    def start(self) -> None:
        """Put the workers together as ``live.lane`` does, and let each make its rounds."""
        shop, live = self.shop, self.shop.settings.live
        self._stopping = threading.Event()
        self._lanes = {
            rule.name: AccountLane(
                rule.name,
                shop.account(rule.name).system,
                lambda: True,
                self._look,
                Breaker(live.breaker_failures, monotonic=lambda: self.simulation.now),
                Breaker(live.breaker_failures, monotonic=lambda: self.simulation.now),
            )
            for rule in self.world.plan.rules
        }
        pushers: dict[str, Worker] = {}
        readers: dict[str, Worker] = {}
        for name, lane in self._lanes.items():
            self._run(f"poller {name}", self._poll(name, Poller(shop, lane, self._stopping)))
            push = self._push(name, self.pusher(Pusher(shop, lane, self._stopping)))
            pushers[name] = _Bell(self._run(f"pusher {name}", push))
            self._run(f"read back {name}", self._read_back(name, ReadBack(shop, lane, self._stopping)))
            if name in self._doors:
                reader = DeliveryReader(shop, lane, self._stopping)
                readers[name] = _Bell(self._run(f"deliveries {name}", self._read(reader)))
        self._watcher = Watcher(shop.store, pushers, readers, self._stopping)
        self._mover = Mover(self._box, self._watcher, self._stopping)
        self._run("files", self._files)
        self._watcher.round()

    def close(self) -> None:
        self._box.close()
        super().close()

    def pusher(self, worker: Worker) -> Worker:
        """Return the pusher to use."""
        return worker

    def counted(self, rows: list[tuple[str, int]], taken_at: float) -> None:
        super().counted(rows, taken_at)
        if not self.world.is_standing_still:
            self._desk.nudge()

    def pushed(self, channel: Channel, order: Placed, number: int) -> bool:
        if self.world.is_standing_still:
            return False
        name = channel.rule.name
        headers, body = pushed_message(order, number)
        take(self._box, name, self._doors[name], headers, body)
        self._mover.round()
        self._look()
        return True

    def _run(self, name: str, body: Callable[[Process], None]) -> Process:
        process = self.simulation.process(name, body)
        self.processes.append(process)
        return process

    def _look(self) -> None:
        """Something was booked, delivered or repaired: the watcher looks at once, as in the lane."""
        self._epoch += 1
        self._watcher.round()

    def _round(self, worker: Worker) -> float:
        """Make a worker's round, whatever comes of it."""
        self._epoch += 1
        try:
            return worker.round()
        except Exception:  # noqa: BLE001  # as the lane's threads do
            self.troubles += 1
            worker.after_trouble()
            return 2.0

    def _poll(self, name: str, worker: Poller) -> Callable[[Process], None]:
        lane, channel, live = self._lanes[name], self.world.channels[name], self.shop.settings.live

        def body(process: Process) -> None:
            simulation = self.simulation
            # Not all accounts at the same second.
            process.sleep(process.rank * 1.37)
            while True:
                begun = simulation.now
                wait = self._round(worker)
                if wait > live.poll_seconds or lane.reading.state != "closed":
                    process.sleep(wait)
                    continue
                anchor = simulation.now
                channel.on_news = process.nudge
                while True:
                    if channel.news_after(begun) or simulation.now - anchor >= SEEN_EVERY_S:
                        break
                    process.wait(max(0.01, anchor + SEEN_EVERY_S - simulation.now))
                step = self._pace(lane)
                rounds = -(-(simulation.now - anchor) // step) or 1
                process.sleep(max(0.01, anchor + rounds * step - simulation.now))

        return body

    def _due(self) -> set[str]:
        """Asked of the store once, until something was done again."""
        if self._due_at != self._epoch:
            self._due_at, self._has_due = self._epoch, self.with_due()
        return self._has_due

    def _unread(self) -> set[str]:
        if self._unread_at != self._epoch:
            self._unread_at, self._has_unread = self._epoch, self.with_unread()
        return self._has_unread

    def _pace(self, lane: AccountLane) -> float:
        live = self.shop.settings.live
        is_talking = lane.told_at is not None and (clock.now() - lane.told_at).total_seconds() < 5 * MINUTE
        if is_talking or is_near_zero(self.shop.store, lane.name, live.near_zero):
            return float(live.fast_poll_seconds)
        return float(live.poll_seconds)

    def _push(self, name: str, worker: Worker) -> Callable[[Process], None]:
        def body(process: Process) -> None:
            wait, seen = 0.0, -1
            while True:
                was_nudged = process.wait(wait)
                if not was_nudged and (seen == self._epoch or name not in self._due()):
                    seen, wait = self._epoch, _IDLE_S - self.simulation.now % _IDLE_S
                    continue
                wait = self._round(worker)
                seen = -1

        return body

    def _read_back(self, name: str, worker: Worker) -> Callable[[Process], None]:
        def body(process: Process) -> None:
            wait, seen, listed_at = 2.0, -1, self.simulation.now
            while True:
                process.sleep(wait)
                is_listed = self.simulation.now - listed_at < LISTED_EVERY_S
                if is_listed and (seen == self._epoch or name not in self._unread()):
                    every_s = self.shop.settings.live.read_back_seconds
                    seen, wait = self._epoch, every_s - self.simulation.now % every_s
                    continue
                wait = self._round(worker)
                seen = -1
                if not is_listed:
                    listed_at = self.simulation.now - self.listed_s_ago(name)

        return body

    def _read(self, worker: Worker) -> Callable[[Process], None]:
        def body(process: Process) -> None:
            wait = 0.0
            while True:
                # Nothing is due before a delivery or a delivery that is tried again.
                process.wait(wait if wait < 5.0 else _NOTHING)
                wait = self._round(worker)

        return body

    def _files(self, process: Process) -> None:
        self._desk = process
        while True:
            self.take_in_files()
            self._look()
            process.wait(_NOTHING)


class CarefulLane(OurLane):
    """The lane of a merchant who knows what is sold in flashes: the last pieces are for the channels that push."""

    def stock_settings(self) -> dict[str, str]:
        skus = ", ".join(f'"{sku}"' for sku in self.world.plan.drops)
        held_back = "[[accounts.{}.stock.rules]]\nskus = [{}]\nbuffer = {}\n"
        return {
            rule.name: held_back.format(rule.name, skus, _HELD_BACK)
            for rule in self.world.plan.rules
            if not rule.pushes
        }


class _Bell(Worker):
    """A worker's place in the watcher: woken, its process goes on."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.name, threading.Event())
        self._process = process

    def nudge(self) -> None:
        self._process.nudge()
