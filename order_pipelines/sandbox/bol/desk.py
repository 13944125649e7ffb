"""What a handler works with: one account's shop, its open processes, and the call at hand."""

import csv
import io
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.bol import shapes
from order_pipelines.sandbox.bol.http import Answer, Call, invalid
from order_pipelines.sandbox.bol.model import Offer, utc_time
from order_pipelines.sandbox.bol.order_pages import OrderPages
from order_pipelines.sandbox.bol.processes import OUTCOME_FAULTS, Effect, ProcessBook
from order_pipelines.sandbox.bol.shop import Shop
from order_pipelines.sandbox.standin import FaultBook

_EXPORT_COLUMNS = (
    "offerId", "ean", "conditionName", "conditionCategory", "conditionComment", "bundlePricesPrice",
    "fulfilmentDeliveryCode", "stockAmount", "onHoldByRetailer", "fulfilmentType", "mutationDateTime",
)  # fmt: skip


@dataclass
class AccountDesk:
    """One account as its API calls see it; ``writes`` keeps every write received, also the refused ones."""

    shop: Shop
    pages: OrderPages = field(init=False)
    processes: ProcessBook = field(init=False)
    reports: dict[str, str] = field(default_factory=dict)
    writes: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    refused_by_limit: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.pages = OrderPages(self.shop)
        self.processes = ProcessBook(self.shop)


@dataclass
class Context:
    """One call of one account at one instant."""

    desk: AccountDesk
    call: Call
    now: datetime
    faults: FaultBook
    process_delay_s: float
    seed: int

    @property
    def shop(self) -> Shop:
        """The account's shop."""
        return self.desk.shop

    def json(self, value: Any, status: int = 200) -> Answer:
        """Answer in the media type of the resource."""
        return Answer.of_json(status, value, self.call.media_type)

    def accept(self, event_type: str, description: str, entity_id: str | None, effect: Effect) -> Answer:
        """Answer 202 with a new process status."""
        fault = self.faults.take(OUTCOME_FAULTS, self.call.method, self.call.target, self.shop.account)
        status = self.desk.processes.begin(
            event_type, description, entity_id, effect, self.now, self.process_delay_s, fault
        )
        return self.json(shapes.process_status(status, self.call.base_url), 202)

    def is_silently_rejected(self) -> bool:
        """Tell whether a write that answers at once shall have no effect."""
        kinds = {"silent_reject"}
        return self.faults.take(kinds, self.call.method, self.call.target, self.shop.account) is not None

    def page_number(self) -> int:
        """Return the ``page`` of the query, 1 if it has none."""
        return self.whole_number("page", 1, lowest=1) or 1

    def whole_number(
        self, name: str, default: int | None, *, lowest: int, highest: int | None = None
    ) -> int | None:
        """Return a number of the query.

        Raises:
            Problem: 400, it is no number or out of bounds.
        """
        text = self.call.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit():
            raise invalid(name, f"Request contains invalid value(s): '{text}', a whole number was expected.")
        value = int(text)
        if value < lowest or (highest is not None and value > highest):
            bounds = f"at least {lowest}" + (f" and at most {highest}" if highest is not None else "")
            raise invalid(name, f"Request contains invalid value(s): '{text}', must be {bounds}.")
        return value

    def word(self, name: str, allowed: tuple[str, ...], default: str | None) -> str | None:
        """Return one of the allowed words of the query.

        Raises:
            Problem: 400, it is another word.
        """
        text = self.call.query.get(name)
        if text is None:
            return default
        if text not in allowed:
            raise invalid(
                name, f"Request contains invalid value(s): '{text}', allowed values: {', '.join(allowed)}."
            )
        return text

    def flag(self, name: str) -> bool | None:
        """Return a boolean of the query."""
        text = self.word(name, ("true", "false"), None)
        return None if text is None else text == "true"


def write_offer_export(offers: list[Offer], report_id: str) -> str:
    """Write the CSV of an offer export; the order of the columns differs from report to report."""
    columns = list(_EXPORT_COLUMNS)
    random.Random(report_id).shuffle(columns)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for offer in offers:
        writer.writerow(
            {
                "offerId": offer.offer_id,
                "ean": offer.ean,
                "conditionName": "NEW",
                "conditionCategory": "NEW",
                "conditionComment": "",
                "bundlePricesPrice": f"{offer.bundle_prices[0][1]:.2f}",
                "fulfilmentDeliveryCode": "24uurs-23" if offer.fulfilment_method == "FBR" else "",
                "stockAmount": offer.amount,
                "onHoldByRetailer": "true" if offer.on_hold else "false",
                "fulfilmentType": offer.fulfilment_method,
                "mutationDateTime": utc_time(offer.last_modified_at).replace("T", " ").replace("Z", " UTC"),
            }
        )
    return text.getvalue()
