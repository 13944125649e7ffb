"""The examination before go-live: accounts visited, offers against the master, the master scored, money mapped.

Nothing is written outside. Inside only what a visit leaves everywhere: a token in its store, and refusals of a limit.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.findings import Finding, Severity, worst
from order_pipelines.domain.product_quality import Quality
from order_pipelines.errors import ConfigurationError
from order_pipelines.services.doctor_accounts import AccountVisit, visit_accounts
from order_pipelines.services.doctor_blocked import Blocked, blocked_now
from order_pipelines.services.doctor_master import judge, master_findings, read_master
from order_pipelines.services.doctor_money import books_findings, sold, vat_findings, wanted_in
from order_pipelines.services.doctor_offers import Comparison, Listing, compare, findings_of, stored_listing
from order_pipelines.services.doctor_preflight import (
    PreflightCheck,
    as_bought,
    preflight,
    stored_positions,
)
from order_pipelines.services.shop import Shop

TIMEOUT_S = 60.0
STORED_LISTING_MINUTES = 60


@dataclass(slots=True)
class AccountReport:
    """Everything about one account."""

    visit: AccountVisit
    offers: Comparison | None = None

    @property
    def severity(self) -> Severity:
        """The worst finding."""
        return worst(self.visit.findings)


@dataclass(slots=True)
class Diagnosis:
    """The whole examination."""

    merchant: str
    made_at: datetime
    is_offline: bool
    accounts: list[AccountReport] = field(default_factory=list)
    master: list[Finding] = field(default_factory=list)
    quality: Quality | None = None
    preflight: list[PreflightCheck] = field(default_factory=list)
    money: list[Finding] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """Yield every finding, account by account, then the house's."""
        for account in self.accounts:
            yield from account.visit.findings
        yield from self.master
        yield from self.money

    @property
    def severity(self) -> Severity:
        """The worst of all findings and checks: ``fail`` means not ready for go-live."""
        failed = [check for check in self.preflight if not check.has_passed]
        return "fail" if failed else worst(self.findings())


def examine(
    shop: Shop,
    *,
    account: str | None = None,
    is_offline: bool = False,
    timeout_s: float = TIMEOUT_S,
    stored_listing_minutes: int = STORED_LISTING_MINUTES,
) -> Diagnosis:
    """Examine a shop.

    Args:
        shop: settings, store and connectors.
        account: only this one; the house's own matters are looked at all the same.
        is_offline: call nobody: settings and what is stored only.
        timeout_s: how long one account's visit may take.
        stored_listing_minutes: a stored listing of offers younger than this is not asked for again.

    Raises:
        ConfigurationError: no account has that name, or it is switched off.
    """
    names = [name for name, _ in shop.accounts()]
    if account is not None:
        shop.account(account)
        if account not in names:
            raise ConfigurationError(f"account {account} is switched off")
        names = [account]
    found = Diagnosis(shop.settings.merchant.name, clock.now(), is_offline)
    master = read_master(shop.store, shop.settings)
    with shop.store.reading() as connection:
        stored = {name: stored_listing(connection, name) for name in names if _has_offers(shop, name)}
        combinations = sold(connection)
        positions = stored_positions(connection)
        found.blocked = [one for one in blocked_now(connection) if account in (None, one.account)]
    catalogue, known = master.catalogue(), master.skus()
    oldest = clock.now() - timedelta(minutes=stored_listing_minutes)
    fresh = [name for name, one in stored.items() if one.listed_at is None or one.listed_at < oldest]
    found.accounts = [AccountReport(one) for one in _visits(shop, names, fresh, timeout_s, is_offline)]
    for report in found.accounts:
        name = report.visit.account
        if name not in stored:
            continue
        listing = stored[name] if report.visit.offers is None else Listing(report.visit.offers, None)
        if report.visit.offers is None and listing.listed_at is None:
            report.visit.note(
                Finding(
                    "offers_unseen",
                    "unknown",
                    "offers were neither listed now nor before",
                    "Run doctor without --offline, or 'order-pipelines push-stock'.",
                )
            )
            continue
        report.offers = compare(name, listing, catalogue, known)
        report.visit.findings += findings_of(report.offers)
    found.master = master_findings(master)
    found.quality = judge(master, shop.settings) if master.products else None
    found.preflight = preflight(as_bought(master.products), positions, shop.settings.products.checks)
    found.money = [
        *vat_findings(shop.settings, master.products, combinations),
        *books_findings(shop.settings, combinations),
    ]
    return found


