"""Declarations of ``core``: one truth as the operations store knows it, and every version of an order a load saw.

No table holds personal data: buyers and addresses stay in the operations store.
"""

from order_pipelines.domain.orders import FULFILMENT_STATUSES, LINE_KINDS, ORDER_STATUSES, PAYMENT_STATUSES
from order_pipelines.domain.stock import MOVEMENT_KINDS
from order_pipelines.warehouse.columns import (
    Column,
    Table,
    boolean,
    day,
    instant,
    integer,
    key,
    money,
    pieces,
    price,
    text,
)
from order_pipelines.warehouse.decision_tables import AUDIT_LOG
from order_pipelines.warehouse.reading_tables import READING_TABLES
from order_pipelines.warehouse.return_tables import CHANNEL_RETURN_LINES, CHANNEL_RETURNS
from order_pipelines.warehouse.stock_tables import CHANNEL_STOCK_EVENTS, OVERSELL_CASES, STOCK_LOCATIONS

ORDER_KINDS = ("sale", "credit")
EFFECT_STATES = ("pending", "sent", "confirmed", "in_doubt", "on_hold", "failed", "aborted")
MODES = ("observe", "live")

_ORDER_KEY = key("order_key", "Account and the channel's order id, unique over everything.")
_ACCOUNT = key("account", "Account of the merchant at the outside system, by its name in the settings.")
_SKU = key("sku", "The merchant's article number.")
_LOCATION = key("location", "Place where goods lie, by its name in the settings.")
_CHANGE_SEQ = integer(
    "change_seq", "Number of the change in the operations store; higher is newer.", nullable=False
)

ORDER_STATE_COLUMNS = (
    text("order_status", "Where the order stands.", allowed=ORDER_STATUSES),
    text("payment_status", "What is known of the payment.", allowed=PAYMENT_STATUSES),
    text("fulfilment_status", "How far the goods have gone.", allowed=FULFILMENT_STATUSES),
)
ORDER_AMOUNT_COLUMNS = (
    money("shipping_cost_incl_vat", "Shipping the buyer paid; 0.00 is known free."),
    money("order_discounts", "Discounts on the whole order, positive when they lower the total."),
    money("order_total_incl_vat", "Total as ordered, with shipping, after discounts."),
    money("order_total_current_incl_vat", "Total after cancellations, before refunds."),
    money("order_total_excl_vat", "Total as ordered without VAT."),
    money("order_total_current_excl_vat", "Total after cancellations without VAT."),
    money("order_vat_amount", "VAT in the total after cancellations."),
    money("refunded_total_incl_vat", "Money given back, as the channel says."),
    money("commission_total", "What the channel keeps, as the channel says."),
)
_IS_QUARANTINED = boolean("is_quarantined", "Waits for a person: neither counted nor invoiced.")

ORDERS = Table(
    schema="core",
    name="orders",
    description="The newest known state of every order, quarantined ones included.",
    grain="one order",
    key=("order_key",),
    source="operations store, orders, by change_seq",
    columns=(
        _ORDER_KEY,
        _ACCOUNT,
        key("system", "Outside system, by its name in the registry."),
        key("channel", "Sales channel of the reports."),
        key("external_order_id", "The channel's own id of the order."),
        text("order_number", "Number people use for the order."),
        text("order_kind", "A sale, or a credit that takes one back.", nullable=False, allowed=ORDER_KINDS),
        text("customer_reference", "The buyer's own reference, such as a purchase order number."),
        text("currency_code", "ISO 4217 code of all amounts of the order."),
        text("ship_country", "ISO 3166 country the goods go to."),
        text("bill_country", "ISO 3166 country of the bill."),
        *ORDER_STATE_COLUMNS,
        text("must_flag", "What a person should see, as a JSON list of words.", nullable=False),
        text("quarantine_reasons", "Why it is quarantined, as a JSON list.", nullable=False),
        text("content_hash", "SHA-256 of the body this state was read from.", nullable=False),
        *ORDER_AMOUNT_COLUMNS,
        integer("receipt_seq", "Receipt of the body this state was read from.", nullable=False),
        _CHANGE_SEQ,
        boolean("is_business", "The buyer is a business.", nullable=True),
        boolean("counts_in_revenue", "A sale of the merchant, as the channel's rules say."),
        boolean("own_fulfilment", "The merchant ships it; otherwise the channel does."),
        boolean("is_history", "Placed before the account's effective_from: counted, never acted upon."),
        boolean("is_test", "A test order: never counted, never acted upon."),
        _IS_QUARANTINED,
        instant("ordered_at", "When the buyer ordered."),
        day("order_date", "Business day of ordered_at."),
        instant(
            "placed_at",
            "ordered_at, or first_received_at where that is unknown; for pruning, not for reports.",
            nullable=False,
            source="ordered_at, else first_received_at",
        ),
        instant("completed_at", "When the last piece was shipped or cancelled."),
        instant("changed_at", "Newest time of the channel for the order and its lines.", nullable=False),
        instant("read_began_at", "Just before the call that read this state.", nullable=False),
        instant("first_received_at", "When the order was first received.", nullable=False),
    ),
)

