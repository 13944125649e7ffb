"""Assets of what goes out: stock, acceptances and parcels per channel, sales entries per books, the warehouse's copy.

They work from tables: what is due there is sent, whichever asset of this run brought it or failed to.
"""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy as sa

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.defs.account_assets import (
    Declared,
    Served,
    account_asset,
    accounts_of,
    look,
    look_at_effects,
)
from order_pipelines.defs.intake import is_deep
from order_pipelines.defs.outcomes import Outcome, failing_clearly
from order_pipelines.defs.side_by_side import serve
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings
from order_pipelines.warehouse.tables import MART_TABLES

if TYPE_CHECKING:
    from order_pipelines.services.dispatch import Dispatched

# A write that is accepted first is asked about once more in the same run; what takes longer is for the next one.
_SETTLE_S = 1.0
_STOCK_SHOWN = (
    "account",
    "offer_id",
    "sku",
    "desired_quantity",
    "sent_quantity",
    "confirmed_quantity",
    "state",
)
_INVOICES_SHOWN = (
    "invoice_key",
    "account",
    "invoice_date",
    "amount_incl_vat",
    "vat_amount",
    "state",
    "entry_number",
)
_PARCELS_SHOWN = ("shipment_key", "account", "carrier", "location", "shipped_at")


def stock_asset(connector: Connector) -> dg.AssetsDefinition:
    """Return ``publish/<system>__stock``."""
    system = connector.system
    declared = Declared(
        naming.publish_key(f"{system}__stock"),
        system,
        "served",
        tables.channel_stock,
        f"Stock shown at {connector.title}: the desired quantity of every offer, sent, confirmed and read back. One "
        "row: one offer of one account. Source: the ledger of the operations store.",
        naming.THEN_STOCK,
        # Only the offers are upstream, though orders decide the numbers: a blocked check or a failed intake of orders
        # must never keep a lower stock from going out. Raising is held by the service while orders are old.
        deps=[naming.intake_key(system, "offers")],
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        accounts = accounts_of(
            opened, system, lambda able: able.stock_sink, lambda account: account.stock.push
        )
        outcomes = serve(shop, accounts, _push)
        return Served(outcomes, *look(opened, tables.channel_stock, _STOCK_SHOWN, accounts))

    return account_asset(declared, work)


def _push(shop: Shop, account: str) -> Outcome:
    from order_pipelines.services.stock_push import push_account, read_back

    counts = dict.fromkeys(
        ("due", "confirmed", "accepted", "rejected", "in_doubt", "held", "observed", "read_back_differs"), 0
    )

    def send() -> Any:
        push = push_account(shop, account)
        counts["accepted"] = push.accepted
        for name in ("confirmed", "rejected", "in_doubt"):
            counts[name] += getattr(push, name)
        for name in ("due", "held", "observed"):
            counts[name] = max(counts[name], getattr(push, name))
        return push

    push = send()
    counts["left_to_another_process"] = int(push.is_busy)
    if push.is_busy:
        return Outcome(account, counts)
    if push.problem is None and push.accepted:
        time.sleep(_SETTLE_S)
        push = send()
    if push.problem is None and shop.account(account).mode == "live":
        try:
            counts["read_back_differs"] = read_back(shop, account)
        except OrderPipelinesError as error:
            again = getattr(error, "retryable", False)
            return Outcome(account, counts, str(error), is_retryable=again)
        if counts["read_back_differs"]:
            push = send()
    # What waits for a person, or for inputs, is no failure of the step.
    held_only = (push.held > 0 or push.waiting > 0 or push.is_stopped) and not push.is_cut_short
    return Outcome(
        account,
        counts,
        push.problem,
        is_failed=push.problem is not None and not held_only,
        is_retryable=push.retryable,
    )


def acceptances_asset(connector: Connector) -> dg.AssetsDefinition:
    """Return ``publish/<system>__acceptances``, of a system where orders wait for the seller's word."""
    system = connector.system
    declared = Declared(
        naming.publish_key(f"{system}__acceptances"),
        system,
        "served",
        tables.outbox,
        f"Orders that waited for our word, accepted at {connector.title}: those whose goods are all there, and those "
        "that a person accepted. One row: one order. Source: the outbox of the operations store.",
        naming.THEN_ACCEPT,
        deps=[naming.intake_key(system, "orders")],
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE, plan_acceptances

        planned = plan_acceptances(opened)
        accounts = accounts_of(
            opened,
            system,
            lambda able: able.order_acceptor,
            lambda account: connector.asks_seller(account.options),
        )
        outcomes = serve(shop, accounts, partial(dispatch_due, kinds=(CHANNEL_ACCEPTANCE,)))
        total, sample = look_at_effects(opened, CHANNEL_ACCEPTANCE, accounts)
        return Served(outcomes, total, {**sample, "order_pipelines/acceptances_planned": planned})

    return account_asset(declared, work)


def shipments_asset(
    connector: Connector, orders: list[dg.AssetKey], parcel_files: list[dg.AssetKey]
) -> dg.AssetsDefinition:
    """Return ``publish/<system>__shipments``; of all ``orders`` its own system's are upstream, and parcels of files."""
    system = connector.system
    own = [key for key in orders if key == naming.intake_key(system, "orders")]
    declared = Declared(
        naming.publish_key(f"{system}__shipments"),
        system,
        "served",
        tables.shipments,
        f"Parcels and cancellations told to {connector.title}, each once, confirmed by the channel. One row: one "
        "parcel. Source: shipments of the operations store, through the outbox.",
        naming.THEN_PUBLISH,
        deps=[*own, *parcel_files],
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.cancelling import CHANNEL_CANCELLATION
        from order_pipelines.services.planning import CHANNEL_SHIPMENT, Planned, plan_shipments

        plan_shipments(opened, Planned())
        accounts = accounts_of(opened, system, lambda able: able.shipment_sink)
        kinds = (CHANNEL_SHIPMENT, CHANNEL_CANCELLATION)
        outcomes = serve(shop, accounts, partial(dispatch_due, kinds=kinds))
        return Served(outcomes, *look(opened, tables.shipments, _PARCELS_SHOWN, accounts))

    return account_asset(declared, work)


def entries_asset(
    connector: Connector, upstream: list[dg.AssetKey], retry_delay_s: float
) -> dg.AssetsDefinition:
    """Return ``publish/<system>__sales_entries`` of books. ``upstream`` are all intakes of orders."""
    system = connector.system
    declared = Declared(
        naming.publish_key(f"{system}__sales_entries"),
        system,
        "served",
        tables.invoices,
        f"Sales entries in {connector.title}: planned when an order's trigger has happened, looked for, posted once "
        "and confirmed. One row: one entry. Source: orders of the operations store, through the outbox.",
        naming.THEN_PUBLISH,
        owner=naming.FINANCE,
        deps=upstream,
        retry_delay_s=retry_delay_s,
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.consents import keep_consents_alive
        from order_pipelines.services.planning import SALES_ENTRY, Planned, plan_invoices

        planned = Planned()
        books = accounts_of(opened, system, lambda able: able.invoice_sink)
        sellers = [
            name
            for name, account in opened.accounts()
            if account.invoicing.trigger != "off" and account.invoicing.books in books
        ]
        for name in sellers:
            plan_invoices(opened, name, planned)
        dying = keep_consents_alive(opened) if is_deep(context) else {}
        served = serve(shop, books, partial(dispatch_due, kinds=(SALES_ENTRY,)))
        outcomes = [_with_problem(outcome, dying.get(outcome.account)) for outcome in served]
        total, sample = look(opened, tables.invoices, _INVOICES_SHOWN, sellers)
        return Served(
            outcomes,
            total,
            {
                **sample,
                "order_pipelines/entries_planned": planned.invoices,
                "order_pipelines/orders_in_them": planned.orders_invoiced,
                "held_back": dg.MetadataValue.json(planned.holds),
            },
        )

    return account_asset(declared, work)


def _with_problem(outcome: Outcome, problem: str | None) -> Outcome:
    """Return the outcome with a problem of the night beside its own."""
    if problem is None or outcome.problem is not None:
        return outcome
    return Outcome(outcome.account, outcome.counts, problem)


def dispatch_due(shop: Shop, account: str, kinds: tuple[str, ...]) -> Outcome:
    """Send what is due of these kinds for one account; returns what came of it."""
    counts = dict.fromkeys(("confirmed", "accepted", "found", "in_doubt", "failed", "left"), 0)
    last = None
    for kind in kinds:
        last = _send_all(shop, account, kind, counts)
        if account in last.problems:
            break
    problem = last.problems.get(account) if last is not None else None
    counts["left_to_another_process"] = int(last is not None and account in last.busy)
    if counts["left_to_another_process"]:
        return Outcome(account, counts)
    again = last.retryable if last is not None else True
    counts["postponed"] = _postponed(shop, account, kinds)
    if problem is None and (counts["failed"] or counts["postponed"]):
        look = f"{counts['failed']} refused, {counts['postponed']} to be tried again; the reasons are in core.outbox"
        return Outcome(account, counts, look)
    is_stopped = last is not None and account in last.stopped
    return Outcome(
        account, counts, problem, is_failed=problem is not None and not is_stopped, is_retryable=again
    )


def _postponed(shop: Shop, account: str, kinds: tuple[str, ...]) -> int:
    """Return how many effects were tried and wait for another time."""
    outbox = tables.outbox
    query = (
        sa.select(sa.func.count())
        .select_from(outbox)
        .where(
            outbox.c.account == account,
            outbox.c.kind.in_(kinds),
            outbox.c.attempts > 0,
            outbox.c.state.in_(("pending", "in_doubt")),
        )
    )
    with shop.store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def _send_all(shop: Shop, account: str, kind: str, counts: dict[str, int]) -> "Dispatched":
    """Send rounds of what is due until nothing is left or a round settled nothing; returns the last round."""
    from order_pipelines.services.dispatch import dispatch_kind

    waited = False
    while True:
        done = dispatch_kind(shop, kind, only=account)
        for name in ("confirmed", "found", "in_doubt", "failed"):
            counts[name] += getattr(done, name)
        waits = bool(done.accepted) and not waited
        if account in done.problems or not done.left or not (waits or done.confirmed or done.failed):
            counts["accepted"] += done.accepted
            counts["left"] += done.left
            return done
        if waits:
            time.sleep(_SETTLE_S)
            waited = True


def copy_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return ``publish/warehouse_copy``."""

    @dg.asset(
        key=naming.publish_key("warehouse_copy"),
        deps=[naming.table_key(table) for table in MART_TABLES],
        group_name="house",
        owners=[naming.DATA],
        kinds={naming.warehouse_kind(settings)},
        tags={naming.PII_TAG: "none"},
        description="What analysts open: a numbered read-only copy of the DuckDB file with a pointer to the newest, or "
        "read rights on PostgreSQL. One row: one table of core or mart. Source: the warehouse after each load.",
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn("schema", "text", description="core or mart."),
                    dg.TableColumn(
                        "table", "text", description="Every table of the warehouse, as it stands."
                    ),
                ]
            ),
        },
        code_version="1",
        pool=naming.WAREHOUSE_POOL,
    )
    def warehouse_copy(
        context: dg.AssetExecutionContext,
        shop: dg.ResourceParam[ShopDoor],
        warehouse: dg.ResourceParam[WarehouseDoor],
    ) -> dg.MaterializeResult[Any]:
        with failing_clearly(context), shop.store() as store, warehouse.writing(store) as opened:
            published = opened.publish()
        metadata: dict[str, Any] = {"done": published.done}
        if published.path is not None:
            metadata |= {
                "dagster/uri": dg.MetadataValue.path(published.path),
                "order_pipelines/copy_number": published.number or 0,
                "order_pipelines/size_bytes": published.path.stat().st_size,
            }
        return dg.MaterializeResult(metadata=metadata)

    return warehouse_copy
