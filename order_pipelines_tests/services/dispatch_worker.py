"""What another process does in the tests of sending. Importable, because processes are spawned and not forked."""

from pathlib import Path
from threading import Barrier

from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shop import open_shop


def plan_and_dispatch(settings_path: str, barrier: Barrier) -> int:
    """Plan and send at the same moment as the others; return how many entries were confirmed here."""
    with open_shop(Path(settings_path)) as shop:
        barrier.wait(60)
        plan_all(shop)
        return dispatch_all(shop)["sales_entry"].confirmed
