"""One read-only visit to each account, all at the same time and each with its own end; what was heard on the way."""

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

from order_pipelines import clock
from order_pipelines.connectors.http import Heard, listening
from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.connectors.registry import connector_of
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit, Finding, History, projected_seconds
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.services.shop import Shop

MOST_SKEW_S = 60
# What a thread may need beyond its deadline to see that it is over.
_GRACE_S = 10.0
_LIMIT_HEADER = "x-ratelimit"


@dataclass(frozen=True, slots=True)
class RateSeen:
    """What the newest answer of a group said of its limit, by header as sent."""

    group: str
    headers: dict[str, str]


@dataclass(slots=True)
class AccountVisit:
    """What is known of one account after the visit."""

    account: str
    system: str
    mode: str
    findings: list[Finding] = field(default_factory=list)
    history: History | None = None
    limits: tuple[CallLimit, ...] = ()
    seen: list[RateSeen] = field(default_factory=list)
    calls_made: int = 0
    seconds_a_call: dict[str, float] = field(default_factory=dict)
    projected_s: float | None = None
    skew_s: float | None = None
    offers: list[ListedOffer] | None = None

    def note(self, finding: Finding) -> None:
        """Add a finding."""
        self.findings.append(finding)


def visit_accounts(
    shop: Shop,
    accounts: Sequence[str],
    wanted: Mapping[str, BooksWanted],
    *,
    timeout_s: float,
    fresh_offers: Sequence[str],
) -> list[AccountVisit]:
    """Visit accounts, each in a thread of its own with ``timeout_s`` for everything; one never waits for another.

    Args:
        shop: whose accounts they are.
        accounts: names; those whose system has no probe are not visited.
        wanted: what the settings name in the books, by account.
        timeout_s: after so many seconds an account's visit is over, whatever it still waits for.
        fresh_offers: of which accounts the offers are listed too.
    """
    visits = [_empty(shop, name) for name in accounts]
    threads = [
        threading.Thread(
            target=_visit,
            args=(shop, one, wanted.get(one.account, BooksWanted()), timeout_s, one.account in fresh_offers),
            name=f"doctor-{one.account}",
            daemon=True,
        )
        for one in visits
    ]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + timeout_s + _GRACE_S
    return [_ended(one, thread, ends_at, timeout_s) for one, thread in zip(visits, threads, strict=True)]


def _ended(found: AccountVisit, thread: threading.Thread, ends_at: float, timeout_s: float) -> AccountVisit:
    """Wait for a visit; return what it found, of one that does not end a copy that it cannot change any more."""
    thread.join(max(0.0, ends_at - time.monotonic()))
    if not thread.is_alive():
        return found
    message = f"the visit was not over after {timeout_s:.0f} s and was left"
    late = Finding("no_answer", "fail", message, "Run doctor again.", {"right": "the visit", "said": message})
    return replace(found, findings=[*found.findings, late])


def _empty(shop: Shop, name: str) -> AccountVisit:
    settings = shop.account(name)
    return AccountVisit(name, settings.system, settings.mode, limits=connector_of(settings.system).limits)


def _visit(shop: Shop, found: AccountVisit, wanted: BooksWanted, timeout_s: float, is_fresh: bool) -> None:
    deadline = clock.now() + timedelta(seconds=timeout_s)
    visit = Visit(findings=found.findings)
    try:
        probe = shop.connect(found.account, lambda connector: connector.account_probe, deadline)
        with listening() as heard:
            try:
                probe.visit(visit, wanted)
            finally:
                found.history = visit.history
                _measure(found, heard)
        if is_fresh and probe.lists_offers_by_reading and not visit.is_over:
            sink = shop.connect(found.account, lambda connector: connector.stock_sink, deadline)
            found.offers = visit.ask("list all offers", lambda: list(sink.list_offers()))
    except OrderPipelinesError as error:
        message = str(error)
        found.note(Finding("settings_wrong", "fail", message, "Mend the settings.", {"said": message}))
    except Exception as error:  # noqa: BLE001  # one account's surprise must not cost the others their page
        message = f"the visit ended in {type(error).__name__}"
        found.note(Finding("call_refused", "fail", message, "Report it.", {"right": "-", "said": message}))


def _measure(found: AccountVisit, heard: list[Heard]) -> None:
    prefix = f"{found.account} "
    by_group: dict[str, list[float]] = {}
    seen: dict[str, RateSeen] = {}
    for call in heard:
        group = call.group.removeprefix(prefix)
        if 200 <= call.answer.status < 300 and "token" not in group.lower():
            by_group.setdefault(group, []).append(call.seconds)
        said = {
            name: value[:40]
            for name, value in call.answer.headers.items()
            if name.lower().startswith(_LIMIT_HEADER)
        }
        if said:
            seen[group] = RateSeen(group, said)
    found.calls_made = len(heard)
    found.seen = list(seen.values())
    found.seconds_a_call = {group: statistics.median(taken) for group, taken in by_group.items()}
    _note_credentials(found, heard)
    _note_clock(found, heard)
    if found.history is not None and found.history.calls is not None:
        found.projected_s = projected_seconds(found.history.calls, found.seconds_a_call, found.limits)


def _note_credentials(found: AccountVisit, heard: list[Heard]) -> None:
    if not any(200 <= call.answer.status < 300 for call in heard):
        return
    asked = any("token" in call.path and 200 <= call.answer.status < 300 for call in heard)
    used = any("token" not in call.path and 200 <= call.answer.status < 300 for call in heard)
    if not used:
        return
    has_key = "api_key" in connector_of(found.system).secrets
    how = (
        "its key"
        if has_key
        else "a token asked for now"
        if asked
        else "a token that was stored and is still good"
    )
    dutch = (
        "de sleutel" if has_key else "een nu opgevraagd token" if asked else "een bewaard, nog geldig token"
    )
    found.findings.insert(
        0, Finding("credentials_work", "ok", f"credentials work, with {how}", "", {"how": dutch})
    )


def _note_clock(found: AccountVisit, heard: list[Heard]) -> None:
    """Compare the clocks by the Date headers, which name whole seconds, at the middle of each call."""
    skews = []
    for call in heard:
        try:
            their = parsedate_to_datetime(call.answer.headers.get("Date", ""))
        except (TypeError, ValueError):
            continue
        if their.tzinfo is None:
            continue
        middle = call.answer.sent_at + timedelta(seconds=call.seconds / 2)
        skews.append((their - middle).total_seconds() + 0.5)
    if not skews:
        if heard:
            message = "the system sends no Date header, so the clocks cannot be compared"
            found.note(Finding("clock_unseen", "unknown", message))
        return
    found.skew_s = round(statistics.median(skews), 1)
    seconds = round(found.skew_s)
    if abs(seconds) > MOST_SKEW_S:
        message = f"its clock and ours differ by {seconds} s (at most {MOST_SKEW_S})"
        advice = "Set this machine's clock (NTP); what changed lately is asked for by time."
        found.note(Finding("clock_skew", "warn", message, advice, {"seconds": seconds}))
    else:
        message = f"its clock and ours differ by {seconds} s"
        found.note(Finding("clock_fits", "ok", message, "", {"seconds": seconds}))
