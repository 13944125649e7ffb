"""The packing table of the demo merchant: now and then it packs what is open and drops the list of its parcels."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.demo import merchant
from order_pipelines.demo.script import Parcel
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import line_demand, orders
from order_pipelines.settings import Settings

_MOST_ORDERS = 25
_PACKED_AFTER = timedelta(minutes=2)


@contextmanager
def table(settings: Settings, folder: Path, every_s: float) -> Iterator[None]:
    """Pack every ``every_s`` seconds, in a thread, for the block."""
    finished = threading.Event()
    thread = threading.Thread(
        target=_work, args=(settings, folder, every_s, finished), name="packing", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _work(settings: Settings, folder: Path, every_s: float, finished: threading.Event) -> None:
    store = open_store(settings.operations_url())
    first = 1
    try:
        while not finished.wait(every_s):
            try:
                parcels = packed(store, settings.merchant.country)
            except sa.exc.OperationalError:
                # Somebody wrote for long: what is open now is open in the next round.
                continue
            if parcels:
                merchant.drop_shipments(folder, f"verzonden_{first:05d}.csv", parcels, first_number=first)
                first += len(parcels)
    finally:
        store.close()


def packed(store: OperationsStore, home: str) -> list[Parcel]:
    """Return what a careful packer takes: the oldest orders that nothing speaks against, each as one parcel.

    An order with a remark (its buyer asks to cancel) and that of a business abroad, whose VAT a person must look at,
    stay on the table. ``home`` is the merchant's country.
    """
    query = (
        sa.select(orders, line_demand.c.sku, line_demand.c.open_quantity)
        .join(line_demand, line_demand.c.order_key == orders.c.order_key)
        .where(
            line_demand.c.open_quantity > 0,
            orders.c.is_quarantined.is_(False),
            orders.c.order_status == "open",
            orders.c.ordered_at < clock.now() - _PACKED_AFTER,
        )
        .order_by(orders.c.ordered_at, orders.c.order_key, line_demand.c.line_id)
    )
    contents: dict[str, list[tuple[str, int]]] = {}
    with store.reading() as connection:
        for row in connection.execute(query):
            is_foreign_business = row.is_business and row.ship_country != home
            if row.must_flag or is_foreign_business:
                continue
            number = row.order_number or row.external_order_id
            if number not in contents and len(contents) == _MOST_ORDERS:
                break
            contents.setdefault(number, []).append((row.sku, row.open_quantity))
    return [Parcel(number, tuple(lines), hours_ago=0) for number, lines in contents.items()]
