"""bol for the accounts of one merchant: the calls as they arrive, the control port's verbs, and the state."""

import functools
import math
import threading
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp

from order_pipelines.sandbox.bol import control_verbs
from order_pipelines.sandbox.bol.desk import AccountDesk, Context
from order_pipelines.sandbox.bol.http import Answer, Call, Problem
from order_pipelines.sandbox.bol.limits import RELAXED_FACTOR, RateLimits
from order_pipelines.sandbox.bol.model import utc_time
from order_pipelines.sandbox.bol.order_calls import FIELD_FAULTS
from order_pipelines.sandbox.bol.processes import OUTCOME_FAULTS
from order_pipelines.sandbox.bol.routes import Route, check_media_types, find_route
from order_pipelines.sandbox.bol.shop import Shop
from order_pipelines.sandbox.bol.spoil import check_malform
from order_pipelines.sandbox.bol.subscriptions import FAULTS as WEBHOOK_FAULTS
from order_pipelines.sandbox.bol.subscriptions import Postman
from order_pipelines.sandbox.bol.tokens import TokenDesk, read_credentials
from order_pipelines.sandbox.bol.wish import read_wish
from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.door import WIRE_FAULTS, Door, Inside
from order_pipelines.sandbox.standin import FaultBook, UnknownThing, VirtualClock

_STATUS_FAULTS = {
    "401",
    "403",
    "404",
    "406",
    "408",
    "429",
    "429_without_retry_after",
    "500",
    "502",
    "503",
    "504",
}
_FAULT_DETAILS = {
    "401": "JWT is not valid.",
    "403": "The retailer account is not active.",
    "404": "Not found.",
    "406": "Could not find acceptable representation.",
}


