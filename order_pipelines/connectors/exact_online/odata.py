"""How Exact Online writes things: envelopes, literals, padded codes and times that are Dutch wall clock.

Pure functions; what an answer means for the caller is decided in ``client.py``.
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from order_pipelines.connectors.plain import plain_words

# The vendor's clock, whatever zone the merchant's business days are in.
DUTCH_CLOCK = ZoneInfo("Europe/Amsterdam")

_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock on purpose
_LONGEST_ERROR_TEXT = 300
_DIGITS_OF_AMOUNT = 15
_LONGEST_NUMBER = 40


def read_rows(body: bytes) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of a list answer and the address of its next page; fractions are ``Decimal``.

    ``d`` is a bare list for most requests with ``$top`` of 60 or less and ``{"results": …}`` otherwise, with
    exceptions on both sides (70 recordings of June 2026): both are read everywhere.

    Raises:
        ValueError: the body is no list answer.
    """
    inner = _envelope(body)
    following: Any = None
    if isinstance(inner, dict):
        following = inner.get("__next")
        inner = inner.get("results")
    if not isinstance(inner, list) or not all(isinstance(row, dict) for row in inner):
        raise ValueError("a list was expected in the answer")
    return inner, following if isinstance(following, str) and following else None


def read_row(body: bytes) -> dict[str, Any]:
    """Return the one row of an answer to a POST or to a read by key.

    Raises:
        ValueError: the body is no single row.
    """
    inner = _envelope(body)
    if not isinstance(inner, dict) or "results" in inner:
        raise ValueError("one row was expected in the answer")
    return inner


def error_text(body: bytes) -> str | None:
    """Return the vendor's words of an error answer, or ``None`` when the body is not Exact's own error JSON.

    The words are in the language of the user who gave consent ("Gegeven bestaat reeds."); the code is always empty.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    value = message.get("value") if isinstance(message, dict) else message
    return plain_words(value, longest=_LONGEST_ERROR_TEXT) if isinstance(value, str) else None


def text_literal(text: str) -> str:
    """Return ``text`` as a ``$filter`` literal, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def guid_literal(guid: str) -> str:
    """Return a guid as a ``$filter`` literal.

    Raises:
        ValueError: it is no guid.
    """
    if not is_guid(guid):
        raise ValueError(f"{guid!r} is no guid")
    return f"guid'{guid}'"


def datetime_literal(instant: datetime) -> str:
    """Return an aware instant as a ``$filter`` literal in Dutch wall clock."""
    return f"datetime'{instant.astimezone(DUTCH_CLOCK).replace(tzinfo=None).isoformat(timespec='seconds')}'"


def is_guid(text: str) -> bool:
    """Tell whether ``text`` is a guid as Exact uses for ids."""
    return _GUID.fullmatch(text) is not None


def trimmed(value: object) -> str | None:
    """Return a code without its padding: account codes come with blanks left, VAT and country codes right."""
    return value.strip() or None if isinstance(value, str) else None


def read_instant(value: object) -> datetime | None:
    """Return the UTC instant of ``/Date(ms)/``.

    The milliseconds are Dutch wall clock written as if it were UTC: ``Created`` read 16:31 while the ``Date`` header
    said 14:31 GMT (recording of 2026-06-25). In the doubled hour of October the earlier instant is returned, so that
    reading on from it repeats rather than skips.
    """
    wall_clock = _wall_clock(value)
    try:
        return None if wall_clock is None else wall_clock.replace(tzinfo=DUTCH_CLOCK).astimezone(UTC)
    except OverflowError:
        # The first hour of year 1 in the Netherlands lies before all time in UTC.
        return None


def read_day(value: object) -> date | None:
    """Return the calendar day of a date-only ``/Date(ms)/``; midnight there, never shifted."""
    wall_clock = _wall_clock(value)
    return None if wall_clock is None else wall_clock.date()


def write_day(day: date) -> str:
    """Return a day as Exact takes it in a body."""
    return day.isoformat()


def read_amount(value: object) -> Decimal | None:
    """Return a number of an answer, exactly as written there; ``None`` for anything else.

    Raises:
        ValueError: it is larger than any amount.
    """
    amount = Decimal(value) if type(value) is int else value
    if not isinstance(amount, Decimal):
        return None
    # Arithmetic with 1e999999999 would itself be an error.
    if not amount.is_finite() or amount.adjusted() >= _DIGITS_OF_AMOUNT:
        raise ValueError("an amount of the answer is larger than any")
    return amount


def read_number(value: object) -> str | None:
    """Return the number of a document as text; ``None`` for what cannot be one."""
    text = str(value) if isinstance(value, int) and abs(value) < 10**_DIGITS_OF_AMOUNT else value
    return text if isinstance(text, str) and 0 < len(text) <= _LONGEST_NUMBER and text.isprintable() else None


def _wall_clock(value: object) -> datetime | None:
    found = _MS_DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return None if found is None else _EPOCH + timedelta(milliseconds=int(found[1]))
    except (OverflowError, ValueError):
        # Beyond year 9999, or more digits than Python reads: no time.
        return None


def _envelope(body: bytes) -> Any:
    try:
        content = json.loads(body, parse_float=Decimal)
    except RecursionError:
        raise ValueError("the answer is nested without end") from None
    if not isinstance(content, dict) or "d" not in content:
        raise ValueError("'d' is missing in the answer")
    return content["d"]