ORDER_VERSIONS = Table(
    schema="core",
    name="order_versions",
    description="Every version of an order that a load saw: how status and amounts went.",
    grain="one version of one order",
    key=("order_key", "change_seq"),
    source="operations store, orders, as it was at each load",
    columns=(
        _ORDER_KEY,
        *ORDER_STATE_COLUMNS,
        text("content_hash", "SHA-256 of the body this version was read from.", nullable=False),
        *ORDER_AMOUNT_COLUMNS,
        integer("receipt_seq", "Receipt of the body this version was read from.", nullable=False),
        _CHANGE_SEQ,
        boolean("counts_in_revenue", "A sale of the merchant, as the channel's rules say."),
        _IS_QUARANTINED,
        instant("changed_at", "Newest time of the channel for the order and its lines.", nullable=False),
    ),
)

ORDER_LINES = Table(
    schema="core",
    name="order_lines",
    description="The lines of every order, in their newest known state.",
    grain="one line of one order",
    key=("order_key", "line_id"),
    source="operations store, order_lines of the orders that changed",
    columns=(
        _ORDER_KEY,
        key("line_id", "The channel's id of the line, unique in the order."),
        text("line_kind", "What the line is.", nullable=False, allowed=LINE_KINDS),
        text("sku_said", "Article number as the channel says it."),
        text("ean_said", "EAN as the channel says it."),
        text("sku", "The merchant's article number that it was matched to."),
        text("title", "Name of the article as the channel says it."),
        text("offer_id", "The channel's id of the offer that was bought."),
        text("vat_class", "VAT class of the article in the product master."),
        integer("line_number", "Position in the order.", nullable=False),
        pieces("quantity", "Ordered; never shrinks."),
        pieces("quantity_cancelled", "Cancelled of those."),
        pieces("quantity_shipped", "Shipped of those."),
        pieces("quantity_refunded", "Refunded of those."),
        pieces("quantity_departed", "Left the merchant's locations, as booked from shipments."),
        price("unit_price_incl_vat", "Price before discount."),
        price("unit_price_excl_vat", "Price before discount, without VAT."),
        money("line_discount_incl_vat", "Discount on the whole line, positive when it lowers the price."),
        money("line_total_incl_vat", "Line as ordered, after discount."),
        money("line_total_excl_vat", "Line as ordered, after discount, without VAT."),
        money("line_current_incl_vat", "Line after cancellations."),
        money("line_current_excl_vat", "Line after cancellations, without VAT."),
        money("line_vat_amount", "VAT in the line after cancellations."),
        money("commission", "What the channel keeps of the line."),
        Column("vat_rate_pct", "percentage", "VAT rate of the line."),
        integer("source_row", "Row in the file it came from, counted from 1."),
        boolean("own_fulfilment", "The merchant ships it; otherwise the channel does."),
        boolean("is_known", "Matched to an article and without a problem of its own: it takes stock."),
        instant("changed_at", "The channel's time of the line's last change."),
        instant("placed_at", "placed_at of the order.", nullable=False, source="the order"),
    ),
    indexes=(("sku",),),
)

PRODUCTS = Table(
    schema="core",
    name="products",
    description="The product master.",
    grain="one article",
    key=("sku",),
    source="operations store, products, by change_seq",
    columns=(
        _SKU,
        text("name", "Name for people."),
        text("vat_class", "VAT class; unknown keeps orders from being invoiced."),
        text("unit", "Unit of sale."),
        text("supplier", "Who supplies it."),
        text(
            "source",
            "Where the product came from: the master file, the leading account, or orders.",
            nullable=False,
        ),
        integer("weight_grams", "Weight of one unit.", unit="g"),
        price("cost", "Purchase price of one unit, in the merchant's currency."),
        _CHANGE_SEQ,
        instant("updated_at", "When the product was last changed.", nullable=False),
    ),
)

STOCK_POSITIONS = Table(
    schema="core",
    name="stock_positions",
    description="What lies where, and what of it is sold and not yet shipped.",
    grain="one article at one location",
    key=("sku", "location"),
    source="operations store, stock_positions, by change_seq",
    columns=(
        _SKU,
        _LOCATION,
        pieces("on_hand", "In the place, as the ledger says; negative shows a wrong count.", nullable=False),
        pieces("open_demand", "Sold and not yet shipped or cancelled.", nullable=False),
        pieces("reserved", "Held for carts that are not yet orders."),
        pieces("counted_quantity", "What the last count found."),
        _CHANGE_SEQ,
        instant("counted_at", "When the last count was taken."),
        instant("updated_at", "When the position last moved.", nullable=False),
    ),
)

