"""Why is this number so: from what lies there to what a channel shows, now or at any past second, with what made it.

Every answer has the same way: per place on hand, reserved, owed → what may be promised → how it is shown → desired →
sent → confirmed → read back. The first two that do not follow from each other are named in a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.availability import Explained, Terms
from order_pipelines.errors import DomainRuleError
from order_pipelines.operations.tables import stock_movements, stock_positions
from order_pipelines.services.account_stops import STOCK, Stop, all_stops, stop_of
from order_pipelines.services.availability import Stockroom, read_stockroom
from order_pipelines.services.freshness import describe, stale_inputs
from order_pipelines.services.past_stock import PastPlace, happened_places, known_places, room_at
from order_pipelines.services.stock_history import Happened, history_of, late_movements
from order_pipelines.services.told_numbers import Number, ToldOffer, told_offers
from order_pipelines.settings import AccountSettings, Settings

EVENTS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """One place of an article: what is there, and whether it serves the account."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    open_demand: int
    counted_at: datetime | None
    is_serving: bool
    is_external: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A place whose stock at that moment was another one than was known then."""

    sku: str
    location: str
    known: PastPlace
    happened: PastPlace


@dataclass(frozen=True, slots=True)
class Sum:
    """The terms of an article, or of one part of a bundle, added up."""

    sku: str
    pieces_each: int
    on_hand: int
    external: int
    supplier: int
    incoming: int
    reserved: int
    open_demand: int
    buffer: int
    available: int
    is_counted: bool


@dataclass(frozen=True, slots=True)
class OfferAnswer:
    """One offer: how its number comes about, and how far it came. ``problem``: the first that does not follow."""

    offer_id: str
    own_open: int
    own_reserved: int
    promised: int
    told: int
    offer: ToldOffer
    problem: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything about one article at one account."""

    account: str
    sku: str
    asked_at: datetime
    at: datetime | None
    as_happened: bool
    policy: str
    verdict: str
    available: int
    parts: tuple[Sum, ...]
    places: tuple[Place, ...]
    offers: tuple[OfferAnswer, ...]
    history: tuple[Happened, ...]
    differences: tuple[Difference, ...] = ()
    late: tuple[Happened, ...] = ()
    notes: tuple[str, ...] = field(default=())


def explain_stock(
    connection: Connection,
    settings: Settings,
    account: str,
    sku: str,
    *,
    at: datetime | None = None,
    as_happened: bool = False,
    events: int = EVENTS,
) -> Answer:
    """Return how the numbers of an article at an account come about.

    Args:
        connection: to the operations store, in one consistent view.
        settings: of the merchant.
        account: whose customers see the numbers.
        sku: article or bundle.
        at: a past moment; ``None``: now.
        as_happened: what is known now about that moment, in place of what was known then.
        events: at most so many movements and events, the newest.

    Raises:
        DomainRuleError: nothing at all is known of the article.
    """
    now = clock.now()
    moment = at or now
    if at is None and not as_happened:
        room = read_stockroom(connection, settings, [sku])
    else:
        room = room_at(connection, settings, [sku], moment, as_happened=as_happened)
    goods = sorted(room.bundles.get(sku, {sku: 1}))
    offers = told_offers(connection, account, sku, at)
    history = history_of(connection, account, sku, goods, moment, as_happened=as_happened, limit=events)
    if not offers and not history and not any(room.places.get(part) for part in goods):
        raise DomainRuleError(f"nothing is known of {sku}: no stock, no movement and no offer at {account}")
    explained = room.explained(account, sku, subtracts_open_orders=False, max_quantity=10**9)
    answers = [_offer(connection, settings, room, account, sku, offer, at) for offer in offers]
    ledger = _ledger_problem(connection, goods) if at is None else None
    known, happened = _both(connection, goods, moment, at)
    counted = happened if as_happened else known
    return Answer(
        account=account,
        sku=sku,
        asked_at=now,
        at=at,
        as_happened=as_happened,
        policy=_policy_words(explained),
        verdict=ledger or _verdict(settings, room, account, sku, answers),
        available=explained.available,
        parts=tuple(_sum(room, account, sku, part) for part in goods),
        places=tuple(_places(settings, room, account, goods, counted)),
        offers=tuple(answers),
        history=tuple(history),
        differences=tuple(_differences(known, happened)) if at is not None else (),
        late=tuple(late_movements(connection, goods, moment, limit=events)) if at is not None else (),
        notes=(
            *_brakes(connection, settings, account, at),
            *_notes(settings.accounts[account], at, is_bundle=sku in room.bundles),
        ),
    )


