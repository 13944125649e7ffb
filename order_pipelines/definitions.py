"""The code location: :func:`build_definitions` puts the pieces of ``defs`` together for one merchant, nothing else.

Dagster loads ``defs`` from here (workspace.yaml). It reads the settings file that ``ORDER_PIPELINES_SETTINGS`` names,
``settings.toml`` in the working directory without it; no secret and no store is touched before a step runs.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from order_pipelines.connectors.registry import connector_of
from order_pipelines.defs import (
    aftersales,
    checks,
    intake,
    jobs,
    naming,
    preflight,
    publish,
    readings,
    report,
    sensors,
    shadow,
    warehouse,
)
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.errors import ConfigurationError
from order_pipelines.services.shadow_rules import kinds_of
from order_pipelines.settings import Settings, load_settings
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES

SETTINGS_VARIABLE = "ORDER_PIPELINES_SETTINGS"


def build_definitions(
    settings: Settings,
    *,
    is_automatic: bool = True,
    retry_delay_s: float = 10.0,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Return everything Dagster shows and runs for one merchant.

    Args:
        settings: the merchant's settings; systems appear by their enabled accounts.
        is_automatic: schedules and sensors are on when the location is first loaded.
        retry_delay_s: pause before a step is tried again; the next one is twice as long.
        resources: replaces ``shop`` and ``warehouse`` (see ``defs/access.py``).

    Raises:
        ConfigurationError: an account is of a system that has no connector.
    """
    connectors = {
        account.system: connector_of(account.system)
        for account in settings.accounts.values()
        if account.enabled
    }
    used = [connectors[system] for system in sorted(connectors)]
    apis = [each for each in used if each.order_source is not None]
    files = [each for each in used if each.file_interpreter is not None]
    sinks = [each for each in used if each.stock_sink is not None]
    askers = {
        account.system
        for account in settings.accounts.values()
        if account.enabled and connectors[account.system].asks_seller(account.options)
    }
    watched = {
        account.system
        for account in settings.accounts.values()
        if account.enabled and account.mode == "observe" and kinds_of(account)
    }
    has_customers = {
        account.system
        for account in settings.accounts.values()
        if account.enabled and account.customers and connectors[account.system].customer_source is not None
    }
    returners = [each for each in used if each.return_source is not None]
    refunders = [each for each in used if each.refund_sink is not None]
    parcels = [each for each in used if each.shipment_sink is not None]
    books = [each for each in used if each.invoice_sink is not None]

    orders = [naming.intake_key(each.system, "orders") for each in used if "orders" in each.entities]
    parcel_files = [naming.intake_key(each.system, "shipments") for each in files]
    from_files = [intake.files_asset(settings, each) for each in files]
    products = intake.products_asset(settings)
    taken_in = [
        products,
        *(intake.orders_asset(settings, each, retry_delay_s) for each in apis),
        *(intake.offers_asset(settings, each, retry_delay_s) for each in sinks),
        *(aftersales.returns_asset(settings, each, retry_delay_s) for each in returners),
        *from_files,
    ]
    customers = [aftersales.customers_asset(settings, connectors[system]) for system in sorted(has_customers)]
    guards = [checks.quarantine_check(settings, key) for key in orders]
    read_anew = [readings.readings_asset(settings, retry_delay_s)]
    stores = [
        warehouse.core_assets(settings, _keys([*taken_in, *read_anew]), retry_delay_s),
        warehouse.mart_assets(settings, retry_delay_s),
    ]
    entries = [publish.entries_asset(each, orders, retry_delay_s) for each in books]
    sent = [
        *(publish.stock_asset(each) for each in sinks),
        *(publish.acceptances_asset(connectors[system]) for system in sorted(askers)),
        *(publish.shipments_asset(each, orders, parcel_files) for each in parcels),
        *(aftersales.refunds_asset(each) for each in refunders),
        *entries,
        publish.copy_asset(settings),
    ]
    compared = [
        shadow.shadow_asset(settings, connectors[system], _of_system(system, taken_in))
        for system in sorted(watched)
    ]
    reports = [report.report_asset(settings)]
    all_jobs = jobs.build_jobs(
        file_intake=_keys([products, *from_files]) if from_files else [],
        guards=[key for guard in guards for key in guard.check_keys],
        sent=_keys(sent),
        entries=_keys(entries),
        report=_keys(reports),
        readings=_keys(read_anew),
    )
    return dg.Definitions(
        assets=[*taken_in, *customers, *read_anew, *stores, *sent, *compared, *reports],
        asset_checks=[
            *guards,
            checks.declaration_checks("core", CORE_TABLES),
            checks.declaration_checks("mart", MART_TABLES),
            *checks.reconciliation_checks(),
            *preflight.preflight_checks(settings),
            checks.conservation_check(),
        ],
        jobs=list(all_jobs.values()),
        schedules=jobs.build_schedules(settings, all_jobs, is_automatic=is_automatic),
        sensors=sensors.build_sensors(
            all_jobs,
            [
                name
                for name, account in settings.accounts.items()
                if account.enabled and connectors[account.system] in files
            ],
            is_automatic=is_automatic,
        ),
        resources={"shop": ShopDoor(settings), "warehouse": WarehouseDoor(settings), **(resources or {})},
        executor=dg.in_process_executor,
    )


def _keys(definitions: Sequence[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    return sorted(key for definition in definitions for key in definition.keys)


def _of_system(system: str, definitions: Sequence[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    return [key for key in _keys(definitions) if key.path[-1].startswith(f"{system}__")]


def _without_settings(problem: str) -> dg.Definitions:
    """Return definitions with one asset that says what is missing, so that the UI opens and shows it."""

    @dg.asset(
        key=["intake", "settings"],
        group_name="house",
        owners=[naming.DATA],
        kinds={"python"},
        description=f"Nothing can run yet. {problem}",
    )
    def settings_missing(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        raise dg.Failure(description=problem, allow_retries=False)

    return dg.Definitions(assets=[settings_missing], executor=dg.in_process_executor)


def _definitions_of_environment() -> dg.Definitions:
    path = Path(os.environ.get(SETTINGS_VARIABLE) or "settings.toml").absolute()
    try:
        return build_definitions(load_settings(path))
    except ConfigurationError as error:
        return _without_settings(str(error))


defs = _definitions_of_environment()
