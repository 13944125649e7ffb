"""Mirakl for the accounts of one merchant: the calls as they arrive, the control port's verbs, and the state."""

import functools
import math
import threading
from datetime import datetime
from typing import Any

import orjson
from starlette.types import ASGIApp

from order_pipelines.sandbox.bol.spoil import check_malform, spoil
from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.door import WIRE_FAULTS, Door, Inside
from order_pipelines.sandbox.mirakl import verbs
from order_pipelines.sandbox.mirakl.desk import AccountDesk, Context
from order_pipelines.sandbox.mirakl.http import JSON, Answer, Call, Problem
from order_pipelines.sandbox.mirakl.import_calls import IMPORT_FAULTS
from order_pipelines.sandbox.mirakl.import_effects import apply_import
from order_pipelines.sandbox.mirakl.limits import RELAXED_FACTOR, Frequencies
from order_pipelines.sandbox.mirakl.model import utc_time
from order_pipelines.sandbox.mirakl.operators import OPERATORS
from order_pipelines.sandbox.mirakl.paging import is_continuation
from order_pipelines.sandbox.mirakl.routes import Route, find_route
from order_pipelines.sandbox.mirakl.shop import Shop
from order_pipelines.sandbox.mirakl.wish import read_wish
from order_pipelines.sandbox.standin import FaultBook, UnknownThing, VirtualClock

_STATUS_FAULTS = {
    "401": "Unauthorized",
    "403": "The shop is suspended",
    "404": "Not Found",
    "429": "Too Many Requests",
    "429_without_retry_after": "Too Many Requests",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
}
_CONTENT_FAULTS = frozenset({"unknown_field", "unknown_enum", "missing_field", "renamed_field"})
_MAINTENANCE = "<html><head><title>Maintenance</title></head><body><h1>We'll be back soon</h1></body></html>"


