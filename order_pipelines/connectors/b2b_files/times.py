"""Dates and times of files: text day first, ISO, spreadsheet days; always to UTC instants."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw

_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,6})?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK)
_SERIAL = re.compile(r"[1-9]\d{4}(?:[.,]\d+)?")
_SERIAL_DAYS = range(20_000, 80_000)


def is_month_first(text: str) -> bool:
    """Tell whether ``text`` can only be month first (``12/25/2026``), which makes its file's other dates doubtful."""
    match = _YEAR_LAST.match(text)
    return match is not None and int(match[3]) > 12 >= int(match[1])


class TimeReader:
    """Reads the times of one table; times without a zone are in the zone of the settings."""

    def __init__(
        self,
        zone: ZoneInfo,
        *,
        formats: Sequence[str] = (),
        has_1904_dates: bool = False,
        day_first_is_doubtful: bool = False,
    ) -> None:
        self.zone = zone
        self._formats = formats
        self._epoch = CALENDAR_MAC_1904 if has_1904_dates else CALENDAR_WINDOWS_1900
        self._is_doubtful = day_first_is_doubtful
        self._known: dict[str, datetime | Flaw] = {}

    def read(self, cell: Cell) -> datetime | Flaw | None:
        """Return the instant in UTC, a flaw, or ``None`` for an empty cell; a date is its first moment in the zone."""
        if isinstance(cell, str):
            known = self._known.get(cell)
            if known is None:
                text = cell.strip()
                if not text:
                    return None
                known = self._checked(text)
                self._known[cell] = known
            return known
        if cell is None or isinstance(cell, Flaw):
            return cell
        if isinstance(cell, datetime):
            return self._to_utc(cell)
        return self._from_serial(cell, str(cell))

    def _checked(self, text: str) -> datetime | Flaw:
        try:
            return self._from_text(text)
        except (ValueError, OverflowError):
            return Flaw("wrong_type", text[:40])

    def _from_text(self, text: str) -> datetime | Flaw:
        for pattern in self._formats:
            try:
                # A format may hold %z; without it the zone of the settings follows in _to_utc.
                return self._to_utc(datetime.strptime(text, pattern))  # noqa: DTZ007
            except ValueError:
                continue
        if match := _YEAR_FIRST.fullmatch(text):
            year, month, day, *clock = match.groups()
            return self._instant(year, month, day, clock)
        if match := _YEAR_LAST.fullmatch(text):
            day, _, month, year, *clock = match.groups()
            if self._is_doubtful and int(day) <= 12:
                return Flaw("wrong_type", text[:40])
            return self._instant(year, month, day, clock)
        if _SERIAL.fullmatch(text):
            return self._from_serial(Decimal(text.replace(",", ".")), text)
        return Flaw("wrong_type", text[:40])

    def _instant(self, year: str, month: str, day: str, clock: list[str | None]) -> datetime | Flaw:
        hour, minute, second, offset = clock
        local = datetime(  # noqa: DTZ001
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
        if offset is None:
            return self._to_utc(local)
        return datetime.fromisoformat(f"{local.isoformat()}{offset}").astimezone(UTC)

    def _from_serial(self, days: int | Decimal, text: str) -> datetime | Flaw:
        if int(days) not in _SERIAL_DAYS:
            return Flaw("wrong_type", text[:40])
        local = from_excel(float(days), self._epoch)
        return self._to_utc(local) if isinstance(local, datetime) else Flaw("wrong_type", text[:40])

    def _to_utc(self, local: datetime) -> datetime | Flaw:
        try:
            aware = local if local.tzinfo is not None else local.replace(tzinfo=self.zone)
            return aware.astimezone(UTC)
        except (OverflowError, ValueError):
            return Flaw("wrong_type", str(local)[:40])
