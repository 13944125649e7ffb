"""What a handler works with: one account's shop, the traffic at it, and the call at hand."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from order_pipelines.sandbox.mirakl.http import Call, Problem
from order_pipelines.sandbox.mirakl.operators import Operator
from order_pipelines.sandbox.mirakl.paging import TokenDesk
from order_pipelines.sandbox.mirakl.shop import Shop
from order_pipelines.sandbox.standin import FaultBook


@dataclass
class AccountDesk:
    """One account as its API calls see it; ``writes`` keeps every write received, also the refused ones."""

    shop: Shop
    tokens: TokenDesk = field(default_factory=TokenDesk)
    writes: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    refused_by_frequency: Counter[str] = field(default_factory=Counter)


@dataclass
class Context:
    """One call of one account at one instant."""

    desk: AccountDesk
    call: Call
    now: datetime
    faults: FaultBook
    import_delay_s: float

    @property
    def shop(self) -> Shop:
        """The account's shop."""
        return self.desk.shop

    @property
    def operator(self) -> Operator:
        """The operator of the marketplace."""
        return self.desk.shop.operator

    def instant(self, name: str) -> datetime | None:
        """Return an instant of the query.

        Raises:
            Problem: 400, it is none, or has no zone.
        """
        text = self.call.query.get(name)
        if not text:
            return None
        try:
            # A plus sign that nobody encoded arrives as a space.
            found = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError as error:
            raise Problem(400, f"Parameter '{name}' is not an ISO 8601 date: '{text}'") from error
        if found.tzinfo is None:
            raise Problem(400, f"Parameter '{name}' needs a time zone: '{text}'")
        return found

    def flag(self, name: str) -> bool | None:
        """Return a boolean of the query.

        Raises:
            Problem: 400, it is another word.
        """
        text = self.call.query.get(name)
        if text is None:
            return None
        if text not in {"true", "false"}:
            raise Problem(400, f"Parameter '{name}' must be true or false, but is '{text}'")
        return text == "true"

    def window(
        self, first: str, last: str, *, leniency: timedelta = timedelta(0)
    ) -> Callable[[datetime], bool]:
        """Return whether an instant lies between two of the query, both included; the first moved back a little.

        Raises:
            Problem: 400, one of them is no instant.
        """
        begin, end = self.instant(first), self.instant(last)
        since = None if begin is None else begin - leniency

        def is_inside(instant: datetime) -> bool:
            return (since is None or instant >= since) and (end is None or instant <= end)

        return is_inside
