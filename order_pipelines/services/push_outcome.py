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
    """What one push of one account did.

    Args:
        held: how many that were due are held back; ``waiting``: how many wait for a person in all.
        left: how many that are due were left to the next round.
        is_busy: another process does it now.
        is_stopped: a person stopped the account; nothing is sent.
        is_cut_short: the account could not be served; ``retry_after_s`` is how long its channel wants to be left alone.
    """

    account: str
    offers: int = 0
    due: int = 0
    confirmed: int = 0
    accepted: int = 0
    rejected: int = 0
    in_doubt: int = 0
    held: int = 0
    waiting: int = 0
    observed: int = 0
    unmatched: int = 0
    problem: str | None = None
    retryable: bool = True
    left: int = 0
    is_busy: bool = False
    is_stopped: bool = False
    is_cut_short: bool = False
    retry_after_s: float | None = None