def _has_offers(shop: Shop, name: str) -> bool:
    return connector_of(shop.account(name).system).stock_sink is not None


def _visits(
    shop: Shop, names: list[str], fresh: list[str], timeout_s: float, is_offline: bool
) -> list[AccountVisit]:
    """Visit those that can be; the others get a report that says why not."""
    able = {name for name in names if connector_of(shop.account(name).system).account_probe is not None}
    visited = {
        one.account: one
        for one in visit_accounts(
            shop,
            [] if is_offline else [name for name in names if name in able],
            {name: wanted_in(shop.settings, name) for name in names},
            timeout_s=timeout_s,
            fresh_offers=fresh,
        )
    }
    return [visited.get(name) or _unvisited(shop, name, name in able) for name in names]


def _unvisited(shop: Shop, name: str, is_able: bool) -> AccountVisit:
    settings = shop.account(name)
    connector = connector_of(settings.system)
    visit = AccountVisit(name, settings.system, settings.mode, limits=connector.limits)
    missing = [key for key in connector.secrets if key not in settings.secrets]
    try:
        shop.settings.secrets_of(name)
        problem = f"accounts.{name}.secrets.{missing[0]} is not named" if missing else ""
    except ConfigurationError as error:
        problem = str(error)
    if problem:
        visit.note(Finding("settings_wrong", "fail", problem, "Mend the settings.", {"said": problem}))
    elif not is_able:
        visit.note(Finding("no_system", "ok", "there is no outside system to visit"))
    else:
        visit.note(
            Finding("not_visited", "unknown", "not visited (--offline)", "Run doctor without --offline.")
        )
    return visit


def to_json(found: Diagnosis) -> dict[str, Any]:
    """Return the examination as JSON-ready values; amounts and instants as text."""
    return {
        "merchant": found.merchant,
        "made_at": clock.isoformat(found.made_at),
        "offline": found.is_offline,
        "severity": found.severity,
        "accounts": [
            {
                "account": one.visit.account,
                "system": one.visit.system,
                "mode": one.visit.mode,
                "severity": one.severity,
                "findings": [_plain(asdict(each)) for each in one.visit.findings],
                "history": None if one.visit.history is None else _plain(asdict(one.visit.history)),
                "calls_made": one.visit.calls_made,
                "seconds_a_call": {
                    group: round(seconds, 4) for group, seconds in one.visit.seconds_a_call.items()
                },
                "projected_s": None if one.visit.projected_s is None else round(one.visit.projected_s, 1),
                "clock_skew_s": one.visit.skew_s,
                "limits": [_plain(asdict(each)) for each in one.visit.limits],
                "limits_seen": [_plain(asdict(each)) for each in one.visit.seen],
                "offers": None if one.offers is None else _plain(asdict(one.offers)),
            }
            for one in found.accounts
        ],
        "master": [_plain(asdict(each)) for each in found.master],
        "quality": _quality(found.quality),
        "preflight": [
            {**_plain(asdict(check)), "claim": check.claim, "passed": check.has_passed}
            for check in found.preflight
        ],
        "money": [_plain(asdict(each)) for each in found.money],
        "blocked": [_plain(asdict(each)) for each in found.blocked],
    }


def _quality(quality: Quality | None) -> dict[str, Any] | None:
    if quality is None:
        return None
    fields = [
        {**_plain(asdict(one)), "bad": one.bad, "score": None if one.score is None else str(one.score)}
        for one in quality.fields
    ]
    return {
        "products": quality.products,
        "score": None if quality.score is None else str(quality.score),
        "fields": fields,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return clock.isoformat(value)
    return str(value) if isinstance(value, Decimal) else value
