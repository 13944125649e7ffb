"""The shape of what is sent to Exact Online: a sales entry as JSON, every amount to the cent."""

import json
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.exact_online.odata import is_guid, write_day
from order_pipelines.connectors.exact_online.options import SYSTEM
from order_pipelines.connectors.ports import EntryLine, SalesEntry
from order_pipelines.errors import PermanentConnectorError
from order_pipelines.money import to_cents

LONGEST_REFERENCE = 40
LONGEST_DESCRIPTION = 60
# Up to here a cent amount and the float that prints it are one to one.
_LARGEST_AMOUNT = Decimal(10**12)


def sales_entry_body(entry: SalesEntry) -> bytes:
    """Return the body of ``POST salesentry/SalesEntries``.

    ``AmountFC`` is without VAT, as VAT codes of type E want it, and ``VATAmountFC`` stands on every line: left out,
    Exact computes VAT from the net and is a cent off for one gross amount in six at 21 %. An empty ``vat_code`` (the
    rounding line) is not sent: such a line is booked without VAT.

    Raises:
        PermanentConnectorError: Exact could not take it as planned; nothing was sent.
    """
    if not entry.lines:
        raise _refused(entry, "it has no lines")
    if not 0 < len(entry.reference) <= LONGEST_REFERENCE:
        raise _refused(entry, f"the reference must have 1 to {LONGEST_REFERENCE} characters")
    if not is_guid(entry.customer):
        raise _refused(entry, "invoicing.customer must be the id (guid) of the debtor in Exact, not its code")
    content: dict[str, Any] = {
        "Customer": entry.customer,
        "Journal": entry.journal,
        "EntryDate": write_day(entry.entry_date),
        "Currency": entry.currency,
        "YourRef": entry.reference,
        "Description": entry.description[:LONGEST_DESCRIPTION],
        "SalesEntryLines": [_line(entry, line) for line in entry.lines],
    }
    if entry.payment_condition is not None:
        content["PaymentCondition"] = entry.payment_condition
    return json.dumps(content, ensure_ascii=False).encode()


def _line(entry: SalesEntry, line: EntryLine) -> dict[str, Any]:
    if not is_guid(line.ledger_account):
        raise _refused(entry, f"ledger account {line.ledger_account!r} must be its id (guid) in Exact")
    content: dict[str, Any] = {
        "GLAccount": line.ledger_account,
        "AmountFC": _number(entry, line.amount_excl_vat),
        "VATAmountFC": _number(entry, line.vat_amount),
        "Description": line.description[:LONGEST_DESCRIPTION],
    }
    if line.vat_code:
        content["VATCode"] = line.vat_code
    return content


def _number(entry: SalesEntry, amount: Decimal) -> int | float:
    """Return the JSON number whose text is the amount: the shortest float text of a cent amount is that amount."""
    try:
        to_cents(amount)
    except ValueError as error:
        raise _refused(entry, str(error)) from None
    if abs(amount) >= _LARGEST_AMOUNT:
        raise _refused(entry, f"{amount} is no believable amount")
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _refused(entry: SalesEntry, why: str) -> PermanentConnectorError:
    return PermanentConnectorError(
        f"{SYSTEM}: entry {entry.reference} was not sent: {why}",
        system=SYSTEM,
        path="salesentry/SalesEntries",
    )
