"""The tables of one division and the two plain writes on them: new and changed debtors."""

import random
import uuid
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.exact_online import schema
from order_pipelines.sandbox.exact_online.edm import EntityType, Row
from order_pipelines.sandbox.exact_online.masterdata import ACCOUNT_DEFAULTS, master_tables
from order_pipelines.sandbox.exact_online.wire import ApiError, BusinessRefusal


class Books:
    """One division: rows by resource path, found by key, some of them not yet found by a search.

    Times of rows are naive Dutch wall times, given by the caller.
    """

    def __init__(self, tenant: int, division: int, randomness: random.Random) -> None:
        self.division = division
        self.closed_before: date | None = None
        self.tables = master_tables(tenant)
        self._random = randomness
        self._by_key = {
            path: {row[self._key(path)]: row for row in rows} for path, rows in self.tables.items()
        }
        self._lines: dict[str, list[Row]] = {}
        self._hidden_until: dict[str, datetime] = {}
        self._entry_numbers: dict[tuple[str, int], set[int]] = {}
        self._next_code = 200

    def new_guid(self) -> str:
        """Return a guid that no row has."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def add(self, entity: EntityType, row: Row) -> None:
        """Keep a row; an entry's line also becomes a child of its entry."""
        self.tables[entity.path].append(row)
        self._by_key[entity.path][row[entity.key]] = row
        if entity is schema.SALES_ENTRY_LINE:
            self._lines.setdefault(row["EntryID"], []).append(row)
        if entity is schema.SALES_ENTRY:
            series = (row["Journal"], row["ReportingYear"])
            self._entry_numbers.setdefault(series, set()).add(row["EntryNumber"])

    def find(self, entity: EntityType, key: Any) -> Row | None:
        """Return the row with this key."""
        return self._by_key[entity.path].get(key)

    def find_code(self, entity: EntityType, code: str | None) -> Row | None:
        """Return the row whose code is ``code``, padding aside."""
        wanted = (code or "").strip()
        return next((row for row in self.tables[entity.path] if row["Code"].strip() == wanted), None)

    def has_entry_number(self, journal: str, year: int, number: int) -> bool:
        """Say whether an entry of this journal and financial year has ``number``."""
        return number in self._entry_numbers.get((journal, year), set())

    def next_entry_number(self, journal: str, year: int) -> int:
        """Return the number after the highest: year, journal, sequence (26700001 …)."""
        taken = self._entry_numbers.get((journal, year), set())
        return max(taken, default=int(f"{year % 100}{journal}0000")) + 1

    def children(self, link: str, row: Row) -> tuple[EntityType, Sequence[Row]]:
        """Return the rows behind a link; only the lines of sales entries are kept here."""
        if link != "SalesEntryLines":
            raise ApiError(404, f"Resource not found for the segment '{link}'.")
        return schema.SALES_ENTRY_LINE, self._lines.get(row["EntryID"], [])

    def hide_from_search(self, entry_id: str, until: datetime) -> None:
        """Let lists leave out an entry and its lines until the wall time ``until``."""
        self._hidden_until[entry_id] = until

    def visible_rows(self, entity: EntityType, now: datetime) -> list[Row]:
        """Return the rows that a list shows at the wall time ``now``."""
        rows = self.tables[entity.path]
        if not self._hidden_until or entity not in (schema.SALES_ENTRY, schema.SALES_ENTRY_LINE):
            return list(rows)
        return [row for row in rows if self._hidden_until.get(row["EntryID"], now) <= now]

    def remove_entries(self, reference: str) -> None:
        """Delete the sales entries with this reference, and their lines."""
        for row in [row for row in self.tables[schema.SALES_ENTRY.path] if row["YourRef"] == reference]:
            self.tables[schema.SALES_ENTRY.path].remove(row)
            del self._by_key[schema.SALES_ENTRY.path][row["EntryID"]]
            for line in self._lines.pop(row["EntryID"], []):
                self.tables[schema.SALES_ENTRY_LINE.path].remove(line)
                del self._by_key[schema.SALES_ENTRY_LINE.path][line[schema.SALES_ENTRY_LINE.key]]

    def change_entries(self, reference: str, amount: Decimal | None, day: date | None) -> None:
        """Give the sales entries with this reference another total, or another date."""
        for row in self.tables[schema.SALES_ENTRY.path]:
            if row["YourRef"] == reference:
                row["AmountFC"] = row["AmountFC"] if amount is None else amount
                row["EntryDate"] = row["EntryDate"] if day is None else datetime.combine(day, time())

    def post_account(self, payload: Any, now: datetime) -> Row:
        """Make a debtor; BusinessRefusal without a name or with a code that exists."""
        given = schema.ACCOUNT.read_input(payload)
        if not (given.get("Name") or "").strip():
            raise BusinessRefusal("Naam verplicht")
        if given.get("ID") and self.find(schema.ACCOUNT, given["ID"]):
            raise BusinessRefusal("Gegeven bestaat reeds.")
        if not (given.get("Code") or "").strip():
            given["Code"] = str(self._next_code)
            self._next_code += 1
        elif self.find_code(schema.ACCOUNT, given["Code"]):
            raise BusinessRefusal("Gegeven bestaat reeds.")
        row = schema.ACCOUNT.blank(**ACCOUNT_DEFAULTS, Division=self.division, Created=now, Status="A")
        row["ID"] = self.new_guid()
        self._change_account(row, given, now)
        self.add(schema.ACCOUNT, row)
        return row

    def put_account(self, row: Row, payload: Any, now: datetime) -> None:
        """Change the properties given, leave the others; BusinessRefusal as for a new debtor."""
        given = schema.ACCOUNT.read_input(payload)
        given.pop("ID", None)
        if "Name" in given and not (given["Name"] or "").strip():
            raise BusinessRefusal("Naam verplicht")
        if "Code" in given and self.find_code(schema.ACCOUNT, given["Code"]) not in (None, row):
            raise BusinessRefusal("Gegeven bestaat reeds.")
        self._change_account(row, given, now)

    def _change_account(self, row: Row, given: Row, now: datetime) -> None:
        condition = given.get("PaymentConditionSales")
        if condition and not self.find_code(schema.PAYMENT_CONDITION, condition):
            raise BusinessRefusal("Niet gevonden: Betalingsconditie")
        row.update({name: value for name, value in given.items() if not (name == "ID" and value is None)})
        row["Code"] = row["Code"].strip().rjust(18)
        row["Country"] = row["Country"].strip().ljust(3) if row["Country"] else None
        row["IsSales"] = row["Status"] == "C"
        row["Modified"] = now

    @staticmethod
    def _key(path: str) -> str:
        return schema.RESOURCES[path].key


def sparse_account(row: Row) -> Row:
    """Return a posted account as answered without ``Prefer: return=representation``: little but its ID."""
    kept = {"ID", *ACCOUNT_DEFAULTS}
    return {name: value if name in kept else None for name, value in row.items()}
