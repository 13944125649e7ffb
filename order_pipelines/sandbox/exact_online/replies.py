"""Answers as bytes on the wire, the ones that a fault spoils included."""

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from order_pipelines.sandbox.exact_online.wire import ApiError, error_body
from order_pipelines.sandbox.standin import Fault

JSON_TYPE = "application/json;charset=utf-8"
HTML_ERROR = (
    "<html><head><title>Error</title></head><body><h1>Server Error in '/' Application.</h1></body></html>"
)
HTML_MAINTENANCE = "<html><head><title>Exact Online</title></head><body>Gepland onderhoud</body></html>"

_TRANSPORT = "exact_online.transport"


def json_reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer; ``None`` is an empty body."""
    if body is None:
        return Response(status_code=status, headers=headers)
    return Response(json.dumps(body, ensure_ascii=False), status, headers, JSON_TYPE)


def error_reply(error: ApiError) -> Response:
    """Return the JSON answer of a refusal."""
    return json_reply(error.status, error_body(error.text), error.headers)


def html_reply(status: int, text: str = HTML_ERROR) -> Response:
    """Return a page that a person would see: no answer of the application itself."""
    return Response(text, status, media_type="text/html")


def spoil(response: Response, fault: Fault | None) -> Response:
    """Return what is left of an answer after a fault that strikes once the work is done."""
    if fault is None:
        return response
    if fault.kind == "truncate_body":
        half = bytes(response.body)[: len(response.body) // 2]
        return Response(half, response.status_code, media_type=JSON_TYPE)
    return DroppedReply()


async def wait_for_hang_up(request: Request, at_most_s: float) -> None:
    """Wait until the client gives up, or ``at_most_s`` seconds of real time."""
    try:
        async with asyncio.timeout(at_most_s):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


class DroppedReply(Response):
    """No answer at all: the connection is cut, and the client cannot know whether its call was carried out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection and wait until the server has noticed."""
        transport = scope.get(_TRANSPORT)
        if transport is None:
            raise RuntimeError("only uvicorn lets a stand-in cut its connections")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class KeepsTransport:
    """Lets :class:`DroppedReply` reach the connection, which ASGI hides behind ``send``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with the server's transport in its scope, where there is one."""
        scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)
