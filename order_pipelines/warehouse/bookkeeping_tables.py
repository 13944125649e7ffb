"""Declarations of what the load keeps for itself: how far it got, and what the marts still have to take in."""

from order_pipelines.warehouse.columns import Table, day, instant, integer, key

LOAD_STATE = Table(
    schema="core",
    name="load_state",
    description="How far every stream of the operations store is loaded; written with the rows themselves.",
    grain="one stream",
    key=("stream",),
    source="the load",
    columns=(
        key("stream", "Name of the stream."),
        integer("done_seq", "Everything up to this number is here.", nullable=False, minimum=0),
        instant("loaded_at", "When the load that reached it ran.", nullable=False),
    ),
)

TOUCHED_DAYS = Table(
    schema="core",
    name="touched_days",
    description="Business days whose orders changed since the marts were built.",
    grain="one business day",
    key=("order_date",),
    source="the load; emptied when the marts are built",
    columns=(day("order_date", "Business day to rebuild.", nullable=False),),
)

TOUCHED_ORDERS = Table(
    schema="core",
    name="touched_orders",
    description="Orders that changed, or whose invoice or quarantine changed, since the marts were built.",
    grain="one order",
    key=("order_key",),
    source="the load; emptied when the marts are built",
    columns=(key("order_key", "Account and the channel's order id."),),
)

TOUCHED_INVOICES = Table(
    schema="core",
    name="touched_invoices",
    description="Sales entries that changed since the marts were built.",
    grain="one sales entry",
    key=("invoice_key",),
    source="the load; emptied when the marts are built",
    columns=(key("invoice_key", "Our key of the entry."),),
)

BOOKKEEPING_TABLES = (LOAD_STATE, TOUCHED_DAYS, TOUCHED_ORDERS, TOUCHED_INVOICES)
