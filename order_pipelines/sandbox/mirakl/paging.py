"""Both paging forms: ``max`` and ``offset`` with a Link header, ``limit`` and ``page_token`` with opaque tokens.

No operation lists these parameters in the published description.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from order_pipelines.sandbox.mirakl.http import Call, Problem

DEFAULT_MAX = 10
HIGHEST_MAX = 100
HIGHEST_LOG_LIMIT = 2000
TOKEN_LIFE = timedelta(minutes=10)

T = TypeVar("T")


def whole_number(call: Call, name: str, default: int) -> int:
    """Return a number of the query, at least 0.

    Raises:
        Problem: 400, it is none.
    """
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise Problem(400, f"Parameter '{name}' must be a positive number, but is '{text}'")
    return int(text)


def is_continuation(call: Call) -> bool:
    """Say whether a call asks for a further page of what was asked before."""
    return bool(call.query.get("page_token")) or call.query.get("offset", "0") not in {"", "0"}


def offset_page(call: Call, rows: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """Return one page and its headers; a ``max`` above 100 is taken as 100."""
    if call.query.get("paginate") == "false":
        return rows, {}
    size = min(max(1, whole_number(call, "max", DEFAULT_MAX)), HIGHEST_MAX)
    start = whole_number(call, "offset", 0)
    headers = {}
    if start + size < len(rows):
        members = {**call.query, "max": str(size), "offset": str(start + size)}
        headers["Link"] = f'<{call.base_url}{call.path}?{urlencode(members)}>; rel="next"'
    return rows[start : start + size], headers


@dataclass
class TokenDesk:
    """Page tokens of one account: where a listing goes on, until when."""

    _places: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def page(
        self, call: Call, rows: Sequence[dict[str, Any]], now: datetime, highest: int = HIGHEST_MAX
    ) -> dict[str, Any]:
        """Return one page with the tokens of its neighbours.

        Raises:
            Problem: 400, the token is unknown or too old.
        """
        size = min(max(1, whole_number(call, "limit", DEFAULT_MAX)), highest)
        token = call.query.get("page_token")
        start = 0
        if token:
            start, until = self._places.get(token, (0, now - TOKEN_LIFE))
            if now >= until:
                raise Problem(400, "The page token is invalid or has expired")
        ahead = start + size
        return {
            "data": list(rows[start:ahead]),
            "next_page_token": self._token(call.path, ahead, now) if ahead < len(rows) else None,
            "previous_page_token": self._token(call.path, max(0, start - size), now) if start else None,
        }

    def _token(self, path: str, start: int, now: datetime) -> str:
        words = f"{path}|{len(self._places)}|{start}"
        token = base64.urlsafe_b64encode(words.encode()).decode()
        self._places[token] = (start, now + TOKEN_LIFE)
        return token
