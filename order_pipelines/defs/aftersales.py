"""Assets of what comes after a sale, and of the people of a shop: returns in, refunds out, customers in."""

from functools import partial

import dagster as dg

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.account_assets import (
    Declared,
    Served,
    account_asset,
    accounts_of,
    count_rows,
    look,
    look_at_effects,
)
from order_pipelines.defs.intake import is_deep
from order_pipelines.defs.outcomes import Outcome
from order_pipelines.defs.publish import dispatch_due
from order_pipelines.defs.side_by_side import serve
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings

_RETURNS_SHOWN = ("return_key", "account", "registered_at", "changed_at")


def returns_asset(settings: Settings, connector: Connector, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``intake/<system>__returns`` of a system whose API lists returns."""
    system = connector.system
    declared = Declared(
        naming.intake_key(system, "returns"),
        system,
        "read",
        tables.channel_returns,
        f"Returns that customers announced at {connector.title}, held against what was sold; they move neither stock "
        "nor money. One row: one return in its newest known version. Source: the system's API, once an hour and in "
        "every deep sweep.",
        naming.THEN_OFFERS,
        kinds=frozenset({"python", naming.operations_kind(settings)}),
        retry_delay_s=retry_delay_s,
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        accounts = accounts_of(opened, system, lambda able: able.return_source)
        outcomes = serve(shop, accounts, partial(_read_returns, deep=is_deep(context)))
        return Served(outcomes, *look(opened, tables.channel_returns, _RETURNS_SHOWN, accounts))

    return account_asset(declared, work)


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
    declared = Declared(
        naming.intake_key(system, "customers"),
        system,
        "read",
        tables.channel_customers,
        f"Customers of {connector.title} accounts that ask for it, guests left out; they stay in the operations store. "
        "One row: one customer. Source: the system's API by change, once an hour; all of them in a deep sweep, which "
        "also forgets who is gone.",
        naming.THEN_OFFERS,
        kinds=frozenset({"python", naming.operations_kind(settings)}),
        personal_data="customer",
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        accounts = accounts_of(
            opened, system, lambda able: able.customer_source, lambda account: account.customers
        )
        outcomes = serve(shop, accounts, partial(_read_customers, deep=is_deep(context)))
        return Served(outcomes, count_rows(opened, tables.channel_customers, accounts))

    return account_asset(declared, work)


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


def refunds_asset(connector: Connector) -> dg.AssetsDefinition:
    """Return ``publish/<system>__refunds`` of a system that gives money back on the seller's word."""
    system = connector.system
    declared = Declared(
        naming.publish_key(f"{system}__refunds"),
        system,
        "served",
        tables.outbox,
        f"Refunds that a person ordered, told to {connector.title}, each once. One row: one refund. Source: the outbox "
        "of the operations store.",
        naming.THEN_PUBLISH,
        deps=[naming.intake_key(system, "orders")],
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.refunding import CHANNEL_REFUND

        accounts = accounts_of(opened, system, lambda able: able.refund_sink)
        outcomes = serve(shop, accounts, partial(dispatch_due, kinds=(CHANNEL_REFUND,)))
        return Served(outcomes, *look_at_effects(opened, CHANNEL_REFUND, accounts))

    return account_asset(declared, work)
