"""Commands about deciding: whether an observing account is ready to go live, and the log of who decided what."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from order_pipelines.commands.common import (
    count_of,
    finish,
    harmless,
    known_account,
    local,
    opened_shop,
    opened_store,
    show_table,
)
from order_pipelines.services.shadow_rules import CLEAN_DAYS_WANTED
from order_pipelines.settings import Settings

if TYPE_CHECKING:
    from order_pipelines.services.shadow_facts import Facts

_MOST_SHOWN = 50
_APART = {
    "offers_without_product": "offers without a product",
    "offers_without_number": "offers of articles that were never counted",
    "products_without_offer": "articles in stock without an offer",
}


@click.command("shadow-report")
@click.option("--account", metavar="NAME", help="Only this account (default: all).")
@click.option("--stored", is_flag=True, help="Only show what was compared before; read nothing outside.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for people, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every difference, and nothing else.")
@click.pass_context
def shadow_report_command(
    ctx: click.Context, account: str | None, stored: bool, html: Path | None, as_json: bool
) -> None:
    """Compare what observing accounts would have sent with what their channels show; sends nothing.

    Ends with 0 when every account that observes is ready to go live, or none observes; with 1 when one is not.
    """
    from order_pipelines import clock
    from order_pipelines.services import shadow_page
    from order_pipelines.services.shadow import compare_account, observing
    from order_pipelines.services.shadow_facts import NOT_READY, read_facts

    with opened_shop(ctx) as shop:
        known_account(shop.settings, account)
        busy = []
        for name in [] if stored else observing(shop):
            if account in {None, name} and compare_account(shop, name).is_busy:
                busy.append(name)
        facts = read_facts(shop.store, shop.settings, account)
        if as_json:
            click.echo(json.dumps(shadow_page.as_json(facts, clock.now()), indent=2, ensure_ascii=False))
        else:
            for each in facts:
                _show(each, shop.settings)
            for name in busy:
                click.echo(f"{name}: another process compares it now; shown is what was compared before")
        if html is not None:
            path = shadow_page.write_page(facts, shop.settings, html)
            click.echo(f"wrote {path}", err=as_json)
    finish(
        [
            f"{each.account} is not ready to go live: {'; '.join(reason.sentence for reason in each.reasons)}"
            for each in facts
            if each.verdict == NOT_READY
        ]
    )


def _show(facts: "Facts", settings: Settings) -> None:
    from order_pipelines.services.report import format_day, format_moment, format_number
    from order_pipelines.services.shadow_facts import LIVE, NOTHING, READY

    zone = settings.merchant.zone
    since = "" if facts.since is None else f" since {format_moment(facts.since, zone)}"
    if facts.verdict == LIVE:
        click.echo(f"{facts.account}: live{since}")
        return
    if facts.verdict == NOTHING:
        click.echo(f"{facts.account}: observes{since}; of {facts.system} nothing is compared here")
        return
    verdict = "ready to go live" if facts.verdict == READY else "not ready"
    click.echo(
        f"{facts.account}: observes{since}; {facts.clean} of {CLEAN_DAYS_WANTED} clean days in a row: {verdict}"
    )
    show_table(
        None,
        ("compared", "offers or orders", "equal", "not settled", "differing that day", "when"),
        [
            (
                each.kind,
                format_number(each.compared),
                format_number(each.equal),
                format_number(each.unsettled),
                format_number(each.differing),
                "never" if each.compared_at is None else format_moment(each.compared_at, zone),
            )
            for each in facts.kinds
        ],
        numbers=(1, 2, 3, 4),
    )
    known = (facts.days or {}).items()
    spoilt = [
        f"{format_day(day)} ({sum(each.differing for each in kinds.values()) or 'unknown'})"
        for day, kinds in sorted(known)
        if not all(each.is_clean for each in kinds.values())
    ]
    if spoilt:
        click.echo(f"{facts.account}: days that are not clean: {', '.join(spoilt)}")
    show_table(
        None,
        ("difference", "SKU or order", "ours", "channel", "since", "counts", "why"),
        [
            (
                each.kind,
                each.subject if each.sku is None else f"{each.sku} ({each.subject})",
                each.ours,
                each.theirs,
                format_moment(each.since, zone),
                "yes" if each.is_counted else "not yet",
                each.reason,
            )
            for each in facts.differences[:_MOST_SHOWN]
        ],
        numbers=(2, 3),
    )
    if len(facts.differences) > _MOST_SHOWN:
        left = format_number(len(facts.differences) - _MOST_SHOWN)
        click.echo(f"{facts.account}: and {left} more differences; --json prints all")
    for row in facts.apart:
        if row.count:
            named = harmless(", ".join(row.names)) + (" …" if row.count > len(row.names) else "")
            click.echo(f"{facts.account}: {format_number(row.count)} {_APART[row.what]}: {named}")


@click.group("audit")
def audit_command() -> None:
    """Who decided what: settings that gate writing, and decisions by command."""


@audit_command.command("list")
@click.option("--account", metavar="NAME", help="Only this account, also one that the settings have no more.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (default: from the beginning)."
)
@click.pass_context
def audit_list_command(ctx: click.Context, account: str | None, since: datetime | None) -> None:
    """List the log of decisions, oldest first."""
    from order_pipelines import clock
    from order_pipelines.services import audit

    with opened_store(ctx) as (store, settings):
        zone = settings.merchant.zone
        begin = None if since is None else clock.day_bounds(since.date(), zone)[0]
        with store.reading() as connection:
            rows = audit.entries(connection, account=account, since=begin)
        show_table(
            None,
            ("number", "when", "what", "account", "subject", "before", "after", "by"),
            [
                (
                    row.audit_seq,
                    local(row.noted_at, settings),
                    row.kind,
                    row.account,
                    row.subject,
                    row.value_before,
                    row.value_after,
                    row.decided_by,
                )
                for row in rows
            ],
            numbers=(0,),
        )
    click.echo(count_of(len(rows), "entry", "entries"))
