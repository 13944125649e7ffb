"""A read-only visit to a bol account: which endpoint groups answer, and how many orders a first load would read.

Limits are bol's published list as kept in the contract digest, section 11; its headers decide in daily work.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.bol.client import V10_JSON, V11_JSON, BolClient, part
from order_pipelines.connectors.bol.options import LONGEST_HISTORY_DAYS, read_options
from order_pipelines.connectors.bol.orders import ORDERS_PATH, read_entry, three_months_before
from order_pipelines.connectors.bol.payloads import Reader
from order_pipelines.connectors.bol.shipments import SHIPMENTS_PATH
from order_pipelines.connectors.bol.stock import OFFERS_PATH
from order_pipelines.connectors.ports import Account, House
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit, History

_SOURCE = "bol, retailer/public/ratelimits, stored copy read 2026-03"
LIMITS = (
    CallLimit("GET /orders", 25, 60.0, _SOURCE),
    CallLimit("GET /orders/*", 25, 1.0, _SOURCE),
    CallLimit("GET /shipments", 25, 60.0, _SOURCE),
    CallLimit("GET /shipments/*", 50, 60.0, _SOURCE),
    CallLimit("POST /shipments", 25, 1.0, _SOURCE),
    CallLimit("GET /offers/*", 25, 1.0, _SOURCE),
    CallLimit("WRITE /offers", 50, 1.0, _SOURCE),
    CallLimit("POST /offers/export", 9, 3600.0, _SOURCE),
)
_REACH = (
    f"bol shows orders that changed within three months (at most {LONGEST_HISTORY_DAYS} days; v10 specification, "
    "2026-04)"
)
# bol has no count: pages are read until none follows, but a visit is no load.
MOST_PAGES = 400


class BolProbe:
    """AccountProbe of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = BolClient(account, house)
        # Offers v10 are listed by ordering a report, which is a write.
        self.lists_offers_by_reading = self._options.offers_api == "v11"

    def visit(self, visit: Visit, wanted: BooksWanted) -> None:
        """Read one page of each endpoint group, then the lists of orders until bol's edge."""
        del wanted
        first = visit.ask("read orders (GET /orders)", lambda: self._page({"status": "OPEN", "page": 1}))
        entry = next(iter(first or ()), None)
        listed = None if entry is None else read_entry(entry, "")
        if listed is not None and not listed.is_complete:
            path = f"{ORDERS_PATH}/{part(listed.external_id)}"
            visit.ask("read one order (GET /orders/*)", lambda: self._client.get(path, group="GET /orders/*"))
        visit.ask(
            "read shipments (GET /shipments)",
            lambda: self._client.get(SHIPMENTS_PATH, group="GET /shipments", params={"page": 1}),
        )
        if self.lists_offers_by_reading:
            visit.ask(
                "read offers (GET /offers)",
                lambda: self._client.get(
                    OFFERS_PATH, group="GET /offers", params={"page-size": 1}, media_type=V11_JSON
                ),
            )
        if visit.is_over:
            return
        visit.note(
            "rights_unseen",
            "unknown",
            "whether offers, shipments and cancellations may be written cannot be seen without writing",
            "bol gives one kind of key for all of it; the first observed push tells.",
        )
        if first is not None:
            _Walk(self._page, self._options.history_days, visit).go()

    def _page(self, params: Mapping[str, str | int]) -> list[Any]:
        answer = self._client.get(
            ORDERS_PATH,
            group="GET /orders",
            params={"fulfilment-method": self._options.fulfilment, **params},
            media_type=V10_JSON,
        )
        entries = self._client.read_object(answer, ORDERS_PATH).get("orders", [])
        if not isinstance(entries, list):
            raise self._client.broken_contract(ORDERS_PATH, "a page must have a list 'orders'")
        return entries


class _Walk:
    """The lists that a first load reads, oldest day first, so that the edge is seen even when time ends."""

    def __init__(
        self, page: Callable[[Mapping[str, str | int]], list[Any]], history_days: int, visit: Visit
    ) -> None:
        self._page = page
        self._days = history_days
        self._visit = visit
        self._found: set[str] = set()
        self._earliest: datetime | None = None
        self._pages = 0

    def go(self) -> None:
        """Note what a first load would see; an unfinished walk says how far it came."""
        today = clock.order_date(clock.now())
        oldest = max(three_months_before(today), today - timedelta(days=self._days))
        days = [oldest + timedelta(days=number) for number in range((today - oldest).days + 1)]
        reason = self._list({"status": "OPEN"})
        for day in days:
            if reason:
                break
            reason = self._list({"status": "ALL", "latest-change-date": day.isoformat()})
        self._visit.history = self._history(oldest, reason)

    def _list(self, query: dict[str, str | int]) -> str:
        """Read one list to its end; return why not, or nothing."""
        for number in range(1, MOST_PAGES + 1):
            if self._pages >= MOST_PAGES:
                return f"counting stopped after {MOST_PAGES} pages"
            entries = self._visit.ask(
                "read the lists of orders (GET /orders)",
                partial(self._page, {**query, "page": number}),
            )
            if entries is None:
                return "the lists could not be read to their end in the time there was"
            self._pages += 1
            if not entries:
                return ""
            for entry in entries:
                self._note(entry)
        return f"one list has more than {MOST_PAGES} pages"

    def _note(self, entry: object) -> None:
        self._found.add(read_entry(entry, "").external_id)
        source = entry if isinstance(entry, dict) else {}
        placed_at = Reader(source, "", []).instant("orderPlacedDateTime")
        if placed_at is not None and (self._earliest is None or placed_at < self._earliest):
            self._earliest = placed_at

    def _history(self, oldest: date, reason: str) -> History:
        reach = f"{_REACH}; this account reads from {oldest} on"
        if reason:
            return History(reach, self._earliest, reason=reason, orders_at_least=len(self._found))
        calls = {"GET /orders": self._pages, "GET /orders/*": len(self._found)}
        why = "" if self._found else "there is no order yet"
        return History(reach, self._earliest, len(self._found), calls, why, len(self._found))
