"""One HTTP session for all connectors: timeouts, rate budget, error classes, nothing secret in any message."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests

from order_pipelines import clock
from order_pipelines.connectors.ports import RateBudget
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError

DEFAULT_TIMEOUT_S = 20.0
MAX_BODY_BYTES = 64 * 1024 * 1024
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


def redact_path(url: str) -> str:
    """Return the path of a URL without host, query and credentials."""
    return re.sub(r"^[a-z]+://[^/]*", "", url).split("?", 1)[0]


class ApiSession:
    """Calls one outside system for one account.

    Args:
        system: registry name, used in errors.
        account: account name, used in errors.
        base_url: scheme, host and port; paths are joined to it. Redirects are never followed.
        budget: shared allowance; a call waits for its group's place.
        deadline: no call starts after it, and no wait passes it.
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
    ) -> None:
        self.system = system
        self.account = account
        self.base_url = base_url.rstrip("/")
        self.budget = budget
        self.timeout_s = timeout_s
        self.deadline = deadline
        self._session = requests.Session()
        self._session.trust_env = False

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
    ) -> Answer:
        """Send one request and return the answer whatever its status; learns the rate headers.

        Raises:
            TransientConnectorError: no answer came, or it broke off; ``maybe_acted`` when the request may have
                reached the other side and was not a read.
        """
        self.budget.wait(group, deadline=self.deadline)
        url = path if path.startswith(("http://", "https://")) else f"{self.base_url}{path}"
        if not url.startswith(f"{self.base_url}/"):
            raise self._error(
                PermanentConnectorError, method, path, None, "points to another host; not followed"
            )
        timeout = self._timeout(method, path)
        sent_at = clock.now()
        started = time.monotonic()
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
                content = self._read(response, started, timeout, method, path)
                answer = Answer(response.status_code, response.headers, content, sent_at)
        except requests.ConnectionError as error:
            acted = method != "GET" and "refused" not in str(error).lower()
            raise self._error(
                TransientConnectorError,
                method,
                path,
                None,
                "no connection or it broke off",
                maybe_acted=acted,
            ) from None
        except requests.RequestException as error:
            raise self._error(
                TransientConnectorError,
                method,
                path,
                None,
                f"no complete answer ({type(error).__name__})",
                maybe_acted=method != "GET",
            ) from None
        self._learn(group, answer)
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

    def _read(
        self, response: requests.Response, started: float, timeout: float, method: str, path: str
    ) -> bytes:
        parts = bytearray()
        for part in response.iter_content(64 * 1024):
            parts += part
            if len(parts) > MAX_BODY_BYTES:
                raise self._error(
                    PermanentConnectorError, method, path, response.status_code, "body too large"
                )
            if time.monotonic() - started > timeout:
                # requests' timeout is per read: a server that sends one byte a second would never end.
                raise self._error(
                    TransientConnectorError,
                    method,
                    path,
                    None,
                    "answer too slow",
                    maybe_acted=method != "GET",
                )
        expected = response.headers.get("Content-Length", "")
        is_plain = expected.isdigit() and "Content-Encoding" not in response.headers
        if is_plain and len(parts) < int(expected):
            raise self._error(
                TransientConnectorError, method, path, None, "answer broke off", maybe_acted=method != "GET"
            )
        return bytes(parts)

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
            + (f" ({problem})" if problem else ""),
            system=self.system,
            method=method,
            path=redact_path(path),
            status=answer.status,
            vendor_code=vendor_code,
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
    """Return the seconds of a ``Retry-After`` header (number or date), or ``None``."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())
    except (TypeError, ValueError):
        return None


def reset_seconds(value: str | None) -> float | None:
    """Return seconds to go of a rate-limit reset given as seconds, epoch seconds or epoch milliseconds."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if number >= _EPOCH_SECONDS_FROM * 1000:
        number /= 1000
    if number >= _EPOCH_SECONDS_FROM:
        return max(0.0, number - clock.now().timestamp())
    return max(0.0, number)


class MemoryBudget:
    """Rate budget of one process. Groups start unlimited and learn from the headers the system sends.

    Args:
        sleep: how to wait; tests move a clock instead.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._blocked_until: dict[str, datetime] = {}

    def wait(self, group: str, *, deadline: datetime | None = None) -> None:
        """Wait until the group's block is over.

        Raises:
            TransientConnectorError: that would pass ``deadline``.
        """
        until = self._blocked_until.get(group)
        if until is None:
            return
        wait_s = (until - clock.now()).total_seconds()
        if wait_s <= 0:
            del self._blocked_until[group]
            return
        if deadline is not None and until > deadline:
            raise TransientConnectorError(
                f"the rate budget of {group} is used up for {wait_s:.0f} s, longer than this account may take",
                system="",
                retry_after_s=wait_s,
            )
        self._sleep(wait_s)
        self._blocked_until.pop(group, None)

    def learn(self, group: str, *, limit: int | None, remaining: int | None, reset_s: float | None) -> None:
        """Stop before the limit: with nothing left, wait for the reset."""
        del limit
        if remaining is not None and remaining <= 0 and reset_s is not None and reset_s > 0:
            self._blocked_until[group] = clock.now() + timedelta(seconds=reset_s)

    def refuse(self, group: str, *, retry_after_s: float) -> None:
        """Block the group for ``retry_after_s`` seconds."""
        self._blocked_until[group] = clock.now() + timedelta(seconds=retry_after_s)
