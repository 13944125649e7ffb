"""The brakes of a push: what falls for many offers at once without being sold waits for a person.

What was sold never waits. An offer whose fall sales explain goes out; one that fell for another reason as well is told
at once what sales alone leave of it, and only the rest waits. Which numbers wait stands in ``channel_stock`` as
``on_hold``; they are looked at again with each push, because every sale lowers what may still be shown meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.stock import SUPPLY_KINDS
from order_pipelines.operations.store import CHANGE, chunks, next_values
from order_pipelines.operations.tables import (
    channel_offers,
    channel_stock,
    channel_stock_events,
    same_offer,
    stock_movements,
)
from order_pipelines.services.falls import Fall, explain_falls
from order_pipelines.services.push_outcome import ON_HOLD, PENDING, SENT
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_events import event_of, note_events
from order_pipelines.settings_stock import StockPolicy

SOLD_ANYWAY = "sales alone bring it there"
_SALES_LEAVE = "what sales leave of it; the rest waits for a person"
_AT_ONCE = timedelta(seconds=1)
_LATELY = timedelta(hours=1)


@dataclass
class Braked:
    """What a push may send after the brakes: numbers as they are wanted, and what sales leave of those that wait."""

    send: list[Any]
    held: int = 0
    waiting: int = 0
    problem: str | None = None
    lowered: list[Any] = field(default_factory=list)


def due_rows(connection: Connection, account: str) -> tuple[list[Any], list[Any]]:
    """Return everything whose confirmed version is not the desired one: what is due, and what waits for a person.

    Zero first, then lowest, then oldest. ``shown`` is what the channel holds as far as we know: what it confirmed,
    else what its listing said.
    """
    # A channel that takes one file a minute gets everything that waits for that minute, not what was a moment earlier.
    now = clock.now() + _AT_ONCE
    query = waiting_query(account).where(
        sa.or_(
            channel_stock.c.not_before.is_(None),
            channel_stock.c.not_before <= now,
            channel_stock.c.state == ON_HOLD,
        ),
        # The number is of an article: an offer that got another one, or none, may only be emptied.
        sa.or_(channel_offers.c.sku == channel_stock.c.sku, channel_stock.c.desired_quantity == 0),
    )
    rows = list(connection.execute(query))
    return [row for row in rows if row.state != ON_HOLD], [row for row in rows if row.state == ON_HOLD]


def waiting_query(account: str) -> sa.Select[Any]:
    """Return the query for rows of ``channel_stock`` whose number the channel did not confirm yet.

    ``is_lowered`` is of the few that go out beside it: what sales leave of a number that waits for a person.
    """
    shown = sa.func.coalesce(channel_stock.c.confirmed_quantity, channel_offers.c.stock_set).label("shown")
    return (
        sa.select(
            channel_stock,
            shown,
            channel_offers.c.subtracts_open_orders,
            channel_offers.c.max_quantity,
            sa.false().label("is_lowered"),
        )
        .outerjoin(channel_offers, same_offer)
        .where(
            channel_stock.c.account == account,
            channel_stock.c.confirmed_version < channel_stock.c.desired_version,
        )
        .order_by(channel_stock.c.desired_quantity, channel_stock.c.change_seq)
    )


def apply_brakes(shop: Shop, account: str, due: list[Any], on_hold: list[Any]) -> Braked:
    """Return what may be sent now; what must wait for a person is written down as held."""
    policy = shop.account(account).stock
    braked = Braked(due)
    falling = [row for row in due if _falls(row)]
    falls = _too_many_at_once(shop, account, falling, policy) or _one_by_one(shop, account, falling, policy)
    if falls is not None:
        held, braked.problem = falls
        waits = {fall.row.offer_id for fall in held}
        braked.send = [row for row in due if row.offer_id not in waits]
        braked.held = len(held)
        _hold(shop, held, braked.problem)
        braked.lowered += _what_sales_leave(shop, held, braked.problem)
    if on_hold:
        with shop.store.reading() as connection:
            again = explain_falls(connection, shop.settings, account, [row for row in on_hold if _falls(row)])
        let_go = [fall for fall in again.values() if fall.is_explained]
        # What the channel shows already is no fall: nothing waits there any more.
        settled = [row for row in on_hold if row.offer_id not in again]
        braked.send = [*_go_on(shop, [*settled, *(fall.row for fall in let_go)]), *braked.send]
        braked.lowered += _what_sales_leave(shop, [one for one in again.values() if not one.is_explained])
        braked.waiting = len(on_hold) - len(settled) - len(let_go)
    braked.waiting += braked.held
    return braked


def _falls(row: Any) -> bool:
    return row.shown is not None and row.desired_quantity < row.shown


def _too_many_at_once(
    shop: Shop, account: str, falling: Sequence[Any], policy: StockPolicy
) -> tuple[list[Fall], str] | None:
    """Return the falls that must wait and why, ``None`` when so many may happen at once.

    Judged first by what falls at all, which costs nothing; only when that is too much it is asked why.
    """
    if len(falling) < policy.min_offers_for_brake:
        return None
    with shop.store.reading() as connection:
        offers, pieces = _whole(connection, account)
        zeros = sum(row.desired_quantity == 0 for row in falling)
        less = sum(row.shown - row.desired_quantity for row in falling)
        if not _is_emptied(policy, zeros, offers) and not _is_dropped(policy, len(falling), less, pieces):
            return None
        released = _released(connection, account, falling)
        falls = [
            fall
            for fall in explain_falls(connection, shop.settings, account, falling).values()
            if not fall.is_explained and fall.row.offer_id not in released
        ]
    held: list[Fall] = []
    said = []
    empty = [fall for fall in falls if fall.row.desired_quantity == 0]
    if _is_emptied(policy, len(empty), offers):
        held, falls = empty, [fall for fall in falls if fall.row.desired_quantity > 0]
        said.append(
            f"{len(empty)} of {offers} offers would go to zero at once, more than {policy.max_share_to_zero} %"
        )
    less = sum(fall.unexplained for fall in falls)
    if _is_dropped(policy, len(falls), less, pieces):
        held = [*held, *falls]
        said.append(
            f"{less} of {pieces} pieces shown would vanish at once without a sale, more than "
            f"{policy.max_drop_share} %"
        )
    if not held:
        return None
    return held, _ask_a_person(account, " and ".join(said))


def _one_by_one(
    shop: Shop, account: str, falling: Sequence[Any], policy: StockPolicy
) -> tuple[list[Fall], str] | None:
    """Return what goes to zero when counts and corrections emptied too many offers within the hour, however spread.

    A fast lane tells each number by itself: a file an article would empty a shop without ever doing so at once.
    """
    zeros = [row for row in falling if row.desired_quantity == 0]
    if not zeros:
        return None
    with shop.store.reading() as connection:
        falls = [
            fall
            for fall in explain_falls(connection, shop.settings, account, zeros).values()
            if not fall.is_explained
        ]
        if not falls:
            return None
        emptied = _emptied_lately(connection, account, shop.account(account).serves)
        offers = connection.execute(
            sa.select(sa.func.count()).select_from(channel_stock).where(channel_stock.c.account == account)
        ).scalar_one()
        if not _is_emptied(policy, len(emptied), offers):
            return None
        released = _released(connection, account, emptied)
    held = [fall for fall in falls if fall.row.offer_id not in released]
    number = sum(row.offer_id not in released for row in emptied)
    if not held or not _is_emptied(policy, number, offers):
        return None
    return held, _ask_a_person(
        account,
        f"counts and corrections of the last hour bring {number} of {offers} offers to zero, more than "
        f"{policy.max_share_to_zero} %",
    )


def _emptied_lately(connection: Connection, account: str, places: Sequence[str]) -> list[Any]:
    """Return the offers that are to show zero and of whose article something vanished within the hour unsold."""
    moves = stock_movements.c
    vanished = sa.exists().where(
        moves.sku == channel_stock.c.sku,
        moves.location.in_(places),
        moves.kind.in_(SUPPLY_KINDS),
        moves.on_hand_delta < 0,
        moves.booked_at > clock.now() - _LATELY,
    )
    query = sa.select(channel_stock.c.offer_id, channel_stock.c.desired_version).where(
        channel_stock.c.account == account, channel_stock.c.desired_quantity == 0, vanished
    )
    return list(connection.execute(query))


def _ask_a_person(account: str, what: str) -> str:
    return (
        f"{what}; look at the stock ('order-pipelines approvals {account}'), then run "
        f"'order-pipelines release-stock {account}'"
    )


def _is_emptied(policy: StockPolicy, zeros: int, offers: int) -> bool:
    return zeros >= policy.min_offers_for_brake and Decimal(zeros * 100) > policy.max_share_to_zero * offers


def _is_dropped(policy: StockPolicy, falls: int, less: int, pieces: int) -> bool:
    return falls >= policy.min_offers_for_brake and Decimal(less * 100) > policy.max_drop_share * pieces


def _whole(connection: Connection, account: str) -> tuple[int, int]:
    """How many offers the account has, and how many pieces its channel shows of them."""
    shown = sa.func.coalesce(channel_stock.c.confirmed_quantity, channel_offers.c.stock_set, 0)
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(shown), 0))
        .select_from(channel_stock)
        .outerjoin(channel_offers, same_offer)
        .where(channel_stock.c.account == account)
    ).one()
    return int(row[0]), int(row[1])


def _released(connection: Connection, account: str, rows: Sequence[Any]) -> set[str]:
    """Which of the numbers a person let go; that holds until the number is another one."""
    wanted = {(row.offer_id, row.desired_version) for row in rows}
    found: set[str] = set()
    for part in chunks(sorted(offer for offer, _ in wanted)):
        query = sa.select(channel_stock_events.c.offer_id, channel_stock_events.c.version).where(
            channel_stock_events.c.account == account,
            channel_stock_events.c.offer_id.in_(part),
            channel_stock_events.c.kind == "released",
        )
        found |= {row.offer_id for row in connection.execute(query) if (row.offer_id, row.version) in wanted}
    return found


def _hold(shop: Shop, falls: Sequence[Fall], reason: str) -> None:
    values = {"state": ON_HOLD, "reason": reason, "not_before": None, "attempts": 0}
    with shop.store.transaction() as connection:
        rows = _change(connection, [fall.row for fall in falls], values)
        note_events(connection, [_event(row, "held", row.desired_version, reason) for row in rows])


def _go_on(shop: Shop, rows: Sequence[Any]) -> list[Any]:
    """Let numbers go that wait for no reason any more; returns their rows as they are then."""
    if not rows:
        return []
    values = {"state": PENDING, "reason": SOLD_ANYWAY, "not_before": None}
    with shop.store.transaction() as connection:
        gone = _change(connection, rows, values)
        note_events(connection, [_event(row, "released", row.desired_version, SOLD_ANYWAY) for row in gone])
    return [_like(row, **values) for row in gone]


def _what_sales_leave(shop: Shop, falls: Sequence[Fall], reason: str | None = None) -> list[Any]:
    """Return rows to send for numbers that wait: asked about when on their way, else what sales leave of them.

    Such a number has a version of its own below the one that waits, so that confirming it settles nothing else.
    """
    now = clock.now() + _AT_ONCE
    to_send, lower = [], []
    for fall in falls:
        row = fall.row
        if row.write_reference is not None and row.sent_version > row.confirmed_version:
            to_send.append(
                _like(
                    row,
                    state=SENT,
                    is_lowered=True,
                    desired_quantity=row.sent_quantity,
                    desired_version=row.sent_version,
                )
            )
        elif fall.sales_leave < row.shown and (reason or row.not_before is None or row.not_before <= now):
            lower.append(fall)
    if not lower:
        return to_send
    events = []
    with shop.store.transaction() as connection:
        for fall in lower:
            row, said = fall.row, reason or fall.row.reason
            told, waits = row.desired_version + 1, row.desired_version + 2
            if not _change(connection, [row], {"desired_version": waits}):
                continue
            events += [
                event_of(row, "desired", fall.sales_leave, told, _SALES_LEAVE),
                _event(row, "desired", waits, None),
                _event(row, "held", waits, said),
            ]
            to_send.append(
                _like(
                    row,
                    state=PENDING,
                    reason=said,
                    is_lowered=True,
                    desired_quantity=fall.sales_leave,
                    desired_version=told,
                    write_reference=None,
                )
            )
        note_events(connection, events)
    return to_send


def _event(row: Any, kind: Any, version: int, reason: str | None) -> Any:
    return event_of(row, kind, row.desired_quantity, version, reason)


def _change(connection: Connection, rows: Sequence[Any], values: dict[str, Any]) -> list[Any]:
    """Change those whose number is still the one that was judged, and return them; others wait for the next push."""
    first = next_values(connection, CHANGE, len(rows))
    return [
        row
        for number, row in enumerate(rows, start=first)
        if connection.execute(
            sa.update(channel_stock)
            .where(
                channel_stock.c.account == row.account,
                channel_stock.c.offer_id == row.offer_id,
                channel_stock.c.desired_version == row.desired_version,
            )
            .values(**values, change_seq=number)
        ).rowcount
    ]


def _like(row: Any, **other: Any) -> Any:
    return SimpleNamespace(**{**row._mapping, **other})
