"""How often an account may call: one sliding window for each path and method group."""

from order_pipelines.sandbox.standin import SlidingLimit, VirtualClock

RELAXED_FACTOR = 1000

# group: (calls, seconds). The first block is bol's published machine list as kept in the contract digest, section 11.
LIMITS: dict[str, tuple[int, float]] = {
    "GET /orders": (25, 60),
    "GET /orders/*": (25, 1),
    "POST /shipments": (25, 1),
    "GET /shipments": (25, 60),
    "GET /shipments/*": (50, 60),
    "GET /returns": (20, 60),
    "GET /returns/*": (20, 60),
    "GET /offers/*": (25, 1),
    "WRITE /offers": (50, 1),
    "POST /offers/export": (9, 3600),
    "GET /offers/export/*": (9, 3600),
    # Not in any copy of the list that was found: chosen like their neighbours, unverified.
    "PUT /orders/cancellation": (25, 1),
    "PUT /transports/*": (25, 1),
    "GET /offers": (25, 1),
    "GET /process-status": (25, 1),
    "POST /process-status": (25, 1),
    "subscriptions": (25, 1),
}


class RateLimits:
    """The windows of all accounts."""

    def __init__(self, clock: VirtualClock, *, relaxed: bool) -> None:
        self._clock = clock
        self._factor = RELAXED_FACTOR if relaxed else 1
        self._windows: dict[tuple[str, str], SlidingLimit] = {}

    def take(self, account: str, group: str) -> tuple[bool, dict[str, str], float]:
        """Return (allowed, headers for the answer, seconds until a place is free)."""
        window = self._windows.get((account, group))
        if window is None:
            calls, seconds = LIMITS[group]
            window = self._windows[account, group] = SlidingLimit(self._clock, calls * self._factor, seconds)
        allowed, left, wait_s = window.take()
        headers = {
            "X-RateLimit-Limit": str(window.capacity),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(max(1, -int(-wait_s // 1))),
        }
        return allowed, headers, wait_s