STOCK_MOVEMENTS = Table(
    schema="core",
    name="stock_movements",
    description="The stock ledger: every change of a position with its cause. Rows are never changed.",
    grain="one movement of one article at one location",
    key=("movement_seq",),
    source="operations store, stock_movements, by movement_seq",
    columns=(
        _SKU,
        _LOCATION,
        text("kind", "Why it moved.", nullable=False, allowed=MOVEMENT_KINDS),
        text("cause", "What brought it about, as a key.", nullable=False),
        text("order_key", "Order behind the movement; null when there is none."),
        text("line_id", "Line behind the movement; null when there is none."),
        integer("movement_seq", "Number of the movement in the ledger.", nullable=False),
        pieces("physical_quantity", "That physically moved.", nullable=False),
        pieces("on_hand_delta", "Change of on_hand.", nullable=False),
        pieces("open_demand_delta", "Change of open_demand.", nullable=False),
        pieces("reserved_delta", "Change of reserved."),
        text("source", "Who stated it, such as an account, where it is no order of a channel."),
        text("posting_key", "Unique name of the statement at its source: it is booked once."),
        instant("occurred_at", "When it happened in the world.", nullable=False),
        instant("booked_at", "When it was booked here.", nullable=False),
    ),
    indexes=(("sku", "location"),),
)

CHANNEL_STOCK = Table(
    schema="core",
    name="channel_stock",
    description="What every offer should show, was told, confirmed and showed when read back.",
    grain="one offer of one account",
    key=("account", "offer_id"),
    source="operations store, channel_stock, by change_seq",
    columns=(
        _ACCOUNT,
        key("offer_id", "The channel's id of the offer."),
        _SKU,
        text("state", "Where the newest value stands.", nullable=False),
        text("reason", "Why it stands there."),
        text("write_reference", "What finds the write again at the channel."),
        pieces(
            "desired_quantity", "That the channel should be told, in the number it needs.", nullable=False
        ),
        integer("desired_version", "Version of the desired quantity.", nullable=False),
        pieces("available_quantity", "Available to this account.", nullable=False),
        pieces(
            "own_open_quantity",
            "Open orders of this account, which its channel subtracts itself.",
            nullable=False,
        ),
        pieces("sent_quantity", "Last sent."),
        integer("sent_version", "Version last sent.", nullable=False),
        pieces("confirmed_quantity", "Last confirmed by the channel."),
        integer("confirmed_version", "Version last confirmed.", nullable=False),
        pieces("read_back_quantity", "Found when the offer was read back."),
        integer("attempts", "Tries of the newest value.", nullable=False),
        integer("drift_repairs", "How often the same number was said again without effect."),
        _CHANGE_SEQ,
        instant("order_watermark", "Newest order the desired quantity takes into account."),
        instant("sent_at", "When it was sent."),
        instant("confirmed_at", "When it was confirmed."),
        instant("read_back_at", "When it was read back."),
        instant("drift_since", "Since when it shows another number than it was told; null when it does not."),
    ),
)

INVOICES = Table(
    schema="core",
    name="invoices",
    description="Sales entries planned for or booked in the books.",
    grain="one sales entry",
    key=("invoice_key",),
    source="operations store, invoices, by change_seq",
    columns=(
        key("invoice_key", "Our key of the entry."),
        _ACCOUNT,
        key("books", "Account of the books, by its name in the settings."),
        key("reference", "Reference in the books, unique there."),
        key("grouping", "One order (order) or one business day (day)."),
        text("currency_code", "ISO 4217 code of the amounts.", nullable=False),
        text("state", "Where the entry stands.", nullable=False),
        text("entry_id", "The books' id of the entry."),
        text("entry_number", "The books' number of the entry."),
        money("amount_incl_vat", "Total.", nullable=False),
        money("amount_excl_vat", "Total without VAT.", nullable=False),
        money("vat_amount", "VAT, taken from the gross per rate.", nullable=False),
        _CHANGE_SEQ,
        day("invoice_date", "Date of the entry.", nullable=False),
        instant("planned_at", "When it was planned.", nullable=False),
        instant("booked_at", "When the books took it."),
    ),
)

