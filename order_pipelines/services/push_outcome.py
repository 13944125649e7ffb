"""What one push, or one listing of the offers, of an account did; and the states of a quantity on its way out."""

from dataclasses import dataclass

PENDING, SENT, CONFIRMED, REJECTED, IN_DOUBT, ON_HOLD = (
    "pending",
    "sent",
    "confirmed",
    "rejected",
    "in_doubt",
    "on_hold",
)
RELEASED = "released by a person"


@dataclass
class Push:
    """What one push of one account did; ``is_busy``: another process does it now."""

    account: str
    offers: int = 0
    due: int = 0
    confirmed: int = 0
    accepted: int = 0
    rejected: int = 0
    in_doubt: int = 0
    held: int = 0
    observed: int = 0
    unmatched: int = 0
    problem: str | None = None
    retryable: bool = True
    is_busy: bool = False
