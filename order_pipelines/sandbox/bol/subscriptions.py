"""Event subscriptions: the calls that make them, and the postman who delivers signed messages, well or badly."""

import heapq
import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from order_pipelines.sandbox.bol.checks import BodyReader
from order_pipelines.sandbox.bol.desk import Context
from order_pipelines.sandbox.bol.http import Answer, not_found
from order_pipelines.sandbox.bol.model import Subscription, bol_time
from order_pipelines.sandbox.bol.shop import Refusal
from order_pipelines.sandbox.bol.signing import signing_key
from order_pipelines.sandbox.standin import FaultBook, VirtualClock

RESOURCES = (
    "PROCESS_STATUS", "SHIPMENT", "PRICE_STAR_BOUNDARY", "COMPETING_OFFER", "OFFER_FOR_SALE", "OFFER_NOT_FOR_SALE",
    "ORDER",
)  # fmt: skip
_BY_WEBHOOK = frozenset({"PROCESS_STATUS", "SHIPMENT", "ORDER"})
_TYPES = ("WEBHOOK", "GCP_PUBSUB", "AWS_SQS")
_MOST_FAILURES = 10
_BETWEEN_TRIES = timedelta(minutes=1)
_ANSWER_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.02
FAULTS = frozenset({"duplicate_webhook", "reorder_webhook", "lost_webhook", "unknown_resource_webhook"})


def list_subscriptions(context: Context) -> Answer:
    """GET /retailer/subscriptions."""
    return context.json({"subscriptions": [_shape(entry) for entry in context.shop.subscriptions.values()]})


def get_subscription(context: Context) -> Answer:
    """GET /retailer/subscriptions/{id}."""
    entry = context.shop.subscriptions.get(context.call.arguments[0])
    if entry is None:
        raise not_found(f"Subscription with id {context.call.arguments[0]} not found.")
    return context.json(_shape(entry))


def get_signature_keys(context: Context) -> Answer:
    """GET /retailer/subscriptions/signature-keys."""
    key = signing_key(context.seed)
    return context.json({"signatureKeys": [{"id": key.key_id, "type": "RSA", "publicKey": key.public_key()}]})


def create_subscription(context: Context) -> Answer:
    """POST /retailer/subscriptions: 202, the id comes as entity id with SUCCESS."""
    wanted = _read(context)
    subscription_id = context.shop.new_number("5", 6)

    def create(at: datetime) -> str:
        context.shop.subscriptions[subscription_id] = Subscription(subscription_id, **wanted)
        return subscription_id

    return context.accept("CREATE_SUBSCRIPTION", "Create subscription.", None, create)


def change_subscription(context: Context) -> Answer:
    """PUT /retailer/subscriptions/{id}; switching it on again forgets its failures."""
    subscription_id = context.call.arguments[0]
    wanted = _read(context)

    def change(at: datetime) -> None:
        _existing(context, subscription_id)
        context.shop.subscriptions[subscription_id] = Subscription(subscription_id, **wanted)

    return context.accept(
        "UPDATE_SUBSCRIPTION", f"Update subscription {subscription_id}.", subscription_id, change
    )


def delete_subscription(context: Context) -> Answer:
    """DELETE /retailer/subscriptions/{id}."""
    subscription_id = context.call.arguments[0]

    def delete(at: datetime) -> None:
        _existing(context, subscription_id)
        del context.shop.subscriptions[subscription_id]

    return context.accept(
        "DELETE_SUBSCRIPTION", f"Delete subscription {subscription_id}.", subscription_id, delete
    )


def send_test_message(context: Context) -> Answer:
    """POST /retailer/subscriptions/test/{id}: one message of resource TEST."""
    subscription_id = context.call.arguments[0]

    def send(at: datetime) -> None:
        _existing(context, subscription_id)
        context.shop.on_event("TEST", "TEST", subscription_id)

    return context.accept(
        "SEND_SUBSCRIPTION_TST_MSG", f"Send test message to {subscription_id}.", subscription_id, send
    )


def _existing(context: Context, subscription_id: str) -> Subscription:
    entry = context.shop.subscriptions.get(subscription_id)
    if entry is None:
        raise Refusal(f"Subscription {subscription_id} not found.")
    return entry


def _read(context: Context) -> dict[str, Any]:
    body = BodyReader(
        context.call.json(), ("id", "resources", "url", "subscriptionType", "enabled", "identity")
    )
    kind = body.word("subscriptionType", _TYPES)
    url = body.text("url", required=True)
    identity = body.text("identity")
    enabled = body.boolean("enabled")
    resources = body.items("resources", fewest=1, required=True)
    for resource in resources:
        if resource not in RESOURCES:
            body.complain("resources", f"Request contains invalid value(s): '{resource}'.")
        elif kind == "WEBHOOK" and resource not in _BY_WEBHOOK:
            body.complain("resources", f"{resource} is not available for WEBHOOK.")
    # Real bol takes https only; a receiver on loopback has no certificate.
    if kind == "WEBHOOK" and url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        body.complain("url", "must be a https address")
    if kind == "AWS_SQS" and identity is None:
        body.complain("identity", "must not be null")
    body.finish()
    return {
        "resources": tuple(resources),
        "url": url,
        "subscription_type": kind,
        "enabled": enabled is not False,
        "identity": identity,
    }