INVOICE_LINES = Table(
    schema="core",
    name="invoice_lines",
    description="Lines of the sales entries.",
    grain="one line of one sales entry",
    key=("invoice_key", "line_number"),
    source="operations store, invoices.lines of the entries that changed",
    columns=(
        key("invoice_key", "Our key of the entry."),
        text("ledger_account", "Ledger account in the books.", nullable=False),
        text("vat_code", "VAT code in the books.", nullable=False),
        integer("line_number", "Position in the entry, counted from 1.", nullable=False, minimum=1),
        money("amount_excl_vat", "Amount without VAT.", nullable=False),
        money("vat_amount", "VAT of the line.", nullable=False),
    ),
)

INVOICE_ORDERS = Table(
    schema="core",
    name="invoice_orders",
    description="Which order is in which sales entry, and for how much.",
    grain="one order",
    key=("order_key",),
    source="operations store, invoice_orders of the entries that changed",
    columns=(
        _ORDER_KEY,
        key("invoice_key", "Our key of the entry."),
        money("amount_incl_vat", "The order's part of the entry.", nullable=False),
        money("vat_amount", "VAT in that part.", nullable=False),
        money(
            "planned_total_incl_vat",
            "What the order counted for when its entry was planned; null for entries planned before that was kept.",
        ),
    ),
    indexes=(("invoice_key",),),
)

INVOICE_HOLDS = Table(
    schema="core",
    name="invoice_holds",
    description="Which order waits, or waited, for its sales entry although its time has come, and why.",
    grain="one order",
    key=("order_key",),
    source="operations store, invoice_holds, by change_seq",
    columns=(
        _ORDER_KEY,
        _ACCOUNT,
        text("reason_code", "Word for the reason.", nullable=False),
        text("reason", "The reason for people, with what to do.", nullable=False),
        _CHANGE_SEQ,
        instant("since", "Since when it waits for this reason.", nullable=False),
        instant("released_at", "When it waited no longer; null while it waits."),
    ),
)

QUARANTINE = Table(
    schema="core",
    name="quarantine",
    description="Why something waits, or waited, for a person. The offending values stay in the operations store.",
    grain="one reason for one thing",
    key=("quarantine_key",),
    source="operations store, quarantine, by change_seq",
    columns=(
        key("quarantine_key", "Our key of the reason."),
        _ACCOUNT,
        key("entity", "What waits, such as orders, stock_counts or shipments."),
        key("entity_key", "Which one waits; for orders the order_key."),
        text("reason_code", "Word for the reason.", nullable=False),
        text("reason", "The reason for people.", nullable=False),
        text("field", "Path in the payload, or column of the file."),
        text("line_id", "Line it concerns; null for the whole."),
        integer("receipt_seq", "Receipt of the body it was found in.", nullable=False),
        integer("source_row", "Row in the file, counted from 1."),
        _CHANGE_SEQ,
        instant("first_seen_at", "When the reason was first seen.", nullable=False),
        instant("resolved_at", "When it went away; null while it is open."),
    ),
    indexes=(("entity_key",),),
)

OUTBOX = Table(
    schema="core",
    name="outbox",
    description="Every effect outside, planned or done. Payloads stay in the operations store.",
    grain="one intended effect",
    key=("effect_key",),
    source="operations store, outbox, by change_seq",
    columns=(
        key("effect_key", "Deterministic key of the effect."),
        _ACCOUNT,
        key("kind", "What is done, such as a sales entry or a shipment."),
        key("subject_key", "What it is done for."),
        text(
            "mode",
            "Mode of the account when it was planned; observe is never sent.",
            nullable=False,
            allowed=MODES,
        ),
        text("state", "Where the effect stands.", nullable=False, allowed=EFFECT_STATES),
        text("reason", "Why it stands there."),
        text("payload_hash", "SHA-256 of what was planned.", nullable=False),
        text("write_reference", "What finds the write again outside."),
        text("external_id", "Id that the outside system gave."),
        integer("attempts", "Tries so far.", nullable=False),
        _CHANGE_SEQ,
        instant("planned_at", "When it was planned.", nullable=False),
        instant("sent_at", "When it was sent."),
        instant("confirmed_at", "When it was confirmed."),
    ),
)

CORE_TABLES: tuple[Table, ...] = (
    ORDER_VERSIONS,
    ORDERS,
    ORDER_LINES,
    PRODUCTS,
    STOCK_POSITIONS,
    STOCK_MOVEMENTS,
    STOCK_LOCATIONS,
    CHANNEL_STOCK,
    CHANNEL_STOCK_EVENTS,
    OVERSELL_CASES,
    INVOICES,
    INVOICE_LINES,
    INVOICE_ORDERS,
    INVOICE_HOLDS,
    QUARANTINE,
    OUTBOX,
    CHANNEL_RETURNS,
    CHANNEL_RETURN_LINES,
    *READING_TABLES,
    AUDIT_LOG,
)
