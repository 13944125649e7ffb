"""When to leave an account alone, and how often to ask it: a breaker for calls that fail, a pace for those refused."""

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

_FIRST_S, _LONGEST_S = 5.0, 300.0
_PROBED_S = 1.0
_SLOWEST = 8.0


class Breaker:
    """Opens after so many failures in a row; later one caller at a time may try whether the account is well again.

    Args:
        failures: how many open it.
        monotonic: a clock that nobody sets; tests bring their own.
    """

    def __init__(self, failures: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._open_s = _FIRST_S
        self._opened_at = 0.0
        self._is_probed = False

    @property
    def state(self) -> State:
        """``closed``: calls are made; ``open``: none; ``half_open``: one, to see."""
        with self._lock:
            return self._state()

    def wait_s(self) -> float:
        """Return 0 when the caller may call now, and must tell afterwards; else after how long to ask again."""
        with self._lock:
            state = self._state()
            if state == "closed":
                return 0.0
            if state == "open":
                return max(0.05, self._opened_at + self._open_s - self._monotonic())
            if self._is_probed:
                return _PROBED_S
            self._is_probed = True
            return 0.0

    def succeeded(self) -> None:
        """The account answered."""
        with self._lock:
            self._failures, self._open_s, self._is_probed = 0, _FIRST_S, False

    def failed(self) -> None:
        """The account did not; a try that fails opens it for twice as long."""
        with self._lock:
            if self._failures >= self._limit:
                self._open_s = min(self._open_s * 2, _LONGEST_S)
            self._failures += 1
            self._is_probed = False
            self._opened_at = self._monotonic()

    def left_open(self) -> None:
        """Nothing was called after all."""
        with self._lock:
            self._is_probed = False

    def _state(self) -> State:
        if self._failures < self._limit:
            return "closed"
        return "open" if self._monotonic() < self._opened_at + self._open_s else "half_open"


class Pace:
    """How long to wait between two polls: halved in rate by each refusal, given back step by step.

    Args:
        base_s: between polls when nothing is special.
        fast_s: while an offer has nearly run out, or the shop has just told of something.
    """

    def __init__(self, base_s: float, fast_s: float) -> None:
        self._base_s = base_s
        self._fast_s = fast_s
        self._slower = 1.0

    def next_s(self, *, is_fast: bool, is_refused: bool, retry_after_s: float | None) -> float:
        """Return the seconds until the next poll, after one that went so."""
        if is_refused:
            self._slower = min(_SLOWEST, self._slower * 2)
        elif retry_after_s is None:
            self._slower = max(1.0, self._slower / 2)
        return max((self._fast_s if is_fast else self._base_s) * self._slower, retry_after_s or 0.0)
