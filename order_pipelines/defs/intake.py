"""Assets of what comes in: per system and entity, read through the services, living in the operations store."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.account_assets import Declared, Served, account_asset, accounts_of, look
from order_pipelines.defs.columns import schema_of_store_table
from order_pipelines.defs.outcomes import Outcome, failing_clearly, materialized, served_check
from order_pipelines.defs.samples import owner_of, store_sample
from order_pipelines.defs.side_by_side import serve
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings

# What of a store table may be shown: no person and no free text of one.
_SHOWN: dict[str, tuple[str, ...]] = {
    "orders": ("order_key", "order_status", "fulfilment_status", "ordered_at", "order_total_current_incl_vat",
               "currency_code", "is_quarantined"),
    "channel_offers": ("account", "offer_id", "sku", "ean", "stock_set", "stock_shown", "is_listed"),
    "stock_statements": ("account", "sku", "ean", "location", "kind", "quantity", "stated_at"),
    "shipments": ("shipment_key", "account", "carrier", "location", "shipped_at"),
    "stock_movements": ("source", "sku", "location", "kind", "physical_quantity", "occurred_at"),
    "incoming_stock": ("account", "purchase_order", "line_id", "sku", "location", "quantity_ordered",
                       "quantity_received", "expected_on"),
    "supplier_stock": ("account", "supplier", "sku", "quantity", "lead_days", "stated_at"),
    "bundle_parts": ("bundle_sku", "part_sku", "quantity", "updated_at"),
}  # fmt: skip
_FILE_TABLES = {
    "orders": tables.orders,
    "stock_counts": tables.stock_statements,
    "shipments": tables.shipments,
    "goods_movements": tables.stock_movements,
    "purchase_orders": tables.incoming_stock,
    "supplier_stock": tables.supplier_stock,
    "bundles": tables.bundle_parts,
}
_FILE_GRAINS = {
    "orders": "one order in its newest known state",
    "stock_counts": "one count or correction of one article at one location",
    "shipments": "one parcel of one order",
    "goods_movements": "one movement of one article at one location",
    "purchase_orders": "one line of a purchase order, as stated last",
    "supplier_stock": "one article of one supplier, as its newest list says",
    "bundles": "one part of one bundle",
}
_FILE_COUNTS = {
    "orders": ("orders", "credits", "orders_quarantined"),
    "stock_counts": ("stock_counts", "stock_corrections", "stock_statements_quarantined"),
    "shipments": ("shipment_lines",),
    "goods_movements": ("goods_movements", "supply_rows_quarantined"),
    "purchase_orders": ("purchase_order_lines", "supply_rows_quarantined"),
    "supplier_stock": ("supplier_stock_rows", "supply_rows_quarantined"),
    "bundles": ("bundle_parts", "supply_rows_quarantined"),
}
# A listing reads every offer of an account; with thousands of them once an hour is enough, writes confirm themselves.
_OFFERS_LISTED_EVERY = timedelta(minutes=55)


def products_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return ``intake/products``: the product master, from its file, the leading account or orders."""
    file, leading = settings.products.file, settings.products.from_account
    source = (
        f"the file {file.name}"
        if file is not None
        else f"the account {leading}, once a day"
        if leading is not None
        else "the orders themselves"
        if settings.products.from_orders
        else "no file is named in the settings"
    )

    @dg.asset(
        key=["intake", "products"],
        group_name="products",
        owners=[naming.DATA],
        kinds={"python", naming.operations_kind(settings)},
        tags={naming.PII_TAG: "none"},
        description=f"The product master: SKU, EANs, VAT class, cost. One row: one article. Source: {source}.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.products),
            "dagster/table_name": "products",
        },
        code_version="1",
        pool=None
        if leading is None or file is not None
        else naming.api_pool(settings.accounts[leading].system),
        op_tags=naming.priority(naming.FIRST_PRODUCTS),
    )
    def products(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> dg.MaterializeResult[Any]:
        from order_pipelines.services.product_master import import_products

        with failing_clearly(context), shop.open() as opened:
            imported = import_products(opened, always=is_deep(context))
            with opened.store.reading() as connection:
                total = connection.execute(
                    sa.select(sa.func.count()).select_from(tables.products)
                ).scalar_one()
        if imported.conflicts:
            context.log.warning(
                "product master: %d conflicts stay out: %s", imported.conflicts, imported.reasons
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": int(total),
                "order_pipelines/rows_read": imported.products,
                "order_pipelines/rows_written": imported.changed,
                "order_pipelines/rows_removed": imported.removed,
                "order_pipelines/conflicts": imported.conflicts,
                "order_pipelines/orders_judged_again": imported.orders_judged_again,
                "conflicts_by_reason": dg.MetadataValue.json(imported.reasons),
            }
        )

    return products


