"""Offers of an account against the articles of the master: what has no counterpart, and what stands there twice."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.domain.findings import Finding, Severity
from order_pipelines.domain.matching import Catalogue
from order_pipelines.identifiers import normalise_ean
from order_pipelines.operations.tables import channel_offers

MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Listing:
    """Offers of one account; ``listed_at`` is ``None`` when they were listed for this examination."""

    offers: Sequence[ListedOffer]
    listed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One kind of difference: how many, and the first of them by name."""

    code: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The offers of one account against the master."""

    account: str
    offers: int
    products: int
    listed_at: datetime | None
    mismatches: tuple[Mismatch, ...]


def stored_listing(connection: Connection, account: str) -> Listing:
    """Return the offers as they were listed last; without any, ``listed_at`` is ``None`` and there are none."""
    rows = list(
        connection.execute(
            sa.select(channel_offers)
            .where(channel_offers.c.account == account, channel_offers.c.is_listed.is_(True))
            .order_by(channel_offers.c.offer_id)
        )
    )
    offers = [
        ListedOffer(
            row.offer_id,
            row.ean,
            row.reference,
            row.stock_set,
            row.stock_shown,
            row.is_own_fulfilment,
            row.subtracts_open_orders,
            row.is_for_sale,
        )
        for row in rows
    ]
    return Listing(offers, max((row.seen_at for row in rows), default=None))


def compare(account: str, listing: Listing, catalogue: Catalogue, skus: Collection[str]) -> Comparison:
    """Match every offer as intake matches order lines, and list what does not fit.

    Args:
        account: whose offers they are.
        listing: all offers of it.
        catalogue: the master as matching sees it.
        skus: all SKUs of the master.
    """
    unmatched: list[str] = []
    offered: set[str] = set()
    by_ean: dict[str, list[ListedOffer]] = defaultdict(list)
    for offer in listing.offers:
        found = catalogue.find(offer.reference, offer.ean)
        if isinstance(found, str):
            offered.add(found)
        else:
            unmatched.append(_shown(offer))
        ean = normalise_ean(offer.ean)
        if ean is not None:
            by_ean[ean].append(offer)
    missing = sorted(set(skus) - offered)
    several = {ean: offers for ean, offers in by_ean.items() if len(offers) > 1}
    references = {
        ean: sorted({offer.reference or "?" for offer in offers}) for ean, offers in several.items()
    }
    at_skus = {ean: names for ean, names in references.items() if len(names) > 1}
    spelled = spelled_alike([*skus, *(offer.reference for offer in listing.offers if offer.reference)])
    return Comparison(
        account,
        len(listing.offers),
        len(skus),
        listing.listed_at,
        (
            _mismatch("offers_without_product", unmatched),
            _mismatch("products_without_offer", missing),
            _mismatch("ean_on_several_offers", [f"{ean} ({len(several[ean])})" for ean in sorted(several)]),
            _mismatch(
                "ean_on_several_skus", [f"{ean}: {', '.join(at_skus[ean])}" for ean in sorted(at_skus)]
            ),
            _mismatch("skus_spelled_alike", [" / ".join(names) for names in spelled]),
        ),
    )


def spelled_alike(skus: Iterable[str]) -> list[list[str]]:
    """Return groups of SKUs that differ in nothing but capitals and blanks; ``A1`` and ``a 1`` are two articles."""
    groups: dict[str, set[str]] = defaultdict(set)
    for sku in skus:
        groups[re.sub(r"\s+", "", sku).casefold()].add(sku)
    return [sorted(names) for _, names in sorted(groups.items()) if len(names) > 1]


_SAID: dict[str, tuple[Severity, str, str]] = {
    "offers_without_product": (
        "fail",
        "offers whose article is in no product",
        "No stock is sent to these: add them to the master.",
    ),
    "products_without_offer": (
        "warn",
        "articles without an offer here",
        "Make an offer, or leave them out on purpose.",
    ),
    "ean_on_several_offers": (
        "warn",
        "EANs with more than one offer here",
        "Each gets the same stock; close what is double.",
    ),
    "ean_on_several_skus": (
        "fail",
        "EANs under more than one SKU here",
        "Decide which SKU the EAN belongs to.",
    ),
    "skus_spelled_alike": (
        "fail",
        "SKUs that differ in capitals or blanks only",
        "Spell each SKU one way everywhere.",
    ),
}


def findings_of(comparison: Comparison) -> list[Finding]:
    """Return a finding for each kind of difference."""
    findings = []
    for mismatch in comparison.mismatches:
        severity, what, advice = _SAID[mismatch.code]
        facts: dict[str, str | int] = {"count": mismatch.count, "examples": ", ".join(mismatch.examples)}
        message = f"{mismatch.count} {what}" + (f": {facts['examples']}" if mismatch.examples else "")
        if mismatch.count:
            findings.append(Finding(mismatch.code, severity, message, advice, facts))
        else:
            findings.append(Finding(mismatch.code, "ok", f"no {what}", "", facts))
    return findings


def _mismatch(code: str, names: Sequence[str]) -> Mismatch:
    return Mismatch(code, len(names), tuple(name[:120] for name in names[:MOST_EXAMPLES]))


def _shown(offer: ListedOffer) -> str:
    names = [offer.reference or "", f"EAN {offer.ean}" if offer.ean else ""]
    return " ".join(name for name in names if name) or offer.offer_id
