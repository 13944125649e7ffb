"""What is remarkable about a line of a return: rules, as Pandera schemas for batches and for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_pipelines.domain.returns import UNKNOWN
from order_pipelines.domain.validation import Believable, Rule, failures

REMARKS = {
    "missing_order": "the channel names no order",
    "unknown_order": "no order of this account has that number",
    "unknown_line": "the order has no such line",
    "missing_quantity": "the channel names no number of pieces",
    "negative_quantity": "the number of pieces is 0 or negative",
    "absurd_quantity": "more pieces than any believable order has (limits.max_line_quantity)",
    "more_than_sold": "more pieces come back than the line has left after cancellations",
    "unknown_state": "nobody knows the state that the channel names",
    "future_return": "it is registered in the future; the channel's clock is wrong",
}
"""What a person should see of a line of a return. It is kept all the same."""


@dataclass(frozen=True, slots=True)
class MatchedLine:
    """A line of a return held against what was sold.

    Args:
        external_order_id: as the channel says it.
        is_order_known: an order of the account has that id.
        is_line_known: and that line, or article.
        quantity: pieces of this line.
        excess: by how much all returns of the order line are more than it has; ``None`` when nobody knows.
        state: one of :data:`RETURN_STATES`.
        registered_at: of the return.
    """

    external_order_id: str | None
    is_order_known: bool
    is_line_known: bool
    quantity: int | None
    excess: int | None
    state: str
    registered_at: datetime | None


def remarks_on(lines: Sequence[MatchedLine], limits: Believable) -> list[tuple[str, ...]]:
    """Return, for each line, what is remarkable about it, in words of :data:`REMARKS`, sorted."""
    found: list[set[str]] = [set() for _ in lines]
    if lines:
        for index, remark in failures(_rules(limits), _columns(lines)):
            found[index].add(remark)
    return [tuple(sorted(words)) for words in found]


def _rules(limits: Believable) -> tuple[Rule, ...]:
    latest = (limits.now + limits.max_future).timestamp()
    return (
        Rule("missing_order", "order_said", is_required=True),
        Rule("unknown_order", "is_order_known", lambda is_known: is_known == 1),
        Rule("unknown_line", "is_line_known", lambda is_known: is_known == 1),
        Rule("missing_quantity", "quantity", is_required=True),
        Rule("negative_quantity", "quantity", lambda pieces: pieces > 0),
        Rule("absurd_quantity", "quantity", lambda pieces: pieces <= limits.max_line_quantity),
        Rule("more_than_sold", "returned_excess", lambda pieces: pieces <= 0),
        Rule("unknown_state", "return_state", lambda state: state != UNKNOWN),
        Rule("future_return", "registered_at", lambda at: at <= latest),
    )


def _columns(lines: Sequence[MatchedLine]) -> dict[str, list[Any]]:
    return {
        "order_said": [line.external_order_id for line in lines],
        # What cannot be asked is no remark of its own: a return without an order has no unknown one.
        "is_order_known": [None if line.external_order_id is None else line.is_order_known for line in lines],
        "is_line_known": [line.is_line_known if line.is_order_known else None for line in lines],
        "quantity": [line.quantity for line in lines],
        "returned_excess": [line.excess for line in lines],
        "return_state": [line.state for line in lines],
        "registered_at": [
            None if line.registered_at is None else line.registered_at.timestamp() for line in lines
        ],
    }
