"""The order list: which items a query sees, newest change first, fifty orders a page, never rebuilt in vain."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from order_pipelines.sandbox.bol.model import Order, OrderItem, midnight_after
from order_pipelines.sandbox.bol.shop import Shop

PAGE_SIZE = 50
_HANDLED_SHOWN_FOR = timedelta(hours=48)
_CACHED_QUERIES = 64

Row = tuple[Order, tuple[OrderItem, ...]]


@dataclass(frozen=True)
class OrderQuery:
    """The filters of ``GET /retailer/orders``; every one of them looks at items, not at orders."""

    fulfilment_method: str = "FBR"
    status: str = "OPEN"
    change_interval_minute: int | None = None
    latest_change_date: date | None = None
    vvb_only: bool = False

    def keeps(self, item: OrderItem) -> bool:
        """Tell whether an item passes the filters that do not look at time."""
        if self.fulfilment_method not in {"ALL", item.method}:
            return False
        if self.vvb_only and item.distribution_party != "BOL":
            return False
        if self.status == "OPEN":
            return item.open_quantity > 0
        # bol's text: "shipped orders, which display only the orders that have been shipped" (v10 spec, 2026-04).
        return self.status == "ALL" or item.shipped > 0


class OrderPages:
    """Pages of one shop's orders; ``builds`` counts how often rows had to be put together."""

    def __init__(self, shop: Shop) -> None:
        self.builds = 0
        self._shop = shop
        self._cache: dict[OrderQuery, tuple[int, datetime, datetime, list[Row]]] = {}

    def page(self, query: OrderQuery, number: int, now: datetime) -> list[Row]:
        """Return one page; past the last page it is empty."""
        rows = self._rows(query, now)
        start = (number - 1) * PAGE_SIZE
        return rows[start : start + PAGE_SIZE]

    def _rows(self, query: OrderQuery, now: datetime) -> list[Row]:
        known = self._cache.get(query)
        if known is not None:
            revision, built_at, valid_until, rows = known
            if revision == self._shop.revision and built_at <= now < valid_until:
                return rows
        rows, valid_until = self._build(query, now)
        self.builds += 1
        if len(self._cache) >= _CACHED_QUERIES:
            self._cache.clear()
        self._cache[query] = (self._shop.revision, now, valid_until, rows)
        return rows

    def _build(self, query: OrderQuery, now: datetime) -> tuple[list[Row], datetime]:
        """Return the rows and the instant from which time alone would change them."""
        found: dict[str, tuple[Order, dict[str, OrderItem]]] = {}
        valid_until = now + timedelta(days=1)
        first, before, window = _window(query, now)
        for order, item in self._shop.changed_between(first, before):
            if not query.keeps(item):
                continue
            if window is not None and (
                item.handled_at is not None or query.change_interval_minute is not None
            ):
                valid_until = min(valid_until, item.changed_at + window)
            found.setdefault(order.order_id, (order, {}))[1][item.order_item_id] = item
        if query.change_interval_minute is None and query.latest_change_date is None:
            for order in self._shop.open_orders.values():
                for item in order.items:
                    if item.open_quantity > 0 and query.keeps(item):
                        found.setdefault(order.order_id, (order, {}))[1][item.order_item_id] = item
        rows = [
            (order, tuple(item for item in order.items if item.order_item_id in kept))
            for order, kept in found.values()
        ]
        rows.sort(key=lambda row: (max(item.changed_at for item in row[1]), row[0].order_id), reverse=True)
        return rows, valid_until


def _window(query: OrderQuery, now: datetime) -> tuple[datetime, datetime | None, timedelta | None]:
    """Return (first instant, instant before which, length of a window that moves with time)."""
    if query.latest_change_date is not None:
        day_start = midnight_after(query.latest_change_date - timedelta(days=1))
        first, before = day_start, midnight_after(query.latest_change_date)
        if query.change_interval_minute is None:
            return first, before, None
        window = timedelta(minutes=query.change_interval_minute)
        return max(first, now - window), before, window
    if query.change_interval_minute is not None:
        window = timedelta(minutes=query.change_interval_minute)
    else:
        window = _HANDLED_SHOWN_FOR
    return now - window, None, window
