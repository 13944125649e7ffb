"""Booking a sales entry: what is refused, what VAT comes out, which number it gets.

Two entries with the same ``YourRef`` are both accepted. The vendor has no idempotency key; whoever posts twice
has booked the revenue twice.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.exact_online import schema
from order_pipelines.sandbox.exact_online.books import Books
from order_pipelines.sandbox.exact_online.edm import Row
from order_pipelines.sandbox.exact_online.masterdata import CURRENCIES
from order_pipelines.sandbox.exact_online.wire import BusinessRefusal, to_cents

VAT_TOLERANCE = Decimal("1.00")
SALES_JOURNAL = 20
_LONGEST = {
    "YourRef": (40, "Uw ref."),
    "Description": (60, "Omschrijving"),
    "PaymentReference": (25, "Betalingskenmerk"),
}
_TYPE_NAMES = {20: "Sales entry", 21: "Sales credit note"}


def post_sales_entry(books: Books, payload: Any, now: datetime) -> Row:
    """Book an entry with its lines at the Dutch wall time ``now`` and return its header.

    Raises:
        ApiError: 400, a property that does not exist or has another type.
        BusinessRefusal: 500, a rule of the books; nothing has been booked.
    """
    given = schema.SALES_ENTRY.read_input(payload)
    given_lines = [schema.SALES_ENTRY_LINE.read_input(line) for line in given.get("SalesEntryLines") or []]
    customer, journal = _customer(books, given), _journal(books, given)
    if not given_lines:
        raise BusinessRefusal("Boekingsregels verplicht")
    _check_lengths(given)
    entry_date: datetime = given.get("EntryDate") or now.replace(hour=0, minute=0, second=0, microsecond=0)
    year, period = _period(books, given, entry_date, now.date())
    rate = _rate(given, journal)
    condition = _payment_condition(books, given, customer)
    lines = [_line(books, line, number, rate) for number, line in enumerate(given_lines, start=1)]
    vat = sum((line["VATAmountFC"] for line in lines), Decimal(0))
    total = sum((line["AmountFC"] for line in lines), vat)
    if given.get("VATAmountFC") is not None and to_cents(given["VATAmountFC"]) != vat:
        raise BusinessRefusal("De boeking is niet in balans")
    number = _entry_number(books, given, journal["Code"], year)
    kind = 21 if total < 0 else 20
    header = schema.SALES_ENTRY.blank(
        **{name: value for name, value in given.items() if name != "SalesEntryLines"}
        | {
            "EntryID": _entry_id(books, given),
            "EntryNumber": number,
            "InvoiceNumber": given.get("InvoiceNumber") or number,
            "EntryDate": entry_date,
            "DueDate": given.get("DueDate") or entry_date + timedelta(days=condition["PaymentDays"]),
            "ReportingYear": year,
            "ReportingPeriod": period,
            "AmountFC": total,
            "AmountDC": to_cents(total * rate),
            "VATAmountFC": vat,
            "VATAmountDC": to_cents(vat * rate),
            "Currency": given.get("Currency") or journal["Currency"],
            "Rate": rate,
            "CustomerName": customer["Name"],
            "Journal": journal["Code"],
            "JournalDescription": journal["Description"],
            "PaymentCondition": condition["Code"],
            "PaymentConditionDescription": condition["Description"],
            "Status": 20,
            "StatusDescription": "Open",
            "Type": kind,
            "TypeDescription": _TYPE_NAMES[kind],
            "Reversal": bool(given.get("Reversal")),
            "Division": books.division,
            "Created": now,
            "Modified": now,
        }
    )
    books.add(schema.SALES_ENTRY, header)
    for line in lines:
        line.update(ID=books.new_guid(), EntryID=header["EntryID"], Type=kind)
        books.add(schema.SALES_ENTRY_LINE, line)
    return header


def _customer(books: Books, given: Row) -> Row:
    if not given.get("Customer"):
        raise BusinessRefusal("Klant verplicht")
    customer = books.find(schema.ACCOUNT, given["Customer"])
    if customer is None:
        raise BusinessRefusal("Niet gevonden: Klant")
    if customer["Blocked"]:
        raise BusinessRefusal("Geblokkeerd: Klant")
    return customer


def _journal(books: Books, given: Row) -> Row:
    if not (given.get("Journal") or "").strip():
        raise BusinessRefusal("Dagboek verplicht")
    journal = books.find_code(schema.JOURNAL, given["Journal"])
    if journal is None:
        raise BusinessRefusal("Niet gevonden: Dagboek")
    if journal["Type"] != SALES_JOURNAL:
        raise BusinessRefusal("Ongeldig: Dagboek")
    if journal["IsBlocked"]:
        raise BusinessRefusal("Geblokkeerd: Dagboek")
    return journal


def _payment_condition(books: Books, given: Row, customer: Row) -> Row:
    code = given.get("PaymentCondition") or customer["PaymentConditionSales"] or "00"
    condition = books.find_code(schema.PAYMENT_CONDITION, code)
    if condition is None:
        raise BusinessRefusal("Niet gevonden: Betalingsconditie")
    return condition


def _check_lengths(given: Row) -> None:
    for name, (longest, label) in _LONGEST.items():
        if len(given.get(name) or "") > longest:
            raise BusinessRefusal(f"{label}: maximaal {longest} tekens")
    if given.get("Document"):
        raise BusinessRefusal("Niet gevonden: Document")


def _rate(given: Row, journal: Row) -> Decimal:
    currency = given.get("Currency") or journal["Currency"]
    if currency not in CURRENCIES:
        raise BusinessRefusal("Niet gevonden: Valuta")
    rate: Decimal | None = given.get("Rate")
    if currency == journal["Currency"]:
        return Decimal(1)
    if rate is None or rate <= 0:
        # This administration keeps no table of exchange rates.
        raise BusinessRefusal("Wisselkoers verplicht")
    return rate


def _period(books: Books, given: Row, entry_date: datetime, today: date) -> tuple[int, int]:
    """Return financial year and period; BusinessRefusal where they are closed or do not exist."""
    year: int = given.get("ReportingYear") or entry_date.year
    period: int = given.get("ReportingPeriod") or entry_date.month
    if year > today.year + 1 or not 1 <= period <= 12:
        raise BusinessRefusal("Boekjaar of periode bestaat niet")
    closed_before = books.closed_before or date(today.year - 1, 1, 1)
    if date(year, period, 1) < closed_before.replace(day=1):
        raise BusinessRefusal("Periode is gesloten")
    return year, period


def _entry_number(books: Books, given: Row, journal: str, year: int) -> int:
    """Return the number asked for, or the next of journal and year (26700001, 26700002 …)."""
    wanted: int | None = given.get("EntryNumber")
    if wanted is None:
        return books.next_entry_number(journal, year)
    if books.has_entry_number(journal, year, wanted):
        raise BusinessRefusal("Gegeven bestaat reeds.")
    return wanted


def _entry_id(books: Books, given: Row) -> str:
    entry_id: str | None = given.get("EntryID")
    if entry_id and books.find(schema.SALES_ENTRY, entry_id):
        raise BusinessRefusal("Gegeven bestaat reeds.")
    return entry_id or books.new_guid()


def _line(books: Books, given: Row, number: int, rate: Decimal) -> Row:
    """Return a line with its VAT: the computed one, or the one given where that is near enough.

    ``AmountFC`` is sent without VAT for codes of type E and with VAT for type I; it is kept without VAT.
    """
    account = _ledger_account(books, given)
    if given.get("AmountFC") is None:
        raise BusinessRefusal("Bedrag verplicht")
    code = _vat_code(books, given)
    sent = to_cents(given["AmountFC"])
    fraction, kind = (code["Percentage"], code["Type"]) if code else (Decimal(0), "N")
    inclusive = kind == "I"
    vat = to_cents(sent * fraction / (1 + fraction) if inclusive else sent * fraction)
    if given.get("VATAmountFC") is not None:
        own = to_cents(given["VATAmountFC"])
        if abs(own - vat) > VAT_TOLERANCE or (fraction == 0 and own != 0):
            raise BusinessRefusal("BTW-bedrag wijkt te veel af van het berekende bedrag")
        vat = own
    net = sent - vat if inclusive else sent
    base = given.get("VATBaseAmountFC")
    if base is not None and to_cents(base) != net:
        raise BusinessRefusal("De boeking is niet in balans")
    return schema.SALES_ENTRY_LINE.blank(
        **given
        | {
            "AmountFC": net,
            "AmountDC": to_cents(net * rate),
            "VATAmountFC": vat,
            "VATAmountDC": to_cents(vat * rate),
            "VATBaseAmountFC": net,
            "VATBaseAmountDC": to_cents(net * rate),
            "VATCode": code["Code"] if code else None,
            "VATCodeDescription": code["Description"] if code else None,
            "VATPercentage": fraction,
            "GLAccountCode": account["Code"],
            "GLAccountDescription": account["Description"],
            "LineNumber": number,
            "Quantity": given.get("Quantity") or Decimal(1),
            "Division": books.division,
        }
    )


def _ledger_account(books: Books, given: Row) -> Row:
    if not given.get("GLAccount"):
        raise BusinessRefusal("Grootboekrekening verplicht")
    account = books.find(schema.GL_ACCOUNT, given["GLAccount"])
    if account is None:
        raise BusinessRefusal("Niet gevonden: Grootboekrekening")
    if account["IsBlocked"]:
        raise BusinessRefusal("Geblokkeerd: Grootboekrekening")
    return account


def _vat_code(books: Books, given: Row) -> Row | None:
    """Return the line's VAT code; a line without one is booked without VAT, silently, as the vendor does."""
    if not (given.get("VATCode") or "").strip():
        return None
    code = books.find_code(schema.VAT_CODE, given["VATCode"])
    if code is None:
        raise BusinessRefusal("Niet gevonden: BTW-code")
    if code["IsBlocked"] or code["VATTransactionType"] == "P":
        raise BusinessRefusal("Ongeldig: BTW-code")
    return code


def posted_answer(header: Row) -> Row:
    """Return the header as the answer to a POST shows it: filled, its VAT amounts still null."""
    return header | {"VATAmountFC": None, "VATAmountDC": None}
