"""How many pieces to hold back because news of sales elsewhere comes late, and what that costs in sales."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from order_pipelines.errors import DomainRuleError

_DAY_S = 86_400
# So far below the mean nothing is left of a Poisson distribution that a float could hold.
_WIDTHS = 12
_NOTHING = 1e-15


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Sales of an article at another account that shares the stock.

    Args:
        lag_s: seconds after which most of its sales are known, >= 0.
        pieces_per_day: sold there, >= 0.
    """

    lag_s: float
    pieces_per_day: float


def poisson_quantile(mean: float, level: float) -> int:
    """Return the least number that a Poisson variable does not pass with a probability of at least ``level``.

    Raises:
        DomainRuleError: ``mean`` is negative, or ``level`` is not between 0 and 1 (1 excluded).
    """
    if mean < 0 or not math.isfinite(mean) or not 0 <= level < 1:
        raise DomainRuleError(f"no quantile of a Poisson variable: mean {mean}, level {level}")
    if mean == 0:
        return 0
    number = _first(mean)
    total = _probability(mean, number)
    while total < level:
        number += 1
        step = _probability(mean, number)
        if number > mean and step < _NOTHING:
            break
        total += step
    return number


def buffer_of(sources: Iterable[Elsewhere], *, level: float, real_time_s: float) -> int:
    """Return the pieces to hold back: as many as are sold elsewhere before we know, in ``level`` of all cases.

    An account whose sales are known within ``real_time_s`` seconds needs none.
    """
    return poisson_quantile(sum(unseen(source, real_time_s=real_time_s) for source in sources), level)


def unseen(source: Elsewhere, *, real_time_s: float) -> float:
    """Return how many pieces are sold at an account on average before we know of them."""
    if source.lag_s <= real_time_s:
        return 0.0
    return source.lag_s * source.pieces_per_day / _DAY_S


def withheld_per_day(own_per_day: float, free: int, buffer: int) -> float:
    """Return how many pieces a day shoppers would have bought of those that are held back.

    The units are those between ``free - buffer`` and ``free``; each counts with the probability that a day's demand
    at this account reaches it.

    Args:
        own_per_day: pieces that this account sells a day, >= 0.
        free: what could be promised without the buffer.
        buffer: pieces held back.
    """
    if own_per_day <= 0 or buffer <= 0 or free <= 0:
        return 0.0
    reached = 1.0
    units = 0.0
    number = _first(own_per_day)
    # What is below the first number has no probability left: a day's demand is at least that.
    units += max(0, min(free, number) - max(0, free - buffer))
    while number < free:
        reached -= _probability(own_per_day, number)
        if reached < _NOTHING:
            break
        number += 1
        if number > free - buffer:
            units += reached
    return units


def lost_per_day(own_per_day: float, free: int, buffer: int, price: Decimal | None) -> Decimal | None:
    """Return what the buffer costs a day in sales at ``price`` a piece, ``None`` when no price is known."""
    if price is None:
        return None
    units = Decimal(repr(round(withheld_per_day(own_per_day, free, buffer), 9)))
    return (units * price).quantize(Decimal("0.0001"))


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the nearest-rank percentile, ``None`` of nothing; ``share`` 0.95 is the 95th."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _first(mean: float) -> int:
    return max(0, math.floor(mean - _WIDTHS * math.sqrt(mean) - _WIDTHS))


def _probability(mean: float, number: int) -> float:
    return math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
