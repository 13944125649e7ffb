"""The outside of one system: its stand-in, overheard call by call, and a house of ours that uses it on one clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, Connector, House, Listed, Since
from order_pipelines.errors import TransientConnectorError
from order_pipelines.sandbox.catalogue import Catalogue, Product
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault, StandIn
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.contract.data import Step
from order_pipelines_tests.contract.places import values_at
from order_pipelines_tests.contract.subject import Subject

T = TypeVar("T")
MOST_TRIES = 6


@dataclass
class Heard:
    """One call as it reached a stand-in; ``access`` is what it showed as its right to call."""

    at: datetime
    system: str
    method: str
    path: str
    access: str
    status: int | None = None


class _Ear:
    """Notes the status of an answer; has the server's ``transport``, by which stand-ins hang up."""

    def __init__(self, send: Send, heard: Heard) -> None:
        self.transport = getattr(getattr(send, "__self__", None), "transport", None)
        self._send = send
        self._heard = heard

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._heard.status = message["status"]
        await self._send(message)


class ContractSandbox(Sandbox):
    """A sandbox that remembers every call, may have more systems, and goods of the kit's choice."""

    def __init__(self, more: tuple[Callable[[Sandbox], StandIn], ...] = ()) -> None:
        self.heard: list[Heard] = []
        self._more = more
        super().__init__(control_port=0, relaxed=True)
        self._usual_goods = self.catalogue

    def _found_a_world(self) -> None:
        super()._found_a_world()
        self.standins.extend(make(self) for make in self._more)

    def begin(self, catalogue: Catalogue | None = None) -> None:
        """Begin a new world with the usual goods or others, heard by nobody yet."""
        self.catalogue = catalogue or self._usual_goods
        self.reset()
        clock.follow(0)
        self.heard.clear()

    def _app_of(self, system: str) -> ASGIApp:
        app = super()._app_of(system)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            access = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            heard = Heard(self.clock.now(), system, scope["method"], scope["path"], access.decode("latin-1"))
            self.heard.append(heard)
            await app(scope, receive, _Ear(send, heard).send)

        return serve


def stand_in_makers(subject: Subject) -> tuple[Callable[[Sandbox], StandIn], ...]:
    """Return what adds the stand-in of a system that the sandbox does not have."""
    made_by = subject.data.stand_in.made_by if subject.data.stand_in is not None else None
    if made_by is None:
        return ()
    module, _, name = made_by.partition(":")
    make = getattr(import_module(f"{subject.package}.{module}"), name)
    return (lambda sandbox: make(sandbox.clock, sandbox.catalogue),)


