"""Orders in: what changed, by search, whole; what only its parts betray; what is still open.

``updatedAt`` is null until the first change, and a change of a delivery, a payment or a position does not reliably
touch its order: both are asked for as well.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.connectors.ports import Account, Fetched, House, Listed, Since
from order_pipelines.connectors.shopware.client import (
    Criteria,
    ShopwareClient,
    any_of,
    is_id,
    range_filter,
    search_path,
)
from order_pipelines.connectors.shopware.mapping import is_draft
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.errors import PermanentConnectorError

# What an order is made of: nothing related comes unless it is asked for (contract digest, section 2).
ASSOCIATIONS: Criteria = {
    "orderCustomer": {},
    "currency": {},
    "language": {},
    "salesChannel": {},
    "billingAddress": {"associations": {"country": {}}},
    "stateMachineState": {},
    "deliveries": {
        "associations": {
            "shippingOrderAddress": {"associations": {"country": {}}},
            "shippingMethod": {},
            "stateMachineState": {},
            "positions": {},
        }
    },
    "transactions": {"associations": {"paymentMethod": {}, "stateMachineState": {}}},
    "lineItems": {"associations": {"product": {}}},
    "tags": {},
}
# Of what an order only refers to, what is read: a stock that changes would make another body of the same order.
INCLUDES: dict[str, list[str]] = {
    "product": ["id", "productNumber", "ean"],
    "currency": ["id", "isoCode"],
    "country": ["id", "iso"],
    "language": ["id", "name"],
    "sales_channel": ["id", "name"],
    "shipping_method": ["id", "name", "technicalName"],
    "payment_method": ["id", "name", "technicalName"],
    "state_machine_state": ["id", "technicalName"],
    "tag": ["id", "name"],
}
WHOLE_ORDER: Criteria = {"associations": ASSOCIATIONS, "includes": INCLUDES}
OPEN_STATES = ("open", "in_progress")
CHILDREN = ("order-delivery", "order-transaction", "order-line-item")
# Their clock and ours, and what was being written while the last listing ran.
OVERLAP = timedelta(minutes=10)
# Many shops never complete their orders: what is open for longer is nobody's any more.
OPEN_FOR = timedelta(days=366)
DEEP_OVERLAP = timedelta(days=2)
# A call by ids has no pages to fall back to when it is too heavy.
_MOST_IDS = 50
_NOT_FOUND = 404

_log = logging.getLogger(__name__)


class ShopwareOrders:
    """OrderSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = ShopwareClient(account, house)

    def list_orders(self, since: Since) -> Iterator[Listed]:
        """Yield every order that changed since, once and whole; a deep reading also yields all that are open.

        An entry of which not even the id can be read is yielded all the same, so that it ends in quarantine.

        Raises:
            TransientConnectorError: a page could not be had now; what was yielded before stays true.
            PermanentConnectorError: a page is not what Shopware documents, or the pages do not end.
        """
        now = clock.now()
        seen: set[str] = set()
        last = since.last_complete_at
        if last is None:
            start = wire_time(now - timedelta(days=self._options.history_days))
            yield from self._walk([range_filter("orderDateTime", gte=start)], seen)
            yield from self._walk([*_is_open(now), range_filter("orderDateTime", lt=start)], seen)
            return
        start = wire_time(min(last, now) - (DEEP_OVERLAP if since.deep else OVERLAP))
        yield from self._walk([_changed_since(start)], seen)
        for entity in CHILDREN:
            yield from self._of_children(entity, start, seen)
        if since.deep:
            yield from self._walk(_is_open(now), seen)

    def fetch_order(self, external_order_id: str) -> Fetched:
        """Read one order in full.

        Raises:
            PermanentConnectorError: the shop does not have the order (404), or refuses the call.
            TransientConnectorError: not now.
        """
        began_at = clock.now()
        request = f"POST {search_path('order')} ids={external_order_id}"
        rows = (
            self._client.by_ids("order", [external_order_id], WHOLE_ORDER) if is_id(external_order_id) else []
        )
        if not rows:
            raise PermanentConnectorError(
                f"shopware {request} for {self._client.account}: the shop has no such order (any more)",
                system="shopware",
                method="POST",
                path=search_path("order"),
                status=_NOT_FOUND,
            )
        return Fetched("order", external_order_id, orjson.dumps(rows[0]), request, began_at)

    def _walk(self, filters: list[Criteria], seen: set[str]) -> Iterator[Listed]:
        criteria = {"filter": [*filters, *self._channels("")], **WHOLE_ORDER}
        request = f"POST {search_path('order')} {orjson.dumps(criteria['filter']).decode()}"
        for rows in self._client.walk("order", criteria, page_size=self._options.page_size):
            yield from self._new(rows, request, seen)

    def _of_children(self, entity: str, start: str, seen: set[str]) -> Iterator[Listed]:
        """Yield the orders of which a part changed; read by id, because the part does not hold them."""
        criteria = {
            "filter": [_changed_since(start), *self._channels("order.")],
            "includes": {entity.replace("-", "_"): ["id", "orderId", "versionId"]},
        }
        for rows in self._client.walk_pages(entity, criteria, page_size=self._options.page_size):
            ids = {row.get("orderId") for row in rows if not is_draft(row)}
            missing = sorted(
                each for each in ids if isinstance(each, str) and is_id(each) and each not in seen
            )
            request = f"POST {search_path('order')} ids of changed {entity}"
            for part in _parts(missing, _MOST_IDS):
                found = self._client.by_ids("order", part, WHOLE_ORDER)
                yield from self._new(found, request, seen)

    def _new(self, rows: Iterable[Any], request: str, seen: set[str]) -> Iterator[Listed]:
        for row in rows:
            if isinstance(row, dict) and is_draft(row):
                _log.info("shopware %s: a draft version was listed, left out", self._client.account)
                continue
            listed = read_entry(row, request)
            if listed.external_id not in seen:
                seen.add(listed.external_id)
                yield listed

    def _channels(self, prefix: str) -> list[Criteria]:
        wanted = self._options.sales_channel_ids
        if not wanted:
            return []
        return [{"type": "equalsAny", "field": f"{prefix}salesChannelId", "value": "|".join(wanted)}]


def wire_time(moment: datetime) -> str:
    """Return an instant as Shopware writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+00:00"


def read_entry(entry: object, request: str) -> Listed:
    """Return one order of a search answer; it holds everything that the mapping reads."""
    try:
        body = orjson.dumps(entry)
    except (TypeError, ValueError):
        body = b'"an entry nested without end"'
    source = entry if isinstance(entry, dict) else {}
    reader = Reader(source, "", [])
    order_id = reader.identifier("id")
    if order_id is None:
        order_id = f"unnamed-{hashlib.sha256(body).hexdigest()[:12]}"
    moments = [reader.instant(name) for name in ("createdAt", "updatedAt")]
    known = [moment for moment in moments if moment is not None]
    return Listed(order_id, max(known, default=None), body, is_complete=True, request=request)


def _changed_since(start: str) -> Criteria:
    return any_of(range_filter("createdAt", gte=start), range_filter("updatedAt", gte=start))


def _is_open(now: datetime) -> list[Criteria]:
    states = "|".join(OPEN_STATES)
    return [
        {"type": "equalsAny", "field": "stateMachineState.technicalName", "value": states},
        range_filter("orderDateTime", gte=wire_time(now - OPEN_FOR)),
    ]


def _parts(ids: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
