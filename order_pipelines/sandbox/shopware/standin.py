"""The shops of one merchant on Shopware: the calls as they arrive, the control port's verbs, and the state."""

import functools
import threading
from datetime import datetime
from typing import Any

import orjson
from starlette.types import ASGIApp

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.door import WIRE_FAULTS, Door, Inside
from order_pipelines.sandbox.shopware import control_verbs
from order_pipelines.sandbox.shopware.calls import Context, Route, find_route
from order_pipelines.sandbox.shopware.http import Answer, Call, Problem
from order_pipelines.sandbox.shopware.schema import LIVE_VERSION
from order_pipelines.sandbox.shopware.shop import Shop
from order_pipelines.sandbox.shopware.store import wire_time
from order_pipelines.sandbox.shopware.tokens import LOGIN_PATH, TokenDesk, no_access, too_many
from order_pipelines.sandbox.shopware.webhooks import FAULTS as WEBHOOK_FAULTS
from order_pipelines.sandbox.shopware.webhooks import Postman
from order_pipelines.sandbox.shopware.wish import read_wish
from order_pipelines.sandbox.standin import FaultBook, UnknownThing, VirtualClock

VERSIONS = {"webshop": "6.6.10.2", "webshop_65": "6.5.8.18"}
"""Each account with its Shopware: stock is live from 6.6 on."""

_STATUS_FAULTS = {"401", "403", "404", "429", "429_without_retry_after", "500", "503", "504"}
# An action under this key in the place of an order is done to the shop's app.
_APP = "app"


