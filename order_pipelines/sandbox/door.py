"""The HTTP side that stand-ins share: reads calls, sends answers, and misbehaves on the wire when told to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from starlette.types import Receive, Scope, Send

from order_pipelines.sandbox.standin import Fault, FaultBook

WIRE_FAULTS = frozenset({"latency", "hang", "drip", "drop_reply_after_acting", "truncate_body", "not_json"})

_LOOK_S = 0.2
_HTML = b"<html><head><title>Onderhoud</title></head><body><h1>We zijn zo terug</h1></body></html>"


class WireCall(Protocol):
    """What the door must know of a received call."""

    method: str
    path: str

    @property
    def target(self) -> str:
        """Path with query, what a fault's ``match`` looks into."""


class WireAnswer(Protocol):
    """What goes back through the door."""

    status: int
    headers: dict[str, str]

    @property
    def body(self) -> bytes:
        """The bytes of the answer."""


CallT = TypeVar("CallT", bound=WireCall)


@dataclass(frozen=True, slots=True)
class Inside(Generic[CallT]):
    """What is behind the door.

    Args:
        make_call: makes a call of ``method, path, query_string, headers, body, base_url``.
        account_of: tells whose call it is, as far as it can be told.
        answer: does what is asked; effects happen there.
        note_lost_reply: hears that the caller never saw the answer.
        login_path: calls for a token, which only faults with a ``match`` strike.
    """

    make_call: Callable[..., CallT]
    account_of: Callable[[CallT], str]
    answer: Callable[[CallT, str], WireAnswer]
    note_lost_reply: Callable[[CallT, str], None]
    login_path: str = ""


class Door(Generic[CallT]):
    """An ASGI application over one stand-in."""

    def __init__(self, faults: FaultBook, inside: Inside[CallT]) -> None:
        self._faults = faults
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        call = await self._read_call(scope, receive)
        account = self._inside.account_of(call)
        if (late := self._strikes({"latency"}, call, account)) is not None:
            await asyncio.sleep(late.seconds)
        if self._strikes({"hang"}, call, account) is not None:
            await self._hang(receive, send)
            return
        answer = self._inside.answer(call, account)
        if self._strikes({"drop_reply_after_acting"}, call, account) is not None:
            self._inside.note_lost_reply(call, account)
            await _hang_up(receive, send)
            return
        body = answer.body
        fault = self._strikes({"truncate_body", "not_json", "drip"}, call, account) if body else None
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "truncate_body":
            is_honest = bool(fault.detail.get("honest_length", False))
            await _send_half(answer, body, receive, send, is_honest=is_honest)
            return
        if kind == "not_json":
            body = _HTML
        await _send_start(answer, len(body), send)
        if fault is not None and kind == "drip":
            await self._drip(body, fault.seconds, receive, send)
        else:
            await send({"type": "http.response.body", "body": body})

    async def _hang(self, receive: Receive, send: Send) -> None:
        """Say nothing until the caller hangs up, or this fault is over."""
        cleared = self._faults.times_cleared
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        while not gone.done() and cleared == self._faults.times_cleared:
            await asyncio.wait({gone}, timeout=_LOOK_S)
        if not gone.done():
            _close(send)
            await gone

    async def _drip(self, body: bytes, pause_s: float, receive: Receive, send: Send) -> None:
        """Send a body byte by byte, until it is sent, the caller hangs up, or this fault is over."""
        cleared = self._faults.times_cleared
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        for place in range(len(body)):
            part = {"type": "http.response.body", "body": body[place : place + 1]}
            await send({**part, "more_body": place + 1 < len(body)})
            await asyncio.wait({gone}, timeout=pause_s)
            if gone.done():
                return
            if cleared != self._faults.times_cleared:
                _close(send)
                break
        await gone

    def _strikes(self, kinds: set[str], call: CallT, account: str) -> Fault | None:
        named_only = bool(self._inside.login_path) and call.path == self._inside.login_path
        return self._faults.take(kinds, call.method, call.target, account, named_only=named_only)

    async def _read_call(self, scope: Scope, receive: Receive) -> CallT:
        parts = []
        more = True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        return self._inside.make_call(
            method=scope["method"],
            path=scope["path"],
            query_string=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=b"".join(parts),
            base_url=f"http://{headers.get('host', '127.0.0.1')}",
        )


async def _send_start(answer: WireAnswer, length: int, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


async def _send_half(
    answer: WireAnswer, body: bytes, receive: Receive, send: Send, *, is_honest: bool
) -> None:
    """Send half a body: with a length that says so (``is_honest``), or promising all of it and hanging up."""
    half = body[: len(body) // 2]
    await _send_start(answer, len(half) if is_honest else len(body), send)
    await send({"type": "http.response.body", "body": half, "more_body": not is_honest})
    if not is_honest:
        await _hang_up(receive, send)


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without a (further) byte, and see to its end."""
    _close(send)
    await _wait_for_disconnect(receive)


def _close(send: Send) -> None:
    # ASGI has no word for this: the transport is reached through the object whose method ``send`` is (uvicorn's
    # request cycle). Any other server would answer 500 instead, which the sandbox never runs on.
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    transport.close()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _serve_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
