"""``doctor``: the examination before go-live, on the terminal, as JSON, and as a page to hand over."""

from pathlib import Path

import click

from order_pipelines.commands.common import console, harmless, local, opened_shop, show_table
from order_pipelines.domain.findings import SEVERITIES, Finding
from order_pipelines.services.doctor import (
    STORED_LISTING_MINUTES,
    TIMEOUT_S,
    AccountReport,
    Diagnosis,
    examine,
    to_json,
)
from order_pipelines.settings import Settings

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "cyan"}


@click.command("doctor")
@click.option("--account", metavar="NAME", help="Visit only this account.")
@click.option("--offline", is_flag=True, help="Call no outside system: settings and what is stored only.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 3600),
    default=TIMEOUT_S,
    show_default=True,
    help="Seconds that one account's visit may take.",
)
@click.option(
    "--listing-minutes",
    type=click.IntRange(0, 10_080),
    default=STORED_LISTING_MINUTES,
    show_default=True,
    help="Use a stored listing of offers that is younger than this.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def doctor_command(
    ctx: click.Context,
    account: str | None,
    offline: bool,
    timeout_s: float,
    listing_minutes: int,
    page: Path | None,
    as_json: bool,
) -> None:
    """Examine everything before go-live; writes nothing outside.

    Each account: credentials, rights, clock, history, limits, offers against products. The house: quality of the
    product master, four checks, VAT, ledger accounts, what is held back now. Exit code 1: something is not in order.
    """
    with opened_shop(ctx) as shop:
        found = examine(
            shop,
            account=account,
            is_offline=offline,
            timeout_s=timeout_s,
            stored_listing_minutes=listing_minutes,
        )
        settings = shop.settings
    if as_json:
        import orjson

        click.echo(orjson.dumps(to_json(found), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found, settings)
    if page is not None:
        from order_pipelines.services.doctor_page import write_page

        target = write_page(found, settings, page)
        click.echo(f"wrote {target}", err=as_json)
    if found.severity == "fail":
        raise click.exceptions.Exit(1)


def _show(found: Diagnosis, settings: Settings) -> None:
    for account in found.accounts:
        _show_account(account, settings)
    _show_findings("Product master", found.master)
    _show_quality(found)
    show_table(
        "The four checks",
        ("", "check", "looked at", "offending", "first"),
        [
            (
                "ok" if check.has_passed else "fail",
                check.claim,
                check.looked_at,
                check.offending,
                "; ".join(
                    ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
                    for row in check.rows[:3]
                ),
            )
            for check in found.preflight
        ],
        numbers=(2, 3),
    )
    _show_findings("VAT and books", found.money)
    show_table(
        "Held back now",
        ("account", "what", "why", "count"),
        [(one.account, one.what, one.reason, one.count) for one in found.blocked],
        numbers=(3,),
    )
    counts = {name: sum(one.severity == name for one in found.findings()) for name in SEVERITIES}
    failed = sum(not check.has_passed for check in found.preflight)
    click.echo(
        f"{counts['fail']} fail, {counts['warn']} warn, {counts['unknown']} unknown, {counts['ok']} ok; "
        f"{len(found.preflight) - failed} of {len(found.preflight)} checks passed"
    )


def _show_account(account: AccountReport, settings: Settings) -> None:
    visit = account.visit
    _show_findings(f"{visit.account} ({visit.system}, {visit.mode})", visit.findings)
    history = visit.history
    rows: list[tuple[str, str]] = []
    if history is not None:
        orders = (
            f"unknown, at least {history.orders_at_least}" if history.orders is None else str(history.orders)
        )
        calls = ", ".join(f"{number} x {group}" for group, number in (history.calls or {}).items())
        seconds = visit.projected_s
        rows += [
            ("earliest order", local(history.earliest_at, settings) or "unknown"),
            ("orders", orders),
            ("calls", calls or "unknown"),
            ("takes", "unknown" if seconds is None else f"about {seconds:.0f} s (estimate)"),
            ("reach", history.reach),
        ]
        if history.reason:
            rows.append(("unknown because", history.reason))
    if account.offers is not None:
        listed_at = account.offers.listed_at
        when = "listed now" if listed_at is None else f"listed {local(listed_at, settings)}"
        rows.append(("offers", f"{account.offers.offers}, {when}"))
    rows += [
        (
            "limit seen",
            f"{seen.group}: " + ", ".join(f"{name} {value}" for name, value in seen.headers.items()),
        )
        for seen in visit.seen
    ]
    show_table("First load of " + visit.account if history else None, ("", ""), rows)


def _show_findings(title: str, findings: list[Finding]) -> None:
    from rich.text import Text

    console().print(Text(title, style="bold"))
    for finding in sorted(findings, key=lambda one: SEVERITIES.index(one.severity)):
        text = harmless(finding.message)
        if finding.severity != "ok" and finding.advice:
            text += f" -> {harmless(finding.advice)}"
        line = Text(f"  {finding.severity:<8}", style=_STYLES[finding.severity])
        line.append(text, style="default")
        console().print(line)
    click.echo()


def _show_quality(found: Diagnosis) -> None:
    quality = found.quality
    if quality is None:
        return
    show_table(
        f"Quality of {quality.products} articles: {quality.score} % (mean of the fields by weight)",
        ("field", "score %", "weight", "filled", "good", "bad", "examples"),
        [
            (
                one.name,
                one.score,
                one.weight,
                one.filled,
                one.good,
                one.bad,
                "; ".join(f"{each.sku}: {each.why} {each.detail}".strip() for each in one.examples[:3]),
            )
            for one in quality.fields
        ],
        numbers=(1, 2, 3, 4, 5),
    )
