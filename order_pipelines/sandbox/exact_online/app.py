"""The HTTP surface: authorisation, tokens and the data endpoints, and the order in which calls are checked."""

import asyncio
import json
import re
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_pipelines.sandbox.exact_online import replies
from order_pipelines.sandbox.exact_online.resources import Call, answer_call
from order_pipelines.sandbox.exact_online.tenant import Tenant
from order_pipelines.sandbox.exact_online.wire import ApiError, read_json, refuse_constant
from order_pipelines.sandbox.standin import Fault, FaultBook, VirtualClock

_PATH = re.compile(
    r"/api/v1/(?:current|(?P<division>\d+))/(?P<resource>[^()]+?)(?:\((?P<key>[^)]*)\)(?:/(?P<link>\w+))?)?"
)
_FORM = "application/x-www-form-urlencoded"
_HANG_AT_MOST_S = 300.0

_STATUS_FAULTS = {
    "401",
    "403",
    "404",
    "406",
    "429",
    "429_without_retry_after",
    "500",
    "500_json",
    "503",
    "not_json",
}
_LATE_FAULTS = {"drop_reply_after_acting", "truncate_body"}
_REFUSALS = {
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Resource not found for the segment.",
    "406": "Not acceptable",
}


@dataclass
class World:
    """What the handlers share: accounts, clock, faults, the mandatory filter's switch, one lock for all."""

    tenants: dict[str, Tenant]
    clock: VirtualClock
    faults: FaultBook
    lock: threading.RLock
    mandatory_filter: bool = False


