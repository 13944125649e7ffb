"""Sales entries read back for comparison: those of a day, and those with given references, through all pages.

Reading a day costs one call for sixty entries; a search by reference finds what a bookkeeper gave another date.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from order_pipelines.connectors.exact_online import odata
from order_pipelines.connectors.exact_online.client import SALES_ENTRIES, ExactClient
from order_pipelines.connectors.ports import Account, BookedEntry, House
from order_pipelines.money import round_to_cents

_FIELDS = "EntryID,EntryNumber,EntryDate,AmountFC,YourRef"
# Addresses of some 2,000 characters are the most that others saw accepted (contract digest, unverified).
_REFERENCES_A_CALL = 12


class ExactReader:
    """BooksReader of one division."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = ExactClient(account, house)

    def entries_of_day(self, day: date) -> Iterator[BookedEntry]:
        """Yield every sales entry of that date that has a reference.

        Raises:
            TransientConnectorError, PermanentConnectorError, ConsentNeededError: the reading did not end well.
        """
        following = day + timedelta(days=1)
        yield from self._found(f"EntryDate ge {_midnight(day)} and EntryDate lt {_midnight(following)}")

    def entries_with(self, references: Sequence[str]) -> Iterator[BookedEntry]:
        """Yield every entry whose ``YourRef`` is one of these, blanks around it aside.

        Raises:
            TransientConnectorError, PermanentConnectorError, ConsentNeededError: the search did not end well.
        """
        for start in range(0, len(references), _REFERENCES_A_CALL):
            part = references[start : start + _REFERENCES_A_CALL]
            wanted = {reference.strip() for reference in part}
            condition = " or ".join(f"YourRef eq {odata.text_literal(reference)}" for reference in part)
            yield from (entry for entry in self._found(condition) if entry.reference in wanted)

    def _found(self, condition: str) -> Iterator[BookedEntry]:
        rows = self._client.list_rows(SALES_ENTRIES, {"$select": _FIELDS, "$filter": condition})
        for row in rows:
            entry = _entry(row)
            if entry is not None:
                yield entry


def _entry(row: Mapping[str, Any]) -> BookedEntry | None:
    """Return the entry of a row; one without id or reference is no entry of ours, one without amount is unknown."""
    reference, entry_id = odata.trimmed(row.get("YourRef")), row.get("EntryID")
    if reference is None or not isinstance(entry_id, str):
        return None
    try:
        amount = odata.read_amount(row.get("AmountFC"))
    except ValueError:
        amount = None
    return BookedEntry(
        entry_id,
        odata.read_number(row.get("EntryNumber")),
        reference,
        None if amount is None else round_to_cents(amount),
        odata.read_day(row.get("EntryDate")),
    )


def _midnight(day: date) -> str:
    """A date of the books is a Dutch midnight in their words, never shifted."""
    return f"datetime'{datetime.combine(day, time()).isoformat(timespec='seconds')}'"
