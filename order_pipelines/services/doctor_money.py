"""VAT and books before go-live: rates, classes and ledger accounts that orders needed, or would need, and lack."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.connectors.visiting import BooksWanted
from order_pipelines.domain.findings import Finding
from order_pipelines.domain.invoicing import LedgerMap
from order_pipelines.domain.products import Product
from order_pipelines.operations.tables import order_lines, orders
from order_pipelines.services.planning import ledgers_of
from order_pipelines.settings import Settings

_MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Combination:
    """What ``orders`` orders of an account sold: where to, of which VAT class and at which percentage."""

    account: str
    country: str | None
    vat_class: str | None
    vat_rate_pct: Decimal | None
    orders: int


def sold(connection: Connection) -> list[Combination]:
    """Return what was sold, by account, country, class and percentage of the lines of goods."""
    country = sa.func.coalesce(orders.c.ship_country, orders.c.bill_country)
    kinds = (orders.c.account, country, order_lines.c.vat_class, order_lines.c.vat_rate_pct)
    query = (
        sa.select(*kinds, sa.func.count(orders.c.order_key.distinct()))
        .join(order_lines, order_lines.c.order_key == orders.c.order_key)
        .where(order_lines.c.line_kind == "goods", orders.c.is_test.is_(False))
        .group_by(*kinds)
        .order_by(*kinds)
    )
    return [Combination(*row) for row in connection.execute(query)]


def vat_findings(
    settings: Settings, articles: Sequence[Product], found: Sequence[Combination]
) -> list[Finding]:
    """Say which rates are missing for where goods went, and which articles have no class."""
    findings = []
    without_class = [one.sku for one in articles if one.vat_class not in settings.vat.classes()]
    if articles:
        findings.append(
            _counted(
                "products_without_vat_class",
                without_class,
                "articles without a VAT class of the settings",
                "Their orders cannot be invoiced: give each its class in the master.",
            )
        )
    rateless = sorted(
        {
            f"{one.country} {one.vat_class}"
            for one in found
            if one.country is not None
            and one.vat_class is not None
            and settings.vat.rate(one.country, one.vat_class) is None
        }
    )
    if found:
        findings.append(
            _counted(
                "vat_rate_missing",
                rateless,
                "countries and classes that were sold without a rate in the settings",
                "Add them to [vat.rates.COUNTRY].",
            )
        )
        unknown = sum(one.orders for one in found if one.country is None)
        if unknown:
            message = f"{unknown} orders name no country, so their VAT is not known"
            advice = "Nothing to do while their channel says it later; else mend them by hand."
            findings.append(Finding("country_unknown", "warn", message, advice, {"count": unknown}))
    return findings


def books_findings(settings: Settings, found: Sequence[Combination]) -> list[Finding]:
    """Say which sold combinations the mapping of the books lacks, and which it has for another percentage."""
    findings = []
    for name, account in settings.accounts.items():
        books = account.invoicing.books
        if not account.enabled or account.invoicing.trigger == "off" or books is None:
            continue
        known = settings.books.get(books)
        mapping = known.mapping if known is not None else ()
        of_account = [one for one in found if one.account == name]
        missing, other_rates = _not_bookable(ledgers_of(settings, books), of_account)
        if not mapping:
            message = f"{name} is to be invoiced in {books}, which has no mapping at all"
            advice = f"Add [[books.{books}.mapping]]."
            findings.append(Finding("mapping_missing", "fail", message, advice, _names(name, books, [])))
        elif missing:
            message = f"{name}: sold without a ledger account in {books}: {', '.join(missing)}"
            advice = f"Add them to [[books.{books}.mapping]]."
            findings.append(Finding("mapping_missing", "fail", message, advice, _names(name, books, missing)))
        elif of_account and not other_rates:
            message = f"{name}: everything sold has a ledger account in {books}"
            findings.append(Finding("mapping_complete", "ok", message, "", _names(name, books, [])))
        if other_rates:
            message = f"{name}: sold at another VAT percentage than the class has: {', '.join(other_rates)}"
            advice = f"Correct the channel or the master, or add a block with vat_rate to [[books.{books}.mapping]]."
            findings.append(
                Finding("rate_contradicts", "fail", message, advice, _names(name, books, other_rates))
            )
    return findings


def _not_bookable(ledgers: LedgerMap, sold: Sequence[Combination]) -> tuple[list[str], list[str]]:
    """Return what has no block in the mapping, and what has one for another percentage than was charged."""
    missing, other_rates = set(), set()
    for one in sold:
        if one.country is None or one.vat_class is None:
            continue
        target = ledgers.find(one.country, one.vat_class, one.vat_rate_pct)
        if target is None:
            missing.add(f"{one.country} {one.vat_class}")
        elif one.vat_rate_pct is not None and not target.is_for(one.vat_rate_pct):
            other_rates.add(f"{one.country} {one.vat_class} at {one.vat_rate_pct.normalize():f} %")
    return sorted(missing), sorted(other_rates)


def wanted_in(settings: Settings, account: str) -> BooksWanted:
    """Return what the settings name in these books."""
    if connector_of(settings.accounts[account].system).invoice_sink is None:
        return BooksWanted()
    books = settings.books.get(account)
    mapping = books.mapping if books is not None else ()
    more = () if books is None else (books.shipping_ledger_account, books.rounding_ledger_account)
    invoiced = [
        one.invoicing
        for one in settings.accounts.values()
        if one.enabled and one.invoicing.trigger != "off" and one.invoicing.books == account
    ]
    return BooksWanted(
        journals=frozenset(one.journal for one in invoiced if one.journal),
        ledger_accounts=frozenset([*(one.ledger_account for one in mapping), *(one for one in more if one)]),
        vat_codes=frozenset(one.vat_code for one in mapping),
        customers=frozenset(one.customer for one in invoiced if one.customer),
    )


def _names(account: str, books: str, missing: Sequence[str]) -> dict[str, str | int]:
    return {"account": account, "books": books, "missing": ", ".join(missing) or "-"}


def _counted(code: str, names: Sequence[str], what: str, advice: str) -> Finding:
    examples = ", ".join(names[:_MOST_EXAMPLES])
    facts: dict[str, str | int] = {"count": len(names), "examples": examples}
    if not names:
        return Finding(code, "ok", f"no {what}", "", facts)
    return Finding(code, "fail", f"{len(names)} {what}: {examples}", advice, facts)
