"""The control port: what happens in the outside world, told over HTTP. No outside system has anything like it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from order_pipelines.sandbox.standin import (
    Fault,
    OrderRefused,
    SalesChannel,
    StandIn,
    UnknownThing,
    VirtualClock,
)
from order_pipelines.sandbox.world import World

_FAULT_MEMBERS = frozenset(
    {"system", "account", "kind", "count", "rate", "match", "method", "seconds", "detail"}
)


class ControlledSandbox(Protocol):
    """What the control port needs of the sandbox it belongs to."""

    clock: VirtualClock
    standins: list[StandIn]
    world: World
    relaxed: bool

    def systems(self) -> list[dict[str, Any]]:
        """One row an account: system, base URL, credentials."""

    def reset(self) -> None:
        """Begin a new world."""


@runtime_checkable
class Consenting(Protocol):
    """A stand-in whose tokens hang on a user's consent."""

    def consent(self, account: str) -> str:
        """Let the user consent once more; return the new refresh token."""


class BadControlCall(Exception):
    """The control port was used wrongly; the text says how."""


def control_app(sandbox: ControlledSandbox) -> Starlette:
    """Return the control port's application."""
    control = _Control(sandbox)
    return Starlette(
        routes=[
            Route("/health", _answering(control.health), methods=["GET"]),
            Route("/systems", _answering(control.systems), methods=["GET"]),
            Route("/orders", _answering(control.place_order), methods=["POST"]),
            Route("/orders/{account}/{order_id}/{action}", _answering(control.act), methods=["POST"]),
            Route("/state/{account}", _answering(control.state), methods=["GET"]),
            Route("/faults", _answering(control.list_faults), methods=["GET"]),
            Route("/faults", _answering(control.add_fault), methods=["POST"]),
            Route("/faults", _answering(control.clear_faults), methods=["DELETE"]),
            Route("/clock", _answering(control.read_clock), methods=["GET"]),
            Route("/clock", _answering(control.set_clock), methods=["POST"]),
            Route("/consent/{account}", _answering(control.consent), methods=["POST"]),
            Route("/reset", _answering(control.reset), methods=["POST"]),
            Route("/world", _answering(control.read_world), methods=["GET"]),
            Route("/world", _answering(control.drive_world), methods=["POST"]),
        ]
    )


Handler = Callable[[Request, dict[str, Any]], Any]


def _answering(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Turn a handler into an endpoint whose refusals are JSON with a sentence."""

    async def endpoint(request: Request) -> JSONResponse:
        try:
            return JSONResponse(handler(request, await _read_body(request)))
        except (BadControlCall, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except UnknownThing as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        except OrderRefused as error:
            return JSONResponse({"error": str(error)}, status_code=409)

    return endpoint


async def _read_body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadControlCall("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadControlCall("the body must be a JSON object")
    return body


class _Control:
    def __init__(self, sandbox: ControlledSandbox) -> None:
        self._sandbox = sandbox

    def health(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return {"status": "ok", "relaxed": self._sandbox.relaxed}

    def systems(self, request: Request, body: dict[str, Any]) -> list[dict[str, Any]]:
        return self._sandbox.systems()

    def place_order(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        account = body.get("account")
        if not isinstance(account, str):
            raise BadControlCall("an order needs an account")
        return {"external_order_id": self._channel(account).place_order(account, body)}

    def act(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        account, order_id = request.path_params["account"], request.path_params["order_id"]
        return self._channel(account).act(account, order_id, request.path_params["action"], body)

    def state(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        account = request.path_params["account"]
        return self._standin(account).state(account)

    def list_faults(self, request: Request, body: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"system": standin.system, **vars(fault)}
            for standin in self._sandbox.standins
            for fault in standin.faults.pending()
        ]

    def add_fault(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(body) - _FAULT_MEMBERS):
            raise BadControlCall(f"unknown member(s) of a fault: {', '.join(unknown)}")
        kind, count, rate = body.get("kind"), body.get("count"), body.get("rate")
        if kind is None:
            raise BadControlCall("a fault needs a kind")
        if count is not None and rate is not None:
            raise BadControlCall("a fault has a count or a rate, not both")
        account = str(body.get("account") or "")
        if account:
            self._standin(account)
        fault = Fault(
            kind=str(kind),
            count=None if rate is not None else int(count if count is not None else 1),
            rate=None if rate is None else float(rate),
            match=str(body.get("match") or ""),
            method=str(body.get("method") or ""),
            seconds=float(body.get("seconds", 1.0)),
            detail=dict(body.get("detail") or {}),
            account=account,
        )
        systems = self._systems_named(body.get("system"), account)
        for standin in systems:
            known: frozenset[str] | None = getattr(standin, "fault_kinds", None)
            if known is not None and fault.kind not in known:
                raise BadControlCall(
                    f"{standin.system} knows no fault {fault.kind}; it knows {', '.join(sorted(known))}"
                )
        for standin in systems:
            standin.faults.add(fault)
        return {"ordered": fault.kind, "systems": [standin.system for standin in systems]}

    def clear_faults(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        name = body.get("system") or request.query_params.get("system")
        for standin in self._systems_named(name, "") if name else self._sandbox.standins:
            standin.faults.clear()
        return {"cleared": True}

    def read_clock(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        clock = self._sandbox.clock
        return {"offset_s": clock.offset_s, "now": clock.now().isoformat()}

    def set_clock(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        clock = self._sandbox.clock
        offset, advance = body.get("offset_s"), body.get("advance_s")
        if (offset is None) == (advance is None):
            raise BadControlCall(
                "the clock takes offset_s (from the machine's clock) or advance_s (from where it is)"
            )
        clock.set_offset(float(offset) if offset is not None else clock.offset_s + float(str(advance)))
        return self.read_clock(request, body)

    def consent(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        standin = self._standin(request.path_params["account"])
        if not isinstance(standin, Consenting):
            raise UnknownThing(f"{standin.system} knows no consent of a user")
        return {"refresh_token": standin.consent(request.path_params["account"])}

    def reset(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        self._sandbox.reset()
        return {"reset": True}

    def read_world(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return self._sandbox.world.describe()

    def drive_world(self, request: Request, body: dict[str, Any]) -> Any:
        world, action = self._sandbox.world, body.get("action")
        if action == "start":
            world.start(float(body.get("rate_per_minute", 10)))
            return world.describe()
        if action == "stop":
            world.stop()
            return world.describe()
        if action == "step":
            return {"happened": [world.step() for _ in range(int(body.get("count", 1)))]}
        if action == "demo":
            return {"orders": [row.as_json() for row in world.demo_script()]}
        if action == "elsewhere":
            return {"orders": [row.as_json() for row in world.open_elsewhere()]}
        raise BadControlCall("the world knows the actions start, stop, step, demo and elsewhere")

    def _standin(self, account: str) -> StandIn:
        for standin in self._sandbox.standins:
            if account in standin.accounts():
                return standin
        raise UnknownThing(f"no account {account} in this sandbox")

    def _channel(self, account: str) -> SalesChannel:
        standin = self._standin(account)
        if not hasattr(standin, "place_order"):
            raise UnknownThing(f"nobody buys at {account}: {standin.system} is no sales channel")
        return standin  # type: ignore[return-value]

    def _systems_named(self, name: object, account: str) -> list[StandIn]:
        if not name and not account:
            raise BadControlCall("a fault needs a system or an account")
        found = [
            standin
            for standin in self._sandbox.standins
            if (not name or standin.system == name) and (not account or account in standin.accounts())
        ]
        if not found:
            raise UnknownThing(f"no system {name} in this sandbox")
        return found