class BolStandIn:
    """All bol accounts of the sandbox on one port.

    ``process_delay_s`` is how long, in the world's time, an accepted write stays PENDING.
    """

    system = "bol"
    fault_kinds = frozenset(
        _STATUS_FAULTS | OUTCOME_FAULTS | WIRE_FAULTS | FIELD_FAULTS | WEBHOOK_FAULTS | {"expire_token"}
    )

    def __init__(
        self,
        clock: VirtualClock,
        *,
        catalogue: Catalogue,
        accounts: tuple[str, ...] = ("bol_main", "bol_outlet"),
        relaxed: bool = False,
        seed: int = 1,
        process_delay_s: float | None = None,
    ) -> None:
        self.clock = clock
        self.catalogue = catalogue
        self.relaxed = relaxed
        self.faults = FaultBook(seed)
        self.process_delay_s = process_delay_s if process_delay_s is not None else (0.05 if relaxed else 0.5)
        self.lock = threading.RLock()
        self.tokens = TokenDesk(accounts)
        self._limits = RateLimits(clock, relaxed=relaxed)
        taken_ids: set[str] = set()
        self.desks = {
            account: AccountDesk(Shop(account, number, catalogue, clock.now(), seed, taken_ids))
            for number, account in enumerate(accounts, start=1)
        }
        self._seed = seed
        self._postman = Postman(clock, self.faults, seed, self.settle)
        for desk in self.desks.values():
            desk.shop.on_event = functools.partial(self._post_event, desk.shop)
        inside = Inside(Call, self.account_of, self.answer, self.note_lost_reply, login_path="/token")
        self._app = Door(self.faults, inside)

    @property
    def app(self) -> ASGIApp:
        """The HTTP surface, as bol shows it: token, retailer and shared addresses on one host."""
        return self._app

    def accounts(self) -> list[str]:
        """Names of the accounts that live here."""
        return list(self.desks)

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        """One row an account with everything a client must be told."""
        limits = f"relaxed: {RELAXED_FACTOR} x the real ones" if self.relaxed else "real"
        return [
            {
                "system": self.system,
                "account": account,
                "base_url": base_url,
                "token_url": f"{base_url}/token",
                "credentials": {"client_id": pair.client_id, "client_secret": pair.client_secret},
                "limits": limits,
                "relaxed": self.relaxed,
                "retailer_id": self.desks[account].shop.retailer_id,
            }
            for account, pair in self.tokens.pairs.items()
        ]

    def settle(self) -> None:
        """Let everything happen, at all accounts, that is due by now."""
        with self.lock:
            for desk in self.desks.values():
                desk.shop.settle(self.clock.now())

    def close(self) -> None:
        """End the delivery of events."""
        self._postman.close()

    def _post_event(self, shop: Shop, resource: str, kind: str, resource_id: str) -> None:
        for subscription in shop.subscriptions.values():
            wanted = (
                subscription.subscription_id == resource_id
                if resource == "TEST"
                else resource in subscription.resources
            )
            if wanted and subscription.enabled and subscription.subscription_type == "WEBHOOK":
                self._postman.post(shop.account, shop.retailer_id, subscription, resource, kind, resource_id)

    # --- the outside of bol ---

    def account_of(self, call: Call) -> str:
        """Return whose call this is as far as it can be told, else an empty text."""
        if call.path == "/token":
            pair = self.tokens.find_pair(*_credentials(call))
            return pair.account if pair is not None else ""
        token = self.tokens.look_up(call.headers.get("authorization", "").removeprefix("Bearer "))
        return token.account if token is not None else ""

    def answer(self, call: Call, account: str) -> Answer:
        """Answer a call; effects happen here, the sending and its faults elsewhere."""
        with self.lock:
            now = self.clock.now()
            if call.path == "/token":
                return self._answer_token(call, account, now)
            try:
                self._check_token(call, account, now)
            except Problem as problem:
                return problem.answer(call)
            desk = self.desks[account]
            desk.shop.settle(now)
            route: Route | None = None
            limit_headers: dict[str, str] = {}
            try:
                self._raise_status_fault(call, account)
                route = find_route(call)
                desk.calls[f"{route.method} {route.name}"] += 1
                limit_headers = self._take_limit(desk, account, route)
                check_media_types(route, call)
                answer = route.handler(
                    Context(desk, call, now, self.faults, self.process_delay_s, self._seed)
                )
            except Problem as problem:
                answer = problem.answer(call)
            answer.headers = {**limit_headers, **answer.headers}
            if call.method != "GET" and (route is None or route.is_write):
                desk.writes.append(
                    {
                        "at": utc_time(now),
                        "method": call.method,
                        "path": call.path,
                        "body": _readable(call.body),
                        "status": answer.status,
                    }
                )
            return answer

    def note_lost_reply(self, call: Call, account: str) -> None:
        """Remember that the caller never saw the answer to its newest write or token request."""
        with self.lock:
            if call.path == "/token" and account:
                self.tokens.pairs[account].may_ask_again = True
            elif account and self.desks[account].writes and call.method != "GET":
                self.desks[account].writes[-1]["reply_dropped"] = True

    def _answer_token(self, call: Call, account: str, now: datetime) -> Answer:
        fault = self.faults.take(_STATUS_FAULTS, call.method, call.target, account, named_only=True)
        form = _form(call)
        if fault is not None and fault.kind != "401":
            answer = _fault_problem(fault.kind, fault.seconds).answer(call)
        elif call.method != "POST":
            answer = Problem(405, f"Request method '{call.method}' is not supported.").answer(call)
        elif "client_credentials" not in (form.get("grant_type"), call.query.get("grant_type")):
            shape = {"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}
            answer = Answer.of_json(400, shape, "application/json")
        elif not account or fault is not None:
            shape = {"error": "invalid_client", "error_description": "Bad client credentials"}
            answer = Answer.of_json(401, shape, "application/json")
        else:
            answer = Answer.of_json(
                200, self.tokens.issue(self.tokens.pairs[account], now), "application/json"
            )
        if account:
            self.tokens.pairs[account].requests.append({"at": utc_time(now), "status": answer.status})
        return answer

    def _check_token(self, call: Call, account: str, now: datetime) -> None:
        if account and self.faults.take({"expire_token"}, call.method, call.target, account) is not None:
            self.tokens.expire_all(account, now)
        token = self.tokens.look_up(call.headers.get("authorization", "").removeprefix("Bearer "))
        if token is None:
            raise Problem(401, "Unauthorized request, a valid JWT is required.", bare=True)
        if now >= token.expires_at:
            late_ms = int((now - token.expires_at).total_seconds() * 1000)
            raise Problem(
                401,
                f"JWT expired at {token.expires_at:%Y-%m-%dT%H:%M:%SZ}. Current time: {now:%Y-%m-%dT%H:%M:%SZ}, "
                f"a difference of {late_ms} milliseconds.  Allowed clock skew: 1000 milliseconds.",
                title="Expired JWT",
                bare=True,
            )

    def _raise_status_fault(self, call: Call, account: str) -> None:
        fault = self.faults.take(_STATUS_FAULTS, call.method, call.target, account)
        if fault is not None:
            raise _fault_problem(fault.kind, fault.seconds)

    def _take_limit(self, desk: AccountDesk, account: str, route: Route) -> dict[str, str]:
        allowed, headers, wait_s = self._limits.take(account, route.limit_group)
        if not allowed:
            desk.refused_by_limit[route.limit_group] += 1
            problem = _fault_problem("429", wait_s)
            problem.headers.update(headers)
            raise problem
        return headers

    # --- the control port ---

    def place_order(self, account: str, wish: dict[str, Any]) -> str:
        """Let a shopper buy; see ``SalesChannel``."""
        wanted = read_wish(wish)
        check_malform(wanted.malform)
        with self.lock:
            now = self.clock.now()
            shop = self.desk(account).shop
            shop.settle(now)
            order = shop.place(wanted, now)
            shop.settle(now)
            return order.order_id

    def act(self, account: str, order_id: str, action: str, detail: dict[str, Any]) -> dict[str, Any]:
        """Do what happens to an order outside the API; see ``SalesChannel``."""
        with self.lock:
            now = self.clock.now()
            shop = self.desk(account).shop
            shop.settle(now)
            return control_verbs.act(shop, shop.order(order_id), action, detail, now)

    def state(self, account: str) -> dict[str, Any]:
        """What bol holds for an account now, and every write it received."""
        with self.lock:
            desk = self.desk(account)
            desk.shop.settle(self.clock.now())
            state = control_verbs.state(desk, self.tokens.pairs[account])
            state["webhooks"] = list(self._postman.delivered.get(account, []))
            return state

    def desk(self, account: str) -> AccountDesk:
        """Return an account.

        Raises:
            UnknownThing: there is none of that name.
        """
        if account not in self.desks:
            raise UnknownThing(f"no bol account {account}; there are {', '.join(self.desks)}")
        return self.desks[account]


def _fault_problem(kind: str, seconds: float) -> Problem:
    status = int(kind[:3])
    if status == 429:
        wait_s = max(1, math.ceil(seconds))
        headers = {} if kind == "429_without_retry_after" else {"Retry-After": str(wait_s)}
        return Problem(429, f"Too many requests, retry in {wait_s} seconds.", headers=headers, bare=True)
    return Problem(status, _FAULT_DETAILS.get(kind, "The server could not answer."), bare=status == 401)


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace")))


def _credentials(call: Call) -> tuple[str | None, str | None]:
    return read_credentials(call.headers, call.query, _form(call))


def _readable(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
