"""Orders in: what changed, by listing; one order in full, by its detail.

Which list is asked depends on how long ago a listing was complete. ``change-interval-minute`` reaches back sixty
minutes; anything longer is walked by ``latest-change-date``, which is a Dutch calendar day, together with the list of
open orders, so that what still has to be shipped is seen first and in any case.
"""

import calendar
import hashlib
import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.connectors.bol.client import BolClient, part, request_line
from order_pipelines.connectors.bol.options import read_options
from order_pipelines.connectors.bol.payloads import Reader
from order_pipelines.connectors.ports import Account, Fetched, House, Listed, Since

ORDERS_PATH = "/retailer/orders"
# Fifty orders a page: a hundred thousand in one list; more is a list that does not end.
MAX_PAGES = 2_000
INTERVAL_MINUTES = 60
# bol advises to poll at least one minute shorter than the interval; five leave room for their clock and ours.
LONGEST_GAP = timedelta(minutes=INTERVAL_MINUTES - 5)
_OVERLAP = timedelta(hours=1)
_HISTORY_MONTHS = 3

_log = logging.getLogger(__name__)

Params = dict[str, str | int]


class BolOrders:
    """OrderSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        options = read_options(account.options)
        self._client = BolClient(account, house)
        self._fulfilment = options.fulfilment
        self._history_days = options.history_days

    def list_orders(self, since: Since) -> Iterator[Listed]:
        """Yield every order that changed since, each as often as the lists name it.

        An entry of which not even the id can be read is yielded as complete, so that it ends in quarantine.

        Raises:
            TransientConnectorError: a page could not be had now; what was yielded before stays true.
            PermanentConnectorError: a page is not what bol documents, or the pages do not end.
        """
        now = clock.now()
        everything: Params = {"fulfilment-method": self._fulfilment, "status": "ALL"}
        last = since.last_complete_at
        if last is not None and not since.deep and timedelta(0) <= now - last <= LONGEST_GAP:
            yield from self._pages({**everything, "change-interval-minute": INTERVAL_MINUTES})
            return
        yield from self._pages({"fulfilment-method": self._fulfilment, "status": "OPEN"})
        # Newest day first: an order that changes meanwhile moves to a day that the next short listing covers.
        for day in self._days(since, now):
            yield from self._pages({**everything, "latest-change-date": day.isoformat()})

    def fetch_order(self, external_order_id: str) -> Fetched:
        """Read one order in full; the body is handed on as received, whatever it holds.

        Raises:
            PermanentConnectorError: bol does not know the order (404), or refuses the call.
            TransientConnectorError: not now.
        """
        path = f"{ORDERS_PATH}/{part(external_order_id)}"
        answer = self._client.get(path, group="GET /orders/*")
        return Fetched("order", external_order_id, answer.body, f"GET {path}", answer.sent_at)

    def _days(self, since: Since, now: datetime) -> Iterator[date]:
        today = clock.order_date(now)
        oldest = max(three_months_before(today), today - timedelta(days=self._history_days))
        if since.last_complete_at is None:
            first = oldest
        else:
            first = clock.order_date(min(since.last_complete_at, now) - _OVERLAP)
            if since.deep:
                first = min(first, today - timedelta(days=1))
            if first < oldest:
                _log.warning(
                    "bol %s: last complete reading was %s, bol tells changes only from %s on",
                    self._client.account,
                    first,
                    oldest,
                )
                first = oldest
        day = today
        while day >= first:
            yield day
            day -= timedelta(days=1)

    def _pages(self, query: Params) -> Iterator[Listed]:
        seen: set[bytes] = set()
        for number in range(1, MAX_PAGES + 1):
            params = {**query, "page": number}
            answer = self._client.get_page(ORDERS_PATH, group="GET /orders", params=params)
            entries = self._entries(self._client.read_object(answer, ORDERS_PATH))
            if not entries:
                return
            # Entries carry the time of their last change, so two pages are never alike by chance.
            digest = hashlib.sha256(answer.body).digest()
            if digest in seen:
                raise self._client.broken_contract(
                    ORDERS_PATH, f"page {number} repeats an earlier page; the list does not end"
                )
            seen.add(digest)
            request = request_line(ORDERS_PATH, params)
            for entry in entries:
                yield read_entry(entry, request)
        raise self._client.broken_contract(ORDERS_PATH, f"more than {MAX_PAGES} pages; the list does not end")

    def _entries(self, page: dict[str, Any]) -> list[Any]:
        entries = page.get("orders")
        if isinstance(entries, list):
            return entries
        if entries is None and page.keys() <= {"orders"}:
            return []
        names = ", ".join(sorted(page)[:5])
        raise self._client.broken_contract(
            ORDERS_PATH, f"a page must be an object with a list 'orders'; it has {names}"
        )


def read_entry(entry: object, request: str) -> Listed:
    """Return one entry of a list page; ``changed_at`` is the newest of its items, ``None`` if one cannot be read."""
    try:
        body = orjson.dumps(entry)
    except TypeError:
        # What can be read may be nested too deeply to be written; the page it came in must not be lost for it.
        body = b'"an entry nested without end"'
    source = entry if isinstance(entry, dict) else {}
    order_id = Reader(source, "", []).identifier("orderId", required=True)
    if order_id is None:
        digest = hashlib.sha256(body).hexdigest()[:12]
        return Listed(f"unnamed-{digest}", None, body, is_complete=True, request=request)
    items = source.get("orderItems")
    moments = [
        Reader(item, "", []).instant("latestChangedDateTime") if isinstance(item, dict) else None
        for item in (items if isinstance(items, list) else [])
    ]
    known = [moment for moment in moments if moment is not None]
    changed_at = max(known) if known and len(known) == len(moments) else None
    return Listed(order_id, changed_at, body, is_complete=False, request=request)


def three_months_before(day: date) -> date:
    """Return the same day three months earlier, or that month's last day."""
    months = day.year * 12 + day.month - 1 - _HISTORY_MONTHS
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
