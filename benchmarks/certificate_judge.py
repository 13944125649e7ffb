"""What came of it: oversold pieces, which of them could have been helped, what caution cost; and our own verdicts.

Which could be helped is decided by the world from what was told when, and not by the product.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from benchmarks.certificate_world import Channel, Oversold, World
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import oversell_cases

Fate = Literal["unknown", "in_time", "refused", "ignored", "avoidable"]
# A reading and the repair that follows it are calls too.
_CALLS_S = 10.0


@dataclass(slots=True)
class Agreement:
    """The product's cases beside the world's: sales with as many pieces short in both, articles likewise."""

    oversold: int = 0
    agreed: int = 0
    without_case: list[str] = field(default_factory=list)
    too_many: list[str] = field(default_factory=list)
    articles_differ: list[str] = field(default_factory=list)
    causes: dict[str, int] = field(default_factory=dict)
    avoidable: int = 0


@dataclass(slots=True)
class Tally:
    """One way of keeping stock through the plan; pieces, seconds and cents."""

    name: str
    shoppers: int = 0
    accepted: int = 0
    oversold: int = 0
    in_flashes: int = 0
    fates: dict[str, int] = field(default_factory=dict)
    known_p50_s: float = 0.0
    known_p95_s: float = 0.0
    never_known: int = 0
    lost: int = 0
    unserved: int = 0
    unsold_cents: int = 0
    writes: int = 0
    troubles: int = 0
    details: list[str] = field(default_factory=list)
    agreement: Agreement | None = None

    @property
    def avoidable(self) -> int:
        return self.fates.get("avoidable", 0)

    @property
    def others(self) -> int:
        return self.oversold - self.avoidable


def tally(name: str, world: World, *, read_back_s: float = 0.0) -> Tally:
    """Count what came of a plan. ``read_back_s``: how often this way looks whether a number was kept; 0: never."""
    usual = {channel.rule.name: channel.usual_s() for channel in world.channels.values()}
    found = Tally(name, shoppers=len(world.plan.shoppers))
    found.accepted = sum(order.pieces for order in world.orders)
    fates: Counter[str] = Counter()
    for one in world.oversold:
        channel = world.channels[one.order.channel]
        fate = fate_of(one, channel, usual[one.order.channel], read_back_s)
        fates[fate] += one.order.short
        found.in_flashes += one.order.short * one.order.shopper.is_in_flash
        found.details.append(_told(one, fate))
    found.fates = dict(sorted(fates.items()))
    found.oversold = sum(fates.values())
    lags = sorted(order.known_at - order.at for order in world.orders if order.known_at is not None)
    if lags:
        found.known_p50_s, found.known_p95_s = lags[len(lags) // 2], lags[len(lags) * 95 // 100]
    found.never_known = len(world.orders) - len(lags)
    found.lost, found.unserved = world.lost_units, world.unserved_units
    found.unsold_cents = sum(max(0, world.free(sku)) * price for sku, price in world.plan.prices.items())
    found.writes = sum(len(channel.writes) for channel in world.channels.values())
    return found


def fate_of(one: Oversold, channel: Channel, usual_s: float, read_back_s: float) -> Fate:
    """Return whether an oversold piece could have been helped.

    ``unknown``: by what had been read there was enough. ``in_time``: too little was known, for less long than the
    channel's own rules and its usual answer take. ``refused``: the channel took no number from then on until the sale.
    ``ignored``: it had said that it shows the new number and did not, and it was too early to have read that. What is
    left is ``avoidable``.
    """
    if one.known_since is None:
        return "unknown"
    sold_at, rule = one.order.at, channel.rule
    may_tell_at = one.known_since
    before = channel.last_write(one.order.sku, may_tell_at)
    if rule.is_later and before is not None and before.answered_at > may_tell_at:
        # It has not decided yet about the number before, and what is sent behind that might be overtaken.
        may_tell_at = before.answered_at
    needs_s = rule.interval_s + usual_s
    for outage in channel.outages:
        if outage.begins <= may_tell_at + needs_s and outage.ends > may_tell_at:
            if outage.ends > sold_at >= outage.begins:
                return "refused"
            if outage.ends <= sold_at:
                may_tell_at = outage.ends
    if sold_at <= may_tell_at + needs_s:
        return "in_time"
    told = one.told
    if told is not None and told.is_lie and sold_at <= told.answered_at + read_back_s + needs_s + _CALLS_S:
        return "ignored"
    return "avoidable"


def _told(one: Oversold, fate: str) -> str:
    order = one.order
    since = "not known" if one.known_since is None else f"known for {order.at - one.known_since:.1f} s"
    told = (
        "told nothing"
        if one.told is None
        else f"last told {one.told.quantity}, {order.at - one.told.asked_at:.1f} s before"
        + (", which it ignored" if one.told.is_lie else "")
    )
    what = f"{order.short} of {order.pieces} {order.sku} at {order.channel}"
    return f"{fate}: {what}, second {order.at:.1f}, {since}, {told}"


def compare(world: World, store: OperationsStore) -> Agreement:
    """Compare the product's cases with what really was short."""
    short = {f"{one.order.channel}:{one.order.order_id}": one.order for one in world.oversold}
    with store.reading() as connection:
        query = sa.select(oversell_cases).where(oversell_cases.c.quantity > 0)
        cases = {row.order_key: row for row in connection.execute(query)}
    found = Agreement(oversold=len(short))
    for key, order in sorted(short.items()):
        if key in cases and cases[key].quantity == order.short:
            found.agreed += 1
        elif key not in cases:
            found.without_case.append(key)
        else:
            found.too_many.append(key)
    found.too_many += sorted(cases.keys() - short.keys())
    ours: Counter[str] = Counter()
    for row in cases.values():
        ours[row.sku] += row.quantity
    theirs: Counter[str] = Counter()
    for order in short.values():
        theirs[order.sku] += order.short
    found.articles_differ = sorted(sku for sku in ours | theirs if ours[sku] != theirs[sku])
    found.causes = dict(sorted(Counter(row.cause for row in cases.values()).items()))
    found.avoidable = sum(row.quantity for row in cases.values() if row.is_avoidable)
    return found


def in_words(counts: Mapping[str, int]) -> str:
    """Return counts as a sentence's part."""
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"
