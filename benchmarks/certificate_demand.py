"""What happens outside whatever anybody knows of it: who wants what when, deliveries, outages, restarts.

All of it is drawn from a seed before anything runs, so that every way of keeping stock meets the same world.
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0

# Webhooks that get lost, come twice, or come much later than they should.
_LOST, _TWICE, _LATE = 0.03, 0.10, 0.04
_CANCELS, _RETURNS, _TWO_PIECES = 0.04, 0.05, 0.10
_FLASH_FACTOR = 30
_NIGHT, _DAY_FROM = 0.3, 7 * HOUR


@dataclass(frozen=True, slots=True)
class Rule:
    """How a channel takes stock and what it does with it by itself.

    Args:
        name: of the account.
        title: whose rules these are.
        keeps: ``subtracts``: shows what it was told less all its open orders; ``since_update``: less those placed since
            it was told; ``lowers``: what it was told falls with each order.
        is_batch: takes many offers in one call.
        interval_s: between two such calls.
        is_later: says ``accepted`` and decides later.
        effect_s: from the call until shoppers see it, least and most.
        read_s: from an order until it can be read, least and most.
        read_every_s: orders can be read no more often than this.
        pushes: has webhooks.
        gives_back: what it holds rises by itself when a customer cancels.
        skew_s: how far its clock is ahead.
        size: its share of shoppers.
    """

    name: str
    title: str
    keeps: Literal["subtracts", "since_update", "lowers"]
    is_batch: bool = False
    interval_s: float = 0.0
    is_later: bool = False
    effect_s: tuple[float, float] = (0.1, 0.6)
    read_s: tuple[float, float] = (1.0, 10.0)
    read_every_s: float = 0.0
    pushes: bool = False
    gives_back: bool = False
    skew_s: float = 0.0
    size: float = 1.0


RULES = (
    Rule(
        "bol_main",
        "bol, not managed by the retailer",
        "subtracts",
        is_later=True,
        effect_s=(2, 15),
        read_s=(5, 30),
        skew_s=1.5,
        size=3.0,
    ),
    Rule(
        "bol_outlet",
        "bol, managed by the retailer",
        "since_update",
        is_later=True,
        effect_s=(2, 15),
        read_s=(5, 30),
        skew_s=1.5,
    ),
    Rule(
        "blokker",
        "Mirakl STO01",
        "lowers",
        is_batch=True,
        interval_s=60,
        is_later=True,
        effect_s=(5, 40),
        read_s=(2, 15),
        skew_s=-2.0,
        size=1.5,
    ),
    Rule(
        "webshop",
        "Shopware 6.6",
        "lowers",
        is_batch=True,
        read_s=(0.2, 1),
        pushes=True,
        gives_back=True,
        skew_s=0.4,
        size=2.0,
    ),
    Rule("magento", "Magento with MSI", "subtracts", read_s=(0.5, 3), skew_s=-0.7),
    Rule(
        "shopify",
        "Shopify",
        "lowers",
        is_batch=True,
        read_s=(0.5, 2),
        pushes=True,
        gives_back=True,
        skew_s=0.1,
        size=1.5,
    ),
    Rule(
        "amazon",
        "Amazon",
        "lowers",
        is_later=True,
        effect_s=(30, 180),
        read_s=(5, 60),
        read_every_s=178,
        skew_s=0.3,
        size=1.5,
    ),
    Rule(
        "zalando", "Zalando", "lowers", is_batch=True, effect_s=(1, 5), read_s=(10, 60), skew_s=2.5, size=1.5
    ),
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """Somebody who wants something of one channel, and what will come of it if there is some.

    ``pushes_s``: how long after the sale each delivery of its webhook comes; empty: it was lost. ``is_in_flash``: it is
    one of those who come for a flash sale.
    """

    number: int
    at: float
    channel: str
    sku: str
    pieces: int
    read_s: float
    pushes_s: tuple[float, ...]
    cancels_after_s: float | None
    returns_after_s: float | None
    is_in_flash: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """A channel's interface answers nobody; shoppers buy on. ``is_mute``: no connection, else an error 503."""

    begins: float
    ends: float
    is_mute: bool


@dataclass(slots=True)
class Plan:
    """A seeded stretch of time."""

    seed: int
    days: int
    rules: tuple[Rule, ...]
    listed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    opening: dict[str, int] = field(default_factory=dict)
    deliveries: list[tuple[float, str, int]] = field(default_factory=list)
    shoppers: list[Shopper] = field(default_factory=list)
    outages: dict[str, list[Outage]] = field(default_factory=dict)
    standstills: list[tuple[float, float]] = field(default_factory=list)
    drops: tuple[str, ...] = ()
    flashes: int = 0
    ends_at: float | None = None

    @property
    def end(self) -> float:
        """When the last shopper has come."""
        return self.days * DAY if self.ends_at is None else self.ends_at


