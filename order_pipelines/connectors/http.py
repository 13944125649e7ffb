"""One HTTP session for all connectors: timeouts, rate budget, error classes, nothing secret in any message.

What the other side sends is believed within bounds only: a call ends at its time and takes its share of memory,
whatever comes; no redirect is followed, no cookie kept, and no wait longer than a day.
"""

import math
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests

from order_pipelines import clock
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.ports import RateBudget
from order_pipelines.connectors.wire import Call, Session, felt_call, now_calling
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError

DEFAULT_TIMEOUT_S = 20.0
# A page of orders or offers is below one: JSON can take 24 times its size in memory.
MAX_BODY_BYTES = 8 * 1024 * 1024
LONGEST_WAIT_S = 24 * 3600.0
CLOCK_SLACK = timedelta(minutes=1)
_HEAD_BYTES = 1024 * 1024
_LONGEST_PATH = 200
_LONGEST_TOKEN = 16 * 1024
_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_EPOCH_SECONDS_FROM = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: datetime

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            ValueError: the body is not JSON.
        """
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Heard:
    """One answered call, as a listener notes it: ``seconds`` from the first byte sent to the last received."""

    method: str
    path: str
    group: str
    answer: Answer
    seconds: float


_ears = threading.local()


@contextmanager
def listening() -> Iterator[list[Heard]]:
    """Note every call that this thread makes in the block, of whatever connector; calls without answer are not there.

    Bodies are kept as long as the list is: for an examination of some calls, not for the daily work.
    """
    before = getattr(_ears, "heard", None)
    heard: list[Heard] = []
    _ears.heard = heard
    try:
        yield heard
    finally:
        _ears.heard = before


_gates = threading.local()


@contextmanager
def asking_before_calls(may_call: Callable[[], None], *, is_for_gets: bool = True) -> Iterator[None]:
    """Ask ``may_call`` before every call of this thread in the block, after all waiting for the call's turn.

    What it raises keeps the call from being sent. Between reading and writing a connector may wait for a minute.
    """
    before = getattr(_gates, "gate", None)
    _gates.gate = (may_call, is_for_gets)
    try:
        yield
    finally:
        _gates.gate = before


def redact_path(url: str) -> str:
    """Return the path of a URL without host, query and credentials, short enough for a message."""
    path = re.sub(r"^[a-z][a-z0-9+.-]*://[^/]*", "", url, flags=re.IGNORECASE).split("?", 1)[0]
    return "".join(sign if sign.isprintable() else "?" for sign in path[:_LONGEST_PATH])


def is_token(text: str) -> bool:
    """Tell whether a text can stand in an ``Authorization`` header: printable ASCII without blanks, of some size."""
    return 0 < len(text) <= _LONGEST_TOKEN and text.isascii() and text.isprintable() and " " not in text


class ApiSession:
    """Calls one outside system for one account.

    Args:
        system: registry name, used in errors.
        account: account name, used in errors.
        base_url: scheme, host and port; paths are joined to it. Redirects are never followed.
        budget: shared allowance; a call waits for its group's place.
        deadline: no call starts after it, and no wait passes it.
        secrets: values that no message may show, should the other side repeat them.
    """

    def __init__(
        self,
        system: str,
        account: str,
        base_url: str,
        budget: RateBudget,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        deadline: datetime | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self.system = system
        self.account = account
        self.base_url = base_url.rstrip("/")
        self.budget = budget
        self.timeout_s = timeout_s
        self.deadline = deadline
        self._session = Session()
        self._secrets = set(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep more values out of every message."""
        self._secrets.update(secrets)

    def plain(self, text: str) -> str:
        """Return a vendor's sentence without the secrets that it was sent, fit for a message; see `plain_words`."""
        return plain_words(text, secrets=self._secrets)

    def close(self) -> None:
        """Free the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        group: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        auth: tuple[str, str] | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """Send one request and return the answer whatever its status; learns the rate headers.

        Raises:
            TransientConnectorError: no answer came, it broke off, took too long or was larger than ``max_bytes``;
                ``maybe_acted`` when the request may have reached the other side and was not a read.
            PermanentConnectorError: the path leads to another host; nothing was sent.
        """
        with felt_call() as is_wanted:
            if not is_wanted:
                raise self._error(
                    TransientConnectorError, method, path, None, "whoever wanted it has ended; not sent"
                )
            self.budget.wait(group, deadline=self.deadline)
            url = path if path.startswith(("http://", "https://")) else f"{self.base_url}{path}"
            if not url.startswith(f"{self.base_url}/"):
                raise self._error(
                    PermanentConnectorError, method, path, None, "points to another host; not followed"
                )
            may_call, is_for_gets = getattr(_gates, "gate", None) or (None, False)
            if may_call is not None and (is_for_gets or method != "GET"):
                may_call()
            timeout = self._timeout(method, path)
            self._note_secrets(headers or {}, auth)
            sent_at, began = clock.now(), time.monotonic()
            call = now_calling.call = Call(time.monotonic() + timeout, max_bytes + _HEAD_BYTES)
            try:
                with self._session.request(
                    method,
                    url,
                    params=dict(params) if params else None,
                    data=body,
                    headers=dict(headers or {}),
                    auth=auth,
                    timeout=(min(timeout, 5.0), timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = self._read(response, call, max_bytes, method, path)
                    answer = Answer(response.status_code, response.headers, content, sent_at)
            except requests.RequestException as error:
                raise self._no_answer(error, call, max_bytes, method, path) from None
            finally:
                del now_calling.call
            self._learn(group, answer)
            heard = getattr(_ears, "heard", None)
            if heard is not None:
                heard.append(Heard(method, redact_path(path), group, answer, time.monotonic() - began))
            return answer

    def _timeout(self, method: str, path: str) -> float:
        if self.deadline is None:
            return self.timeout_s
        left = (self.deadline - clock.now()).total_seconds()
        if left <= 0:
            raise self._error(
                TransientConnectorError, method, path, None, "the time for this account is over"
            )
        return max(0.1, min(self.timeout_s, left))

    def _note_secrets(self, headers: Mapping[str, str], auth: tuple[str, str] | None) -> None:
        """Keep what is sent as proof of who we are: an answer that repeats it must not be repeated by us."""
        self._secrets.add(headers.get("Authorization", "").partition(" ")[2])
        if auth is not None:
            self._secrets.update((auth[1], b64encode(":".join(auth).encode()).decode()))

    def _read(self, response: requests.Response, call: Call, max_bytes: int, method: str, path: str) -> bytes:
        expected = response.headers.get("Content-Length", "")
        # Twenty digits are more than any length; int() refuses thousands of them.
        is_plain = (
            expected.isascii()
            and expected.isdecimal()
            and len(expected) <= 20
            and "Content-Encoding" not in response.headers
        )
        if is_plain and method != "HEAD" and int(expected) > max_bytes:
            raise self._too_large(max_bytes, method, path)
        parts = bytearray()
        for part in response.iter_content(64 * 1024):
            parts += part
            if len(parts) > max_bytes:
                raise self._too_large(max_bytes, method, path)
            if time.monotonic() > call.ends_at:
                raise self._too_slow(method, path)
        if is_plain and len(parts) < int(expected):
            raise self._error(
                TransientConnectorError, method, path, None, "answer broke off", maybe_acted=method != "GET"
            )
        return bytes(parts)

    def _no_answer(
        self, error: requests.RequestException, call: Call, max_bytes: int, method: str, path: str
    ) -> ConnectorError:
        if call.cut == "slow":
            return self._too_slow(method, path)
        if call.cut == "large":
            return self._too_large(max_bytes, method, path)
        is_broken = isinstance(error, requests.ConnectionError)
        what = (
            "no connection or it broke off" if is_broken else f"no complete answer ({type(error).__name__})"
        )
        acted = method != "GET" and not (is_broken and "refused" in str(error).lower())
        return self._error(TransientConnectorError, method, path, None, what, maybe_acted=acted)

    def _too_slow(self, method: str, path: str) -> ConnectorError:
        return self._error(
            TransientConnectorError, method, path, None, "answer too slow", maybe_acted=method != "GET"
        )

    def _too_large(self, max_bytes: int, method: str, path: str) -> ConnectorError:
        # Transient: no page of a system that is well is so large, and what a write did is not known by its length.
        what = f"answer larger than {max_bytes} bytes, not read"
        return self._error(TransientConnectorError, method, path, None, what, maybe_acted=method != "GET")

    def _learn(self, group: str, answer: Answer) -> None:
        if answer.status == 429:
            self.budget.refuse(group, retry_after_s=retry_after_s(answer.headers) or 5.0)

    def check(
        self, answer: Answer, method: str, path: str, *, problem: str = "", vendor_code: str | None = None
    ) -> None:
        """Raise the error class of a bad status; return for 2xx.

        A 5xx or 408 on a write is ``maybe_acted``: look before repeating.
        """
        if 200 <= answer.status < 300:
            return
        transient = answer.status in _TRANSIENT_STATUSES or answer.status > 504
        kind: type[ConnectorError] = TransientConnectorError if transient else PermanentConnectorError
        raise kind(
            f"{self.system} {method} {redact_path(path)} for {self.account} answered {answer.status}"
            + (f" ({self.plain(problem)})" if problem else ""),
            system=self.system,
            method=method,
            path=redact_path(path),
            status=answer.status,
            vendor_code=None if vendor_code is None else self.plain(vendor_code),
            retry_after_s=retry_after_s(answer.headers),
            maybe_acted=transient and answer.status != 429 and method != "GET",
        )

    def _error(
        self,
        kind: type[ConnectorError],
        method: str,
        path: str,
        status: int | None,
        what: str,
        *,
        maybe_acted: bool = False,
    ) -> ConnectorError:
        return kind(
            f"{self.system} {method} {redact_path(path)} for {self.account}: {what}",
            system=self.system,
            method=method,
            path=redact_path(path),
            status=status,
            maybe_acted=maybe_acted,
        )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` header (number or date); ``None`` for none, nonsense or over a day."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is None:
        try:
            seconds = (parsedate_to_datetime(value) - clock.now()).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return None
    return _believed(seconds)


def reset_seconds(value: str | None) -> float | None:
    """Return seconds to go of a rate-limit reset given as seconds, epoch seconds or epoch milliseconds.

    ``None`` for none, nonsense or more than a day.
    """
    number = None if value is None else _seconds(value)
    if number is None:
        return None
    if number >= _EPOCH_SECONDS_FROM * 1000:
        number /= 1000
    if number >= _EPOCH_SECONDS_FROM:
        number -= clock.now().timestamp()
    return _believed(number)


def header_number(value: str | None) -> int | None:
    """Return a count that a header gives, ``None`` when it gives none that can be one."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _seconds(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _believed(seconds: float) -> float | None:
    """A wait of years is a broken clock or a joke: believed, it would stop an account for good."""
    return max(0.0, seconds) if seconds <= LONGEST_WAIT_S else None