class MiraklStandIn:
    """Two operators' shops on one port, told apart by their key.

    Args:
        import_delay_s: how long, in the world's time, an import is on its way (30, relaxed 0.5).
        lowers_stock_at_creation: whether an order takes stock when it is made, or when it is accepted.
    """

    system = "mirakl"
    fault_kinds = frozenset(
        set(_STATUS_FAULTS)
        | _CONTENT_FAULTS
        | IMPORT_FAULTS
        | WIRE_FAULTS
        | {"html_error", "new_order_between_pages"}
    )

    def __init__(
        self,
        clock: VirtualClock,
        *,
        catalogue: Catalogue,
        relaxed: bool = False,
        seed: int = 1,
        import_delay_s: float | None = None,
        lowers_stock_at_creation: bool = True,
    ) -> None:
        self.clock = clock
        self.relaxed = relaxed
        self.faults = FaultBook(seed)
        self.import_delay_s = import_delay_s if import_delay_s is not None else (0.5 if relaxed else 30.0)
        self.lock = threading.RLock()
        self._frequencies = Frequencies(clock, relaxed=relaxed)
        self.desks = {
            operator.account: AccountDesk(
                Shop(
                    operator, catalogue, clock.now(), seed, lowers_stock_at_creation=lowers_stock_at_creation
                )
            )
            for operator in OPERATORS
        }
        for desk in self.desks.values():
            desk.shop.apply_import = functools.partial(apply_import, desk.shop)
        self._account_of_key = {operator.key: operator.account for operator in OPERATORS}
        inside = Inside(Call, self.account_of, self.answer, self.note_lost_reply)
        self._app = Door(self.faults, inside)

    @property
    def app(self) -> ASGIApp:
        """The HTTP surface, as an operator's host shows it."""
        return self._app

    def accounts(self) -> list[str]:
        """Names of the accounts that live here."""
        return list(self.desks)

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        """One row an account; the client adds ``/api/…`` to the base URL."""
        return [
            {
                "system": self.system,
                "account": operator.account,
                "base_url": base_url,
                "credentials": {"api_key": operator.key},
                "shop_id": operator.shop_id,
                "platform": operator.platform,
                "tax_mode": operator.tax_mode,
                "multi_shipment": operator.has_multi_shipment,
                "limits": f"relaxed: {RELAXED_FACTOR} x the real ones" if self.relaxed else "real",
                "relaxed": self.relaxed,
            }
            for operator in OPERATORS
        ]

    # --- the outside ---

    def account_of(self, call: Call) -> str:
        """Return whose key a call has, else an empty text."""
        return self._account_of_key.get(call.headers.get("authorization", ""), "")

    def answer(self, call: Call, account: str) -> Answer:
        """Answer a call; effects happen here, the sending and its faults elsewhere."""
        with self.lock:
            now = self.clock.now()
            if not account:
                return Problem(401, "Unauthorized").answer()
            desk = self.desks[account]
            desk.shop.settle(now)
            try:
                answer = self._handled(desk, call, account, now)
            except Problem as problem:
                answer = problem.answer()
            if answer.body:
                answer.headers.setdefault("Content-Type", JSON)
            desk.shop.settle(now)
            if call.method != "GET":
                body = _readable(call)
                desk.writes.append(
                    {
                        "at": utc_time(now),
                        "method": call.method,
                        "path": call.path,
                        "body": body,
                        "status": answer.status,
                    }
                )
            return answer

    def _handled(self, desk: AccountDesk, call: Call, account: str, now: datetime) -> Answer:
        target = (call.method, call.target, account)
        if self.faults.take({"html_error"}, *target) is not None:
            return Answer(503, text=_MAINTENANCE, headers={"Content-Type": "text/html;charset=UTF-8"})
        fault = self.faults.take(set(_STATUS_FAULTS), *target)
        if fault is not None:
            headers = {"Retry-After": str(max(1, math.ceil(fault.seconds)))} if fault.kind == "429" else {}
            raise Problem(int(fault.kind[:3]), _STATUS_FAULTS[fault.kind], headers=headers)
        route = find_route(call)
        desk.calls[route.code] += 1
        self._check_shop(desk, call)
        self._take_frequency(desk, call, account, route)
        answer = route.handler(Context(desk, call, now, self.faults, self.import_delay_s))
        if route.code == "OR11" and self._is_followed(answer):
            self._place_between_pages(desk, call, account, now)
        return self._spoiled(answer, call, account)

    def _check_shop(self, desk: AccountDesk, call: Call) -> None:
        asked = call.query.get("shop_id")
        if asked is not None and asked != str(desk.shop.operator.shop_id):
            raise Problem(403, f"You are not allowed to access shop '{asked}'")

    def _take_frequency(self, desk: AccountDesk, call: Call, account: str, route: Route) -> None:
        if is_continuation(call) and call.method == "GET" and route.code != "TL02":
            return
        wait_s = self._frequencies.take(account, route.code, call.arguments[0] if call.arguments else "")
        if wait_s is not None:
            desk.refused_by_frequency[route.code] += 1
            raise Problem(429, "Too Many Requests", headers={"Retry-After": str(max(1, math.ceil(wait_s)))})

    @staticmethod
    def _is_followed(answer: Answer) -> bool:
        return "Link" in answer.headers

    def _place_between_pages(self, desk: AccountDesk, call: Call, account: str, now: datetime) -> None:
        fault = self.faults.take({"new_order_between_pages"}, call.method, call.target, account)
        if fault is not None:
            sku = fault.detail.get("sku") or next(iter(desk.shop.offers))
            desk.shop.place(
                read_wish({"lines": [{"sku": sku}], "force": True, **fault.detail.get("wish", {})}), now
            )

    def _spoiled(self, answer: Answer, call: Call, account: str) -> Answer:
        """Change the content of an answer as a new version of Mirakl might, or a broken one."""
        if not isinstance(answer.value, dict):
            return answer
        fault = self.faults.take(set(_CONTENT_FAULTS), call.method, call.target, account)
        if fault is None:
            return answer
        value = orjson.loads(answer.body)
        path, name = str(fault.detail.get("path", "")), str(fault.detail.get("to", "renamed"))
        if fault.kind == "unknown_field":
            _grow(value)
        elif fault.kind == "unknown_enum":
            _rename_states(value)
        elif fault.kind == "missing_field":
            spoil(value, {"missing": [path]})
        else:
            spoil(value, {"renamed": {path: name}})
        return Answer(answer.status, value, headers=answer.headers)

    def note_lost_reply(self, call: Call, account: str) -> None:
        """Remember that the caller never saw the answer to its newest write."""
        with self.lock:
            if account and self.desks[account].writes and call.method != "GET":
                self.desks[account].writes[-1]["reply_dropped"] = True

    # --- the control port ---

    def place_order(self, account: str, wish: dict[str, Any]) -> str:
        """Let a customer buy; see ``SalesChannel``."""
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
            done = verbs.act(shop, shop.order(order_id), action, detail, now)
            shop.settle(now)
            return done

    def state(self, account: str) -> dict[str, Any]:
        """What the operator holds of a shop now, and every write it received."""
        with self.lock:
            desk = self.desk(account)
            desk.shop.settle(self.clock.now())
            return verbs.state(desk)

    def desk(self, account: str) -> AccountDesk:
        """Return an account.

        Raises:
            UnknownThing: there is none of that name.
        """
        if account not in self.desks:
            raise UnknownThing(f"no mirakl account {account}; there are {', '.join(self.desks)}")
        return self.desks[account]


def _grow(value: Any) -> None:
    """Put a member that nobody knows into every object."""
    if isinstance(value, list):
        for one in value:
            _grow(one)
    elif isinstance(value, dict):
        for one in list(value.values()):
            _grow(one)
        value["brand_new_member"] = {"code": "NEW", "values": [1, None]}


def _rename_states(value: Any) -> None:
    """Put a word that nobody knows wherever a state, type or workflow is told."""
    if isinstance(value, list):
        for one in value:
            _rename_states(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            is_word = name in {
                "order_state",
                "order_line_state",
                "status",
                "state",
                "payment_workflow",
                "type",
            }
            if is_word and isinstance(one, str):
                value[name] = f"BRAND_NEW_{one}"
            else:
                _rename_states(one)


def _readable(call: Call) -> Any:
    if not call.body:
        return None
    if call.headers.get("content-type", "").startswith("multipart/"):
        return {name: content.decode("utf-8", "replace") for name, content in call.form().items()}
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return call.body.decode("utf-8", "replace")
