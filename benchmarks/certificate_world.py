"""Channels that sell by their own rules, the shelves behind them, and what each way of keeping stock was told when.

Nothing here is of the product: this is what it is measured against. The world knows every piece; ``Books`` know only
what was read by then.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from benchmarks.certificate_demand import DAY, HOUR, MINUTE, Outage, Plan, Rule, Shopper
from benchmarks.certificate_time import Simulation

_LIES, _LOST_REPLIES = 0.002, 0.003
_SHIPS_AT, _ORDERED_BY = 16.5 * HOUR, 15 * HOUR
_COUNTS_AT, _COUNT_IS_TOLD_AFTER = 6 * HOUR, 5 * MINUTE
MOST_PIECES = 2


@dataclass(slots=True)
class Placed:
    """An order that a channel accepted. ``short`` pieces of it were not there."""

    order_id: str
    channel: str
    sku: str
    pieces: int
    at: float
    shopper: Shopper
    short: int = 0
    cancelled_at: float | None = None
    shipped_at: float | None = None
    changed_at: float = 0.0
    known_at: float | None = None

    @property
    def state(self) -> str:
        return "cancelled" if self.cancelled_at is not None else "shipped" if self.shipped_at else "open"


@dataclass(slots=True)
class Write:
    """A number that a channel was told; ``is_lie``: it says that it shows it and does not."""

    sku: str
    quantity: int
    asked_at: float
    shown_at: float
    answered_at: float
    is_lie: bool
    loses_reply: bool


class Channel:
    """One account at one channel: what it shows, and what can be read of it."""

    def __init__(self, rule: Rule, simulation: Simulation, outages: list[Outage], seed: int) -> None:
        self.rule = rule
        self.outages = outages
        self.orders: dict[str, Placed] = {}
        self.writes: list[Write] = []
        self.next_call_at = 0.0
        self.on_news: Callable[[], None] = lambda: None
        self._simulation = simulation
        self._random = Random(f"{seed} {rule.name}")
        self._told: dict[str, int] = {}
        self._open: dict[str, int] = defaultdict(int)
        self._since: dict[str, int] = defaultdict(int)
        self._feed: list[tuple[float, str]] = []
        self._of_sku: dict[str, list[Write]] = defaultdict(list)

    def open_with(self, sku: str, pieces: int) -> None:
        """Show an article from the start."""
        self._told[sku] = pieces

    @property
    def skus(self) -> list[str]:
        return sorted(self._told)

    def held(self, sku: str) -> int:
        """Return what it would say that it was told."""
        return self._told[sku]

    def shown(self, sku: str) -> int:
        """Return what shoppers can buy."""
        told = self._told[sku]
        if self.rule.keeps == "subtracts":
            return told - self._open[sku]
        return told - self._since[sku] if self.rule.keeps == "since_update" else told

    def outage(self, at: float) -> Outage | None:
        """Return the outage at a moment."""
        return next((one for one in self.outages if one.begins <= at < one.ends), None)

    def duration(self, least: float, most: float) -> float:
        """Return how long this call takes."""
        return round(self._random.uniform(least, most), 3)

    # --- orders ---

    def accept(self, order: Placed) -> None:
        self.orders[order.order_id] = order
        self._open[order.sku] += order.pieces
        self._since[order.sku] += order.pieces
        if self.rule.keeps == "lowers":
            self._told[order.sku] = max(0, self._told[order.sku] - order.pieces)

    def end(self, order: Placed, *, is_cancelled: bool) -> None:
        """A customer cancelled, or the pieces left."""
        self._open[order.sku] -= order.pieces
        if is_cancelled and self.rule.gives_back:
            self._told[order.sku] += order.pieces

    def list_later(self, order: Placed) -> None:
        """Let what happened to an order be seen as soon as this channel shows it."""
        at = self._simulation.now + order.shopper.read_s
        if step := self.rule.read_every_s:
            at = (int(at / step) + 1) * step
        insort(self._feed, (at, order.order_id))
        self._simulation.at(at, self._tell_news)

    def _tell_news(self) -> None:
        self.on_news()

    def listed(self, since: float | None, until: float) -> list[Placed]:
        """Return what showed something new between two moments."""
        begin = 0 if since is None else bisect_right(self._feed, (since, ""))
        end = bisect_right(self._feed, (until, "\uffff"))
        return [self.orders[name] for name in dict.fromkeys(one for _, one in self._feed[begin:end])]

    def news_after(self, since: float) -> bool:
        """Tell whether something new can be read by now."""
        return bisect_right(self._feed, (since, "\uffff")) < bisect_right(
            self._feed, (self._simulation.now, "\uffff")
        )

    # --- stock ---

    def write(self, sku: str, quantity: int) -> Write:
        """Take a number. When shoppers see it is the channel's business."""
        now = self._simulation.now
        took = self.duration(*self.rule.effect_s)
        shown_at = now + (took if self.rule.is_later else took * 0.6)
        before = self._of_sku[sku]
        if before:
            shown_at = max(shown_at, before[-1].shown_at)
        fate = self._random.random()
        write = Write(
            sku,
            quantity,
            now,
            shown_at,
            max(now + took, shown_at),
            is_lie=fate < _LIES,
            loses_reply=_LIES <= fate < _LIES + _LOST_REPLIES,
        )
        before.append(write)
        self.writes.append(write)
        if not write.is_lie:
            self._simulation.at(shown_at, self._show, write)
        return write

    def _show(self, write: Write) -> None:
        self._told[write.sku] = write.quantity
        self._since[write.sku] = 0

    def last_write(self, sku: str, by: float) -> Write | None:
        """Return the last number it was told by a moment."""
        return next((one for one in reversed(self._of_sku[sku]) if one.asked_at <= by), None)

    def usual_s(self) -> float:
        """Return the 95th percentile of the time from being told a number to its answer."""
        took = sorted(one.answered_at - one.asked_at for one in self.writes)
        return took[max(0, -(-len(took) * 95 // 100) - 1)] if took else 0.0


class Books:
    """What somebody who read this and no more would say is left; since when it was too little for so many pieces."""

    def __init__(self) -> None:
        self._counted: dict[str, tuple[float, int]] = {}
        self._on_hand: dict[str, int] = defaultdict(int)
        self._owed: dict[str, int] = defaultdict(int)
        self._said: dict[str, str] = {}
        self._left_at: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._low: dict[tuple[str, int], float] = {}

    def left(self, sku: str) -> int:
        return self._on_hand[sku] - self._owed[sku]

    def low_since(self, sku: str, pieces: int) -> float | None:
        """Return since when too little was known to be left; ``None``: by the books there is enough."""
        return self._low.get((sku, pieces))

    def count(self, sku: str, pieces: int, taken_at: float, now: float) -> None:
        """A shelf was counted: what left later left."""
        gone = sum(one for at, one in self._left_at[sku] if at > taken_at)
        self._on_hand[sku] = pieces - gone
        self._counted[sku] = (taken_at, pieces)
        self._look(sku, now)

    def read(self, order: Placed, now: float) -> None:
        """An order was read as it stands now."""
        before, state = self._said.get(order.order_id), order.state
        if order.known_at is None:
            order.known_at = now
        if before == state:
            return
        self._said[order.order_id] = state
        self._owed[order.sku] += order.pieces * ((state == "open") - (before == "open"))
        if state == "shipped" and order.shipped_at is not None:
            self._left_at[order.sku].append((order.shipped_at, order.pieces))
            counted = self._counted.get(order.sku)
            if counted is None or order.shipped_at > counted[0]:
                self._on_hand[order.sku] -= order.pieces
        self._look(order.sku, now)

    def _look(self, sku: str, now: float) -> None:
        left = self.left(sku)
        for pieces in range(1, MOST_PIECES + 1):
            if left >= pieces:
                self._low.pop((sku, pieces), None)
            else:
                self._low.setdefault((sku, pieces), now)


class Keeper(Protocol):
    """A way of keeping stock."""

    def begin(self, world: "World") -> None:
        """Set up, before anybody buys."""

    def counted(self, rows: list[tuple[str, int]], taken_at: float) -> None:
        """Take a count of some shelves."""

    def pushed(self, channel: Channel, order: Placed, number: int) -> bool:
        """Take a webhook; ``False``: nobody answers, it comes again."""

    def stand_still(self, *, stops: bool) -> None:
        """The process stops, or starts again."""


@dataclass(slots=True)
class Oversold:
    """A sale of pieces that were not there, and what was known of it when it was accepted."""

    order: Placed
    known_since: float | None
    told: Write | None


@dataclass
class World:
    """All channels and the shelves, through a plan, kept by one way."""

    plan: Plan
    simulation: Simulation
    keeper: Keeper
    channels: dict[str, Channel] = field(default_factory=dict)
    on_hand: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    orders: list[Placed] = field(default_factory=list)
    oversold: list[Oversold] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    lost_units: int = 0
    unserved_units: int = 0
    is_standing_still: bool = False
    _to_count: set[str] = field(default_factory=set)

    def open(self) -> None:
        """Put everything on its shelf and on the agenda, and let the keeper begin."""
        plan, simulation = self.plan, self.simulation
        for rule in plan.rules:
            self.channels[rule.name] = Channel(rule, simulation, plan.outages[rule.name], plan.seed)
        for sku, pieces in plan.opening.items():
            self.on_hand[sku] = pieces
            self.books.count(sku, pieces, simulation.now, simulation.now)
            for name in plan.listed[sku]:
                self.channels[name].open_with(sku, pieces)
        for at, sku, pieces in plan.deliveries:
            simulation.at(at, self._deliver, sku, pieces)
        for day in range(plan.days):
            simulation.at(day * DAY + _COUNTS_AT, self._count)
            simulation.at(day * DAY + _SHIPS_AT, self._ship)
        for begins, ends in plan.standstills:
            simulation.at(begins, self._stand_still, True)
            simulation.at(ends, self._stand_still, False)
        for shopper in plan.shoppers:
            simulation.at(shopper.at, self._come, shopper)
        self.keeper.begin(self)

    def free(self, sku: str) -> int:
        """Return the pieces that lie there and are nobody's."""
        return self.on_hand[sku] - self.owed[sku]

    def _come(self, shopper: Shopper) -> None:
        channel = self.channels[shopper.channel]
        sku, pieces = shopper.sku, shopper.pieces
        free = self.free(sku)
        if channel.shown(sku) < pieces:
            if free >= pieces:
                self.lost_units += pieces
            else:
                self.unserved_units += pieces
            return
        now = self.simulation.now
        name = f"{channel.rule.name[:3].upper()}{shopper.number:06d}"
        order = Placed(name, channel.rule.name, sku, pieces, now, shopper, changed_at=now)
        order.short = pieces - max(0, min(pieces, free))
        if order.short:
            since = self.books.low_since(sku, pieces)
            self.oversold.append(Oversold(order, since, channel.last_write(sku, now)))
        self.orders.append(order)
        self.owed[sku] += pieces
        channel.accept(order)
        self._tell(channel, order)
        if shopper.cancels_after_s is not None:
            self.simulation.at(now + shopper.cancels_after_s, self._end, order, True)

    def _end(self, order: Placed, is_cancelled: bool) -> None:
        if order.state != "open":
            return
        now = self.simulation.now
        order.changed_at = now
        self.owed[order.sku] -= order.pieces
        if is_cancelled:
            order.cancelled_at = now
        else:
            order.shipped_at = now
            self.on_hand[order.sku] -= order.pieces
            if order.shopper.returns_after_s is not None:
                self.simulation.at(
                    now + order.shopper.returns_after_s, self._deliver, order.sku, order.pieces
                )
        channel = self.channels[order.channel]
        channel.end(order, is_cancelled=is_cancelled)
        self._tell(channel, order)

    def _tell(self, channel: Channel, order: Placed) -> None:
        channel.list_later(order)
        for number, after_s in enumerate(order.shopper.pushes_s):
            self.simulation.at(self.simulation.now + after_s, self._push, channel, order, number)

    def _push(self, channel: Channel, order: Placed, number: int) -> None:
        is_out = channel.outage(self.simulation.now) is not None
        if is_out or not self.keeper.pushed(channel, order, number):
            self.simulation.at(self.simulation.now + MINUTE, self._push, channel, order, number)

    def _deliver(self, sku: str, pieces: int) -> None:
        self.on_hand[sku] += pieces
        self._to_count.add(sku)

    def _count(self) -> None:
        rows = [(sku, max(0, self.on_hand[sku])) for sku in sorted(self._to_count)]
        self._to_count.clear()
        if rows:
            now = self.simulation.now
            self.simulation.at(now + _COUNT_IS_TOLD_AFTER, self.keeper.counted, rows, now)

    def _ship(self) -> None:
        """What was ordered by three leaves, first come first served; who waited a day in vain is cancelled."""
        today = self.simulation.now - _SHIPS_AT
        for order in self.orders:
            if order.state != "open" or order.at > today + _ORDERED_BY:
                continue
            if self.on_hand[order.sku] >= order.pieces:
                self._end(order, False)
            elif self.simulation.now - order.at > DAY:
                self._end(order, True)

    def _stand_still(self, stops: bool) -> None:
        self.is_standing_still = stops
        self.keeper.stand_still(stops=stops)
