"""A thread that does rounds: woken by an event or by time. What goes wrong in a round ends that round only."""

import logging
import threading

log = logging.getLogger(__name__)

_AFTER_TROUBLE_S = 2.0


class Worker(threading.Thread):
    """Calls :meth:`round` until told to stop.

    Args:
        name: for the log and the health page.
        stopping: set when everything ends; who sets it also calls :meth:`nudge`.
        first_s: how long to wait before the first round.
    """

    def __init__(self, name: str, stopping: threading.Event, *, first_s: float = 0.0) -> None:
        # A thread that hangs in a call must not keep the process: whatever it holds runs out by itself.
        super().__init__(name=name, daemon=True)
        self.stopping = stopping
        self.troubles = 0
        self._first_s = first_s
        self._wake = threading.Event()

    def nudge(self) -> None:
        """Let the next round begin now, or right after the one under way."""
        self._wake.set()

    def round(self) -> float:
        """Do what is to be done and return after how many seconds to look again unless nudged."""
        raise AssertionError(f"{type(self).__name__} does nothing")

    def after_trouble(self) -> None:
        """Give back what a round that was broken off had taken."""

    def run(self) -> None:
        wait_s = self._first_s
        while True:
            self._wake.wait(wait_s)
            self._wake.clear()
            if self.stopping.is_set():
                return
            try:
                wait_s = self.round()
            except Exception as error:  # noqa: BLE001  # a store that is away, or what nobody foresaw: not the last round
                # Its text may hold a row, and a row may name a person.
                self.troubles += 1
                self.after_trouble()
                log.error("%s: a round ended with %s and is tried again", self.name, type(error).__name__)
                wait_s = _AFTER_TROUBLE_S
