"""Why a piece was sold that was not there: who knew what when, what the channel had been told, could it be helped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.stock import OversellCause
from order_pipelines.operations.tables import channel_stock_events, order_lines
from order_pipelines.services.availability import policy_of, read_stockroom
from order_pipelines.services.sale_lines import SaleLine
from order_pipelines.services.shelves import News, Shelf
from order_pipelines.settings import Settings

_SAMPLES = 500
_SAMPLED = timedelta(days=7)
_REMEMBERED = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why it happened.

    Args:
        cause: the word for it.
        is_avoidable: we knew, and had the time to tell; or the channel had confirmed that there is none.
        known_at: when we knew that there was too little.
        late_seconds: how late the news was, or the number; ``None`` where neither was.
        words: the evidence, as a sentence.
    """

    cause: OversellCause
    is_avoidable: bool
    known_at: datetime | None
    late_seconds: int | None
    words: str


def find_cause(
    connection: Connection, settings: Settings, line: SaleLine, shelf: Shelf, short: int
) -> Verdict:
    """Return why ``short`` pieces of a line were sold that were not there."""
    account = settings.accounts[line.account]
    if policy_of(account, line.ordered_sku).kind == "always":
        return Verdict(
            "policy", False, None, None, f"{line.account} shows {line.ordered_sku} whatever there is"
        )
    terms = read_stockroom(connection, settings, [line.sku]).terms(line.account, line.sku)
    elsewhere = terms.supplier_counted + terms.incoming_counted
    if elsewhere >= short:
        words = f"{line.account} counts on {elsewhere} pieces of suppliers and purchase orders"
        return Verdict("supplier", False, None, None, words)
    left, since = shelf.known_left(line, account.serves)
    offer = _Offer(connection, line)
    if not shelf.was_known_by(line.placed_at, account.serves):
        words = f"we knew of none of it by then; {_told(line, offer)}"
        return Verdict("unknown", offer.showed_none_at(line.placed_at), None, None, words)
    if since is None:
        return _not_known(settings, line, shelf, left, offer)
    return _known(connection, settings, line, since, offer)


def _not_known(settings: Settings, line: SaleLine, shelf: Shelf, left: int, offer: "_Offer") -> Verdict:
    """By the books there was enough: what came late?"""
    after_zero = offer.showed_none_at(line.placed_at)
    tail = "; its channel had confirmed that there is none" if after_zero else ""
    places = settings.accounts[line.account].serves
    news = shelf.late_news(line, places, left)
    if news is None:
        count = shelf.unbooked_count(line, places)
        if count is not None:
            words = (
                f"a count taken {_moment(count.taken_at)} came after a newer one: {count.quantity} lay there"
            )
            return Verdict("count", after_zero, None, None, words + tail)
        words = f"by the books {left} were left; {_told(line, offer)}"
        return Verdict("unknown", after_zero, None, None, words)
    late = _seconds(news.booked_at - news.row.occurred_at)
    cause, what = _what_came_late(settings, news)
    words = (
        f"{what} of {_moment(news.row.occurred_at)} was learnt {_moment(news.booked_at)}, {late} s later; "
        f"until then {left} were left{tail}"
    )
    return Verdict(cause, after_zero, news.booked_at, late, words)


def _told(line: SaleLine, offer: "_Offer") -> str:
    confirmed = offer.confirmed_at(line.placed_at)
    number = (
        "no number of ours" if confirmed is None else f"{confirmed.quantity} {_moment(confirmed.happened_at)}"
    )
    return f"{line.account} had confirmed {number}"


def _what_came_late(settings: Settings, news: News) -> tuple[OversellCause, str]:
    row = news.row
    if row.order_key is not None:
        name = str(row.order_key).split(":", 1)[0]
        account = settings.accounts.get(name)
        if account is not None and connector_of(account.system).order_source is None:
            return "till", f"the sale {row.order_key}, told by files,"
        return "detection_lag", f"the sale {row.order_key}"
    if row.kind in {"counted", "corrected"}:
        return "count", f"the {'count' if row.kind == 'counted' else 'correction'}"
    return "unknown", f"{row.kind} ({row.cause})"


def _known(
    connection: Connection, settings: Settings, line: SaleLine, since: datetime, offer: "_Offer"
) -> Verdict:
    """We knew that there was too little: what had the channel been told?"""
    account = settings.accounts[line.account]
    interval_of = connector_of(account.system).write_interval_s
    interval = 0 if interval_of is None else interval_of(account.options)
    usual = usual_answer_s(connection, line.account, line.placed_at)
    permitted = timedelta(seconds=interval + usual)
    avoidable = line.placed_at > since + permitted or offer.showed_none_at(line.placed_at)
    knew = f"known since {_moment(since)}"
    told = offer.number_after(since, line.placed_at)
    if told is None:
        return Verdict("unknown", False, since, None, f"{knew}; {line.account} is told no number of it")
    confirmed = offer.confirmed(told.version)
    said = f"{told.quantity} was to be told (version {told.version})"
    if confirmed is not None and confirmed.happened_at <= line.placed_at:
        there = f"{knew}; {line.account} confirmed {confirmed.quantity} {_moment(confirmed.happened_at)}"
        if (read := offer.showed_more(confirmed)) is not None:
            words = f"{there} and showed {read.quantity}, read {_moment(read.happened_at)}"
            return Verdict("manual_change", avoidable, since, None, words)
        return Verdict("unknown", avoidable, since, None, f"{there} and sold nevertheless")
    late = None if confirmed is None else _seconds(confirmed.happened_at - since)
    when = (
        "never confirmed"
        if confirmed is None
        else f"confirmed {_moment(confirmed.happened_at)}, {late} s later"
    )
    spare = f"permitted are {interval} s between writes and {usual:.1f} s for the answer"
    fate = offer.last_fate(told.version, line.placed_at)
    if fate is not None and fate.kind == "rejected":
        words = f"{knew}; {said}, rejected {_moment(fate.happened_at)} ({fate.reason}); {when}; {spare}"
        return Verdict("push_rejected", avoidable, since, late, words)
    why = "" if fate is None or fate.reason is None else f", {fate.kind.replace('_', ' ')} ({fate.reason})"
    return Verdict("push_late", avoidable, since, late, f"{knew}; {said}{why}, {when}; {spare}")


