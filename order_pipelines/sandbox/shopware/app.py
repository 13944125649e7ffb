"""The HTTP side of the stand-in: reads calls, sends answers, and misbehaves on the wire when told to."""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from order_pipelines.sandbox.shopware.http import Answer, Call

if TYPE_CHECKING:
    from order_pipelines.sandbox.shopware.standin import ShopwareStandIn

LOGIN_PATH = "/api/oauth/token"
WIRE_FAULTS = frozenset({"latency", "hang", "drop_reply_after_acting", "truncate_body", "not_json"})

_HTML = b"<html><head><title>Onderhoud</title></head><body><h1>We zijn zo terug</h1></body></html>"


class ShopwareApp:
    """An ASGI application over one ``ShopwareStandIn``."""

    def __init__(self, standin: "ShopwareStandIn") -> None:
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        call = await _read_call(scope, receive)
        account = self._standin.account_of(call)
        named_only = call.path == LOGIN_PATH
        faults = self._standin.faults
        target = (call.method, call.target, account)
        if (late := faults.take({"latency"}, *target, named_only=named_only)) is not None:
            await asyncio.sleep(late.seconds)
        if faults.take({"hang"}, *target, named_only=named_only) is not None:
            await _wait_for_disconnect(receive)
            return
        answer = self._standin.answer(call, account)
        if faults.take({"drop_reply_after_acting"}, *target, named_only=named_only) is not None:
            self._standin.note_lost_reply(call, account)
            await _hang_up(receive, send)
            return
        wire_fault = (
            faults.take({"truncate_body", "not_json"}, *target, named_only=named_only)
            if answer.body
            else None
        )
        if wire_fault is not None and wire_fault.kind == "truncate_body":
            await _send_half(
                answer, receive, send, honest=bool(wire_fault.detail.get("honest_length", False))
            )
            return
        if wire_fault is not None:
            answer.body = _HTML
        await _send(answer, send)


async def _read_call(scope: Scope, receive: Receive) -> Call:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "127.0.0.1")
    return Call(
        method=scope["method"],
        path=scope["path"],
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(parts),
        base_url=f"http://{host}",
    )


async def _send(answer: Answer, send: Send) -> None:
    await _send_start(answer, len(answer.body), send)
    await send({"type": "http.response.body", "body": answer.body})


async def _send_start(answer: Answer, length: int, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


async def _send_half(answer: Answer, receive: Receive, send: Send, *, honest: bool) -> None:
    """Send half a body: with a length that says so (``honest``), or promising all of it and hanging up."""
    half = answer.body[: len(answer.body) // 2]
    await _send_start(answer, len(half) if honest else len(answer.body), send)
    await send({"type": "http.response.body", "body": half, "more_body": not honest})
    if not honest:
        await _hang_up(receive, send)


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without a (further) byte."""
    # ASGI has no word for this: the transport is reached through the object whose method ``send`` is (uvicorn's
    # request cycle). Any other server would answer 500 instead, which the sandbox never runs on.
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    transport.close()
    await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _serve_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
