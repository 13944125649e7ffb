"""What every connector of JSON needs before it knows its system: a body parsed, a value shown in a sentence."""

from typing import Any

import orjson

from order_pipelines.domain.orders import Problem

JsonObject = dict[str, Any]

SHOWN = 60
"""Signs of a value that a sentence shows."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parse(body: bytes) -> Any | Problem:
    """Return the JSON value of a body, or the problem that keeps it from being read."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        ends_early = error.pos >= len(body) - 1 or "unexpected end" in error.msg
        if not body.strip():
            return Problem("truncated", "the payload is empty")
        if ends_early and body.lstrip()[:1] in (b"{", b"["):
            return Problem(
                "truncated", f"the JSON breaks off after {len(body)} bytes", f"byte {error.pos + 1}"
            )
        return Problem(
            "not_json",
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            f"line {error.lineno}, column {error.colno}",
        )


def shown(value: object) -> str:
    """Return a short text of an offending value."""
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except TypeError:
        # What can be read may be nested too deeply to be written.
        return f"a {kind_of(value)} nested without end"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def kind_of(value: object) -> str:
    """Return what JSON calls a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object"
