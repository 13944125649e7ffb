"""The HTTP side of the stand-in: reads calls, sends answers, and misbehaves on the wire when told to."""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from order_pipelines.sandbox.mirakl.http import JSON, Call

if TYPE_CHECKING:
    from order_pipelines.sandbox.mirakl.standin import MiraklStandIn

WIRE_FAULTS = frozenset({"latency", "hang", "drop_reply_after_acting", "truncate_body", "not_json"})

_HTML = b"<html><head><title>Mirakl</title></head><body><h1>We'll be back soon</h1></body></html>"


class MiraklApp:
    """An ASGI application over one ``MiraklStandIn``."""

    def __init__(self, standin: "MiraklStandIn") -> None:
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        call = await _read_call(scope, receive)
        account = self._standin.account_of(call)
        faults, target = self._standin.faults, (call.method, call.target, account)
        if (late := faults.take({"latency"}, *target)) is not None:
            await asyncio.sleep(late.seconds)
        if faults.take({"hang"}, *target) is not None:
            await _wait_for_disconnect(receive)
            return
        answer = self._standin.answer(call, account)
        if faults.take({"drop_reply_after_acting"}, *target) is not None:
            self._standin.note_lost_reply(call, account)
            await _hang_up(receive, send)
            return
        body = answer.encoded()
        headers = {"Content-Type": JSON, **answer.headers} if body else answer.headers
        wire_fault = faults.take({"truncate_body", "not_json"}, *target) if body else None
        if wire_fault is not None and wire_fault.kind == "truncate_body":
            is_honest = bool(wire_fault.detail.get("honest_length", False))
            half = body[: len(body) // 2]
            await _send_start(answer.status, headers, len(half) if is_honest else len(body), send)
            await send({"type": "http.response.body", "body": half, "more_body": not is_honest})
            if not is_honest:
                await _hang_up(receive, send)
            return
        if wire_fault is not None:
            body = _HTML
        await _send_start(answer.status, headers, len(body), send)
        await send({"type": "http.response.body", "body": body})


async def _read_call(scope: Scope, receive: Receive) -> Call:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Call(
        method=scope["method"],
        path=scope["path"],
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(parts),
        base_url=f"http://{headers.get('host', '127.0.0.1')}",
    )


async def _send_start(status: int, headers: dict[str, str], length: int, send: Send) -> None:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    if status != 204:
        pairs.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without a (further) byte."""
    # ASGI has no word for this: the transport is reached through the object whose method ``send`` is (uvicorn's
    # request cycle).
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    transport.close()
    await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
