"""Rate budgets of the lane: a wait ends when the lane stops, and a push never waits with a number that grows old."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from order_pipelines import clock
from order_pipelines.connectors.ports import RateBudget
from order_pipelines.errors import TransientConnectorError

_AT_ONCE = timedelta(seconds=1)


def waiting_until(stopping: threading.Event) -> Callable[[float], None]:
    """Return a way to sleep that ends with the lane.

    It raises:
        TransientConnectorError: the lane stops; nothing was asked of the channel.
    """

    def sleep(seconds: float) -> None:
        if stopping.wait(seconds):
            raise TransientConnectorError("the lane stops", system="", retry_after_s=seconds)

    return sleep


class ImpatientBudget:
    """The budget of an account as its pusher uses it: shared with the pollers, but it comes back instead of waiting."""

    def __init__(self, shared: RateBudget) -> None:
        self._shared = shared

    def wait(self, group: str, *, deadline: datetime | None = None) -> None:
        """Return when a call may be made within a second.

        Raises:
            TransientConnectorError: later than that; the caller comes again then, with the newest number.
        """
        soon = clock.now() + _AT_ONCE
        self._shared.wait(group, deadline=soon if deadline is None else min(deadline, soon))

    def learn(self, group: str, *, limit: int | None, remaining: int | None, reset_s: float | None) -> None:
        """Take in what an answer said."""
        self._shared.learn(group, limit=limit, remaining=remaining, reset_s=reset_s)

    def refuse(self, group: str, *, retry_after_s: float) -> None:
        """Take in a refusal."""
        self._shared.refuse(group, retry_after_s=retry_after_s)
