"""How often each operation may be called: the call frequencies of the documentation, on the world's clock.

A listing is one call however many pages it has. Where the documentation says *once a day*, a seller who starts anew a
few times is not shut out here: twenty-four.
"""

from order_pipelines.sandbox.standin import SlidingLimit, VirtualClock

RELAXED_FACTOR = 1000
_DAY = 86_400.0
_ANY = ((600, 60.0),)

# (calls, seconds) by operation; of those with an id in them, for each import.
FREQUENCIES: dict[str, tuple[tuple[int, float], ...]] = {
    "A01": ((24, _DAY),),
    "PC01": ((24, _DAY),),
    "SH21": ((24, _DAY),),
    "OR75": ((24, _DAY),),
    "OR11": ((1, 60.0),),
    "RT11": ((1, 300.0),),
    "STO01": ((1, 60.0),),
    "STO02": ((1, 15.0),),
    "STO03": ((1, 60.0),),
    "PRI01": ((1, 60.0),),
    "PRI02": ((1, 60.0),),
    "PRI03": ((1, 60.0),),
    "OF01": ((1, 60.0),),
    "OF24": ((1, 60.0),),
    "OF02": ((1, 60.0),),
    "OF03": ((1, 60.0),),
    "TL02": ((20, 60.0), (60, 3600.0)),
}
BY_IMPORT = frozenset({"STO02", "STO03", "PRI03", "OF02", "OF03"})


class Frequencies:
    """The windows of one stand-in."""

    def __init__(self, clock: VirtualClock, *, relaxed: bool) -> None:
        self._clock = clock
        self._factor = RELAXED_FACTOR if relaxed else 1
        self._limits: dict[tuple[str, str, str], list[SlidingLimit]] = {}

    def take(self, account: str, operation: str, subject: str = "") -> float | None:
        """Count a call; return the seconds to wait when it is one too many, else ``None``."""
        place = (account, operation, subject if operation in BY_IMPORT else "")
        if place not in self._limits:
            self._limits[place] = [
                SlidingLimit(self._clock, calls * self._factor, window_s)
                for calls, window_s in FREQUENCIES.get(operation, _ANY)
            ]
        for limit in self._limits[place]:
            allowed, _, wait_s = limit.take()
            if not allowed:
                return wait_s
        return None
