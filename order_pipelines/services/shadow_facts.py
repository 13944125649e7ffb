"""How far an observing account is: clean days, what stands in the way, and the differences behind it. Reads only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import shadow_days, shadow_differences
from order_pipelines.services.audit import mode_since
from order_pipelines.services.shadow_orders import WINDOW
from order_pipelines.services.shadow_rules import CLEAN_DAYS_WANTED, STOCK, Day, clean_days, kinds_of
from order_pipelines.services.shadow_stock import Apart, set_apart
from order_pipelines.settings import AccountSettings, Settings

_DAYS_SHOWN = CLEAN_DAYS_WANTED + 1

READY, NOT_READY, LIVE, NOTHING = "ready", "not_ready", "live", "nothing_to_compare"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference that stands or stood. ``is_counted`` by the rules; one that is not may be a matter of minutes."""

    kind: str
    subject: str
    sku: str | None
    ours: str
    theirs: str
    reason: str | None
    since: datetime
    last_seen_at: datetime
    times: int
    is_counted: bool


@dataclass(frozen=True, slots=True)
class KindFacts:
    """The newest figures of one kind; ``unsettled`` differences do not count yet."""

    kind: str
    compared: int
    equal: int
    unsettled: int
    differing: int
    compared_at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that stands in the way of going live; ``detail`` is what an outside system or the house said."""

    code: str
    count: int = 0
    kind: str = ""
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The reason for people."""
        offers = "1 offer shows" if self.count == 1 else f"{self.count} offers show"
        return {
            "offers_differ": f"{offers} another stock than we would send",
            "never_compared": f"{self.kind} was not compared in the last {_DAYS_SHOWN} days",
            "not_readable": f"{self.kind} could not be compared: {self.detail}",
            "no_numbers": "no offer has a number of ours; count the stock and look at the product master",
            "mode_not_noted": "it is not noted since when it observes; restart what works with older settings",
            "too_few_days": f"{self.count} of {CLEAN_DAYS_WANTED} clean days",
        }[self.code]


@dataclass(frozen=True, slots=True)
class Facts:
    """One account.

    Args:
        account: its name.
        system: its system.
        mode: what the settings say.
        since: since when it has that mode; ``None`` when that was never noted.
        verdict: ``ready``, ``not_ready``, ``live`` or ``nothing_to_compare``.
        clean: whole days in a row up to yesterday without a difference, at most seven.
        reasons: what stands in the way; empty when it is ready.
        days: what is known of the last days, by day and kind.
        kinds: the newest figures of what is compared.
        differences: those that stand now, first what counts; of orders also those that counted in the last thirty days.
        apart: offers and products that cannot be compared and are no differences.
    """

    account: str
    system: str
    mode: str
    since: datetime | None
    verdict: str
    clean: int = 0
    reasons: tuple[Reason, ...] = ()
    days: Mapping[date, Mapping[str, Day]] | None = None
    kinds: tuple[KindFacts, ...] = ()
    differences: tuple[Difference, ...] = ()
    apart: tuple[Apart, ...] = ()


def read_facts(store: OperationsStore, settings: Settings, account: str | None = None) -> list[Facts]:
    """Return the facts of one account or of all that are enabled, in the order of the settings."""
    now = clock.now()
    with store.reading() as connection:
        return [
            _facts_of(connection, settings, name, each, now)
            for name, each in settings.accounts.items()
            if each.enabled and account in {None, name}
        ]


def _facts_of(
    connection: Connection, settings: Settings, name: str, account: AccountSettings, now: datetime
) -> Facts:
    recorded, since = mode_since(connection, name)
    since = since if recorded == account.mode else None
    kinds = kinds_of(account)
    if account.mode == "live" or not kinds:
        verdict = LIVE if account.mode == "live" else NOTHING
        return Facts(name, account.system, account.mode, since, verdict)
    today = clock.order_date(now, settings.merchant.zone)
    days, newest = _read_days(connection, name, kinds, today)
    clean = 0
    if since is not None:
        # The day on which it began to observe is no whole one.
        begun = clock.order_date(since, settings.merchant.zone)
        clean = clean_days(days, kinds, today=today, first_whole_day=begun + timedelta(days=1))
    differences = _read_differences(connection, name, kinds, now)
    reasons = _reasons(kinds, newest, differences, clean, since)
    return Facts(
        name,
        account.system,
        account.mode,
        since,
        NOT_READY if reasons else READY,
        clean,
        tuple(reasons),
        days,
        tuple(newest[kind] for kind in kinds if kind in newest),
        tuple(differences),
        tuple(set_apart(connection, name, account.serves)) if STOCK in kinds else (),
    )


def _read_days(
    connection: Connection, account: str, kinds: Sequence[str], today: date
) -> tuple[dict[date, dict[str, Day]], dict[str, KindFacts]]:
    """Return the last days, and the newest figures by kind; days that a wrong clock dated ahead are not looked at."""
    query = (
        sa.select(shadow_days)
        .where(
            shadow_days.c.account == account,
            shadow_days.c.kind.in_(kinds),
            shadow_days.c.business_day <= today,
            shadow_days.c.business_day > today - timedelta(days=_DAYS_SHOWN + 1),
        )
        .order_by(shadow_days.c.business_day)
    )
    days: dict[date, dict[str, Day]] = defaultdict(dict)
    newest: dict[str, KindFacts] = {}
    for row in connection.execute(query):
        days[row.business_day][row.kind] = Day(
            row.kind, row.comparisons, row.failures, row.compared, row.differing, row.problem
        )
        newest[row.kind] = KindFacts(
            row.kind, row.compared, row.equal, row.unsettled, row.differing, row.compared_at, row.problem
        )
    return dict(days), newest


def _read_differences(
    connection: Connection, account: str, kinds: Sequence[str], now: datetime
) -> list[Difference]:
    query = sa.select(shadow_differences).where(
        shadow_differences.c.account == account,
        shadow_differences.c.kind.in_(kinds),
        sa.or_(
            shadow_differences.c.resolved_at.is_(None),
            sa.and_(
                shadow_differences.c.kind != STOCK,
                shadow_differences.c.counted_at.is_not(None),
                shadow_differences.c.counted_at >= now - WINDOW,
            ),
        ),
    )
    found = [
        Difference(
            row.kind,
            row.subject,
            row.sku,
            row.ours,
            row.theirs,
            row.reason,
            row.first_seen_at,
            row.last_seen_at,
            row.times,
            row.counted_at is not None,
        )
        for row in connection.execute(query)
    ]
    order = {kind: place for place, kind in enumerate(kinds)}
    return sorted(
        found, key=lambda each: (not each.is_counted, order[each.kind], each.sku or "", each.subject)
    )


def _reasons(
    kinds: Sequence[str],
    newest: Mapping[str, KindFacts],
    differences: Sequence[Difference],
    clean: int,
    since: datetime | None,
) -> list[Reason]:
    """Return what stands in the way of going live, the heaviest first."""
    reasons = []
    if standing := sum(each.is_counted and each.kind == STOCK for each in differences):
        reasons.append(Reason("offers_differ", count=standing))
    for kind in kinds:
        figures = newest.get(kind)
        if figures is None:
            reasons.append(Reason("never_compared", kind=kind))
        elif figures.problem is not None:
            reasons.append(Reason("not_readable", kind=kind, detail=figures.problem))
        elif kind == STOCK and figures.compared == 0:
            reasons.append(Reason("no_numbers"))
    if since is None:
        reasons.append(Reason("mode_not_noted"))
    if clean < CLEAN_DAYS_WANTED:
        reasons.append(Reason("too_few_days", count=clean))
    return reasons
