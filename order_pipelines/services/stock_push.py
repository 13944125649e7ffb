"""Stock out: what each offer should show goes to its channel; zero first, newest value only, confirmed, read back."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import ListedOffer, StockSink, WriteResult
from order_pipelines.domain.matching import Catalogue
from order_pipelines.errors import ConnectorError, OrderPipelinesError
from order_pipelines.identifiers import normalise_ean
from order_pipelines.operations.leases import holding
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.services.desired_stock import mark_all_for_refresh, stale_order_sources
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_read_back import note_read_back, read_back

__all__ = ["Push", "push_account", "read_back", "refresh_offers", "release_stock"]

log = logging.getLogger(__name__)

PENDING, SENT, CONFIRMED, REJECTED, IN_DOUBT, ON_HOLD = (
    "pending",
    "sent",
    "confirmed",
    "rejected",
    "in_doubt",
    "on_hold",
)
RELEASED = "released by a person"
_BACKOFF_S = (5, 30, 120, 600, 3600)


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


def refresh_offers(shop: Shop, account: str) -> Push:
    """Read every offer of an account, match it to the master and recompute what it should show."""
    push = Push(account)
    try:
        sink = shop.connect(account, lambda connector: connector.stock_sink, _deadline(shop))
        listed = list(sink.list_offers())
    except OrderPipelinesError as error:
        push.problem, push.retryable = str(error), getattr(error, "retryable", False)
        return push
    push.offers = len(listed)
    with shop.store.transaction() as connection:
        known = connection.execute(
            sa.select(sa.func.count())
            .select_from(channel_offers)
            .where(channel_offers.c.account == account, channel_offers.c.is_listed.is_(True))
        ).scalar_one()
        if known and not listed:
            push.problem = (
                f"{account} lists no offers where {known} were known; they were kept, look at the account"
            )
            return push
        catalogue = CatalogueCache().get(connection)
        rows = [_offer_row(account, sink, offer, catalogue) for offer in listed]
        push.unmatched = sum(row["sku"] is None for row in rows)
        connection.execute(
            sa.update(channel_offers).where(channel_offers.c.account == account).values(is_listed=False)
        )
        for part in chunks(rows):
            upsert(connection, channel_offers, list(part))
        note_read_back(connection, account, listed)
        mark_all_for_refresh(connection, shop.settings, account)
    return push


def _offer_row(account: str, sink: StockSink, offer: ListedOffer, catalogue: Catalogue) -> dict[str, Any]:
    found = catalogue.find(offer.reference, offer.ean)
    return {
        "account": account,
        "offer_id": offer.offer_id,
        "ean": normalise_ean(offer.ean),
        "reference": offer.reference,
        "sku": found if isinstance(found, str) else None,
        "is_own_fulfilment": offer.is_own_fulfilment,
        "subtracts_open_orders": sink.subtracts_open_orders,
        "max_quantity": sink.max_quantity,
        "is_for_sale": offer.is_for_sale,
        "stock_set": offer.stock_set,
        "stock_shown": offer.stock_shown,
        "is_listed": True,
        "seen_at": clock.now(),
    }


def _deadline(shop: Shop) -> datetime:
    """Without it a call that the channel wants later would keep the process asleep until then."""
    return clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)


def push_account(shop: Shop, account: str) -> Push:
    """Send every due quantity of an account. One process at a time does this for an account."""
    push = Push(account)
    settings = shop.account(account)
    with holding(shop.store, f"stock:{account}") as lease:
        if lease is None:
            push.problem = "another process pushes the stock of this account now"
            push.is_busy = True
            return push
        due = _due(shop, account)
        push.due = len(due)
        if not due:
            return push
        if settings.mode == "observe":
            push.observed = len(due)
            return push
        due = _hold_raises(shop, account, due, push)
        due = _brake(shop, account, due, push)
        if not due:
            return push
        try:
            sink = shop.connect(account, lambda connector: connector.stock_sink, _deadline(shop))
            for row in due:
                _push_one(shop, sink, row, push)
        except OrderPipelinesError as error:
            push.problem, push.retryable = str(error), getattr(error, "retryable", False)
    return push


def _due(shop: Shop, account: str) -> list[Any]:
    """Everything whose confirmed version is not the desired one: zero first, then lowest, then oldest.

    ``shown`` is what the channel holds as far as we know: what it confirmed, else what its listing said.
    """
    now = clock.now()
    shown = sa.func.coalesce(channel_stock.c.confirmed_quantity, channel_offers.c.stock_set).label("shown")
    with shop.store.reading() as connection:
        return list(
            connection.execute(
                sa.select(channel_stock, shown)
                .outerjoin(
                    channel_offers,
                    sa.and_(
                        channel_offers.c.account == channel_stock.c.account,
                        channel_offers.c.offer_id == channel_stock.c.offer_id,
                    ),
                )
                .where(
                    channel_stock.c.account == account,
                    channel_stock.c.confirmed_version < channel_stock.c.desired_version,
                    sa.or_(channel_stock.c.not_before.is_(None), channel_stock.c.not_before <= now),
                    channel_stock.c.state != ON_HOLD,
                )
                .order_by(channel_stock.c.desired_quantity, channel_stock.c.change_seq)
            )
        )


def _hold_raises(shop: Shop, account: str, due: list[Any], push: Push) -> list[Any]:
    """With old inputs nothing is raised: the last safe number stays. Lowering is always safe."""
    sources = [name for name, _ in shop.accounts(lambda connector: connector.order_source)]
    with shop.store.reading() as connection:
        stale = stale_order_sources(connection, shop.settings, account, sources)
    if not stale:
        return due
    names = ", ".join(
        f"{name} ({'never' if age == float('inf') else f'{age:.0f} min'})" for name, age in stale
    )
    keep = [row for row in due if row.shown is not None and row.desired_quantity <= row.shown]
    push.held += len(due) - len(keep)
    push.problem = (
        f"orders last read completely too long ago: {names}; no quantity is raised until they are read"
    )
    return keep


def _brake(shop: Shop, account: str, due: list[Any], push: Push) -> list[Any]:
    """A push that would empty too many offers at once waits for a person."""
    policy = shop.account(account).stock
    with shop.store.reading() as connection:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(channel_stock).where(channel_stock.c.account == account)
        ).scalar_one()
    falling = [
        row for row in due if row.desired_quantity == 0 and (row.shown or 0) > 0 and row.reason != RELEASED
    ]
    if (
        len(falling) < policy.min_offers_for_brake
        or Decimal(len(falling) * 100) <= policy.max_share_to_zero * total
    ):
        return due
    reason = (
        f"{len(falling)} of {total} offers would go to zero at once, more than {policy.max_share_to_zero} %; "
        f"look at the stock, then run 'order-pipelines release-stock {account}'"
    )
    with shop.store.transaction() as connection:
        for row in falling:
            connection.execute(
                sa.update(channel_stock)
                .where(
                    channel_stock.c.account == account,
                    channel_stock.c.offer_id == row.offer_id,
                    channel_stock.c.desired_version == row.desired_version,
                )
                .values(state=ON_HOLD, reason=reason, change_seq=next_values(connection, CHANGE))
            )
    push.held += len(falling)
    push.problem = reason
    held = {row.offer_id for row in falling}
    return [row for row in due if row.offer_id not in held]


def release_stock(shop: Shop, account: str) -> int:
    """Let held quantities go out, after a person looked; returns how many."""
    with shop.store.transaction() as connection:
        held = list(
            connection.execute(
                sa.select(channel_stock.c.offer_id).where(
                    channel_stock.c.account == account, channel_stock.c.state == ON_HOLD
                )
            ).scalars()
        )
        for offer_id in held:
            # What a person released passes the brake until its quantity changes.
            connection.execute(
                sa.update(channel_stock)
                .where(channel_stock.c.account == account, channel_stock.c.offer_id == offer_id)
                .values(
                    state=PENDING,
                    reason=RELEASED,
                    change_seq=next_values(connection, CHANGE),
                )
            )
    return len(held)


def _push_one(shop: Shop, sink: StockSink, row: Any, push: Push) -> None:
    if row.state == SENT and row.write_reference is not None:
        result = sink.poll_write(row.write_reference)
        if result.state == "accepted":
            push.accepted += 1
            return
        _settle(shop, row, result, row.sent_quantity, row.sent_version, push)
        if result.state == "confirmed" and row.sent_version == row.desired_version:
            return
    quantity, version = row.desired_quantity, row.desired_version
    _note_sent(shop, row, quantity, version)
    try:
        result = sink.push_stock(row.offer_id, quantity)
    except ConnectorError as error:
        if error.status in {401, 403, 429}:
            _postpone(shop, row, PENDING, error)
            raise
        if error.retryable:
            # Absolute and newest-value-only: repeating it is harmless, so a lost reply is simply sent again.
            _postpone(shop, row, IN_DOUBT if error.maybe_acted else PENDING, error)
            push.in_doubt += 1
            if error.status is None:
                raise
            return
        result = WriteResult("rejected", reason=str(error))
    _settle(shop, row, result, quantity, version, push)


def _note_sent(shop: Shop, row: Any, quantity: int, version: int) -> None:
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.account == row.account, channel_stock.c.offer_id == row.offer_id)
            .values(
                sent_quantity=quantity,
                sent_version=version,
                sent_at=clock.now(),
                state=SENT,
                write_reference=None,
                change_seq=next_values(connection, CHANGE),
            )
        )


def _postpone(shop: Shop, row: Any, state: str, error: ConnectorError) -> None:
    attempts = row.attempts + 1
    wait = max(error.retry_after_s or 0.0, _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1])
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.account == row.account, channel_stock.c.offer_id == row.offer_id)
            .values(
                state=state,
                reason=str(error),
                attempts=attempts,
                not_before=clock.now() + timedelta(seconds=wait),
                change_seq=next_values(connection, CHANGE),
            )
        )


def _settle(
    shop: Shop, row: Any, result: WriteResult, quantity: int | None, version: int, push: Push
) -> None:
    """Record what became of a write. A newer desired version stays due whatever this one's fate."""
    values: dict[str, Any] = {"reason": result.reason, "write_reference": result.reference}
    if result.state == "confirmed":
        push.confirmed += 1
        values |= {
            "state": CONFIRMED,
            "confirmed_quantity": quantity,
            "confirmed_version": version,
            "confirmed_at": clock.now(),
            "attempts": 0,
            "not_before": None,
        }
    elif result.state == "accepted":
        push.accepted += 1
        values |= {"state": SENT}
    else:
        attempts = row.attempts + 1
        wait = _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1]
        rejected = result.state == "rejected"
        push.rejected += rejected
        push.in_doubt += not rejected
        values |= {
            "state": REJECTED if rejected else IN_DOUBT,
            "attempts": attempts,
            "not_before": clock.now() + timedelta(seconds=max(wait, _BACKOFF_S[3]) if rejected else wait),
        }
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_stock)
            .where(
                channel_stock.c.account == row.account,
                channel_stock.c.offer_id == row.offer_id,
                channel_stock.c.confirmed_version <= version,
            )
            .values(**values, change_seq=next_values(connection, CHANGE))
        )
