"""Apps: where a shop's events go, signed, more than once, out of order, until nobody wants them any more."""

import hashlib
import heapq
import hmac
import http.client
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from order_pipelines.sandbox.standin import FaultBook, OrderRefused, VirtualClock

FAULTS = frozenset({"duplicate_webhook", "reorder_webhook", "lost_webhook"})
_WAITS_S = (1.0, 2.0, 4.0)
_MOST_FAILURES = 10
_ANSWER_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.02


@dataclass
class Webhook:
    """One webhook of an app; ``failures`` counts messages in a row that nobody took."""

    account: str
    url: str
    events: tuple[str, ...]
    secret: str
    only_live: bool = False
    active: bool = True
    failures: int = 0


@dataclass(order=True)
class _Letter:
    due: float
    number: int
    webhook: Webhook = field(compare=False)
    event: str = field(compare=False)
    body: bytes = field(compare=False)
    tries: int = field(compare=False, default=0)


def sign(body: bytes, secret: str) -> str:
    """Return what ``shopware-shop-signature`` says of a raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Postman:
    """Delivers the events of all shops from a thread that starts with the first one.

    Every try is due in the world's time.

    Faults of the stand-in's book: ``duplicate_webhook`` (twice, under one event id), ``reorder_webhook`` (kept back
    until the next one has gone) and ``lost_webhook``.
    """

    def __init__(self, clock: VirtualClock, faults: FaultBook) -> None:
        self._clock = clock
        self._faults = faults
        self._letters: list[_Letter] = []
        self._kept_back: list[_Letter] = []
        self._number = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.webhooks: list[Webhook] = []
        self.delivered: dict[str, list[dict[str, Any]]] = {}

    def close(self) -> None:
        """End the thread; whatever is undelivered is lost."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(1.0)
        self._thread = None

    def register(self, account: str, wish: dict[str, Any]) -> Webhook:
        """Take a webhook as an app's manifest names it.

        Raises:
            OrderRefused: ``url``, ``events`` or ``secret`` is missing.
        """
        url, events, secret = wish.get("url"), wish.get("events"), wish.get("secret")
        if (
            not isinstance(url, str)
            or not isinstance(secret, str)
            or not isinstance(events, list)
            or not events
        ):
            raise OrderRefused("a webhook has url, secret and events")
        webhook = Webhook(account, url, tuple(events), secret, bool(wish.get("only_live", False)))
        self.webhooks.append(webhook)
        return webhook

    def post(self, account: str, shop_url: str, event: str, payload: Any, live_version: str) -> None:
        """Take one event of a shop for every webhook that wants it."""
        if self._faults.take({"lost_webhook"}, "WEBHOOK", event, account) is not None:
            return
        for webhook in self.webhooks:
            if webhook.account != account or event not in webhook.events or not webhook.active:
                continue
            rows = payload if isinstance(payload, list) else []
            if webhook.only_live and any(row["versionId"] != live_version for row in rows):
                continue
            self._take(webhook, event, self._message(account, shop_url, event, payload))

    def _message(self, account: str, shop_url: str, event: str, payload: Any) -> bytes:
        self._number += 1
        shop_id = hashlib.sha256(account.encode()).hexdigest()[:12]
        return orjson.dumps(
            {
                "data": {"payload": payload, "event": event},
                "source": {
                    "url": shop_url,
                    "appVersion": "1.0.0",
                    "shopId": shop_id,
                    "eventId": hashlib.sha256(f"{account}:{self._number}".encode()).hexdigest()[:32],
                },
                "timestamp": int(self._clock.now().timestamp()),
            }
        )

    def _take(self, webhook: Webhook, event: str, body: bytes) -> None:
        due = self._clock.now().timestamp()
        copies = 2 if self._strikes("duplicate_webhook", event, webhook) else 1
        letters = [_Letter(due, 0, webhook, event, body) for _ in range(copies)]
        with self._lock:
            if self._strikes("reorder_webhook", event, webhook):
                self._kept_back += letters
                return
            for letter in letters + self._kept_back:
                self._number += 1
                letter.number = self._number
                heapq.heappush(self._letters, letter)
            self._kept_back = []
            if self._thread is None:
                self._closed = threading.Event()
                self._thread = threading.Thread(
                    target=self._walk, args=(self._closed,), name="sandbox-shopware-postman", daemon=True
                )
                self._thread.start()

    def _strikes(self, kind: str, event: str, webhook: Webhook) -> bool:
        return self._faults.take({kind}, "WEBHOOK", event, webhook.account) is not None

    def _walk(self, closed: threading.Event) -> None:
        while not closed.wait(_LOOK_EVERY_S):
            for letter in self._due_letters():
                self._deliver(letter)

    def _due_letters(self) -> list[_Letter]:
        now = self._clock.now().timestamp()
        with self._lock:
            due = []
            while self._letters and self._letters[0].due <= now:
                due.append(heapq.heappop(self._letters))
        return due

    def _deliver(self, letter: _Letter) -> None:
        webhook = letter.webhook
        if not webhook.active:
            return
        status = _send(webhook, letter.body)
        letter.tries += 1
        is_taken = status is not None and 200 <= status < 300
        if is_taken:
            webhook.failures = 0
        elif letter.tries <= len(_WAITS_S):
            letter.due += _WAITS_S[letter.tries - 1]
            with self._lock:
                heapq.heappush(self._letters, letter)
        else:
            webhook.failures += 1
            webhook.active = webhook.failures < _MOST_FAILURES
        self.delivered.setdefault(webhook.account, []).append(
            {
                "url": webhook.url,
                "event": letter.event,
                "body": orjson.loads(letter.body),
                "status": status,
                "try": letter.tries,
            }
        )


def _send(webhook: Webhook, body: bytes) -> int | None:
    """Return the receiver's status, ``None`` if there was no answer in time."""
    address = urlsplit(webhook.url)
    line = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = line(address.hostname or "", address.port, timeout=_ANSWER_WITHIN_S)
    headers = {"Content-Type": "application/json", "shopware-shop-signature": sign(body, webhook.secret)}
    try:
        target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        connection.request("POST", target, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