def make_plan(
    seed: int, *, days: int, articles: int, orders_a_day: int, rules: tuple[Rule, ...] = RULES
) -> Plan:
    """Draw a stretch of time."""
    plan = Plan(seed, days, rules)
    random = Random(f"{seed} goods")
    skus = [f"ART-{number:04d}" for number in range(articles)]
    weights = [1 / (rank + 1) ** 0.8 for rank in range(articles)]
    # The last in line are sold in drops: few pieces, and everybody comes at once.
    drops = skus[-max(1, articles // 12) :]
    plan.drops = tuple(drops)
    a_day = {sku: orders_a_day * weight / sum(weights) for sku, weight in zip(skus, weights, strict=True)}
    by_name = {rule.name: rule for rule in rules}
    for sku in skus:
        wanted = min(len(rules), random.randint(2, 5) if sku not in drops else len(rules))
        plan.listed[sku] = tuple(sorted(random.sample(sorted(by_name), wanted)))
        plan.prices[sku] = random.randint(500, 8_000)
        plan.opening[sku] = round(a_day[sku] * 7 * random.uniform(0.2, 0.9)) + random.randint(0, 2)
        for day in range(random.randint(1, 6), days, 7):
            pieces = max(1, round(a_day[sku] * 7 * random.uniform(0.6, 1.2)))
            plan.deliveries.append((day * DAY + 5 * HOUR, sku, pieces))
    _draw_shoppers(plan, a_day, drops, by_name)
    for rule in rules:
        plan.outages[rule.name] = _outages(Random(f"{seed} outages {rule.name}"), days)
    random = Random(f"{seed} standstills")
    begins = random.uniform(0.2, 3) * DAY
    while begins < plan.end:
        plan.standstills.append((round(begins, 3), round(begins + random.uniform(2, 12) * MINUTE, 3)))
        begins += random.uniform(2, 6) * DAY
    plan.deliveries.sort()
    return plan


def _draw_shoppers(plan: Plan, a_day: dict[str, float], drops: list[str], by_name: dict[str, Rule]) -> None:
    random = Random(f"{plan.seed} shoppers")
    wishes: list[tuple[float, str, bool]] = []
    for sku, rate in a_day.items():
        at = 0.0
        while (at := at + random.expovariate(rate / DAY * 1.25)) < plan.end:
            if at % DAY >= _DAY_FROM or random.random() < _NIGHT:
                wishes.append((at, sku, False))
    for day in range(plan.days):
        sku = random.choice(drops)
        begins = day * DAY + random.uniform(9, 21) * HOUR
        lasts = random.uniform(8, 18) * MINUTE
        plan.deliveries.append((day * DAY + 5 * HOUR, sku, random.randint(3, 8)))
        plan.flashes += 1
        rate = _FLASH_FACTOR * max(a_day[sku] / DAY, 2 / HOUR)
        at = begins
        while (at := at + random.expovariate(rate)) < min(begins + lasts, plan.end):
            wishes.append((at, sku, True))
    for number, (at, sku, is_in_flash) in enumerate(sorted(wishes)):
        names = plan.listed[sku]
        (name,) = random.choices(names, [by_name[one].size for one in names])
        shopper = _shopper(random, number, at, by_name[name], sku)
        plan.shoppers.append(replace(shopper, is_in_flash=is_in_flash))


def _shopper(random: Random, number: int, at: float, rule: Rule, sku: str) -> Shopper:
    fate = random.random()
    pushes: tuple[float, ...] = ()
    if rule.pushes and fate >= _LOST:
        first = random.uniform(0.3, 4.0) if fate >= _LOST + _LATE else random.uniform(30, 5_400)
        again = (first + random.uniform(0, 600),) if random.random() < _TWICE else ()
        pushes = (round(first, 3), *(round(one, 3) for one in again))
    return Shopper(
        number,
        round(at, 3),
        rule.name,
        sku,
        2 if random.random() < _TWO_PIECES else 1,
        round(random.uniform(*rule.read_s), 3),
        pushes,
        round(random.uniform(MINUTE, 6 * HOUR), 3) if random.random() < _CANCELS else None,
        round(random.uniform(2, 9) * DAY, 3) if random.random() < _RETURNS else None,
    )


def _outages(random: Random, days: int) -> list[Outage]:
    found = []
    at = random.uniform(0.3, 8) * DAY
    while at < days * DAY:
        lasts = random.choice((random.uniform(2, 20), random.uniform(20, 180))) * MINUTE
        found.append(Outage(round(at, 3), round(at + lasts, 3), random.random() < 0.5))
        at += lasts + random.uniform(4, 14) * DAY
    return found
