"""A read-only visit to a shop at a Mirakl operator: the key, the shop, orders and offers readable, orders counted.

Call frequencies are those of Mirakl's published seller description (2026-11); they come in no header.
"""

import math
from datetime import datetime, timedelta
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.mirakl.client import PAGE_SIZE, MiraklClient, Params
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH
from order_pipelines.connectors.mirakl.stock import OFFERS_PATH
from order_pipelines.connectors.ports import Account, House
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit, History

_SOURCE = "Mirakl seller API, call frequencies of the published description, read 2026-11"
LIMITS = (
    CallLimit("OR11", 1, 60.0, _SOURCE),
    CallLimit("STO01", 1, 60.0, _SOURCE),
    CallLimit("STO02", 1, 15.0, _SOURCE),
    CallLimit("STO03", 1, 60.0, _SOURCE),
    CallLimit("RT11", 1, 300.0, _SOURCE),
)
ACCOUNT_PATH = "/api/account"


class MiraklProbe:
    """AccountProbe of one account."""

    lists_offers_by_reading = True

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def visit(self, visit: Visit, wanted: BooksWanted) -> None:
        """Read the account (A01), a page of offers (OF21) and the first page of a first load (OR11)."""
        del wanted
        about = visit.ask("read the shop (A01)", lambda: self._object(ACCOUNT_PATH, "A01", {}))
        if about is not None:
            self._note_shop(visit, about)
        visit.ask("read offers (OF21)", lambda: self._object(OFFERS_PATH, "OF21", {"max": 1}))
        days = self._client.options.history_days
        start = clock.now() - timedelta(days=days)
        params: Params = {
            "start_update_date": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sort": "dateCreated",
            "order": "asc",
            # As many as a load takes, so that the time of a page is measured.
            "max": PAGE_SIZE,
        }
        page = visit.ask("read orders (OR11)", lambda: self._object(ORDERS_PATH, "OR11", params))
        if page is not None:
            visit.history = _history(page, days)
        if not visit.is_over:
            visit.note(
                "rights_unseen",
                "unknown",
                "whether stock, acceptances and shipments may be written cannot be seen without writing",
                "Ask the operator which role the key's user has.",
            )

    def _object(self, path: str, operation: str, params: Params) -> dict[str, Any]:
        answer: Answer = self._client.get(path, operation=operation, params=params)
        return self._client.read_object(answer, path)

    def _note_shop(self, visit: Visit, about: dict[str, Any]) -> None:
        shop_id, asked = about.get("shop_id"), self._client.options.shop_id
        shown = str(shop_id) if isinstance(shop_id, int | str) else "unknown"
        if asked is not None and str(asked) != shown:
            visit.note(
                "other_shop",
                "fail",
                f"the key answers for shop {shown}, the settings say shop_id {asked}",
                "Set options.shop_id to the shop of this key.",
                shop=shown,
                asked=asked,
            )
            return
        visit.note("shop_seen", "ok", f"the key belongs to shop {shown}", shop=shown)
        state = about.get("shop_state")
        if isinstance(state, str) and state != "OPEN":
            message = f"the operator shows the shop as {state[:40]}"
            visit.note("shop_closed", "warn", message, "Ask the operator to open the shop.", state=state[:40])


def _history(page: dict[str, Any], days: int) -> History:
    reach = f"orders that changed in the last {days} days (option history_days); Mirakl documents no end"
    total = page.get("total_count")
    entries = page.get("orders")
    first = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else {}
    earliest = _instant(first.get("created_date"))
    if type(total) is not int or total < 0:
        return History(reach, earliest, reason="the operator gives no total_count")
    pages = max(1, math.ceil(total / PAGE_SIZE))
    calls = {"OR11": 1} | ({"OR11 pages": pages - 1} if pages > 1 else {})
    return History(reach, earliest, total, calls, "" if total else "there is no order yet", total)


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
