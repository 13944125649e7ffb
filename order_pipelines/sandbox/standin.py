"""What every stand-in has in common: a clock that can be moved, faults that can be ordered, limits that count."""

import random
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from starlette.types import ASGIApp


class VirtualClock:
    """The time of the sandbox world: the machine's clock plus an offset that only grows by request."""

    def __init__(self, offset_s: float = 0.0) -> None:
        self._offset_s = offset_s
        self._lock = threading.Lock()

    @property
    def offset_s(self) -> float:
        """Seconds between the machine's clock and the world's."""
        return self._offset_s

    def set_offset(self, offset_s: float) -> None:
        """Move the world to ``offset_s`` seconds from the machine's clock."""
        with self._lock:
            self._offset_s = offset_s

    def now(self) -> datetime:
        """Return the world's present instant, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_s)


@dataclass
class Fault:
    """One misbehaviour ordered for a stand-in.

    ``kind``: ``latency`` (``seconds``), ``hang``, ``401``, ``403``, ``404``, ``406``, ``429``,
    ``429_without_retry_after``, ``500``, ``503``, ``drop_reply_after_acting``, ``expire_token``, ``silent_reject``,
    ``truncate_body``, ``not_json`` …; README.md names those of each stand-in.
    ``count`` uses are left; ``count = None`` with ``rate`` (0..1) is a share of all matching calls.
    ``match`` limits the fault to paths that contain it (the path with its query), ``method`` to one HTTP method,
    ``account`` to the calls of one account where the stand-in can tell whose call it is.
    """

    kind: str
    count: int | None = 1
    rate: float | None = None
    match: str = ""
    method: str = ""
    seconds: float = 1.0
    detail: dict[str, Any] = field(default_factory=dict)
    account: str = ""


class FaultBook:
    """The faults of one stand-in, taken in the order in which they were written."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.times_cleared = 0

    def add(self, fault: Fault) -> None:
        """Order one more fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults; a call that hangs or drips is hung up on."""
        with self._lock:
            self._faults.clear()
            self.times_cleared += 1

    def pending(self) -> list[Fault]:
        """Return the faults that can still strike."""
        with self._lock:
            return list(self._faults)

    def take(
        self, kinds: set[str], method: str, path: str, account: str = "", *, named_only: bool = False
    ) -> Fault | None:
        """Return and use up the first fault of one of ``kinds`` that fits this call, or ``None``.

        ``named_only`` leaves faults without a ``match`` alone: calls for a token are struck on purpose only.
        """
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.kind not in kinds or fault.match not in path or (named_only and not fault.match):
                    continue
                if fault.method and fault.method != method:
                    continue
                if fault.account and account and fault.account != account:
                    continue
                if fault.count is None:
                    if self._random.random() < (fault.rate if fault.rate is not None else 1.0):
                        return fault
                    continue
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
                return fault
        return None


class SlidingLimit:
    """At most ``capacity`` calls in any ``window_s`` seconds of the world's clock."""

    def __init__(self, clock: VirtualClock, capacity: int, window_s: float) -> None:
        self.capacity = capacity
        self.window_s = window_s
        self._clock = clock
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> tuple[bool, int, float]:
        """Return (allowed, calls left, seconds until a place is free)."""
        with self._lock:
            now = self._clock.now().timestamp()
            while self._calls and self._calls[0] <= now - self.window_s:
                self._calls.popleft()
            if len(self._calls) >= self.capacity:
                return False, 0, self._calls[0] + self.window_s - now
            self._calls.append(now)
            first_free = self._calls[0] + self.window_s - now
            return True, self.capacity - len(self._calls), first_free


class StandIn(Protocol):
    """One outside system as the control port sees it. It serves one or more accounts on one port."""

    system: str
    faults: FaultBook

    @property
    def app(self) -> ASGIApp:
        """The HTTP surface, as the real system shows it."""

    def accounts(self) -> list[str]:
        """Names of the accounts that live here."""

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        """One row an account: ``system, account, base_url, token_url, credentials`` and what a client must be told."""

    def state(self, account: str) -> dict[str, Any]:
        """What the outside system holds now, with every write it received, as JSON-ready values."""


class OrderRefused(Exception):
    """The shop did not take the order, as it would not from a real shopper; the text says why."""


class UnknownThing(Exception):
    """The control port was asked about an account, order or action that does not exist here."""


class SalesChannel(StandIn, Protocol):
    """A stand-in at which shoppers buy."""

    def place_order(self, account: str, wish: dict[str, Any]) -> str:
        """Let a shopper buy; return the channel's order id.

        Raises:
            OrderRefused: the offer is not for sale, or not in that quantity, and ``force`` is not set.
            UnknownThing: no such account.
        """

    def act(self, account: str, order_id: str, action: str, detail: dict[str, Any]) -> dict[str, Any]:
        """Do what happens to an order outside the API (cancel, ship, return …); return what came of it."""
