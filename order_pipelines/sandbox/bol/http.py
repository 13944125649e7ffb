"""Calls and answers of the stand-in, apart from any web framework."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

V10_JSON = "application/vnd.retailer.v10+json"
V10_CSV = "application/vnd.retailer.v10+csv"
V11_JSON = "application/vnd.retailer.v11+json"
PROBLEM_JSON = "application/problem+json"

_PROBLEM_TYPE = "https://api.bol.com/problems"
_INVALID_TITLE = "Error validating request. Consult the bol.com API documentation for more information."


@dataclass
class Call:
    """One received request; header names are lower case, of repeated query members all values are kept."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes
    base_url: str
    media_type: str = V10_JSON
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

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Problem: 400, the body is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "Bad request", title="Error reading request body.", violations=[]) from error


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, value: Any, media_type: str = V10_JSON) -> "Answer":
        """Make an answer of a JSON value."""
        return cls(status, orjson.dumps(value), {"Content-Type": media_type})


class Problem(Exception):
    """An error answer in bol's Problem JSON; ``violations`` are (name, reason), left out where bol leaves them out."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        violations: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        bare: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or _TITLES.get(status, "Error")
        self.violations = violations
        self.headers = headers or {}
        self.bare = bare

    def answer(self, call: Call) -> Answer:
        """Write the problem down as the answer to a call."""
        shape: dict[str, Any] = {"title": self.title, "status": self.status, "detail": self.detail}
        if not self.bare:
            shape = {
                "type": _PROBLEM_TYPE,
                **shape,
                "host": "Instance-001",
                "instance": f"{call.base_url}{call.path}",
            }
        if self.violations is not None:
            shape["violations"] = [{"name": name, "reason": reason} for name, reason in self.violations]
        accepted = call.headers.get("accept", "")
        media_type = accepted if accepted in (V10_JSON, V11_JSON) else PROBLEM_JSON
        answer = Answer.of_json(self.status, shape, media_type)
        answer.headers.update(self.headers)
        return answer


_TITLES = {
    400: _INVALID_TITLE,
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def invalid(name: str, reason: str) -> Problem:
    """A 400 that names one violation."""
    return Problem(400, "Bad request", violations=[(name, reason)])


def not_found(detail: str) -> Problem:
    """A 404 as bol writes it: without violations, although its schema requires them."""
    return Problem(404, detail)
