"""The offers of an account as its channel lists them: matched to the product master, compared with what we sent."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import ListedOffer, StockBatchSink, StockSink
from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Problem
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.identifiers import normalise_ean
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import channel_offers, cursors, quarantine
from order_pipelines.services.desired_stock import mark_all_for_refresh
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.push_outcome import RELEASED, Push
from order_pipelines.services.quarantining import settle_quarantine
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_read_back import note_read_back
from order_pipelines.services.taking_over import take_over
from order_pipelines.services.unreadable import LONGEST_ID, is_usable_id
from order_pipelines.services.watch import raise_alert, resolve_alert

OFFER = "offer"
_STREAM = "offers"


def refresh_offers(shop: Shop, account: str) -> Push:
    """Read every offer of an account, match it to the master and recompute what it should show."""
    push = Push(account)
    began_at = clock.now()
    try:
        sink = shop.connect(account, lambda connector: connector.stock_sink, stock_deadline(shop))
        listed = list(sink.list_offers())
    except OrderPipelinesError as error:
        push.problem, push.retryable = str(error), getattr(error, "retryable", False)
        return push
    push.offers = len(listed)
    with shop.store.transaction() as connection:
        push.problem = _refusal(connection, shop, account, {offer.offer_id for offer in listed})
        if push.problem is not None:
            push.retryable = False
            return push
        listed = _set_aside(connection, account, listed)
        catalogue = CatalogueCache().get(connection)
        rows = [_offer_row(account, sink, offer, catalogue) for offer in listed]
        push.unmatched = sum(row["sku"] is None for row in rows)
        connection.execute(
            sa.update(channel_offers).where(channel_offers.c.account == account).values(is_listed=False)
        )
        for part in chunks(rows):
            upsert(connection, channel_offers, list(part))
        note_read_back(connection, account, listed, began_at, lowers_by_itself=sink.lowers_by_itself)
        mark_all_for_refresh(connection, shop.settings, account)
        take_over(
            connection,
            shop.settings,
            account,
            listed,
            subtracts_open_orders=sink.subtracts_open_orders,
        )
    return push


def _refusal(connection: Connection, shop: Shop, account: str, listed: set[str]) -> str | None:
    """Return why a listing is not believed: it lacks so many known offers that half of it may be missing.

    The refusal stands in ``cursors`` and as an alert until a listing is whole again or a person lets one through.
    """
    policy = shop.account(account).stock
    known = set(
        connection.execute(
            sa.select(channel_offers.c.offer_id).where(
                channel_offers.c.account == account, channel_offers.c.is_listed.is_(True)
            )
        ).scalars()
    )
    gone = len(known - listed)
    refused = connection.execute(
        sa.select(cursors).where(cursors.c.account == account, cursors.c.stream == _STREAM)
    ).first()
    is_shrunk = gone >= policy.min_offers_for_brake and Decimal(
        gone * 100
    ) > policy.max_share_to_vanish * len(known)
    if (not (known and not listed) and not is_shrunk) or (refused is not None and refused.reason == RELEASED):
        if refused is not None:
            connection.execute(
                sa.delete(cursors).where(cursors.c.account == account, cursors.c.stream == _STREAM)
            )
            resolve_alert(connection, shrink_alert_key(account))
        return None
    let_through = f"If it is true, run 'order-pipelines release-stock {account}'"
    problem = (
        f"{account}: {gone} of {len(known)} offers are not listed any more, more than "
        f"{policy.max_share_to_vanish} %; the last listing is kept. {let_through}"
        if listed
        else f"{account} lists no offers where {len(known)} were known; they were kept, look at the account. "
        f"{let_through}"
    )
    now = clock.now()
    since = now if refused is None else refused.failed_since
    row = {
        "account": account,
        "stream": _STREAM,
        "attempted_at": now,
        "failed_since": since,
        "reason": problem,
    }
    upsert(connection, cursors, [row])
    raise_alert(connection, shrink_alert_key(account), severity="error", message=problem)
    return problem


def refused_listing(connection: Connection, account: str) -> Any | None:
    """Return the refusal of an account's last listing that waits for a person: reason, and since when."""
    query = sa.select(cursors.c.reason, cursors.c.failed_since).where(
        cursors.c.account == account, cursors.c.stream == _STREAM, cursors.c.reason != RELEASED
    )
    return connection.execute(query).first()


def let_listing_through(connection: Connection, account: str) -> bool:
    """Believe the next listing of an account whose last one was refused; returns whether one had been."""
    changed = connection.execute(
        sa.update(cursors)
        .where(cursors.c.account == account, cursors.c.stream == _STREAM)
        .values(reason=RELEASED)
    )
    return changed.rowcount > 0


def shrink_alert_key(account: str) -> str:
    """Return the key of the alert that an account's listing of offers was refused."""
    return f"offers_shrank:{account}"


def _set_aside(connection: Connection, account: str, listed: list[ListedOffer]) -> list[ListedOffer]:
    """Return the offers with a usable id; the others are named in quarantine until they are listed no more."""
    is_open = sa.select(quarantine.c.entity_key).where(
        quarantine.c.account == account, quarantine.c.entity == OFFER, quarantine.c.resolved_at.is_(None)
    )
    rows = []
    for offer in listed:
        if is_usable_id(offer.offer_id):
            continue
        digest = hashlib.sha256(offer.offer_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        problem = Problem(
            "unusable_id",
            f"the channel lists an offer with an id that is none ({len(offer.offer_id)} characters; at most "
            f"{LONGEST_ID} printable ones); no stock is sent to it",
        )
        rows.append(quarantine_row(account, OFFER, f"{account}:unusable-{digest}", problem, 0))
    settle_quarantine(connection, rows, list(connection.execute(is_open).scalars()))
    return [offer for offer in listed if is_usable_id(offer.offer_id)]


def _offer_row(
    account: str, sink: StockSink | StockBatchSink, offer: ListedOffer, catalogue: Catalogue
) -> dict[str, Any]:
    # A reference that no SKU can be is none; the EAN may still find the product.
    reference = offer.reference if offer.reference is not None and is_usable_id(offer.reference) else None
    found = catalogue.find(reference, offer.ean)
    return {
        "account": account,
        "offer_id": offer.offer_id,
        "ean": normalise_ean(offer.ean),
        "reference": reference,
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


def stock_deadline(shop: Shop) -> datetime:
    """Without it a call that the channel wants later would keep the process asleep until then."""
    return clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)
