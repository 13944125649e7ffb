"""Webhooks of an app of ours in the shop: is it from the shop, was it here before, and which orders to read again.

A message is never applied: it may be late, out of order, or of a draft. It names what to read. An integration without
an app has no webhooks.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from order_pipelines.connectors.ports import Account, Notice
from order_pipelines.connectors.shopware.client import is_id
from order_pipelines.connectors.shopware.mapping import is_draft

SIGNATURE_HEADER = "shopware-shop-signature"
SECRET_NAME = "webhook_secret"  # noqa: S105  # a name, not a value
_LARGEST_BODY = 1024 * 1024
# Shops of 2026 try for four hours (contract digest, section 8); what is older was sent again by somebody else.
_STALE_AFTER = timedelta(hours=6)
_LONGEST_TOPIC = 100


class ShopwareDoor:
    """WebhookDoor of one account whose app agreed on a secret with the shop."""

    def __init__(self, shop_secret: str) -> None:
        self._secret = shop_secret

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Tell whether the shop signed this body, and not long ago.

        A time of the future is no ground for refusal: the signature says who wrote it, and two clocks may differ.
        """
        if not is_signed(body, headers.get(SIGNATURE_HEADER), self._secret):
            return False
        sent_at = _signed_time(body)
        return sent_at is None or now.timestamp() - sent_at <= _STALE_AFTER.total_seconds()

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """Return one notice an order, or one that names none where only a part of an order is named."""
        del headers
        event = read_event(body)
        if event is None:
            return ()
        # A shop that gives no id signs the time as well: another message has another body.
        key = (event.event_id or hashlib.sha256(body).hexdigest())[:_LONGEST_TOPIC]
        topic = event.name[:_LONGEST_TOPIC]
        found = [Notice(f"{key}:{order_id}", topic, order_id) for order_id in event.order_ids]
        if event.child_ids:
            found.append(Notice(key, topic, None))
        return found


def make_door(account: Account) -> ShopwareDoor | None:
    """Return the door of an account, ``None`` without a secret: nothing could be told from a forgery."""
    secret = account.secrets.get(SECRET_NAME)
    return ShopwareDoor(secret) if secret else None


def _signed_time(body: bytes) -> float | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    value = content.get("timestamp") if isinstance(content, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Event:
    """One message.

    Args:
        event_id: the same for every delivery of the same message; ``None`` when the shop gives none.
        name: for example ``order.written``.
        order_ids: orders to read again.
        product_ids: products to read again.
        child_ids: deliveries, payments and positions by entity, of which the shop does not name the order.
    """

    event_id: str | None
    name: str
    order_ids: tuple[str, ...]
    product_ids: tuple[str, ...] = ()
    child_ids: tuple[tuple[str, str], ...] = ()


def is_signed(body: bytes, signature: str | None, shop_secret: str) -> bool:
    """Tell whether the raw body was signed with the secret that shop and app agreed on. Compares in constant time."""
    if not signature or not signature.isascii() or not shop_secret:
        return False
    expected = hmac.new(shop_secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature.strip().lower())


def read_event(body: bytes) -> Event | None:
    """Return what a message asks to be read, ``None`` when it is no message of Shopware. Drafts name nothing."""
    if len(body) > _LARGEST_BODY:
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    data = content.get("data") if isinstance(content, dict) else None
    name = data.get("event") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(name, str):
        return None
    source = content.get("source")
    event_id = source.get("eventId") if isinstance(source, dict) else None
    payload = data.get("payload")
    entries = [payload] if isinstance(payload, dict) else payload if isinstance(payload, list) else []
    named: dict[str, list[str]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or is_draft(entry):
            continue
        # *.written names entity and key; events of the shop's flow hold the order itself.
        entity, key = entry.get("entity"), entry.get("primaryKey")
        order = entry.get("order")
        if isinstance(order, dict):
            if is_draft(order):
                continue
            entity, key = "order", order.get("id")
        if isinstance(entity, str) and isinstance(key, str) and is_id(key):
            named.setdefault(entity, []).append(key)
    children = [
        (entity, key)
        for entity in ("order_delivery", "order_transaction", "order_line_item")
        for key in named.get(entity, ())
    ]
    return Event(
        event_id if isinstance(event_id, str) and event_id else None,
        name,
        tuple(dict.fromkeys(named.get("order", ()))),
        tuple(dict.fromkeys(named.get("product", ()))),
        tuple(dict.fromkeys(children)),
    )