def _shape(entry: Subscription) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": entry.subscription_id,
        "resources": list(entry.resources),
        "url": entry.url,
        "subscriptionType": entry.subscription_type,
        "enabled": entry.enabled,
    }
    if entry.identity is not None:
        shape["identity"] = entry.identity
    return shape


@dataclass(order=True)
class _Letter:
    """One message on its way; ordered by when it is due."""

    due: float
    number: int
    account: str = field(compare=False)
    subscription: Subscription = field(compare=False)
    body: bytes = field(compare=False)
    tries: int = field(compare=False, default=0)


class Postman:
    """Delivers messages of all accounts from a thread that starts with the first message.

    Each try is due in the world's time. Faults of the stand-in's book, by ``kind``: ``duplicate_webhook`` (sent
    twice), ``reorder_webhook`` (kept back until the next message has gone), ``lost_webhook`` (never sent) and
    ``unknown_resource_webhook`` (a message of a resource nobody knows goes along). The retailer id is text in one
    message and a number in the next, as in bol's documents of different years.
    """

    def __init__(self, clock: VirtualClock, faults: FaultBook, seed: int, settle: Callable[[], None]) -> None:
        self._clock = clock
        self._faults = faults
        self._seed = seed
        self._settle = settle
        self._letters: list[_Letter] = []
        self._kept_back: list[_Letter] = []
        self._number = 0
        self._written = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.delivered: dict[str, list[dict[str, Any]]] = {}

    def close(self) -> None:
        """End the thread; whatever is undelivered is lost."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(1.0)
        self._thread = None

    def post(
        self,
        account: str,
        retailer_id: str,
        subscription: Subscription,
        resource: str,
        kind: str,
        resource_id: str,
    ) -> None:
        """Take one message for one subscription."""
        target = ("WEBHOOK", f"{resource}/{kind}", account)
        if self._faults.take({"lost_webhook"}, *target) is not None:
            return
        letters = [self._letter(account, retailer_id, subscription, resource, kind, resource_id)]
        if self._faults.take({"duplicate_webhook"}, *target) is not None:
            letters.append(self._letter(account, retailer_id, subscription, resource, kind, resource_id))
        if self._faults.take({"unknown_resource_webhook"}, *target) is not None:
            letters.append(self._letter(account, retailer_id, subscription, "MOON_PHASE", "FULL", "1"))
        with self._lock:
            if self._faults.take({"reorder_webhook"}, *target) is not None:
                self._kept_back += letters
            else:
                for letter in letters + self._kept_back:
                    letter.number = self._next_number()
                    heapq.heappush(self._letters, letter)
                self._kept_back = []
            if self._thread is None:
                self._closed = threading.Event()
                self._thread = threading.Thread(
                    target=self._walk, args=(self._closed,), name="sandbox-bol-postman", daemon=True
                )
                self._thread.start()

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _letter(
        self,
        account: str,
        retailer_id: str,
        subscription: Subscription,
        resource: str,
        kind: str,
        resource_id: str,
    ) -> _Letter:
        now = self._clock.now()
        self._written += 1
        message = {
            "retailerId": int(retailer_id) if self._written % 2 == 0 else retailer_id,
            "timestamp": bol_time(now),
            "event": {"resource": resource, "type": kind, "resourceId": resource_id},
        }
        return _Letter(now.timestamp(), 0, account, subscription, orjson.dumps(message))

    def _walk(self, closed: threading.Event) -> None:
        while not closed.wait(_LOOK_EVERY_S):
            self._settle()
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
        entry = letter.subscription
        if not entry.enabled:
            return
        status = self._send(letter)
        letter.tries += 1
        self.delivered.setdefault(letter.account, []).append(
            {"url": entry.url, "body": orjson.loads(letter.body), "status": status, "try": letter.tries}
        )
        if status is not None and 200 <= status < 300:
            entry.failures = 0
            return
        entry.failures += 1
        if entry.failures >= _MOST_FAILURES:
            entry.enabled = False
            return
        letter.due += _BETWEEN_TRIES.total_seconds()
        with self._lock:
            heapq.heappush(self._letters, letter)

    def _send(self, letter: _Letter) -> int | None:
        """Return the receiver's status, ``None`` if there was no answer in time."""
        headers = {
            "Content-Type": "application/json",
            "Signature": signing_key(self._seed).signature_header(letter.body),
        }
        address = urlsplit(letter.subscription.url)
        line = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = line(address.hostname or "", address.port, timeout=_ANSWER_WITHIN_S)
        try:
            target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
            connection.request("POST", target, letter.body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
