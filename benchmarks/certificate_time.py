"""Time that nobody waits for: things happen in their order, and whoever sleeps hands on to whoever is next.

A process is a thread, so that code which knows nothing of this can be in the middle of a call while the world outside
goes on. Only one of them runs at a time, and ties are decided by rank: a run is the same every time.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from order_pipelines import clock

_STACK = 512 * 1024
_LEAST_S = 0.001


class KilledError(BaseException):
    """The process this happens in has ended: no ``except Exception`` of the product keeps it alive."""


class Simulation:
    """Moments in seconds since ``start``; what is to happen at each."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.now = 0.0
        self.current: Process | None = None
        self.trouble: BaseException | None = None
        self.events = 0
        self._agenda: list[tuple[float, int, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._number = count()
        self._processes: list[Process] = []

    def instant(self, seconds: float | None = None) -> datetime:
        """Return a moment as the product's clock tells it."""
        return self.start + timedelta(seconds=round(self.now if seconds is None else seconds, 6))

    def seconds(self, instant: datetime) -> float:
        """Return a moment of the product's clock as seconds since the start."""
        return (instant - self.start).total_seconds()

    def at(self, when: float, action: Callable[..., Any], *arguments: Any, rank: int = 0) -> None:
        """Let something happen at a moment, now if that is over; what ranks lower goes first."""
        heappush(self._agenda, (max(when, self.now), rank, next(self._number), action, arguments))

    def process(self, name: str, body: "Callable[[Process], None]") -> "Process":
        """Start a process now."""
        process = Process(self, name, len(self._processes) + 1, body)
        self._processes.append(process)
        self.at(self.now, process.resume, 0, rank=process.rank)
        return process

    def run_until(self, end: float) -> None:
        """Let everything happen that is due by a moment.

        Raises:
            BaseException: what ended a process that was not killed.
        """
        while self._agenda and self._agenda[0][0] <= end:
            self.now, _, _, action, arguments = heappop(self._agenda)
            self.events += 1
            with clock.frozen(self.instant()):
                action(*arguments)
            if self.trouble is not None:
                raise self.trouble
        self.now = end

    def sleep(self, seconds: float) -> None:
        """Let time pass in the process that calls this; outside one nothing is waited for."""
        if self.current is not None:
            self.current.sleep(seconds)

    def close(self) -> None:
        """End every process."""
        with clock.frozen(self.instant()):
            for process in self._processes:
                process.kill()


class Process:
    """One of the things that go on at once. Made by :meth:`Simulation.process`."""

    def __init__(
        self, simulation: Simulation, name: str, rank: int, body: "Callable[[Process], None]"
    ) -> None:
        self.name, self.rank = name, rank
        self.is_over = False
        self._simulation = simulation
        self._body = body
        # The baton: locks are handed over by whoever does not hold them.
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._awaited = 0
        self._is_killed = self._is_nudged = self._is_waiting = False
        before = threading.stack_size(_STACK)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        threading.stack_size(before)

    def sleep(self, seconds: float) -> None:
        """Go on so much later."""
        self._awaited += 1
        # Less than a millisecond would be no time at all to a number of seconds that has grown large.
        when = self._simulation.now + (max(_LEAST_S, seconds) if seconds > 0 else 0.0)
        self._simulation.at(when, self.resume, self._awaited, rank=self.rank)
        self._back.release()
        self._go.acquire()
        if self._is_killed:
            raise KilledError

    def wait(self, seconds: float) -> bool:
        """Go on so much later or when nudged; returns whether it was nudged. A nudge in between is not lost."""
        if not self._is_nudged:
            self._is_waiting = True
            try:
                self.sleep(seconds)
            finally:
                self._is_waiting = False
        was_nudged, self._is_nudged = self._is_nudged, False
        return was_nudged

    def nudge(self) -> None:
        """Let it go on now, or not wait when it next would."""
        if self._is_nudged:
            return
        self._is_nudged = True
        if self._is_waiting:
            self._awaited += 1
            self._simulation.at(self._simulation.now, self.resume, self._awaited, rank=self.rank)

    def resume(self, awaited: int) -> None:
        """Run until the next sleep; a wake-up that was overtaken by another does nothing."""
        if self.is_over or awaited != self._awaited:
            return
        self._switch()

    def kill(self) -> None:
        """End it where it sleeps."""
        if not self.is_over:
            self._is_killed = True
            self._switch()
            self._thread.join()

    def _switch(self) -> None:
        before, self._simulation.current = self._simulation.current, self
        self._go.release()
        self._back.acquire()
        self._simulation.current = before

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._is_killed:
                self._body(self)
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again where the simulation runs
            self._simulation.trouble = error
        finally:
            self.is_over = True
            self._back.release()
