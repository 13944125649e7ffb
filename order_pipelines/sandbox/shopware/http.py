"""Calls and answers of the stand-in, apart from any web framework."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json"
JSON_API = "application/vnd.api+json"

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass
class Call:
    """One received request; header names are lower case."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes
    base_url: str
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Path with query, what a fault's ``match`` looks into."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> dict[str, str]:
        """The members of the query; of repeated ones the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def wants_plain_json(self) -> bool:
        """Whether the caller asked for plain JSON; whoever accepts anything gets JSON:API.

        Raises:
            Problem: 415, neither is accepted.
        """
        for part in self.headers.get("accept", "*/*").split(","):
            wanted = part.partition(";")[0].strip().lower()
            if wanted == JSON:
                return True
            if wanted in {JSON_API, "*/*", "application/*", ""}:
                return False
        raise Problem(415, "0", f"All formats are unsupported: {self.headers['accept']}")

    def json(self) -> Any:
        """Return the body as JSON, an empty one as an empty object.

        Raises:
            Problem: 400, it is none.
        """
        if not self.body:
            return {}
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "0", "The JSON payload is malformed.") from error

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            Problem: 400, it is none.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise Problem(400, "FRAMEWORK__MISSING_REQUEST_PARAMETER", "The body is no object.")
        return body


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, value: Any, media_type: str = JSON) -> "Answer":
        """Make an answer of a JSON value."""
        return cls(status, orjson.dumps(value), {"Content-Type": media_type})


class Problem(Exception):
    """An error answer: a list of errors whose status is text."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        parameters: dict[str, Any] | None = None,
        pointer: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        error: dict[str, Any] = {
            "status": str(status),
            "code": code,
            "title": title or _TITLES.get(status, "Error"),
            "detail": detail,
        }
        if parameters is not None:
            error["meta"] = {"parameters": parameters}
        if pointer is not None:
            error["source"] = {"pointer": pointer}
        self.errors = [error]

    def answer(self) -> Answer:
        """Write the problem down."""
        answer = Answer.of_json(self.status, {"errors": self.errors})
        answer.headers.update(self.headers)
        return answer


class WriteRefused(Problem):
    """A write that violates constraints: one error for each, with a pointer into the payload."""

    def __init__(self, violations: list["Violation"]) -> None:
        super().__init__(400, "FRAMEWORK__WRITE_CONSTRAINT_VIOLATION", "The write was refused.")
        self.errors = [violation.error() for violation in violations]


@dataclass(frozen=True)
class Violation:
    """One constraint that a written row violates."""

    pointer: str
    code: str
    message: str
    value: Any = None

    def error(self) -> dict[str, Any]:
        """Return the error as it is sent."""
        return {
            "code": self.code,
            "status": "400",
            "detail": self.message,
            "template": self.message,
            "meta": {"parameters": {"{{ value }}": orjson.dumps(self.value, default=str).decode()}},
            "source": {"pointer": self.pointer},
        }


def not_found(entity: str, key: str) -> Problem:
    """A 404 for a resource that is not there."""
    shown = f"id({key})"
    return Problem(
        404,
        "FRAMEWORK__RESOURCE_NOT_FOUND",
        f"The {entity} resource with the following primary key was not found: {shown}",
        parameters={"type": entity, "primaryKey": {"id": key}, "primaryKeyString": shown},
    )
