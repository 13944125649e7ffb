"""What another process does in the tests of tokens. Importable, because processes are spawned and not forked."""

from pathlib import Path
from threading import Barrier

from order_pipelines.services.shop import open_shop


def read_something(settings_path: str, account: str, barrier: Barrier) -> int:
    """Ask the account for something at the same moment as the others; return how much it answered."""
    with open_shop(Path(settings_path)) as shop:
        if account == "exact":
            sink = shop.connect(account, lambda connector: connector.invoice_sink)
            barrier.wait(60)
            return len(sink.find_entries("BOL-1"))
        offers = shop.connect(account, lambda connector: connector.stock_sink)
        barrier.wait(60)
        return len(list(offers.list_offers()))
