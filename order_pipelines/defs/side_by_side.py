"""Accounts served side by side: whoever is kept waiting by a channel keeps nobody else waiting.

A step of Dagster ends when each account is done or has waited too long for one answer. Such an account goes on in its
thread beside the rest of the run, as long as its calls and its deadline let it, and is named; its lease keeps the next
run from beginning it twice. Nothing depends on its end: what comes of it lies in the tables that all assets work from.
"""

import threading
from collections.abc import Callable, Sequence

from order_pipelines.connectors.wire import Pulse
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.outcomes import Outcome
from order_pipelines.services.shop import Shop

SILENT_S = 10.0
"""How long a run waits for one answer of a channel."""
_LOOK_S = 0.2


class _Task:
    """The work for one account, in a thread and with a shop of its own: the step may close its own shop before."""

    def __init__(
        self, door: ShopDoor, account: str, work: Callable[[Shop, str], Outcome], moved: threading.Event
    ) -> None:
        self.account = account
        self.pulse = Pulse()
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self._door = door
        self._work = work
        self._moved = moved
        self.thread = threading.Thread(target=self._run, name=f"account {account}")

    def _run(self) -> None:
        try:
            with self.pulse.felt(), self._door.open() as shop:
                self.outcome = self._work(shop, self.account)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self.error = error
        finally:
            self._moved.set()

    def is_awaited(self) -> bool:
        """Tell whether it is not done, and not waiting too long."""
        return self.thread.is_alive() and self.pulse.waiting_s() < SILENT_S


def serve(door: ShopDoor, accounts: Sequence[str], work: Callable[[Shop, str], Outcome]) -> list[Outcome]:
    """Do ``work`` for every account at once; return the outcomes in the accounts' order.

    Raises:
        Exception: the first that ``work`` raised, after all have ended or were left.
    """
    moved = threading.Event()
    tasks = [_Task(door, account, work, moved) for account in accounts]
    for task in tasks:
        task.thread.start()
    try:
        while any(task.is_awaited() for task in tasks):
            moved.wait(_LOOK_S)
            moved.clear()
    except BaseException:
        # The run was ended: nobody begins another call for it.
        for task in tasks:
            task.pulse.stop()
        raise
    for task in tasks:
        if task.error is not None:
            raise task.error
    return [_outcome(task) for task in tasks]


def _outcome(task: _Task) -> Outcome:
    if task.outcome is not None:
        return task.outcome
    problem = (
        f"no answer for {SILENT_S:.0f} s; this run goes on without it, the next uses what still comes of it"
    )
    return Outcome(task.account, {"left_behind": 1}, problem)
