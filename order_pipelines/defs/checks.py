"""Checks: each table against its declaration (blocking), the claims of ``sql/checks``, and the share in quarantine."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.defs.intake import is_deep
from order_pipelines.defs.outcomes import failing_clearly
from order_pipelines.defs.samples import SAMPLE_ROWS, markdown_table
from order_pipelines.services.conservation import FLAGS, LAWS, check_conservation, claim_of
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings
from order_pipelines.warehouse import checks as warehouse_checks
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES, STOCK_POSITIONS

# Every sweep looks at what is new, every deep sweep at everything: reading ten million rows back takes minutes.
_ROWS_EACH_TIME = 200_000
_DAYS_EACH_TIME = timedelta(days=35)
_SEQUENCES = ("change_seq", "movement_seq", "event_seq")
_INSTANTS = ("placed_at", "changed_at")


def quarantine_check(settings: Settings, key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Return the blocking check that too large a share of a system's orders in quarantine stops money and marts."""
    limit = settings.limits.max_quarantine_share
    system = key.path[-1].split("__")[0]

    @dg.asset_check(
        asset=key,
        name=f"{key.path[-1]}_quarantine_share",
        blocking=True,
        description=f"At most {limit} % of the orders of the last 24 hours are in quarantine "
        f"(limits.max_quarantine_share, judged from {settings.limits.min_rows_for_share} orders on). More "
        "than that is a broken mapping or master.",
        op_tags=naming.priority(naming.THEN_OFFERS),
    )
    def quarantine_share_check(
        context: dg.AssetCheckExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> dg.AssetCheckResult:
        from order_pipelines.services.watch import quarantine_share

        with failing_clearly(context), shop.open() as opened:
            share = quarantine_share(opened.store, opened.settings, system)
        return dg.AssetCheckResult(
            passed=share.is_within_limit,
            metadata={
                "order_pipelines/orders_received": share.received,
                "order_pipelines/orders_quarantined": share.quarantined,
                "limit_pct": str(share.limit_pct),
                "judged_from_orders": share.counted_from,
                "open_reasons": dg.MetadataValue.json(share.reasons),
            },
        )

    return quarantine_share_check


def declaration_checks(layer: str, tables: Sequence[Table]) -> dg.AssetChecksDefinition:
    """Return one step that reads every table of a layer back and holds it against its declaration; all block."""
    by_check = {f"{table.name}_schema": table for table in tables}

    @dg.multi_asset_check(
        name=f"check_{layer}_declarations",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=naming.table_key(table),
                blocking=True,
                description=f"{table.full_name} as written fits its declaration: types, nulls, "
                "closed lists, unique key.",
            )
            for name, table in by_check.items()
        ],
        can_subset=True,
        pool=naming.WAREHOUSE_POOL,
        op_tags=naming.priority(naming.THEN_LOAD),
    )
    def check_declarations(
        context: dg.AssetCheckExecutionContext,
        shop: dg.ResourceParam[ShopDoor],
        warehouse: dg.ResourceParam[WarehouseDoor],
    ) -> Iterator[dg.AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        with failing_clearly(context), warehouse.warehouse().read() as session:
            results = [
                _validated(session, table, name, everything=is_deep(context))
                for name, table in by_check.items()
                if name in names
            ]
        yield from results

    return check_declarations


def _validated(session: Session, table: Table, name: str, *, everything: bool) -> dg.AssetCheckResult:
    where, params = (None, []) if everything else newest_rows(session, table)
    failures = warehouse_checks.validate_table(session, table, where, params)
    return dg.AssetCheckResult(
        passed=not failures,
        asset_key=naming.table_key(table),
        check_name=name,
        metadata={
            "order_pipelines/offending_rows": sum(each.rows for each in failures),
            "rows_looked_at": "all" if where is None else "the newest",
            "failures": dg.MetadataValue.md(
                markdown_table(
                    [
                        {"rule": each.rule, "rows": each.rows, "keys": ", ".join(each.keys)}
                        for each in failures
                    ]
                )
            ),
        },
    )


def newest_rows(warehouse: Warehouse | Session, table: Table) -> tuple[str | None, list[Any]]:
    """Return a condition that keeps the newest rows of a long table, and its values; ``None`` for a short one."""
    names = table.column_names
    order = next((name for name in (*_SEQUENCES, *_INSTANTS) if name in names), None)
    if order is None:
        return None, []
    with warehouse_checks.reading(warehouse) as session:
        found = session.query(f"select count(*) as n, max({order}) as newest from {table.full_name}")
    (row,) = found.to_pylist()
    if row["n"] <= _ROWS_EACH_TIME:
        return None, []
    back: Any = _ROWS_EACH_TIME if order in _SEQUENCES else _DAYS_EACH_TIME
    return f"{order} > $1", [row["newest"] - back]


def reconciliation_checks() -> list[dg.AssetChecksDefinition]:
    """Return the claims of ``sql/checks``, a step for those over ``core`` and one for those that read a mart."""
    found = warehouse_checks.checks()
    over_marts = [
        check for check in found if any(name.startswith("mart.") for name in (check.table, *check.reads))
    ]
    over_core = [check for check in found if check not in over_marts]
    return [_claims("core", over_core), _claims("mart", over_marts)]


BRAKES = {
    "no_account_is_stopped": "No account was stopped by a person (order-pipelines account stop).",
    "stock_inputs_are_fresh": "Orders, places and lists of suppliers that numbers rest on are as new as the settings "
    "ask; until they are, no number that rests on them is raised.",
    "no_number_waits_for_a_person": "No number of stock is held by a brake (order-pipelines approvals).",
}


def conservation_check() -> dg.AssetChecksDefinition:
    """Return one step that holds the laws of stock against the operations store, after each load, and names brakes."""
    positions = naming.table_key(STOCK_POSITIONS)

    @dg.multi_asset_check(
        name="check_conservation",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=positions,
                description=f"{claim_of(name)} Rows of sql/conservation/{name}.sql offend against it.",
            )
            for name in (*LAWS, *FLAGS)
        ]
        + [dg.AssetCheckSpec(name, asset=positions, description=said) for name, said in BRAKES.items()],
        can_subset=True,
    )
    def check_laws(
        context: dg.AssetCheckExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        # Opened for its clock: in a sandbox ages are counted by the sandbox's.
        with failing_clearly(context), shop.open() as opened:
            laws = {law.name: [*law.rows] for law in check_conservation(opened.store, shop.settings)}
            found = laws | _brakes(opened)
        for name, rows in found.items():
            if name in names:
                yield dg.AssetCheckResult(
                    passed=not rows,
                    asset_key=positions,
                    check_name=name,
                    severity=dg.AssetCheckSeverity.ERROR if name in LAWS else dg.AssetCheckSeverity.WARN,
                    metadata={
                        "order_pipelines/offending_rows": len(rows),
                        "sample": dg.MetadataValue.md(markdown_table(rows[:SAMPLE_ROWS])),
                    },
                )

    return check_laws


def _brakes(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    from order_pipelines.services.account_stops import all_stops
    from order_pipelines.services.approvals import waiting_numbers
    from order_pipelines.services.freshness import stale_by_account

    with shop.store.reading() as connection:
        return {
            "no_account_is_stopped": [
                {"account": stop.account, "what": stop.what, "since": str(stop.stopped_at)}
                for stop in all_stops(connection)
                if stop.account in shop.settings.accounts
            ],
            "stock_inputs_are_fresh": [
                {"account": name, "too old": said}
                for name, said in stale_by_account(connection, shop.settings).items()
            ],
            "no_number_waits_for_a_person": [
                {"account": name, "numbers": count} for name, count in waiting_numbers(connection).items()
            ],
        }


def _claims(layer: str, found: Sequence[warehouse_checks.Check]) -> dg.AssetChecksDefinition:
    declared = {table.full_name for table in (*CORE_TABLES, *MART_TABLES)}

    def others(check: warehouse_checks.Check) -> Iterable[dg.AssetKey]:
        return [
            naming.full_name_key(name) for name in check.reads if name in declared and name != check.table
        ]

    @dg.multi_asset_check(
        name=f"check_{layer}_claims",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=naming.full_name_key(check.table),
                additional_deps=others(check),
                description=f"{check.claim} Rows of sql/checks/{check.name}.sql offend against it.",
            )
            for check in found
        ],
        can_subset=True,
        pool=naming.WAREHOUSE_POOL,
    )
    def check_claims(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[WarehouseDoor]
    ) -> Iterator[dg.AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        with failing_clearly(context), warehouse.warehouse().read() as session:
            results = [_claimed(session, check) for check in found if check.name in names]
        yield from results

    return check_claims


def _claimed(session: Session, check: warehouse_checks.Check) -> dg.AssetCheckResult:
    offending = warehouse_checks.run_check(session, check.name)
    return dg.AssetCheckResult(
        passed=offending.num_rows == 0,
        asset_key=naming.full_name_key(check.table),
        check_name=check.name,
        metadata={
            "order_pipelines/offending_rows": offending.num_rows,
            "sample": dg.MetadataValue.md(markdown_table(offending.slice(0, SAMPLE_ROWS).to_pylist())),
        },
    )
