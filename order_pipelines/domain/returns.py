"""Returns as channels announce them. A return is a wish: it moves neither stock nor money."""

from dataclasses import dataclass, field
from datetime import datetime

from order_pipelines.domain.orders import Reject

ANNOUNCED, ACCEPTED, RECEIVED, REJECTED, CLOSED, UNKNOWN = (
    "announced",
    "accepted",
    "received",
    "rejected",
    "closed",
    "unknown",
)
RETURN_STATES = (ANNOUNCED, ACCEPTED, RECEIVED, REJECTED, CLOSED, UNKNOWN)
OPEN_STATES = (ANNOUNCED, ACCEPTED, UNKNOWN)
"""Goods may still come, or nobody knows."""
COMING_STATES = (ANNOUNCED, ACCEPTED, RECEIVED, UNKNOWN)
"""Pieces that came or may come back; what was rejected or closed without them did not."""


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """Pieces of one order line that shall come back.

    Args:
        return_line_id: unique in its return.
        external_order_id: the channel's id of the order; a return may hold lines of several.
        external_line_id: the order's line, where the channel names it; else ``ean`` says what comes back.
        ean: article number as the channel says it.
        quantity: pieces; ``None`` when the channel does not say.
        state: one of :data:`RETURN_STATES`.
        state_said: the channel's own word.
        reason_code: the channel's code for why; some have only words.
        reason_label: why, in the channel's words; never what the customer wrote.
        own_fulfilment: it comes back to the merchant, not to the channel's warehouse.
    """

    return_line_id: str
    external_order_id: str | None
    external_line_id: str | None = None
    ean: str | None = None
    quantity: int | None = None
    state: str = UNKNOWN
    state_said: str | None = None
    reason_code: str | None = None
    reason_label: str | None = None
    own_fulfilment: bool = True


@dataclass(frozen=True, slots=True)
class ChannelReturn:
    """One return in one version. ``changed_at`` is the newest time of the return and its lines, ``None`` for none."""

    external_return_id: str
    registered_at: datetime | None
    changed_at: datetime | None
    lines: tuple[ReturnLine, ...]


@dataclass(slots=True)
class ReturnInterpretation:
    """Everything one body means."""

    returns: list[ChannelReturn] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