def usual_answer_s(connection: Connection, account: str, before: datetime) -> float:
    """Return the 95th percentile of the time from sending to confirmation of an account's last numbers, in seconds.

    From at most 500 confirmations of the week before; 0 where there are none.
    """
    sent, events = channel_stock_events.alias("sent"), channel_stock_events.c
    last = (
        sa.select(channel_stock_events)
        .where(
            events.account == account,
            events.kind == "confirmed",
            events.happened_at <= before,
            events.happened_at > before - _SAMPLED,
        )
        .order_by(events.happened_at.desc(), events.event_seq.desc())
        .limit(_SAMPLES)
        .subquery("confirmed")
    )
    query = (
        sa.select(sa.func.max(sent.c.happened_at, type_=sent.c.happened_at.type), last.c.happened_at)
        .select_from(last)
        .join(
            sent,
            sa.and_(
                sent.c.account == last.c.account,
                sent.c.offer_id == last.c.offer_id,
                sent.c.version == last.c.version,
                sent.c.kind == "sent",
                sent.c.event_seq < last.c.event_seq,
            ),
        )
        .group_by(last.c.event_seq, last.c.happened_at)
    )
    took = sorted((there - gone).total_seconds() for gone, there in connection.execute(query))
    return took[max(0, -(-len(took) * 95 // 100) - 1)] if took else 0.0


class _Offer:
    """The events of the offer that sold a line."""

    def __init__(self, connection: Connection, line: SaleLine) -> None:
        events = channel_stock_events.c
        of_article = sa.and_(events.account == line.account, events.sku == line.ordered_sku)
        # What it showed two days before goes back to the newest of each kind by then, and no further.
        newest = (
            sa.select(sa.func.max(events.event_seq))
            .where(
                of_article,
                events.kind.in_(("desired", "confirmed")),
                events.happened_at <= line.placed_at - _REMEMBERED,
            )
            .group_by(events.offer_id, events.kind)
        )
        begun = min(connection.execute(newest).scalars(), default=0)
        query = sa.select(channel_stock_events).where(of_article, events.event_seq >= begun)
        rows = list(connection.execute(query.order_by(events.event_seq)))
        said = connection.execute(
            sa.select(order_lines.c.offer_id).where(
                order_lines.c.order_key == line.order_key, order_lines.c.line_id == line.line_id
            )
        ).scalar()
        names = sorted({row.offer_id for row in rows})
        # Where the order does not say which offer it was, the first by name: always the same one.
        name = said if said in names else (names[0] if names else None)
        self._rows: Sequence[Any] = [row for row in rows if row.offer_id == name]

    def number_after(self, since: datetime, until: datetime) -> Any | None:
        """The first number desired since a moment; without one the last before it, which was low enough already."""
        desired = [
            row for row in self._rows if row.kind in {"desired", "repaired"} and row.happened_at <= until
        ]
        later = [row for row in desired if row.happened_at >= since]
        return later[0] if later else (desired[-1] if desired else None)

    def confirmed(self, version: int) -> Any | None:
        """The first confirmation of a version or a newer one."""
        return next((row for row in self._rows if row.kind == "confirmed" and row.version >= version), None)

    def confirmed_at(self, moment: datetime) -> Any | None:
        """The last number that the channel had confirmed by a moment."""
        rows = [row for row in self._rows if row.kind == "confirmed" and row.happened_at <= moment]
        return rows[-1] if rows else None

    def showed_none_at(self, moment: datetime) -> bool:
        """Whether the last number the channel had confirmed by a moment was zero."""
        row = self.confirmed_at(moment)
        return row is not None and row.quantity == 0

    def showed_more(self, confirmed: Any) -> Any | None:
        """The reading that showed more than was confirmed, before anything else was confirmed."""
        for row in self._rows:
            if row.event_seq > confirmed.event_seq:
                if row.kind == "confirmed":
                    return None
                if row.kind == "read_back" and (row.quantity or 0) > confirmed.quantity:
                    return row
        return None

    def last_fate(self, version: int, until: datetime) -> Any | None:
        """What last became of a version or a newer one by a moment."""
        rows = [
            row
            for row in self._rows
            if row.kind in {"accepted", "postponed", "rejected", "in_doubt", "held"}
            and row.version >= version
            and row.happened_at <= until
        ]
        return rows[-1] if rows else None


def _seconds(span: timedelta) -> int:
    return max(0, round(span.total_seconds()))


def _moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
