"""Ten times the orders through a whole sweep: what an order costs must not grow."""

import tempfile
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from benchmarks import bench_world
from benchmarks.result import Result
from benchmarks.usage import cpu_s

_ACCOUNT = "bol_main"
_TIMES = 10
# Other work on the machine moves a ratio by this much; an order that cost more would show as 10 and not as 1.
_MOST_RATIO = 1.1


@dataclass(frozen=True)
class _Swept:
    orders: int
    parts: dict[str, float]
    cpu_s: float
    calls: int = 0

    @property
    def seconds(self) -> float:
        """All parts of the sweep."""
        return sum(self.parts.values())

    @property
    def intake_ms(self) -> float:
        """What an order costs until it is booked, on the clock of the wall."""
        return self.parts["orders"] / self.orders * 1000

    def cpu_ms(self, idle: "_Swept") -> float:
        """What an order costs our processor in the whole sweep, without what a sweep costs that finds nothing."""
        return (self.cpu_s - idle.cpu_s) / self.orders * 1000


def run(small: bool) -> list[Result]:
    """Sweep a shop after some orders, and again after ten times as many."""
    amount = 20 if small else 300
    result = Result(
        f"{amount:,} and {amount * _TIMES:,} new orders in one sweep",
        "Shoppers buy one piece each at one bol account of the demo's merchant; then one sweep as plain calls: listed, "
        "read one by one over HTTP, booked (intake), stock pushed to every offer that changed, warehouse loaded, "
        "checked, marts built, published. The stand-ins are in a process of their own with relaxed limits; bol's real "
        "ones allow 25 order details a second. Intake goes by the clock of the wall, the whole sweep by our own "
        "processor time without that of a sweep with nothing new. The yardstick is the smaller sweep.",
        (
            "new orders",
            "sweep s",
            "CPU s",
            "calls",
            "intake ms an order",
            "x yardstick",
            "CPU ms an order",
            "x yardstick",
        ),
    )
    with (
        tempfile.TemporaryDirectory(prefix="bench-load-") as place,
        bench_world.opened_world(Path(place)) as world,
    ):
        bench_world.sweep(world.settings)
        idle = _timed_sweep(world, 0)
        few = _sweep(result, world, amount)
        many = _sweep(result, world, amount * _TIMES)
    ratios = many.intake_ms / few.intake_ms, many.cpu_ms(idle) / few.cpu_ms(idle)
    for one, (by_wall, by_cpu) in ((few, (1.0, 1.0)), (many, ratios)):
        result.rows.append(
            (
                f"{one.orders:,}",
                f"{one.seconds:.2f}",
                f"{one.cpu_s:.2f}",
                f"{one.calls:,}",
                f"{one.intake_ms:.2f}",
                f"{by_wall:.2f}",
                f"{one.cpu_ms(idle):.2f}",
                f"{by_cpu:.2f}",
            )
        )
    result.remarks.append(f"A sweep with nothing new: {idle.seconds:.2f} s, {idle.cpu_s:.2f} s of CPU.")
    if not small:
        for what, ratio in zip(("until it is booked", "in the whole sweep"), ratios, strict=True):
            result.target(
                f"an order of {_TIMES} times as many costs {ratio:.2f} x {what}, {_MOST_RATIO:g} allowed",
                ratio <= _MOST_RATIO,
            )
    return [result]


def _timed_sweep(world: bench_world.World, orders: int) -> _Swept:
    worked = cpu_s()
    parts = bench_world.sweep(world.settings)
    return _Swept(orders, parts, cpu_s() - worked)


def _sweep(result: Result, world: bench_world.World, orders: int) -> _Swept:
    before = world.state(_ACCOUNT)
    world.buy(_ACCOUNT, orders, sorted(offer["sku"] for offer in before["offers"] if offer["sku"]))
    calls = -_calls(world)
    swept = _timed_sweep(world, orders)
    calls += _calls(world)
    after = world.state(_ACCOUNT)
    prices = [Decimal(item["total_price"]) for order in after["orders"] for item in order["items"]]
    result.expect(
        f"{orders} more orders: counted and revenue",
        bench_world.revenue(world.settings),
        (len(before["orders"]) + orders, sum(prices, Decimal(0))),
    )
    return replace(swept, calls=calls)


def _calls(world: bench_world.World) -> int:
    return sum(world.state(_ACCOUNT)["calls"].values())
