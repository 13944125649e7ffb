"""The HTTP door: webhooks, carts, health. It checks who knocks before it looks at what they bring."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from order_pipelines.live.bodies import BodyRefusedError, read_body
from order_pipelines.live.carts import LARGEST_BODY, Carts, Keys, Told
from order_pipelines.live.lane import Lane
from order_pipelines.live.openapi import document
from order_pipelines.services.webhooks import take

log = logging.getLogger(__name__)
T = TypeVar("T")

_WEBHOOK_THREADS, _CART_THREADS = 8, 8


class Door:
    """The application and the threads that do its blocking work, one pool a kind: carts never delay webhooks."""

    def __init__(self, lane: Lane, carts: Carts, keys: Keys, *, largest_body: int) -> None:
        self._lane = lane
        self._carts = carts
        self._keys = keys
        self._largest_body = largest_body
        self._webhook_threads = ThreadPoolExecutor(_WEBHOOK_THREADS, thread_name_prefix="webhooks")
        self._cart_threads = ThreadPoolExecutor(_CART_THREADS, thread_name_prefix="carts")
        self._under_way: set[Future[Any]] = set()
        self._document = orjson.dumps(document())
        self.app = Starlette(
            routes=[
                Route("/webhooks/{account}", self._webhook, methods=["POST"]),
                Route("/reservations", self._make, methods=["POST"]),
                Route("/reservations/{reservation_id}", self._show, methods=["GET"]),
                Route("/reservations/{reservation_id}", self._cancel, methods=["DELETE"]),
                Route("/reservations/{reservation_id}/extend", self._extend, methods=["POST"]),
                Route("/reservations/{reservation_id}/confirm", self._confirm, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
                Route("/openapi.json", self._openapi, methods=["GET"]),
            ],
            exception_handlers={
                HTTPException: _http_refusal,
                BodyRefusedError: _body_refusal,
                sa.exc.SQLAlchemyError: _store_trouble,
                sqlite3.Error: _store_trouble,
            },
        )

    def close(self) -> bool:
        """Take no more work; returns whether all that was under way has ended."""
        for threads in (self._webhook_threads, self._cart_threads):
            threads.shutdown(wait=False, cancel_futures=True)
        return not self._under_way

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:
        future = threads.submit(work, *arguments)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return await asyncio.wrap_future(future)

    # --- webhooks

    async def _webhook(self, request: Request) -> Response:
        account = request.path_params["account"]
        door = self._lane.doors.get(account)
        if door is None:
            return _refusal(404, "not_found")
        body = await read_body(request, self._largest_body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        taken = await self._in(self._webhook_threads, take, self._lane.box, account, door, headers, body)
        if taken is None:
            log.warning("a push to %s was not signed by its system, or is stale; nothing was kept", account)
            return _refusal(401, "unauthorized")
        if taken:
            self._lane.nudge()
        return Response(status_code=204)

    # --- carts

    def _account(self, request: Request) -> str:
        account = self._keys.account_of(request.headers.get("authorization"))
        if account is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return account

    async def _make(self, request: Request) -> Response:
        account = self._account(request)
        body = await read_body(request, LARGEST_BODY)
        return _told(
            await self._in(
                self._cart_threads, self._carts.make, account, body, request.headers.get("idempotency-key")
            )
        )

    async def _show(self, request: Request) -> Response:
        return await self._one(request, self._carts.show)

    async def _cancel(self, request: Request) -> Response:
        return await self._one(request, self._carts.cancel)

    async def _extend(self, request: Request) -> Response:
        return await self._one(request, self._carts.extend)

    async def _one(self, request: Request, work: Callable[[str, str], Told]) -> Response:
        account = self._account(request)
        return _told(await self._in(self._cart_threads, work, account, _reservation_id(request)))

    async def _confirm(self, request: Request) -> Response:
        account = self._account(request)
        body = await read_body(request, LARGEST_BODY)
        reservation_id = _reservation_id(request)
        return _told(await self._in(self._cart_threads, self._carts.confirm, account, reservation_id, body))

    # --- about us

    async def _health(self, request: Request) -> Response:
        del request
        is_ready, page = await self._in(self._cart_threads, self._lane.health)
        return _json(200 if is_ready else 503, page)

    async def _openapi(self, request: Request) -> Response:
        del request
        return Response(self._document, media_type="application/json")


def _reservation_id(request: Request) -> str:
    found: str = request.path_params["reservation_id"]
    if len(found) > 40 or not found.isascii() or not found.isalnum():
        raise HTTPException(404)
    return found


def _told(told: Told) -> Response:
    return _json(told.status, told.body, dict(told.headers))


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


_MESSAGES = {
    400: ("broken_off", "the body broke off"),
    401: ("unauthorized", "a key or signature that is known here is needed"),
    404: ("not_found", "there is nothing here"),
    405: ("method_not_allowed", "not this way"),
    408: ("too_slow", "the body did not come in time"),
    413: ("too_large", "the body is larger than is taken here"),
    503: ("try_again", "not now; try again in a moment"),
}


def _refusal(status: int, code: str | None = None, headers: dict[str, str] | None = None) -> Response:
    known, message = _MESSAGES.get(status, ("refused", "refused"))
    return _json(status, {"error": code or known, "message": message}, headers)


async def _http_refusal(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return _refusal(error.status_code, headers=dict(error.headers or {}))


async def _body_refusal(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, BodyRefusedError)
    # What was not read to its end stands between this request and the next on the same line.
    return _refusal(error.status, error.code, {"Connection": "close"})


async def _store_trouble(request: Request, error: Exception) -> Response:
    """The sender comes again: nothing was kept that was not answered with success."""
    log.error(
        "%s was not answered: the store does not answer (%s)",
        request.url.path.split("/")[1],
        type(error).__name__,
    )
    return _refusal(503, headers={"Retry-After": "1"})
