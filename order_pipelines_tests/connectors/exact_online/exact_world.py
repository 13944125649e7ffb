"""Exact Online's stand-in and a merchant's account at it, both on one clock that a test can move."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, EntryLine, House, SalesEntry, TokenStore
from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.standin import Fault, VirtualClock
from order_pipelines_tests.connectors.exact_online.file_tokens import FileTokenStore
from order_pipelines_tests.sandbox.exact_online_server import serving

TOKEN_KEY = "exact_online:exact"
REDIRECT_URI = "https://winkel.example/exact"


@dataclass
class ExactWorld:
    """One stand-in on loopback and one account at it; the product's clock follows the world's."""

    stand_in: ExactStandIn
    world_clock: VirtualClock
    base_url: str
    folder: Path
    described: dict[str, Any]
    account: Account
    tokens: TokenStore
    slept: list[float] = field(default_factory=list)
    clients: list[ExactClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = MemoryBudget(sleep=self._sleep)

    @property
    def state(self) -> dict[str, Any]:
        return self.stand_in.state("exact")

    @property
    def entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.state["entries"]
        return entries

    @property
    def token_calls(self) -> int:
        calls: int = self.state["token_requests"]
        return calls

    @property
    def data_calls(self) -> int:
        """Data calls that got as far as being counted."""
        return sum(self.state["calls_per_minute"].values())

    def advance(self, seconds: float = 0, *, days: float = 0) -> None:
        """Let time pass for both sides."""
        offset = self.world_clock.offset_s + timedelta(days=days, seconds=seconds).total_seconds()
        self.world_clock.set_offset(offset)
        clock.follow(offset)

    def house(self, *, tokens: TokenStore | None = None, deadline: datetime | None = None) -> House:
        return House(tokens or self.tokens, self.budget, deadline)

    def client(
        self,
        *,
        account: Account | None = None,
        tokens: TokenStore | None = None,
        deadline: datetime | None = None,
    ) -> ExactClient:
        """Return a client as a new worker would make it; closed at the end of the test."""
        client = ExactClient(account or self.account, self.house(tokens=tokens, deadline=deadline))
        self.clients.append(client)
        return client

    def fault(
        self, kind: str, *, count: int = 1, match: str = "/api/v1/", method: str = "", **detail: Any
    ) -> None:
        self.stand_in.faults.add(Fault(kind, count, match=match, method=method, detail=detail))

    def with_secrets(self, **secrets: str) -> Account:
        """Return the account with only these secrets beside the app's own."""
        app = {name: self.account.secrets[name] for name in ("client_id", "client_secret")}
        return replace(self.account, secrets=app | secrets)

    def entry(self, reference: str = "BOL-A2K8290LP8", **changes: Any) -> SalesEntry:
        """Return an entry of 29.99 at 21 % and 14.95 at 9 %."""
        planned = SalesEntry(
            reference=reference,
            entry_date=clock.order_date(clock.now()),
            customer=self.described["customers"]["bol_main"],
            journal="70",
            currency="EUR",
            description="Order A2K8290LP8",
            lines=(self.line("24.79", "5.20", "high"), self.line("13.72", "1.23", "low")),
        )
        return replace(planned, **changes)

    def line(self, net: str, vat: str, rate: str) -> EntryLine:
        return EntryLine(
            ledger_account=self.described["gl_accounts"][f"revenue_{rate}"],
            amount_excl_vat=Decimal(net),
            vat_amount=Decimal(vat),
            vat_code={"high": "2", "low": "1"}[rate],
            description=f"NL {rate}",
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@contextmanager
def exact_world(folder: Path, **settings: Any) -> Iterator[ExactWorld]:
    """Serve a fresh stand-in; nobody has used its consent yet."""
    world_clock = VirtualClock()
    stand_in = ExactStandIn(world_clock, **settings)
    with serving(stand_in.app) as base_url:
        described = stand_in.describe(base_url)[0]
        account = Account(
            name="exact",
            base_url=base_url,
            token_url=described["token_url"],
            options={"division": described["division"], "redirect_uri": REDIRECT_URI},
            secrets=dict(described["credentials"]),
        )
        world = ExactWorld(
            stand_in, world_clock, base_url, folder, described, account, FileTokenStore(folder)
        )
        try:
            yield world
        finally:
            for client in world.clients:
                client.close()
            clock.follow(0)