def orders_asset(settings: Settings, connector: Connector, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``intake/<system>__orders`` of a system whose API lists orders."""
    system = connector.system
    declared = Declared(
        naming.intake_key(system, "orders"),
        system,
        "read",
        tables.orders,
        f"Orders of {connector.title}, received, interpreted, validated and booked. One row: one order in its newest "
        "known state. Source: the system's API, by change; each account with its own cursor and deadline.",
        naming.THEN_ORDERS,
        kinds=frozenset({"python", naming.operations_kind(settings)}),
        personal_data="customer",
        retry_delay_s=retry_delay_s,
        stale_after=timedelta(minutes=max(15, 3 * settings.cadence.sweep_minutes)),
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.shipping import match_shipments

        accounts = accounts_of(opened, system, lambda able: able.order_source)
        outcomes = serve(shop, accounts, partial(_sweep, deep=is_deep(context)))
        # Parcels of files that were waiting for an order find it now.
        match_shipments(opened)
        return Served(outcomes, *look(opened, tables.orders, _SHOWN["orders"], accounts))

    return account_asset(declared, work)


def _sweep(shop: Shop, account: str, *, deep: bool) -> Outcome:
    from order_pipelines.services.intake import sweep_account

    sweep = sweep_account(shop, account, deep=deep)
    return Outcome(
        account,
        {
            "listed": sweep.listed,
            "fetched": sweep.fetched,
            "new": sweep.booked.orders_new,
            "changed": sweep.booked.orders_changed,
            "quarantined": sweep.booked.orders_quarantined,
            "not_read": sweep.failed,
            "left_to_another_process": int(sweep.is_busy),
        },
        None if sweep.is_busy else sweep.problem,
        is_failed=sweep.problem is not None and not (sweep.is_busy or sweep.is_stopped),
        is_retryable=sweep.retryable,
    )


def offers_asset(settings: Settings, connector: Connector, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``intake/<system>__offers`` of a system that takes stock."""
    system = connector.system
    declared = Declared(
        naming.intake_key(system, "offers"),
        system,
        "read",
        tables.channel_offers,
        f"Offers of {connector.title} as the channel shows them, matched to the product master. One row: one offer of "
        "one account. Source: the system's API, listed once an hour and in every deep sweep.",
        naming.THEN_OFFERS,
        kinds=frozenset({"python", naming.operations_kind(settings)}),
        retry_delay_s=retry_delay_s,
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.buffers import measure_buffers

        accounts = accounts_of(
            opened, system, lambda able: able.stock_sink, lambda account: account.stock.push
        )
        outcomes = serve(shop, accounts, partial(_list_offers, always=is_deep(context)))
        total, extra = look(opened, tables.channel_offers, _SHOWN["channel_offers"], accounts)
        if is_deep(context):
            extra["order_pipelines/buffers_measured"] = measure_buffers(opened, accounts)
        return Served(outcomes, total, extra)

    return account_asset(declared, work)


def _list_offers(shop: Shop, account: str, *, always: bool) -> Outcome:
    from order_pipelines.services.stock_push import refresh_offers

    seen = sa.select(sa.func.max(tables.channel_offers.c.seen_at)).where(
        tables.channel_offers.c.account == account
    )
    with shop.store.reading() as connection:
        listed_at = connection.execute(seen).scalar()
    if not always and listed_at is not None and clock.now() - listed_at < _OFFERS_LISTED_EVERY:
        return Outcome(account, {"listed": 0, "unmatched": 0})
    push = refresh_offers(shop, account)
    return Outcome(
        account,
        {"listed": push.offers, "unmatched": push.unmatched},
        push.problem,
        # A failed step would keep back the stock of the offers that are known, lower numbers included.
        is_failed=push.problem is not None and listed_at is None,
        is_retryable=push.retryable,
    )


def files_asset(settings: Settings, connector: Connector) -> dg.AssetsDefinition:
    """Return ``intake/<system>__<entity>`` of a system of files: one run over the folders gives all entities."""
    system = connector.system
    keys = {entity: naming.intake_key(system, entity) for entity in connector.entities}
    checks = {entity: served_check(key, "read") for entity, key in keys.items()}

    @dg.multi_asset(
        name=f"intake__{system}",
        specs=[
            dg.AssetSpec(
                key,
                group_name=system,
                owners=[naming.INTEGRATIONS],
                kinds={"python", naming.operations_kind(settings)},
                tags={naming.PII_TAG: "customer" if entity == "orders" else "none"},
                description=f"{entity.replace('_', ' ').capitalize()} from {connector.title}: each file once by its "
                f"content, the original kept. One row: {_FILE_GRAINS[entity]}. Source: the accounts' drop folders.",
                metadata={
                    "dagster/column_schema": schema_of_store_table(_FILE_TABLES[entity]),
                    "dagster/table_name": _FILE_TABLES[entity].name,
                },
                code_version="1",
            )
            for entity, key in keys.items()
        ],
        check_specs=list(checks.values()),
        pool=naming.api_pool(system),
        op_tags=naming.priority(naming.THEN_ORDERS),
    )
    def files(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.drop_folder import take_in

        with failing_clearly(context), shop.open() as opened:
            accounts = [name for name, account in opened.accounts() if account.system == system]
            taken: dict[str, Any] = {}
            for account in accounts:
                try:
                    taken[account] = take_in(opened, account)
                except OSError as error:
                    taken[account] = f"the drop folder cannot be read ({error.strerror})"
            looks = {entity: _look_at_files(opened, _FILE_TABLES[entity], accounts) for entity in keys}
        for entity, key in keys.items():
            outcomes = [
                _file_outcome(account, result, _FILE_COUNTS[entity]) for account, result in taken.items()
            ]
            total, sample = looks[entity]
            yield materialized(
                context, key, outcomes, checks[entity], row_count=total, extra={"sample": sample}
            )

    return files


def _file_outcome(account: str, result: Any, names: Sequence[str]) -> Outcome:
    if isinstance(result, str):
        return Outcome(account, {"files": 0}, result, is_failed=True)
    # A file that is refused is a matter for who sent it: named here and kept, the account itself was read.
    rejected = [_named(each.name, each.reason) for each in result if each.state == "rejected"]
    held = [
        _named(each.name, each.reason)
        for each in result
        if each.counts.get("files_held") and not each.is_repeat
    ]
    counts = {name: sum(each.counts.get(name, 0) for each in result if not each.is_repeat) for name in names}
    return Outcome(
        account,
        {
            "files": len(result),
            "files_rejected": len(rejected),
            "files_held": len(held),
            "rows_read": sum(each.rows_read for each in result if not each.is_repeat),
            **counts,
        },
        "; ".join([*rejected, *held]) or None,
    )


def _named(file: str, reason: str | None) -> str:
    """Return the reason with the file's name before it, once: most reasons begin with it."""
    return reason if reason is not None and reason.startswith(file) else f"{file}: {reason}"


def is_deep(context: Any) -> bool:
    """Whether this run repeats recent days instead of reading only what changed."""
    return bool(context.run.tags.get(naming.DEEP_TAG) == "true")


def _look_at_files(
    shop: Shop, table: sa.Table, accounts: Sequence[str]
) -> tuple[int, dg.MarkdownMetadataValue]:
    """Return how many rows these accounts have, and a few of them."""
    query = sa.select(sa.func.count()).select_from(table)
    owner = owner_of(table)
    if table is tables.shipments:
        # A parcel belongs to the account of its order, whichever file told of it.
        accounts = list(shop.settings.accounts)
    elif owner is not None:
        query = query.where(owner.in_(list(accounts)))
    with shop.store.reading() as connection:
        total = int(connection.execute(query).scalar_one())
        sample = store_sample(connection, table, _SHOWN[table.name], accounts)
    return total, dg.MetadataValue.md(sample)
