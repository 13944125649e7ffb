"""A stand-in of Exact Online on a free loopback port, its clock standing still, and a plain client for it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.standin import VirtualClock

START = datetime(2026, 7, 14, 10, 31, 0, 220_000, tzinfo=UTC)
"""12:31:00.220 on the Dutch wall clock."""


ENTRIES = "salesentry/SalesEntries"
LINES = "salesentry/SalesEntryLines"
ACCOUNTS = "crm/Accounts"


class StandingClock(VirtualClock):
    """A world in which time passes only when a test says so."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__()
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float = 0, *, days: float = 0) -> None:
        """Let time pass."""
        self._now += timedelta(days=days, seconds=seconds)


@contextlib.contextmanager
def serving(app: ASGIApp, http: str = "auto") -> Iterator[str]:
    """Serve ``app`` in a thread and yield its base URL; ``http`` is uvicorn's protocol implementation."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=http, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass
class ExactUser:
    """An app that talks to one account: it sends what a test tells it to and hides nothing."""

    stand_in: ExactStandIn
    clock: StandingClock
    base_url: str
    account: str = "exact"
    access_token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        credentials = self.described["credentials"]
        self.client = {name: credentials[name] for name in ("client_id", "client_secret")}

    @property
    def described(self) -> dict[str, Any]:
        """The account's row of ``describe``, with the refresh token of a consent that nobody has used."""
        return next(row for row in self.stand_in.describe(self.base_url) if row["account"] == self.account)

    def token_call(self, **form: str) -> requests.Response:
        """Call the token endpoint with this account's credentials; ``form`` wins over them."""
        sent = self.client | form
        return self.session.post(f"{self.base_url}/api/oauth2/token", data=sent, timeout=5)

    def refresh(self, refresh_token: str) -> requests.Response:
        """Exchange a refresh token."""
        return self.token_call(grant_type="refresh_token", refresh_token=refresh_token)

    def log_in(self) -> str:
        """Take a fresh consent into use; return its next refresh token."""
        answer = self.refresh(self.described["credentials"]["refresh_token"]).json()
        self.access_token = answer["access_token"]
        refresh_token: str = answer["refresh_token"]
        return refresh_token

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call a data endpoint; ``path`` below ``/api/v1/`` (``{division}`` is filled in) or a whole address."""
        address = path if path.startswith("http") else f"{self.base_url}/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self.access_token}", "Accept": "application/json"}
        headers |= more.pop("headers", {})
        filled = address.replace("{division}", "3456700")
        return self.session.request(method, filled, headers=headers, timeout=more.pop("timeout", 5), **more)

    def get(self, path: str, **options: str) -> requests.Response:
        """GET below the division; ``filter="…"`` becomes ``$filter=…``."""
        parameters = {f"${name}": value for name, value in options.items()}
        return self.call("GET", path if "/api/" in path else f"{{division}}/{path}", params=parameters)

    def rows(self, path: str, **options: str) -> list[dict[str, Any]]:
        """GET a list of one page and return its rows, whichever envelope they come in."""
        content = self.get(path, **options).json()["d"]
        rows: list[dict[str, Any]] = content if isinstance(content, list) else content["results"]
        return rows

    def post(self, path: str, content: Any, **headers: str) -> requests.Response:
        """POST JSON below the division."""
        return self.call("POST", f"{{division}}/{path}", json=content, headers=headers)

    def post_entry(self, **changes: Any) -> requests.Response:
        """POST a sales entry of one line, 24.79 + 5.21 VAT, with ``changes`` to its header."""
        return self.post("salesentry/SalesEntries", entry(**changes))

    @property
    def state(self) -> dict[str, Any]:
        """What the stand-in holds now."""
        return self.stand_in.state(self.account)


REVENUE_HIGH = "0e0a0001-0000-4000-8000-000000008000"
REVENUE_LOW = "0e0a0001-0000-4000-8000-000000008010"
BOL_MAIN = "0e0a0001-0000-4000-8000-000000000100"


def line(**changes: Any) -> dict[str, Any]:
    """Return a line of 24.79 at 21 % with the VAT of a 30.00 sale."""
    return {"GLAccount": REVENUE_HIGH, "AmountFC": 24.79, "VATCode": "2", "VATAmountFC": 5.21} | changes


def entry(**changes: Any) -> dict[str, Any]:
    """Return a sales entry of 30.00."""
    return {
        "Customer": BOL_MAIN,
        "Journal": "70",
        "EntryDate": "2026-07-13",
        "YourRef": "BOL-A2K8290LP8",
        "Description": "bol A2K8290LP8",
        "SalesEntryLines": [line()],
    } | changes


class Switchboard:
    """An ASGI application that passes every call on to the application of the running test."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@contextlib.contextmanager
def logged_in(stand_in: ExactStandIn, clock: StandingClock, base_url: str) -> Iterator[ExactUser]:
    """Yield a user of a stand-in that is being served."""
    user = ExactUser(stand_in, clock, base_url)
    user.log_in()
    with user.session:
        yield user


def connected(
    switchboard: tuple[Switchboard, str], stand_in: ExactStandIn, clock: StandingClock
) -> Iterator[ExactUser]:
    """Put a stand-in behind the running server and yield its user, logged in."""
    board, base_url = switchboard
    board.app = stand_in.app
    with logged_in(stand_in, clock, base_url) as user:
        yield user


def refusal_text(response: requests.Response) -> str:
    """Return the text of an error, having checked the shape of its body."""
    body = response.json()
    assert set(body) == {"error"}
    assert body["error"]["code"] == ""
    assert body["error"]["message"]["lang"] == ""
    text: str = body["error"]["message"]["value"]
    return text