def _both(
    connection: Connection, goods: Sequence[str], moment: datetime, at: datetime | None
) -> tuple[dict[tuple[str, str], PastPlace], dict[tuple[str, str], PastPlace]]:
    known = known_places(connection, goods, moment)
    return known, known if at is None else happened_places(connection, goods, moment)


def _sum(room: Stockroom, account: str, sku: str, part: str) -> Sum:
    terms: Terms = room.terms(account, part)
    return Sum(
        part,
        room.bundles.get(sku, {}).get(part, 1),
        terms.on_hand,
        terms.external_on_hand,
        terms.supplier_counted,
        terms.incoming_counted,
        terms.reserved,
        terms.open_demand,
        terms.buffer,
        terms.available,
        terms.is_known,
    )


def _places(
    settings: Settings,
    room: Stockroom,
    account: str,
    goods: Sequence[str],
    counted: dict[tuple[str, str], PastPlace],
) -> list[Place]:
    external = {place.name for place in settings.locations if place.external}
    return [
        Place(
            part,
            place.location,
            place.on_hand,
            place.reserved,
            place.open_demand,
            counted.get((part, place.location), PastPlace()).counted_at,
            place.location in settings.accounts[account].serves,
            place.location in external,
        )
        for part in goods
        for place in room.places.get(part, ())
    ]


def _differences(
    known: dict[tuple[str, str], PastPlace], happened: dict[tuple[str, str], PastPlace]
) -> list[Difference]:
    found = []
    for place in sorted(known.keys() | happened.keys()):
        then, now = known.get(place, PastPlace()), happened.get(place, PastPlace())
        if (then.on_hand, then.reserved, then.open_demand) != (now.on_hand, now.reserved, now.open_demand):
            found.append(Difference(*place, then, now))
    return found


def _offer(
    connection: Connection,
    settings: Settings,
    room: Stockroom,
    account: str,
    sku: str,
    offer: ToldOffer,
    at: datetime | None,
) -> OfferAnswer:
    found = room.explained(
        account,
        sku,
        subtracts_open_orders=offer.subtracts_open_orders,
        max_quantity=offer.max_quantity,
    )
    is_known = room.is_known(account, sku) or found.policy.kind == "always"
    stop = stop_of(connection, account, STOCK) if at is None else None
    problem = offer_problem(settings, account, offer, found.told if is_known else None, at, stop)
    return OfferAnswer(
        offer.offer_id, found.own_open, found.own_reserved, found.promised, found.told, offer, problem
    )


def offer_problem(
    settings: Settings,
    account: str,
    offer: ToldOffer,
    told: int | None,
    at: datetime | None,
    stop: Stop | None = None,
) -> str | None:
    """Return the first step of an offer's number that does not follow from the one before, ``None``: all do.

    Args:
        settings: of the merchant.
        account: whose offer it is.
        offer: what it was told.
        told: what it is to be told; ``None``: the article was never counted.
        at: the moment, ``None``: now.
        stop: what keeps the account's stock from going out now.
    """
    name = f"offer {offer.offer_id}"
    desired, sent, confirmed, read = offer.desired, offer.sent, offer.confirmed, offer.read_back
    if desired is None:
        return f"{name} has no number: {_why_no_number(settings.accounts[account], offer, told)}"
    if told is not None and told != desired.quantity:
        settled = " by today's settings" if at is not None else ""
        return (
            f"{name} should be told {told}{settled} and its desired number is {desired.quantity}"
            f"{_since(desired)}"
        )
    if sent is None or sent.version < desired.version:
        why = _why(settings, account, offer, stop)
        return f"{name}: {desired.quantity} is desired{_since(desired)} and not sent: {why}"
    if confirmed is None or confirmed.version < sent.version:
        fate = "no answer yet"
        if offer.fate is not None and offer.fate.version >= sent.version:
            fate = _words(offer.fate.kind, offer.fate.reason)
        return f"{name}: {sent.quantity} was sent{_at(sent)} and is not confirmed: {fate}"
    if read is not None and offer.is_read_after and read.quantity != confirmed.quantity:
        there = "no readable number" if read.quantity is None else str(read.quantity)
        return f"{name}: {confirmed.quantity} was confirmed{_at(confirmed)} and it showed {there}{_at(read)}"
    return None