class ShopwareStandIn:
    """All shops of the sandbox on one port; which one is meant follows from the credentials of the integration.

    ``child_changes_touch_the_order``: whether a change of a delivery or a payment moves ``updatedAt`` of its order,
    which versions of Shopware do not agree about.
    """

    system = "shopware"
    fault_kinds = frozenset(_STATUS_FAULTS | WIRE_FAULTS | WEBHOOK_FAULTS | {"expire_token", "silent_reject"})

    def __init__(
        self,
        clock: VirtualClock,
        *,
        catalogue: Catalogue,
        relaxed: bool = False,
        seed: int = 1,
        child_changes_touch_the_order: bool = False,
    ) -> None:
        self.clock = clock
        self.relaxed = relaxed
        self.faults = FaultBook(seed)
        self.lock = threading.RLock()
        self.tokens = TokenDesk(tuple(VERSIONS), clock, relaxed=relaxed)
        self._postman = Postman(clock, self.faults)
        self._address = "http://localhost"
        self.shops = {
            account: Shop(account, version, catalogue, clock.now(), seed, share=share)
            for share, (account, version) in enumerate(VERSIONS.items(), start=1)
        }
        for shop in self.shops.values():
            shop.child_changes_touch_the_order = child_changes_touch_the_order
            shop.tell = functools.partial(self._tell, shop.account)
        inside = Inside(Call, self.account_of, self.answer, self.note_lost_reply, login_path=LOGIN_PATH)
        self._app = Door(self.faults, inside)

    @property
    def app(self) -> ASGIApp:
        """The HTTP surface, as a shop shows it: everything under ``/api``."""
        return self._app

    def accounts(self) -> list[str]:
        """Names of the accounts that live here."""
        return list(self.shops)

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        """One row an account with everything a client must be told."""
        self._address = base_url
        return [
            {
                "system": self.system,
                "account": account,
                "base_url": base_url,
                "token_url": f"{base_url}{LOGIN_PATH}",
                "credentials": {"client_id": one.access_key, "client_secret": one.secret},
                "version": self.shops[account].version,
                "sales_channels": {
                    str(row["name"]): row["id"] for row in self.shops[account].store.rows("sales_channel")
                },
                "relaxed": self.relaxed,
            }
            for account, one in self.tokens.integrations.items()
        ]

    def close(self) -> None:
        """End the delivery of events."""
        self._postman.close()

    def _tell(self, account: str, event: str, payload: Any) -> None:
        self._postman.post(account, self._address, event, payload, LIVE_VERSION)

    # --- the outside of a shop ---

    def account_of(self, call: Call) -> str:
        """Return whose call this is as far as it can be told, else an empty text."""
        return self.tokens.whose(call) if call.path == LOGIN_PATH else self.tokens.account_of(call)

    def answer(self, call: Call, account: str) -> Answer:
        """Answer a call; effects happen here, the sending and its faults elsewhere."""
        with self.lock:
            now = self.clock.now()
            if call.path == LOGIN_PATH:
                return self._answer_token(call, account, now)
            try:
                if account and self._strikes({"expire_token"}, call, account) is not None:
                    self.tokens.expire_all(account, now)
                shop = self.shops[self.tokens.check(call, now)]
            except Problem as problem:
                return problem.answer()
            route: Route | None = None
            try:
                route = find_route(call)
                shop.calls[f"{route.method} {route.name}"] += 1
                self._raise_status_fault(call, account, route)
                is_kept = not route.is_write or self._strikes({"silent_reject"}, call, account) is None
                answer = route.handler(Context(shop, call, now, is_kept))
            except Problem as problem:
                answer = problem.answer()
            if route.is_write if route is not None else call.method != "GET":
                shop.writes.append(
                    {
                        "at": wire_time(now),
                        "method": call.method,
                        "path": call.path,
                        "body": _readable(call.body),
                        "status": answer.status,
                    }
                )
            return answer

    def note_lost_reply(self, call: Call, account: str) -> None:
        """Remember that the caller never saw the answer to its newest write."""
        with self.lock:
            is_write = call.method != "GET" and not call.path.startswith("/api/search/")
            if account and is_write and call.path != LOGIN_PATH and self.shops[account].writes:
                self.shops[account].writes[-1]["reply_dropped"] = True

    def _answer_token(self, call: Call, account: str, now: datetime) -> Answer:
        fault = self.faults.take(_STATUS_FAULTS, call.method, call.target, account, named_only=True)
        try:
            if fault is not None:
                raise _fault_problem(fault.kind, fault.seconds, "")
            if call.method != "POST":
                raise Problem(405, "0", f'No route found for "{call.method} {call.path}" (Allow: POST)')
            answer = Answer.of_json(200, self.tokens.issue(call, now))
        except Problem as problem:
            answer = problem.answer()
        self.tokens.note(account, now, answer.status)
        return answer

    def _strikes(self, kinds: set[str], call: Call, account: str) -> Any:
        return self.faults.take(kinds, call.method, call.target, account)

    def _raise_status_fault(self, call: Call, account: str, route: Route) -> None:
        fault = self._strikes(_STATUS_FAULTS, call, account)
        if fault is not None:
            raise _fault_problem(fault.kind, fault.seconds, route.privilege)

    # --- the control port ---

    def place_order(self, account: str, wish: dict[str, Any]) -> str:
        """Let a shopper buy; see ``SalesChannel``. The id is the order's, not its number."""
        wanted = read_wish(wish)
        with self.lock:
            return str(self.shop(account).place(wanted, self.clock.now())["id"])

    def act(self, account: str, order_id: str, action: str, detail: dict[str, Any]) -> dict[str, Any]:
        """Do what happens to an order in the administration; see ``SalesChannel``. It goes by its id or number.

        ``app`` in the place of an order: ``register_webhook`` with ``url``, ``events``, ``secret`` and ``only_live``.
        """
        with self.lock:
            shop = self.shop(account)
            if order_id == _APP and action == "register_webhook":
                self._postman.register(account, detail)
                return {"done": True}
            return control_verbs.act(shop, shop.order(order_id), action, detail, self.clock.now())

    def state(self, account: str) -> dict[str, Any]:
        """What a shop holds now, every write it received, its mails and what its apps were told."""
        with self.lock:
            state = control_verbs.state(self.shop(account))
            state["token_requests"] = list(self.tokens.integrations[account].requests)
            state["webhooks"] = list(self._postman.delivered.get(account, []))
            state["webhook_targets"] = [
                {"url": one.url, "events": list(one.events), "active": one.active}
                for one in self._postman.webhooks
                if one.account == account
            ]
            return state

    def shop(self, account: str) -> Shop:
        """Return a shop.

        Raises:
            UnknownThing: there is none of that name.
        """
        if account not in self.shops:
            raise UnknownThing(f"no shop {account}; there are {', '.join(self.shops)}")
        return self.shops[account]


def _fault_problem(kind: str, seconds: float, privilege: str) -> Problem:
    if kind.startswith("429"):
        return too_many(seconds, tells_when=kind == "429")
    if kind == "401":
        return no_access()
    if kind == "403":
        return Problem(
            403,
            "FRAMEWORK__MISSING_PRIVILEGE_ERROR",
            f'{{"message":"Missing privilege","missingPrivileges":["{privilege}"]}}',
        )
    if kind == "404":
        return Problem(404, "FRAMEWORK__RESOURCE_NOT_FOUND", "The resource was not found.")
    return Problem(int(kind), "0", "The server could not answer.")


def _readable(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
