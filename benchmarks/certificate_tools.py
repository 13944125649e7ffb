"""What simpler tools do, as a model: read every order now and then, and tell every channel what is on hand less owed.

No code of the product. Such a tool knows nothing of what a channel subtracts by itself, looks at no answer twice, and
sends a number when it differs from the one it sent before.
"""

from collections.abc import Iterator

from benchmarks.certificate_demand import DAY, HOUR
from benchmarks.certificate_world import Channel, Placed, World

_WEEK = 7
_MONDAY_AND_THURSDAY = (0, 3)
_FILE_AT = 9 * HOUR
_CALL_S = 0.2


class PollingTool:
    """Reads and writes at moments of its own.

    Args:
        every_s: between two rounds.
        days: of the week on which it does one, at nine; ``None``: every ``every_s``.
    """

    def __init__(self, every_s: float, days: tuple[int, ...] | None = None) -> None:
        self._every_s = every_s
        self._days = days
        self._files: list[tuple[list[tuple[str, int]], float]] = []
        self._sent: dict[tuple[str, str], int] = {}
        self._read_until: dict[str, float | None] = {}

    def begin(self, world: World) -> None:
        self._world = world
        for name, channel in world.channels.items():
            self._read_until[name] = None
            for sku in channel.skus:
                self._sent[(name, sku)] = channel.held(sku)
        for at in self._moments(world.plan.end):
            world.simulation.at(at, self._round)

    def _moments(self, end: float) -> Iterator[float]:
        if self._days is not None:
            # The first day is a Monday.
            yield from (day * DAY + _FILE_AT for day in range(int(end / DAY)) if day % _WEEK in self._days)
            return
        at = self._every_s
        while at < end + HOUR:
            yield at
            at += self._every_s

    def counted(self, rows: list[tuple[str, int]], taken_at: float) -> None:
        self._files.append((rows, taken_at))

    def pushed(self, channel: Channel, order: Placed, number: int) -> bool:
        del channel, order, number
        return True

    def stand_still(self, *, stops: bool) -> None:
        del stops

    def _round(self) -> None:
        world = self._world
        if world.is_standing_still:
            return
        now = world.simulation.now
        for rows, taken_at in self._files:
            for sku, pieces in rows:
                world.books.count(sku, pieces, taken_at, now)
        self._files.clear()
        for name, channel in world.channels.items():
            if channel.outage(now) is None:
                for order in channel.listed(self._read_until[name], now):
                    world.books.read(order, now)
                self._read_until[name] = now
        world.simulation.at(now + _CALL_S, self._write)

    def _write(self) -> None:
        world = self._world
        now = world.simulation.now
        for name, channel in world.channels.items():
            if channel.outage(now) is not None:
                continue
            for sku in channel.skus:
                left = max(0, world.books.left(sku))
                if self._sent[(name, sku)] != left:
                    channel.write(sku, left)
                    self._sent[(name, sku)] = left


def csv_twice_a_week() -> PollingTool:
    """A file for each channel on Mondays and Thursdays."""
    return PollingTool(0, _MONDAY_AND_THURSDAY)


def csv_daily() -> PollingTool:
    """A file for each channel every day."""
    return PollingTool(0, tuple(range(_WEEK)))