def build_app(world: World) -> ASGIApp:
    """Return the ASGI application of one host with all accounts of ``world``."""
    handlers = _Handlers(world)
    routes = [
        Route("/api/oauth2/auth", handlers.authorize, methods=["GET"]),
        Route("/api/oauth2/token", handlers.token, methods=["POST"]),
        Route("/api/v1/{rest:path}", handlers.data, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]
    return replies.KeepsTransport(Starlette(routes=routes))


class _Handlers:
    def __init__(self, world: World) -> None:
        self._world = world

    async def authorize(self, request: Request) -> Response:
        """Let the user consent at once and send the browser back with a code."""
        asked = request.query_params
        with self._world.lock:
            tenant = self._client(asked.get("client_id", ""))
            redirect_uri = asked.get("redirect_uri", "")
            if tenant is None or not redirect_uri or asked.get("response_type") != "code":
                return replies.html_reply(400)
            answer = {"code": tenant.desk.authorize(redirect_uri)}
        if "state" in asked:
            answer["state"] = asked["state"]
        return RedirectResponse(
            f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}", 302
        )

    async def token(self, request: Request) -> Response:
        """Answer the token endpoint."""
        body = await request.body()
        spoiled, _ = await self._early_fault(request)
        if spoiled is not None:
            return spoiled
        with self._world.lock:
            response = self._token_answer(request, body)
            return replies.spoil(response, self._late_fault(request))

    async def data(self, request: Request) -> Response:
        """Answer a data endpoint."""
        body = await request.body()
        spoiled, fault = await self._early_fault(request)
        with self._world.lock:
            now = self._world.clock.now()
            path = _PATH.fullmatch(request.scope["path"])
            tenant = self._tenant(request, path)
            endpoint = (
                f"{path['division'] or 'current'}/{path['resource']}" if path else request.scope["path"]
            )
            if tenant is not None and tenant.budget.is_blocked(endpoint, now):
                # No header names this limit; absent means unknown.
                response = replies.error_reply(ApiError(429, "API rate limit exceeded"))
            else:
                response = spoiled or self._data_answer(request, path, tenant, body, now)
                if tenant is not None:
                    tenant.budget.note(endpoint, response.status_code, now)
            late = None if spoiled else self._late_fault(request)
            if tenant is not None and request.method != "GET":
                kind = late.kind if late else fault.kind if fault else None
                # A call that hung has no status: nothing was done and nothing was answered.
                status = None if kind == "hang" else response.status_code
                self._log_write(tenant, request, body, status, kind, now)
            return replies.spoil(response, late)

    def _token_answer(self, request: Request, body: bytes) -> Response:
        if not request.headers.get("content-type", "").startswith(_FORM):
            refusal = {"error": "invalid_request", "error_description": f"The body must be {_FORM}."}
            return replies.json_reply(400, refusal)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        tenant = self._client(form.get("client_id", ""))
        if tenant is None:
            refusal = {"error": "invalid_client", "error_description": "The client is unknown."}
            return replies.json_reply(400, refusal)
        answer = tenant.desk.answer(form, self._world.clock.now())
        return replies.json_reply(answer.status, answer.body, answer.headers)

    def _data_answer(
        self, request: Request, path: re.Match[str] | None, tenant: Tenant | None, body: bytes, now: datetime
    ) -> Response:
        headers: dict[str, str] = {}
        try:
            if "application/json" not in request.headers.get("accept", ""):
                # The real system answers Atom XML here; a client of ours must never get that far.
                raise ApiError(406, _REFUSALS["406"])
            if tenant is None or not tenant.desk.is_valid(_bearer(request), now):
                raise ApiError(401, _REFUSALS["401"], {"WWW-Authenticate": "Bearer"})
            allowed, headers = tenant.limits.take(now)
            if not allowed:
                return Response(status_code=429, headers=headers)
            if path is None:
                raise ApiError(404, _REFUSALS["404"])
            if path["division"] and int(path["division"]) != tenant.division:
                raise ApiError(403, _REFUSALS["403"], {"Reason": "NoDivisionAccess"})
            status, answer, more = answer_call(self._call(request, path, tenant, body, now))
            return replies.json_reply(status, answer, headers | more)
        except ApiError as error:
            error.headers |= headers
            return replies.error_reply(error)

    def _call(
        self, request: Request, path: re.Match[str], tenant: Tenant, body: bytes, now: datetime
    ) -> Call:
        root = f"{request.url.scheme}://{request.url.netloc}/api/v1"
        method = request.method
        if method in {"POST", "PUT"} and "json" not in request.headers.get("content-type", ""):
            raise ApiError(415, "Unsupported media type requested.")
        division = path["division"]
        is_entry = method == "POST" and path["resource"] == "salesentry/SalesEntries"
        return Call(
            tenant=tenant,
            now=now,
            method=method,
            root=f"{root}/{division}" if division else root,
            resource=path["resource"] if division else f"current/{path['resource']}",
            key=path["key"],
            link=path["link"],
            parameters=list(request.query_params.multi_items()),
            payload=read_json(body) if method in {"POST", "PUT"} else None,
            wants_representation="return=representation" in request.headers.get("prefer", ""),
            mandatory_filter=self._world.mandatory_filter,
            search_lag=self._fault({"search_lag"}, request) if is_entry else None,
        )

    async def _early_fault(self, request: Request) -> tuple[Response | None, Fault | None]:
        """Suffer the faults that strike before any work; return the answer that replaces the work, if any."""
        slow = self._fault({"latency"}, request)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        if self._fault({"hang"}, request) is not None:
            await replies.wait_for_hang_up(request, _HANG_AT_MOST_S)
            return replies.DroppedReply(), Fault("hang")
        if self._fault({"expire_token"}, request) is not None:
            with self._world.lock:
                for tenant in self._world.tenants.values():
                    tenant.desk.expire(_bearer(request), self._world.clock.now())
        fault = self._fault(_STATUS_FAULTS, request)
        return (None, None) if fault is None else (self._faulty_answer(fault, request), fault)

    def _faulty_answer(self, fault: Fault, request: Request) -> Response:
        if fault.kind == "not_json":
            return replies.html_reply(200, replies.HTML_MAINTENANCE)
        if fault.kind in {"500", "503"}:
            return replies.html_reply(int(fault.kind))
        if fault.kind == "500_json":
            return replies.error_reply(ApiError(500, fault.detail.get("text", "Gegeven bestaat reeds.")))
        if fault.kind == "429_without_retry_after":
            return Response(status_code=429)
        if fault.kind == "429":
            return Response(status_code=429, headers=self._limit_headers(fault, request))
        return replies.error_reply(ApiError(int(fault.kind), _REFUSALS[fault.kind]))

    def _limit_headers(self, fault: Fault, request: Request) -> dict[str, str]:
        """Return the headers of the minute, or of the day where the fault's detail has ``limit: day``."""
        tenant = self._tenant(request, _PATH.fullmatch(request.scope["path"]))
        limits = (tenant or next(iter(self._world.tenants.values()))).limits
        now = self._world.clock.now()
        if fault.detail.get("limit") == "day":
            return limits.day_headers(now, used_up=True)
        return limits.minute_headers(now, used_up=True)

    def _late_fault(self, request: Request) -> Fault | None:
        return self._fault(_LATE_FAULTS, request)

    def _fault(self, kinds: set[str], request: Request) -> Fault | None:
        return self._world.faults.take(kinds, request.method, request.scope["path"])

    def _client(self, client_id: str) -> Tenant | None:
        return next((one for one in self._world.tenants.values() if one.desk.client_id == client_id), None)

    def _tenant(self, request: Request, path: re.Match[str] | None) -> Tenant | None:
        """Return whose call this is: by its access token, however old, else by the division in its path."""
        token, division = _bearer(request), path["division"] if path else None
        for tenant in self._world.tenants.values():
            if tenant.desk.knows(token):
                return tenant
        for tenant in self._world.tenants.values():
            if division in {str(tenant.division), str(tenant.holding)}:
                return tenant
        return None

    @staticmethod
    def _log_write(
        tenant: Tenant, request: Request, body: bytes, status: int | None, fault: str | None, now: datetime
    ) -> None:
        try:
            content: Any = json.loads(body, parse_constant=refuse_constant)
        except ValueError:
            content = body.decode("utf-8", "replace")
        tenant.writes.append(
            {
                "at": now.isoformat(),
                "method": request.method,
                "path": request.scope["path"],
                "body": content,
                "status": status,
                "fault": fault,
            }
        )


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
