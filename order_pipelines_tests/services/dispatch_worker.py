"""What another process does in the tests of sending. Importable, because processes are spawned and not forked."""

from pathlib import Path
from threading import Barrier

from order_pipelines.services.dispatch import dispatch_all, dispatch_kind
from order_pipelines.services.planning import CHANNEL_SHIPMENT, plan_all
from order_pipelines.services.shop import open_shop
from order_pipelines.services.stock_push import push_account


def plan_and_dispatch(settings_path: str, barrier: Barrier) -> int:
    """Plan and send at the same moment as the others; return how many entries were confirmed here."""
    with open_shop(Path(settings_path)) as shop:
        barrier.wait(60)
        plan_all(shop)
        return dispatch_all(shop)["sales_entry"].confirmed


def dispatch_parcels(settings_path: str) -> dict[str, str]:
    """Announce the parcels that are due; return what kept an account from being served."""
    with open_shop(Path(settings_path)) as shop:
        return dispatch_kind(shop, CHANNEL_SHIPMENT).problems


def push_stock(settings_path: str, account: str) -> tuple[int, bool]:
    """Push the stock of an account; return how many numbers were confirmed, and whether a person stopped it."""
    with open_shop(Path(settings_path)) as shop:
        push = push_account(shop, account)
        return push.confirmed, push.is_stopped
