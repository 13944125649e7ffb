"""A read-only visit to a Shopware shop: which entities the integration may read, and how many orders there are."""

import math
from datetime import datetime, timedelta
from functools import partial

from order_pipelines import clock
from order_pipelines.connectors.ports import Account, House
from order_pipelines.connectors.shopware.client import Criteria, JsonObject, ShopwareClient, range_filter
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.orders import WHOLE_ORDER, wire_time
from order_pipelines.connectors.shopware.payloads import plain_entity
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit, History

# What the connector reads by a search of its own; orders come first, with everything that hangs on them.
ENTITIES = ("product", "order-delivery", "order-transaction", "order-line-item", "state-machine-state")
LIMITS: tuple[CallLimit, ...] = ()
"""Shopware's core limits only its login (README); a hoster's limit is not documented and not in any header."""


class ShopwareProbe:
    """AccountProbe of one shop."""

    lists_offers_by_reading = True

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = ShopwareClient(account, house)

    def visit(self, visit: Visit, wanted: BooksWanted) -> None:
        """Read the first page of a first load and one row of everything else that the connector reads."""
        del wanted
        page = visit.ask("read orders with all their parts (order:read)", self._first_page)
        earliest = visit.ask("read the earliest order (order:read)", self._earliest) if page else None
        for entity in ENTITIES:
            right = f"read {entity} ({entity.replace('-', '_')}:read)"
            visit.ask(right, partial(self._client.search, entity, {"limit": 1, "page": 1}))
        if page is not None:
            visit.history = self._history(page, earliest)
        if not visit.is_over:
            visit.note(
                "rights_unseen",
                "unknown",
                "whether products, orders and deliveries may be changed cannot be seen without writing",
                "Compare the role of the integration with docs/settings.md.",
            )

    def _window(self) -> list[Criteria]:
        start = clock.now() - timedelta(days=self._options.history_days)
        filters: list[Criteria] = [range_filter("orderDateTime", gte=wire_time(start))]
        channels = self._options.sales_channel_ids
        if channels:
            filters.append({"type": "equalsAny", "field": "salesChannelId", "value": "|".join(channels)})
        return filters

    def _first_page(self) -> JsonObject:
        # The page that a load reads, so that its time is measured.
        return self._client.search(
            "order",
            {
                **WHOLE_ORDER,
                "filter": self._window(),
                "sort": [{"field": "autoIncrement", "order": "ASC"}],
                "page": 1,
                "limit": self._options.page_size,
                "total-count-mode": 1,
            },
        )

    def _earliest(self) -> datetime | None:
        content = self._client.search(
            "order",
            {
                "filter": self._window(),
                "sort": [{"field": "orderDateTime", "order": "ASC"}],
                "page": 1,
                "limit": 1,
                "includes": {"order": ["id", "orderDateTime"]},
            },
        )
        rows = [plain_entity(row, content) for row in content["data"]]
        value = rows[0].get("orderDateTime") if rows else None
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return found if found is not None and found.tzinfo is not None else None

    def _history(self, page: JsonObject, earliest: datetime | None) -> History:
        reach = (
            f"orders placed in the last {self._options.history_days} days (option history_days), and older ones "
            "that are still open; the shop keeps all it ever had"
        )
        total = page.get("total")
        if type(total) is not int or total < 0:
            return History(reach, earliest, reason="the shop gives no total")
        calls = {"/api": max(1, math.ceil(total / self._options.page_size))}
        return History(reach, earliest, total, calls, "" if total else "there is no order yet", total)
