"""The line to the other side, with an end: each call has its time and its share of bytes, whatever is sent.

Nothing here knows systems, statuses or our errors; see ``http.py``.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


@dataclass(slots=True)
class Call:
    """What one call may still take; ``cut`` says why it was ended from here."""

    ends_at: float
    bytes_left: int
    cut: Literal["", "slow", "large"] = ""


now_calling = threading.local()
_feeling = threading.local()


class Pulse:
    """Whether a call of one thread waits for the other side, and since when; other threads may look, and end it."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._is_over = False

    def waiting_s(self) -> float:
        """Return for how many seconds a call has waited by now, for its place in the budget or for its answer."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def stop(self) -> None:
        """Let no further call begin; one that waits ends by its own time."""
        self._is_over = True

    @contextmanager
    def felt(self) -> Iterator[None]:
        """Feel the calls that this thread makes in the block."""
        _feeling.pulse = self
        try:
            yield
        finally:
            _feeling.pulse = None

    @contextmanager
    def _call(self) -> Iterator[bool]:
        self._since = time.monotonic()
        try:
            yield not self._is_over
        finally:
            self._since = None


def felt_call() -> AbstractContextManager[bool]:
    """Let whoever feels this thread's pulse know of a call while the block lasts; yields whether it may be made."""
    pulse: Pulse | None = getattr(_feeling, "pulse", None)
    return nullcontext(True) if pulse is None else pulse._call()


class _Wire(io.RawIOBase):
    """What comes over the line, until the call's time or share is used up.

    requests' own timeout counts from byte to byte, and neither headers, nor the lines between chunks, nor "100
    Continue" have an end there: a server that sends a byte a second, or never a newline, would hold us for ever.
    """

    def __init__(self, line: socket.socket, below: io.RawIOBase, call: Call) -> None:
        self._line = line
        self._below = below
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._call.ends_at - time.monotonic()
        try:
            if left_s <= 0:
                raise TimeoutError("the time of this call is over")
            self._line.settimeout(left_s)
            count = self._below.readinto(buffer)
        except TimeoutError:
            self._call.cut = "slow"
            raise
        self._call.bytes_left -= count or 0
        if self._call.bytes_left < 0:
            self._call.cut = "large"
            raise OSError("more bytes than a call may bring")
        return count

    def close(self) -> None:
        self._below.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """Reads from a :class:`_Wire`."""

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = io.BufferedReader(_Wire(sock, self.fp.detach(), now_calling.call))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class Session(requests.Session):
    """Goes where it is told and nowhere else, and remembers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Never look where a redirect leads: even when it is not followed, requests would read the whole body."""
