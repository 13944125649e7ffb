"""What goes over the wire, noted at the stand-in's own door: it does not matter who calls, and in which language."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_pipelines.sandbox.server import Sandbox


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. Media types are without parameters; ``accepted`` are those of the Accept header."""

    system: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    accepted: tuple[str, ...]
    sent_media_type: str | None
    sent: bytes
    status: int
    media_type: str | None
    body: bytes

    def sent_json(self) -> Any:
        """The request body as JSON; ``None`` when there is none."""
        return orjson.loads(self.sent) if self.sent else None

    def sent_form(self) -> dict[str, str]:
        """The request body as the fields of a form."""
        return dict(parse_qsl(self.sent.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """The answer's body as JSON, as text when its media type is another; ``None`` when there is none."""
        if not self.body:
            return None
        return orjson.loads(self.body) if self.is_json else self.body.decode("utf-8", "replace")

    @property
    def is_json(self) -> bool:
        """Whether the answer calls itself JSON."""
        return (self.media_type or "").endswith("json")

    @property
    def is_broken(self) -> bool:
        """Whether the answer calls itself JSON and is none."""
        try:
            self.json()
        except orjson.JSONDecodeError:
            return True
        return False

    def __str__(self) -> str:
        return f"{self.method} {self.path} answered {self.status}"

    def as_line(self) -> bytes:
        """Return the exchange as one line, to be read by ``exchange_of``."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told |= {name: base64.b64encode(told[name]).decode() for name in ("sent", "body")}
        return orjson.dumps(told) + b"\n"


def exchange_of(line: bytes) -> Exchange:
    """Return what ``Exchange.as_line`` wrote."""
    told = orjson.loads(line)
    told |= {name: base64.b64decode(told[name]) for name in ("sent", "body")}
    told |= {
        "query": tuple((name, value) for name, value in told["query"]),
        "accepted": tuple(told["accepted"]),
    }
    return Exchange(**told)


def recorded(app: ASGIApp, system: str, note: Callable[[Exchange], None]) -> ASGIApp:
    """Return an application that does as ``app`` and notes every call that it answered to the end."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        ear = _Ear(receive, send)
        await app(scope, ear.receive, ear.send)
        if ear.is_answered:
            note(ear.exchange(system, scope))

    return serve


class _Ear:
    """Both directions of one call; has the ``transport`` of the server's own object, which stand-ins use to hang up."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.transport = getattr(getattr(send, "__self__", None), "transport", None)
        self.is_answered = False
        self._sent: list[bytes] = []
        self._body: list[bytes] = []
        self._start: Message = {}

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._sent.append(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body.append(message.get("body", b""))
            self.is_answered = not message.get("more_body", False)
        await self._send(message)

    def exchange(self, system: str, scope: Scope) -> Exchange:
        asked = _headers(scope["headers"])
        return Exchange(
            system,
            scope["method"],
            scope["path"],
            tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            tuple(part.partition(";")[0].strip() for part in asked.get("accept", "*/*").split(",")),
            _plain(asked.get("content-type")),
            b"".join(self._sent),
            self._start["status"],
            _plain(_headers(self._start.get("headers", ())).get("content-type")),
            b"".join(self._body),
        )


def _headers(pairs: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _plain(media_type: str | None) -> str | None:
    return None if media_type is None else media_type.partition(";")[0].strip()


class RecordedSandbox(Sandbox):
    """A sandbox whose stand-ins are overheard: ``made`` has every call in the order in which they were answered."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.made: list[Exchange] = []
        super().__init__(*arguments, **options)

    def _app_of(self, system: str) -> ASGIApp:
        return recorded(super()._app_of(system), system, self.made.append)
