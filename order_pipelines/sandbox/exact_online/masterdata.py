"""The administration of a Dutch shop as its accountant set it up: journals, ledger, VAT codes, debtors.

Codes are those of one administration; a client must take them from its settings, not from here.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.exact_online import schema
from order_pipelines.sandbox.exact_online.edm import EntityType, Row

SET_UP_AT = datetime.fromisoformat("2024-07-22T09:15:00.180")
"""When the accountant made the rows below, in Dutch wall time."""

JOURNALS = {
    # name in describe(): (code, type, description)
    "sales": ("70", 20, "Verkoopboek"),
    "sales_return": ("71", 21, "Retourfacturen"),
    "purchase": ("60", 22, "Inkoopboek"),
    "bank": ("20", 12, "Bank"),
    "general": ("90", 90, "Memoriaal"),
}
GL_ACCOUNTS = {
    # name in describe(): (last group of the guid, code, type, balance side, description)
    "revenue_high": ("000000008000", "8000", 110, "C", "Omzet hoog tarief"),
    "revenue_low": ("000000008010", "8010", 110, "C", "Omzet laag tarief"),
    "revenue_zero": ("000000008020", "8020", 110, "C", "Omzet nultarief en export"),
    "shipping": ("000000008100", "8100", 110, "C", "Doorberekende verzendkosten"),
    "discount": ("000000008200", "8200", 110, "C", "Verleende kortingen"),
    "rounding": ("000000008900", "8900", 110, "C", "Afrondingsverschillen"),
    "debtors": ("000000001300", "1300", 20, "D", "Debiteuren"),
}
VAT_CODES = {
    # name in describe(): (code, fraction, type, transaction, EU sales list, OSS country, description)
    "nl_21_excl": ("2  ", "0.21", "E", "S", "N", None, "BTW hoog, exclusief"),
    "nl_9_excl": ("1  ", "0.09", "E", "S", "N", None, "BTW laag, exclusief"),
    "nl_21_incl": ("4  ", "0.21", "I", "S", "N", None, "BTW hoog, inclusief"),
    "nl_9_incl": ("3  ", "0.09", "I", "S", "N", None, "BTW laag, inclusief"),
    "nl_0": ("0  ", "0", "B", "B", "N", None, "Geen BTW"),
    "eu_goods": ("7  ", "0", "B", "S", "L", None, "Intracommunautaire levering"),
    "export": ("6  ", "0", "B", "S", "N", None, "Export buiten de EU"),
    "oss_be": ("OBE", "0.21", "E", "S", "N", "BE ", "OSS Belgie 21%"),
    "oss_de": ("ODE", "0.19", "E", "S", "N", "DE ", "OSS Duitsland 19%"),
    "purchase_21": ("VH ", "0.21", "E", "P", "N", None, "Voorbelasting hoog"),
}
CUSTOMERS = {
    # name in describe(): (last group of the guid, code, name, country, payment condition)
    "bol_main": ("000000000100", "100", "Verzameldebiteur bol.com hoofdaccount", "NL ", "00"),
    "bol_outlet": ("000000000101", "101", "Verzameldebiteur bol.com outlet", "NL ", "00"),
    "b2b": ("000000000102", "102", "Verzameldebiteur groothandel", "NL ", "30"),
    "blokker": ("000000000103", "103", "Verzameldebiteur Blokker Connect!", "NL ", "00"),
    "webshop": ("000000000104", "104", "Verzameldebiteur eigen webshop", "NL ", "00"),
}
PAYMENT_CONDITIONS = {
    # name in describe(): (code, days, description)
    "paid_by_channel": ("00", 0, "Betaald via kanaal"),
    "net_30": ("30", 30, "30 dagen netto"),
}
CURRENCIES = frozenset({"EUR", "GBP", "USD", "SEK", "DKK", "PLN", "CZK", "CHF"})

_OTHER_LEDGER = range(4000, 4130)
"""Cost accounts that fill the ledger to three pages; a real one has thousands of rows."""


def guid(tenant: int, last_group: str) -> str:
    """Return the fixed guid of a master row of the ``tenant``-th account (0, 1, …)."""
    return f"0e0a{tenant + 1:04d}-0000-4000-8000-{last_group}"


def division_code(tenant: int) -> int:
    """Return the number of the division in which the ``tenant``-th account keeps its books."""
    return 3_456_700 + 10 * tenant


def customer_guids(tenant: int) -> dict[str, str]:
    """Return the collective debtors by channel account."""
    return {name: guid(tenant, values[0]) for name, values in CUSTOMERS.items()}


def gl_account_guids(tenant: int) -> dict[str, str]:
    """Return the named ledger accounts."""
    return {name: guid(tenant, values[0]) for name, values in GL_ACCOUNTS.items()}


def master_tables(tenant: int) -> dict[str, list[Row]]:
    """Return the rows of every resource that the accountant filled, by path."""
    division = division_code(tenant)
    stamp = {"Created": SET_UP_AT, "Modified": SET_UP_AT, "Division": division}

    def make(entity: EntityType, last_group: str, values: Mapping[str, Any]) -> Row:
        return entity.blank(**{entity.key: guid(tenant, last_group)}, **stamp, **values)

    journals = [
        make(
            schema.JOURNAL,
            f"00000002{code:>04}",
            {"Code": code, "Type": kind, "Description": text, "Currency": "EUR", "IsBlocked": False}
            | {"AllowVariableCurrency": True, "AllowVAT": kind == 90},
        )
        for code, kind, text in JOURNALS.values()
    ]
    ledger = [
        make(
            schema.GL_ACCOUNT,
            last_group,
            {"Code": code, "Type": kind, "BalanceSide": side, "Description": text, "IsBlocked": False}
            | {"BalanceType": "W" if kind == 110 else "B"},
        )
        for last_group, code, kind, side, text in (
            *GL_ACCOUNTS.values(),
            *((f"{code:012d}", str(code), 121, "D", f"Kostenrekening {code}") for code in _OTHER_LEDGER),
        )
    ]
    vat_codes = [
        make(
            schema.VAT_CODE,
            f"0000000003{number:02d}",
            {"Code": code, "Percentage": Decimal(fraction), "Type": kind, "VATTransactionType": transaction}
            | {"EUSalesListing": listing, "OssCountry": country, "Description": text}
            | {
                "Charged": False,
                "IsBlocked": False,
                "CalculationBasis": 1,
                "IntraStat": False,
                "VatMargin": 0,
            },
        )
        for number, (code, fraction, kind, transaction, listing, country, text) in enumerate(
            VAT_CODES.values()
        )
    ]
    conditions = [
        make(
            schema.PAYMENT_CONDITION,
            f"0000000004{code}",
            {"Code": code, "PaymentDays": days, "Description": text},
        )
        for code, days, text in PAYMENT_CONDITIONS.values()
    ]
    customers = [
        make(
            schema.ACCOUNT,
            last_group,
            ACCOUNT_DEFAULTS
            | {"Code": code.rjust(18), "Name": name, "Country": country, "PaymentConditionSales": condition}
            | {"Status": "C", "IsSales": True},
        )
        for last_group, code, name, country, condition in CUSTOMERS.values()
    ]
    return {
        schema.JOURNAL.path: journals,
        schema.GL_ACCOUNT.path: ledger,
        schema.VAT_CODE.path: vat_codes,
        schema.PAYMENT_CONDITION.path: conditions,
        schema.ACCOUNT.path: customers,
        schema.ME.path: [],
        schema.SYSTEM_DIVISION.path: division_rows(schema.SYSTEM_DIVISION, [division]),
        schema.HRM_DIVISION.path: division_rows(schema.HRM_DIVISION, [division, division + 1]),
        schema.SALES_ENTRY.path: [],
        schema.SALES_ENTRY_LINE.path: [],
    }


ACCOUNT_DEFAULTS: dict[str, Any] = dict.fromkeys(
    (
        "CostPaid",
        "IsAccountant",
        "IsAgency",
        "IsAnonymised",
        "IsCompetitor",
        "IsMailing",
        "SeparateInvPerProject",
        "SeparateInvPerSubscription",
    ),
    0,
) | {"IgnoreDatevWarningMessage": False}
"""The only values that a sparse answer to a posted account carries besides its ID (recorded 2026-06-25)."""


def division_rows(entity: EntityType, divisions: list[int]) -> list[Row]:
    """Return one row a division; the second is a holding to which the app has no right."""
    names = ("Voorbeeld Handel", "Voorbeeld Holding")
    shared = {"Country": "NL ", "Currency": "EUR", "Status": 0, "BlockingStatus": 0}
    return [
        entity.blank(Code=code, Description=name, CustomerName=name, **shared)
        for code, name in zip(divisions, names, strict=False)
    ]
