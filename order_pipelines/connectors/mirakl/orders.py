"""Orders in: what changed, by OR11, which shows every order in full; one order by OR11 too, its state by OR12.

The listing is ordered by creation and filtered by change, so rows shift between pages while orders change: the window
overlaps the last one, everything is an upsert, and a listing whose total changed meanwhile is read again.
"""

import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.connectors.mirakl.client import (
    PAGE_SIZE,
    MiraklClient,
    Params,
    objects,
    part,
    request_line,
    sound_id,
)
from order_pipelines.connectors.mirakl.mapping import entry_changed_at
from order_pipelines.connectors.ports import Account, Fetched, House, Listed, Since
from order_pipelines.errors import PermanentConnectorError

ORDERS_PATH = "/api/orders"
# Mirakl moves the start of the window back a little itself; our clocks and theirs need more.
OVERLAP = timedelta(minutes=15)
_DEEP = timedelta(days=2)
# The window overlaps: what a third reading would still miss comes with the next listing.
_READINGS = 3
# OR12 is announced to be removed (published description, 2026-11).
_GONE = frozenset({404, 405, 410})

_log = logging.getLogger(__name__)


class MiraklOrders:
    """OrderSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def list_orders(self, since: Since) -> Iterator[Listed]:
        """Yield every order that changed since, each as often as the pages name it, complete.

        An entry of which not even the id can be read is yielded too, so that it ends in quarantine.

        Raises:
            TransientConnectorError: a page could not be had now; what was yielded before stays true.
            PermanentConnectorError: a page is not what Mirakl documents, or the pages do not end.
        """
        params: Params = {
            "start_update_date": self._start(since).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sort": "dateCreated",
            "order": "asc",
        }
        operation = "OR11"
        for reading in range(1, _READINGS + 1):
            totals: set[int] = set()
            for page in self._client.pages(ORDERS_PATH, params, operation=operation, member="orders"):
                if page.total_count is not None:
                    totals.add(page.total_count)
                for entry in page.entries:
                    yield read_entry(entry, page.request)
            if len(totals) <= 1:
                return
            operation = "OR11 pages"
            _log.info("mirakl %s: orders changed while they were listed (%d)", self._client.account, reading)

    def fetch_order(self, external_order_id: str) -> Fetched:
        """Read one order in full, as the listing has it. OR11 is called once a minute: this may wait.

        Raises:
            PermanentConnectorError: the operator does not know the order, or refuses the call.
            TransientConnectorError: not now.
        """
        began_at = clock.now()
        order = read_order(self._client, external_order_id)
        request = request_line(ORDERS_PATH, {"order_ids": external_order_id})
        return Fetched("order", external_order_id, orjson.dumps(order), request, began_at)

    def _start(self, since: Since) -> datetime:
        now = clock.now()
        oldest = now - timedelta(days=self._client.options.history_days)
        if since.last_complete_at is None:
            return oldest
        start = min(since.last_complete_at, now) - OVERLAP
        if since.deep:
            start = min(start, now - _DEEP)
        return start


def read_order(client: MiraklClient, external_order_id: str) -> dict[str, Any]:
    """Return one order in full, as the operator shows it now: looked at before money moves.

    By OR11 and not by OR12, which is deprecated and says neither tax mode, currency, taxes, cancelations nor refunds:
    read by it, prices without tax would pass for prices with tax.

    Raises:
        PermanentConnectorError: the operator does not know it (404), or the answer is no order.
        TransientConnectorError: not now.
    """
    if "," in external_order_id:
        raise _unknown(client, external_order_id)
    answer = client.get(
        ORDERS_PATH, operation="OR11", params={"order_ids": external_order_id, "max": PAGE_SIZE}
    )
    entries = client.read_object(answer, ORDERS_PATH).get("orders")
    if not isinstance(entries, list):
        raise client.broken_contract(ORDERS_PATH, "a page must have a list 'orders'")
    for order in objects(entries):
        if order.get("order_id") == external_order_id:
            if not isinstance(order.get("order_lines"), list):
                raise client.broken_contract(ORDERS_PATH, "an order has no list 'order_lines'")
            return order
    raise _unknown(client, external_order_id)


def read_state(client: MiraklClient, external_order_id: str) -> dict[str, Any]:
    """Return one order with its states and pieces, at once: OR12 has no call frequency, and no more than that.

    Where an operator has it no longer, the order is read in full.

    Raises:
        PermanentConnectorError: the operator does not know it (404), or the answer is no order.
        TransientConnectorError: not now.
    """
    path = f"{ORDERS_PATH}/{part(external_order_id)}"
    try:
        order = client.read_object(client.get(path, operation="OR12"), path)
    except PermanentConnectorError as error:
        if error.status not in _GONE:
            raise
        return read_order(client, external_order_id)
    if order.get("order_id") != external_order_id or not isinstance(order.get("order_lines"), list):
        raise client.broken_contract(path, "the answer is not this order with its order_lines")
    return order


def _unknown(client: MiraklClient, external_order_id: str) -> PermanentConnectorError:
    return PermanentConnectorError(
        f"mirakl GET {ORDERS_PATH} for {client.account}: the operator shows no order {external_order_id}",
        system="mirakl",
        method="GET",
        path=ORDERS_PATH,
        status=404,
    )


def read_entry(entry: object, request: str) -> Listed:
    """Return one order of a page; ``changed_at`` is the newest of the order and its lines."""
    try:
        body = orjson.dumps(entry)
    except TypeError:
        # What can be read may be nested too deeply to be written; the page it came in must not be lost for it.
        body = b'"an entry nested without end"'
    source = entry if isinstance(entry, dict) else {}
    order_id = sound_id(source.get("order_id"))
    if order_id is None:
        digest = hashlib.sha256(body).hexdigest()[:12]
        return Listed(f"unnamed-{digest}", None, body, is_complete=True, request=request)
    return Listed(order_id, entry_changed_at(source), body, is_complete=True, request=request)