def _why_no_number(account: AccountSettings, offer: ToldOffer, told: int | None) -> str:
    if not offer.is_own:
        return "it is not shipped by the merchant"
    if not offer.is_listed:
        return "its channel does not list it any more"
    if not account.enabled or not account.stock.push:
        return "the settings send this account no stock"
    if told is None:
        return "the article was never counted at a place that serves the account"
    return "none was computed yet"


def _why(settings: Settings, account: str, offer: ToldOffer, stop: Stop | None) -> str:
    if settings.accounts[account].mode == "observe":
        return "the account observes"
    if stop is not None:
        return stop.words_for_people
    fate, desired = offer.fate, offer.desired
    if (
        fate is not None
        and desired is not None
        and fate.version >= desired.version
        and fate.kind != "released"
    ):
        return _words(fate.kind, fate.reason)
    return "it goes with the next push"


def _words(kind: str, reason: str | None) -> str:
    return kind.replace("_", " ") + (f" ({reason})" if reason else "")


def _since(number: Number) -> str:
    return "" if number.at is None else f" since {number.at:%Y-%m-%d %H:%M:%S} UTC"


def _at(number: Number) -> str:
    return "" if number.at is None else f" at {number.at:%Y-%m-%d %H:%M:%S} UTC"


def _ledger_problem(connection: Connection, goods: Sequence[str]) -> str | None:
    """The books themselves come first: a position that is not the sum of its movements explains nothing."""
    moves = stock_movements.c
    for part in goods:
        sums = {
            row.location: tuple(int(value) for value in row[1:])
            for row in connection.execute(
                sa.select(
                    moves.location,
                    sa.func.sum(moves.on_hand_delta),
                    sa.func.sum(moves.reserved_delta),
                    sa.func.sum(moves.open_demand_delta),
                )
                .where(moves.sku == part)
                .group_by(moves.location)
            )
        }
        query = sa.select(stock_positions).where(stock_positions.c.sku == part)
        for row in connection.execute(query.order_by(stock_positions.c.location)):
            stands = (row.on_hand, row.reserved, row.open_demand)
            moved = sums.get(row.location, (0, 0, 0))
            if stands != moved:
                return (
                    f"the position of {part} at {row.location} (on hand, reserved, owed: {stands}) is not the sum of "
                    f"its movements {moved}: run 'order-pipelines stock check'"
                )
    return None


def _verdict(
    settings: Settings, room: Stockroom, account: str, sku: str, answers: Sequence[OfferAnswer]
) -> str:
    for answer in answers:
        if answer.problem is not None:
            return answer.problem
    if not answers:
        return f"{account} has no offer of {sku}: nothing is told"
    if not room.is_known(account, sku):
        return f"{sku} was never counted at a place that serves {account}"
    return "what is computed, desired, sent, confirmed and read back agree"


def _policy_words(found: Explained) -> str:
    policy = found.policy
    if policy.kind == "capped":
        return f"capped at {policy.cap}"
    if policy.kind in {"hidden", "always"}:
        return f"{policy.kind}, shows {policy.shown}"
    return policy.kind


def _brakes(connection: Connection, settings: Settings, account: str, at: datetime | None) -> list[str]:
    """What keeps numbers of the account from going out, or up, now."""
    if at is not None:
        return []
    stale = describe(stale_inputs(connection, settings, account))
    return [
        *(stop.words_for_people for stop in all_stops(connection, account)),
        *([] if stale is None else [stale]),
    ]


def _notes(account: AccountSettings, at: datetime | None, *, is_bundle: bool) -> list[str]:
    if at is None:
        return []
    notes = ["policy, buffer and the places that serve the account are those of today's settings"]
    if is_bundle:
        notes.append("the bundle is taken to be made of what it is made of today")
    if account.stock.supplier_direct or account.stock.incoming_days is not None:
        notes.append("what suppliers and purchase orders add is what they state today")
    if account.stock.measured_buffer:
        notes.append("the measured buffer is the one computed last")
    return notes
