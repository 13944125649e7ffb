"""Calls and answers of the stand-in, apart from any web framework."""

from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json;charset=UTF-8"


@dataclass
class Call:
    """One received request; header names are lower case, of repeated query members all values are kept."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes
    base_url: str
    arguments: tuple[str, ...] = ()
    query: dict[str, str] = field(init=False)
    query_lists: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.query_lists = {}
        for name, value in parse_qsl(self.query_string, keep_blank_values=True):
            self.query_lists.setdefault(name, []).append(value)
        self.query = {name: values[-1] for name, values in self.query_lists.items()}

    @property
    def target(self) -> str:
        """Path with query, what a fault's ``match`` looks into."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    def values(self, name: str) -> list[str]:
        """Return a parameter that may be repeated or hold several words between commas."""
        return [word for value in self.query_lists.get(name, ()) for word in value.split(",") if word]

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            Problem: 400 or 415, it is none.
        """
        sent = self.headers.get("content-type", "").partition(";")[0].strip()
        if sent != "application/json":
            raise Problem(415, f"Content-Type '{sent}' is not supported")
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "Could not read JSON") from error
        if not isinstance(body, dict):
            raise Problem(400, "Could not read JSON")
        return body

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the list of objects under ``name`` of the body.

        Raises:
            Problem: 400, there is none, or an element is null.
        """
        rows = self.json().get(name)
        if not isinstance(rows, list) or not rows:
            raise Problem(400, f"{name} must not be empty", code="VALIDATION_ERROR")
        if any(not isinstance(row, dict) for row in rows):
            raise Problem(400, f"{name} must not contain null elements", code="ORDER_LINE_NULL_ELEMENT")
        return rows

    def form(self) -> dict[str, bytes]:
        """Return the parts of a multipart body by name.

        Raises:
            Problem: 415, it is another kind of body.
        """
        sent = self.headers.get("content-type", "")
        if not sent.startswith("multipart/form-data"):
            raise Problem(415, f"Content-Type '{sent.partition(';')[0]}' is not supported")
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + sent.encode("latin-1") + b"\r\n\r\n" + self.body
        )
        parts: dict[str, bytes] = {}
        for part in message.iter_parts() if message.is_multipart() else ():
            content = part.get_payload(decode=True)
            name = part.get_param("name", header="content-disposition")
            if isinstance(content, bytes):
                parts[str(name)] = content
        return parts


@dataclass
class Answer:
    """What goes back: ``value`` as JSON, or ``text`` in another media type, or nothing."""

    status: int
    value: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The bytes of the answer."""
        if self.text is not None:
            return self.text.encode()
        return b"" if self.value is None else orjson.dumps(self.value, default=float)


class Problem(Exception):
    """An error answer; Mirakl publishes no shape for them, this one is what its clients read."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}

    def answer(self) -> Answer:
        """Write the problem down."""
        value: dict[str, Any] = {"message": self.message, "status": self.status}
        if self.code is not None:
            value["code"] = self.code
        return Answer(self.status, value, headers={"Content-Type": JSON, **self.headers})
