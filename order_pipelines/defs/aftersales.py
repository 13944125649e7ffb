"""Assets of what comes after a sale, and of the people of a shop: returns in, refunds out, customers in."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.columns import schema_of_store_table
from order_pipelines.defs.intake import is_deep
from order_pipelines.defs.outcomes import Outcome, failing_clearly, materialized, retry_policy, served_check
from order_pipelines.defs.publish import dispatch_due
from order_pipelines.defs.samples import store_sample
from order_pipelines.defs.side_by_side import serve
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings

_RETURNS_SHOWN = ("return_key", "account", "registered_at", "changed_at")
_EFFECTS_SHOWN = ("effect_key", "account", "state", "planned_at", "confirmed_at")


def returns_asset(settings: Settings, connector: Connector, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``intake/<system>__returns`` of a system whose API lists returns."""
    system = connector.system
    key = naming.intake_key(system, "returns")
    check = served_check(key, "read")

    @dg.asset(
        key=key,
        group_name=system,
        owners=[naming.INTEGRATIONS],
        kinds={"python", naming.operations_kind(settings)},
        tags={naming.PII_TAG: "none"},
        description=f"Returns that customers announced at {connector.title}, held against what was sold; they move "
        "neither stock nor money. One row: one return in its newest known version. Source: the system's API, once an "
        "hour and in every deep sweep.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.channel_returns),
            "dagster/table_name": "channel_returns",
        },
        code_version="1",
        check_specs=[check],
        pool=naming.api_pool(system),
        op_tags=naming.priority(naming.THEN_OFFERS),
        retry_policy=retry_policy(retry_delay_s),
    )
    def returns(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with failing_clearly(context), shop.open() as opened:
            accounts = [
                name
                for name, account in opened.accounts(lambda able: able.return_source)
                if account.system == system
            ]
            outcomes = serve(shop, accounts, partial(_read_returns, deep=is_deep(context)))
            total = _count(opened, tables.channel_returns, accounts)
            with opened.store.reading() as connection:
                sample = store_sample(connection, tables.channel_returns, _RETURNS_SHOWN, accounts)
        extra = {"sample": dg.MetadataValue.md(sample)}
        yield materialized(context, key, outcomes, check, row_count=total, extra=extra)

    return returns


def _read_returns(shop: Shop, account: str, *, deep: bool) -> Outcome:
    from order_pipelines.services.returns import sweep_returns

    sweep = sweep_returns(shop, account, deep=deep)
    counts = {
        "listed": sweep.listed,
        "changed": sweep.changed,
        "quarantined": sweep.rejected,
        "remarkable": sweep.remarkable,
        "not_offered": int(not sweep.is_offered),
        "left_to_another_process": int(sweep.is_busy),
    }
    # A failed step would keep orders from the warehouse; what was not read is named by the check.
    return Outcome(account, counts, None if sweep.is_busy else sweep.problem, is_retryable=sweep.retryable)


def customers_asset(settings: Settings, connector: Connector) -> dg.AssetsDefinition:
    """Return ``intake/<system>__customers`` of a system with an account whose customers are wanted."""
    system = connector.system
    key = naming.intake_key(system, "customers")
    check = served_check(key, "read")

    @dg.asset(
        key=key,
        group_name=system,
        owners=[naming.INTEGRATIONS],
        kinds={"python", naming.operations_kind(settings)},
        tags={naming.PII_TAG: "customer"},
        description=f"Customers of {connector.title} accounts that ask for it, guests left out; they stay in the "
        "operations store. One row: one customer. Source: the system's API by change, once an hour; all of them in a "
        "deep sweep, which also forgets who is gone.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.channel_customers),
            "dagster/table_name": "channel_customers",
        },
        code_version="1",
        check_specs=[check],
        pool=naming.api_pool(system),
        op_tags=naming.priority(naming.THEN_OFFERS),
    )
    def customers(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with failing_clearly(context), shop.open() as opened:
            accounts = [
                name
                for name, account in opened.accounts(lambda able: able.customer_source)
                if account.system == system and account.customers
            ]
            outcomes = serve(shop, accounts, partial(_read_customers, deep=is_deep(context)))
            total = _count(opened, tables.channel_customers, accounts)
        yield materialized(context, key, outcomes, check, row_count=total)

    return customers


def _read_customers(shop: Shop, account: str, *, deep: bool) -> Outcome:
    from order_pipelines.services.channel_customers import sweep_customers

    sweep = sweep_customers(shop, account, deep=deep)
    counts = {
        "listed": sweep.listed,
        "guests_left_out": sweep.guests,
        "written": sweep.written,
        "forgotten": sweep.forgotten,
        "left_to_another_process": int(sweep.is_busy),
    }
    return Outcome(account, counts, None if sweep.is_busy else sweep.problem, is_retryable=sweep.retryable)


def refunds_asset(settings: Settings, connector: Connector) -> dg.AssetsDefinition:
    """Return ``publish/<system>__refunds`` of a system that gives money back on the seller's word."""
    system = connector.system
    key = naming.publish_key(f"{system}__refunds")
    check = served_check(key, "served")

    @dg.asset(
        key=key,
        deps=[naming.intake_key(system, "orders")],
        group_name=system,
        owners=[naming.INTEGRATIONS],
        kinds={"python"},
        tags={naming.PII_TAG: "none"},
        description=f"Refunds that a person ordered, told to {connector.title}, each once. One row: one refund. "
        "Source: the outbox of the operations store.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.outbox),
            "dagster/table_name": "outbox",
        },
        code_version="1",
        check_specs=[check],
        pool=naming.api_pool(system),
        op_tags=naming.priority(naming.THEN_PUBLISH),
    )
    def refunds(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.refunding import CHANNEL_REFUND

        of_kind = tables.outbox.c.kind == CHANNEL_REFUND
        with failing_clearly(context), shop.open() as opened:
            accounts = [
                name
                for name, account in opened.accounts(lambda able: able.refund_sink)
                if account.system == system
            ]
            outcomes = serve(shop, accounts, partial(dispatch_due, kinds=(CHANNEL_REFUND,)))
            total = _count(opened, tables.outbox, accounts, of_kind)
            with opened.store.reading() as connection:
                sample = store_sample(connection, tables.outbox, _EFFECTS_SHOWN, accounts, of_kind)
        extra = {"sample": dg.MetadataValue.md(sample)}
        yield materialized(context, key, outcomes, check, row_count=total, extra=extra)

    return refunds


def _count(shop: Shop, table: sa.Table, accounts: list[str], *of: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.account.in_(accounts), *of)
    with shop.store.reading() as connection:
        return int(connection.execute(query).scalar_one())
