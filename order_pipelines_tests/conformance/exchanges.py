"""Recording what goes over the wire, unchanged, while our own code and plain callers talk to the stand-ins."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
import requests


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. ``media_type`` and ``sent_media_type`` are without parameters."""

    method: str
    base_url: str
    path: str
    query: tuple[tuple[str, str], ...]
    sent_media_type: str | None
    sent: bytes
    status: int
    media_type: str | None
    body: bytes

    def sent_json(self) -> Any:
        """The request body as JSON; ``None`` when there is none."""
        return orjson.loads(self.sent) if self.sent else None

    def json(self) -> Any:
        """The answer's body as JSON; ``None`` when there is none."""
        return orjson.loads(self.body) if self.body else None

    def __str__(self) -> str:
        return f"{self.method} {self.path} answered {self.status}"


def exchange_of(request: requests.PreparedRequest, response: requests.Response) -> Exchange:
    """Return a finished call; reads the answer to its end, which its caller can still read afterwards."""
    url = urlsplit(request.url or "")
    sent = request.body or b""
    return Exchange(
        request.method or "",
        f"{url.scheme}://{url.netloc}",
        unquote(url.path),
        tuple(parse_qsl(url.query, keep_blank_values=True)),
        _plain(request.headers.get("Content-Type")),
        sent if isinstance(sent, bytes) else str(sent).encode(),
        response.status_code,
        _plain(response.headers.get("Content-Type")),
        response.content,
    )


def _plain(media_type: str | None) -> str | None:
    return None if media_type is None else media_type.partition(";")[0].strip()


@contextmanager
def recording() -> Iterator[list[Exchange]]:
    """Note every call that ``requests`` makes in this process during the block."""
    made: list[Exchange] = []
    send = requests.Session.send

    def send_and_note(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        response = send(session, request, **options)
        made.append(exchange_of(request, response))
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send_and_note)
        yield made
