"""How the vendor writes things: times, numbers, errors.

Times are the catch: ``/Date(ms)/`` counts milliseconds of the Dutch wall clock as if it were UTC, so a row made
at 14:31 GMT in summer reads 16:31 (recording of 2026-06-25). Inside the stand-in such times are naive datetimes.
"""

import calendar
import json
import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CENT = Decimal("0.01")
NOT_AN_OBJECT = "Error processing request stream. The request should be a valid JSON object."

_ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?)?")
_MS_DATE = re.compile(r"/Date\((-?\d+)\)/")


class ApiError(Exception):
    """An answer other than success: HTTP ``status``, ``text`` for the error body, extra ``headers``."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers or {}


class BusinessRefusal(ApiError):
    """A rule of the books says no: HTTP 500 with a text in the user's language."""

    def __init__(self, text: str) -> None:
        super().__init__(500, text)


def error_body(text: str) -> dict[str, Any]:
    """Return the body of every error of the data endpoints; code and language are always empty."""
    return {"error": {"code": "", "message": {"lang": "", "value": text}}}


def dutch_wall_time(instant: datetime) -> datetime:
    """Return an aware instant as naive Amsterdam wall time, cut to milliseconds as the vendor stores it."""
    local = instant.astimezone(AMSTERDAM).replace(tzinfo=None)
    return local.replace(microsecond=local.microsecond // 1000 * 1000)


def ms_date(wall_time: datetime) -> str:
    """Return ``/Date(ms)/`` of a naive wall time."""
    return f"/Date({calendar.timegm(wall_time.timetuple()) * 1000 + wall_time.microsecond // 1000})/"


def dutch_datetime(text: str) -> datetime | None:
    """Read ``2026-11-20``, ``2026-11-20T10:00:00`` or ``/Date(ms)/`` as naive wall time, else ``None``.

    A text with a zone is none of these: nobody has documented what the vendor makes of one in a filter.
    """
    in_ms = _MS_DATE.fullmatch(text)
    if in_ms:
        seconds, rest = divmod(int(in_ms[1]), 1000)
        return datetime.fromisoformat("1970-01-01") + timedelta(seconds=seconds, milliseconds=rest)
    if not _ISO.fullmatch(text):
        return None
    head, dot, fraction = text.partition(".")
    try:
        return datetime.fromisoformat(head + (dot and f".{fraction[:6]:0<6}"))
    except ValueError:
        return None


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount half up to cents."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def money_text(amount: Decimal) -> str:
    """Return an amount with two places, for the control port."""
    return str(to_cents(amount))


def read_json(body: bytes) -> Any:
    """Read a request body with every fraction as ``Decimal``; ApiError 400 where it is not JSON."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=refuse_constant)
    except (ValueError, InvalidOperation, UnicodeDecodeError):
        raise ApiError(400, NOT_AN_OBJECT) from None


def refuse_constant(name: str) -> Any:
    """Refuse ``NaN`` and ``Infinity``, which Python's reader takes and JSON does not have."""
    raise ValueError(name)


def wire_value(value: Any, edm_type: str) -> Any:
    """Return a stored value as it appears in JSON."""
    if isinstance(value, datetime):
        return ms_date(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if edm_type == "Int64" and value is not None:
        # OData writes 64-bit numbers as text (Me.Legislation "128", Divisions.Hid "1" in the recordings).
        return str(value)
    return value
