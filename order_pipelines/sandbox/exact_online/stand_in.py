"""The stand-in of Exact Online as the control port sees it."""

import threading
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.types import ASGIApp

from order_pipelines.sandbox.exact_online.app import World, build_app
from order_pipelines.sandbox.exact_online.tenant import Tenant
from order_pipelines.sandbox.standin import FaultBook, VirtualClock


class ExactStandIn:
    """Exact Online in memory, one division of books per account, all on one host.

    Args:
        clock: the world's time; token life, limits and dates follow it.
        relaxed: multiply the limits of calls (60 a minute, 5,000 a day, 200 token calls a day) by 1,000. The
            570 s rule, single use and the error budget stay as they are.
        seed: same seed, same secrets and guids.
        accounts: names of the accounts; the position fixes an account's division number and guids.
    """

    system = "exact_online"

    def __init__(
        self,
        clock: VirtualClock,
        *,
        relaxed: bool = False,
        seed: int = 1,
        accounts: tuple[str, ...] = ("exact",),
    ) -> None:
        self.faults = FaultBook(seed)
        self._lock = threading.RLock()
        tenants = {
            account: Tenant(account, index, seed, relaxed=relaxed) for index, account in enumerate(accounts)
        }
        self._world = World(tenants, clock, self.faults, self._lock)
        self._app = build_app(self._world)

    @property
    def app(self) -> ASGIApp:
        """The HTTP surface; serve it with uvicorn, whose connections ``drop_reply_after_acting`` can cut."""
        return self._app

    def accounts(self) -> list[str]:
        """Names of the accounts that live here."""
        return list(self._world.tenants)

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        """One row an account: addresses, credentials, division, and the codes and guids of its books.

        The refresh token is one that nobody has used: a new consent is given where the last one is in use.
        """
        with self._lock:
            now = self._world.clock.now()
            return [tenant.describe(base_url.rstrip("/"), now) for tenant in self._world.tenants.values()]

    def state(self, account: str) -> dict[str, Any]:
        """Return entries, doubles by YourRef, debtors, token chains, writes, calls and blocks of an account."""
        with self._lock:
            return self._tenant(account).state(self._world.clock.now())

    def consent(self, account: str) -> str:
        """Let the user of ``account`` consent once more; return the refresh token of the new chain."""
        with self._lock:
            return self._tenant(account).desk.consent(self._world.clock.now())

    def open_in_browser(self, account: str, division: int) -> None:
        """Let the user open another division in the browser, which changes what ``current/Me`` answers."""
        with self._lock:
            self._tenant(account).current_division = division

    def close_books(self, account: str, before: date) -> None:
        """Close all periods that begin before the month of ``before``; entries there are refused."""
        with self._lock:
            self._tenant(account).books.closed_before = before

    def remove_entry(self, account: str, reference: str) -> None:
        """Let a bookkeeper delete the entries with this reference."""
        with self._lock:
            self._tenant(account).books.remove_entries(reference)

    def change_entry(
        self, account: str, reference: str, *, amount: Decimal | None = None, day: date | None = None
    ) -> None:
        """Let a bookkeeper give the entries with this reference another total, or another date."""
        with self._lock:
            self._tenant(account).books.change_entries(reference, amount, day)

    def demand_filters(self, *, on: bool = True) -> None:
        """Switch on the vendor's mandatory filter for debtors, which some tenants have and others do not."""
        with self._lock:
            self._world.mandatory_filter = on

    def _tenant(self, account: str) -> Tenant:
        if account not in self._world.tenants:
            names = ", ".join(self._world.tenants)
            raise ValueError(f"exact_online has no account {account!r}; it has {names}")
        return self._world.tenants[account]