@dataclass
class Outside:
    """One system of the sandbox, and a house of ours; sleeping moves both clocks."""

    sandbox: ContractSandbox
    subject: Subject
    tokens: MemoryTokenStore = field(default_factory=MemoryTokenStore)
    slept_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = MemoryBudget(sleep=self.sleep)

    # ------------------------------------------------------------------------------------------ the outside

    @property
    def standin(self) -> Any:
        return next(each for each in self.sandbox.standins if each.system == self.subject.system)

    @property
    def account_name(self) -> str:
        return self.subject.stand_in.accounts[0]

    @property
    def other_name(self) -> str:
        return self.subject.stand_in.accounts[1]

    @property
    def article(self) -> str:
        return self.subject.stand_in.article

    def described(self, account: str) -> dict[str, Any]:
        return next(row for row in self.sandbox.systems() if row["account"] == account)

    def state(self, account: str | None = None) -> dict[str, Any]:
        state: dict[str, Any] = self.standin.state(account or self.account_name)
        return state

    def shown(self, expression: str, **names: str) -> list[Any]:
        """Return what the stand-in's state has at a place, with ``{order}`` and others filled in."""
        return values_at(self.state(), expression.format(**names))

    def buy(
        self, pieces: int = 1, *, account: str | None = None, at: datetime | None = None, **wish: Any
    ) -> str:
        """Let a shopper buy the article; return the order's id at the channel."""
        placed_at = at or self.sandbox.clock.now()
        wanted = {
            "lines": [{"sku": self.article, "quantity": pieces}],
            "force": True,
            "placed_at": placed_at.isoformat(),
        }
        order_id: str = self.standin.place_order(account or self.account_name, wanted | wish)
        return order_id

    def go_through(self, order_id: str, steps: tuple[Step, ...]) -> None:
        """Let happen to an order what steps say, and time pass after each."""
        for step in steps:
            for each in step.acts:
                self.standin.act(self.account_name, order_id, each.act, dict(each.detail))
            self.pass_time(step.wait_s)

    def fault(self, kind: str, **detail: Any) -> None:
        self.standin.faults.add(Fault(kind, **detail))

    def take_offers_away(self) -> None:
        """Leave the account without any offer."""
        listing = self.subject.data.listing
        assert listing is not None
        found: Any = self.standin
        for name in listing.offers_kept_at.replace("]", "").replace("[", ".").split("."):
            found = found[name] if isinstance(found, dict) else getattr(found, name)
        found.clear()

    def clear_faults(self) -> None:
        self.standin.faults.clear()

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + seconds)
        clock.follow(self.sandbox.clock.offset_s)

    # ------------------------------------------------------------------------------------------ the house

    @property
    def connector(self) -> Connector:
        return self.subject.connector

    def options(self, account: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the account's options; ``{division}`` in the data is what the stand-in says of itself."""
        row = self.described(account)
        filled = {
            name: row[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value
            for name, value in self.subject.data.options.items()
        }
        return filled | dict(more or {})

    def account(self, name: str | None = None, **options: Any) -> Account:
        name = name or self.account_name
        row = self.described(name)
        return Account(
            name, row["base_url"], row.get("token_url"), self.options(name, options), row["credentials"]
        )

    def house(self) -> House:
        return House(self.tokens, self.budget)

    def connect(
        self, ability: Callable[[Connector], Callable[[Account, House], T] | None], **options: Any
    ) -> T:
        """Return an ability of the connector for the account."""
        make = ability(self.connector)
        assert make is not None
        return make(self.account(**options), self.house())

    def list_orders(self, since: Since | None = None) -> list[Listed]:
        source = self.connect(lambda connector: connector.order_source)
        return list(source.list_orders(since or Since(None)))

    def patiently(self, call: Callable[[], T]) -> T:
        """Return what a call gives in the end, as a service would: told to come later, it comes later."""
        for _ in range(MOST_TRIES):
            try:
                return call()
            except TransientConnectorError as error:
                self.pass_time((error.retry_after_s or 60.0) + 0.05)
        return call()


@contextmanager
def running_sandbox(*subjects: Subject) -> Iterator[ContractSandbox]:
    """Serve the stand-ins until the end."""
    more = tuple(make for subject in subjects for make in stand_in_makers(subject))
    with ContractSandbox(more) as sandbox:
        try:
            yield sandbox
        finally:
            clock.follow(0)


def goods(count: int) -> Catalogue:
    """Return at least so many articles: the usual ones, and invented ones behind them."""
    usual = Catalogue.load().products
    return Catalogue(usual + tuple(_numbered(usual[0], number) for number in range(count - len(usual))))


def _numbered(like: Product, number: int) -> Product:
    ean = f"87{number:010d}"
    digit = (10 - sum(int(sign) * (3 if place % 2 else 1) for place, sign in enumerate(ean)) % 10) % 10
    return replace(like, sku=f"ZZZ-{number:04d}", eans=(f"{ean}{digit}",), name=f"Artikel {number}")


def minutes_ago(outside: Outside, minutes: float) -> datetime:
    """Return an instant of the world, whole seconds: no channel tells finer ones."""
    return (outside.sandbox.clock.now() - timedelta(minutes=minutes)).replace(microsecond=0)
