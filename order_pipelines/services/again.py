"""Reading again what is stored: after the master, a mapping or a rule was mended. Booking twice changes nothing."""

from collections.abc import Iterable

import sqlalchemy as sa

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import orders, quarantine, receipts
from order_pipelines.services.audit import RETRY_QUARANTINE, record
from order_pipelines.services.booking import Booked
from order_pipelines.services.file_booking import FILE, take_in_again
from order_pipelines.services.intake import reinterpret
from order_pipelines.services.returns import RETURN, reinterpret_returns
from order_pipelines.services.shipping import match_shipments
from order_pipelines.services.shop import Shop


def retry_quarantine(shop: Shop, account: str | None = None, *, by: str | None = None) -> Booked:
    """Read again every body and file with something in quarantine, of one account or of all.

    ``by`` is who decided it, for the audit log; ``None`` when nobody did (the product master changed).
    """
    with shop.store.reading() as connection:
        # A row keeps the body that opened it; the order may have changed since, and only its newest body decides.
        newest = sa.func.coalesce(orders.c.receipt_seq, quarantine.c.receipt_seq)
        query = (
            sa.select(newest)
            .select_from(quarantine.outerjoin(orders, orders.c.order_key == quarantine.c.entity_key))
            .where(quarantine.c.resolved_at.is_(None), newest > 0)
        )
        if account is not None:
            query = query.where(quarantine.c.account == account)
        numbers = set(connection.execute(query).scalars())
    if by is not None:
        with shop.store.transaction() as connection:
            judged = f"{len(numbers)} bodies and files judged again"
            record(connection, RETRY_QUARANTINE, account, account or "all accounts", after=judged, by=by)
    booked = read_again(shop, numbers)
    match_shipments(shop)
    return booked


def read_again(shop: Shop, numbers: Iterable[int]) -> Booked:
    """Read stored receipts again, bodies in batches and files from their originals."""
    wanted = sorted(set(numbers))
    kinds: dict[int, str] = {}
    with shop.store.reading() as connection:
        for part in chunks(wanted):
            query = sa.select(receipts.c.receipt_seq, receipts.c.kind).where(receipts.c.receipt_seq.in_(part))
            kinds |= {row.receipt_seq: row.kind for row in connection.execute(query)}
    booked = reinterpret(shop, [number for number in wanted if kinds.get(number) not in {FILE, RETURN, None}])
    reinterpret_returns(shop, [number for number in wanted if kinds.get(number) == RETURN])
    for number in wanted:
        if kinds.get(number) == FILE:
            booked.add(take_in_again(shop, number))
    return booked