class MemoryBudget:
    """Rate budget of one process. Groups start unlimited and learn from the headers the system sends.

    Args:
        sleep: how to wait; tests move a clock instead.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._blocks: dict[str, tuple[datetime, datetime]] = {}

    def wait(self, group: str, *, deadline: datetime | None = None) -> None:
        """Wait until the group's block is over.

        Raises:
            TransientConnectorError: that would pass ``deadline``.
        """
        learned_at, until = self._blocks.get(group, (None, None))
        if learned_at is None or until is None:
            return
        now = clock.now()
        wait_s = (until - now).total_seconds()
        # A clock that was set back must not turn a minute into a year: nothing is known of a time before it was learnt.
        if wait_s <= 0 or now < learned_at - CLOCK_SLACK:
            self._blocks.pop(group, None)
            return
        if deadline is not None and until > deadline:
            raise TransientConnectorError(
                f"the rate budget of {group} is used up for {wait_s:.0f} s, longer than this account may take",
                system="",
                retry_after_s=wait_s,
            )
        self._sleep(wait_s)
        self._blocks.pop(group, None)

    def learn(self, group: str, *, limit: int | None, remaining: int | None, reset_s: float | None) -> None:
        """Stop before the limit: with nothing left, wait for the reset."""
        del limit
        if remaining is not None and remaining <= 0 and reset_s is not None and reset_s > 0:
            self.refuse(group, retry_after_s=reset_s)

    def refuse(self, group: str, *, retry_after_s: float) -> None:
        """Block the group for ``retry_after_s`` seconds, a day at most."""
        wait_s = min(retry_after_s, LONGEST_WAIT_S)
        now = clock.now()
        self._blocks[group] = (now, now + timedelta(seconds=wait_s))
