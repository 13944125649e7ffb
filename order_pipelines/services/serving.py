"""Which place serves which account, written into the operations store for those who ask there or in the warehouse.

The settings decide; nothing that goes out reads this. Called before each load of the warehouse.
"""

import sqlalchemy as sa

from order_pipelines.operations.store import CHANGE, OperationsStore, next_values, upsert
from order_pipelines.operations.tables import stock_locations
from order_pipelines.settings import Settings


def note_serving(store: OperationsStore, settings: Settings) -> int:
    """Bring the table to what the settings say; returns how many rows changed."""
    wanted = {
        (name, place): account.enabled
        for name, account in settings.accounts.items()
        for place in account.serves
    }
    with store.reading() as connection:
        rows = connection.execute(sa.select(stock_locations))
        known = {(row.account, row.location): row.is_serving for row in rows}
    gone = {place: False for place, serves in known.items() if serves and place not in wanted}
    changed = gone | {place: serves for place, serves in wanted.items() if known.get(place) != serves}
    if not changed:
        return 0
    with store.transaction() as connection:
        first = next_values(connection, CHANGE, len(changed))
        upsert(
            connection,
            stock_locations,
            [
                {"account": account, "location": place, "is_serving": serves, "change_seq": number}
                for number, ((account, place), serves) in enumerate(sorted(changed.items()), start=first)
            ],
        )
    return len(changed)
