"""Declarations of ``mart``: what people read. Each table is made by ``sql/mart/<name>.sql`` and by nothing else."""

from order_pipelines.domain.orders import FULFILMENT_STATUSES, ORDER_STATUSES, PAYMENT_STATUSES
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
from order_pipelines.warehouse.core_tables import ORDER_KINDS
from order_pipelines.warehouse.return_tables import OPEN_RETURNS
from order_pipelines.warehouse.stock_tables import OVERSELL_LIST, STOCK_PER_LOCATION_AND_CHANNEL
from order_pipelines.warehouse.three_way_tables import THREE_WAY_PER_DAY, THREE_WAY_TERMS

ORDER_LIST = Table(
    schema="mart",
    name="orders",
    description="The order list: quantity, total, status, order date, and what the details of an order need.",
    grain="one order",
    key=("order_key",),
    source="core.orders, core.order_lines, core.invoices, core.invoice_orders, core.quarantine",
    columns=(
        key("order_key", "Account and the channel's order id."),
        key("account", "Account of the merchant at the outside system."),
        key("system", "Outside system."),
        key("channel", "Sales channel."),
        key("external_order_id", "The channel's own id of the order."),
        text("order_number", "Number people use for the order."),
        text("customer_reference", "The buyer's own reference."),
        text("order_kind", "A sale, or a credit that takes one back.", nullable=False, allowed=ORDER_KINDS),
        text("order_status", "Where the order stands.", allowed=ORDER_STATUSES),
        text("payment_status", "What is known of the payment.", allowed=PAYMENT_STATUSES),
        text("fulfilment_status", "How far the goods have gone.", allowed=FULFILMENT_STATUSES),
        text("currency_code", "ISO 4217 code of all amounts."),
        text("ship_country", "Country the goods go to."),
        text("bill_country", "Country of the bill."),
        text("must_flag", "What a person should see, as a JSON list of words.", nullable=False),
        text("open_reasons", "Why it is in quarantine, for people; null when nothing is open."),
        text("invoice_key", "Sales entry the order is in."),
        text("invoice_reference", "Reference of that entry in the books."),
        text("invoice_state", "Where that entry stands."),
        text("invoice_entry_number", "The books' number of that entry."),
        integer("lines_count", "Lines of the order, all kinds.", nullable=False, minimum=0),
        pieces("quantity", "Ordered, goods lines only."),
        pieces("quantity_cancelled", "Cancelled of those."),
        pieces("quantity_shipped", "Shipped of those."),
        pieces("quantity_refunded", "Refunded of those."),
        money("order_total_incl_vat", "Total as ordered."),
        money("order_total_current_incl_vat", "Total after cancellations, before refunds."),
        money("order_total_current_excl_vat", "Total after cancellations without VAT (net)."),
        money("order_vat_amount", "VAT in the total after cancellations."),
        money(
            "shipping_incl_vat",
            "Shipping in the total: the order's shipping cost and its lines of kind shipping.",
        ),
        money("discounts_incl_vat", "Discounts on the order and on its lines."),
        money("refunded_total_incl_vat", "Money given back, as the channel says."),
        money(
            "commission", "What the channel keeps: the order's figure, else its lines' when all are known."
        ),
        boolean("is_counted", "In the revenue: not quarantined, no test, and a sale by the channel's rules."),
        boolean("is_quarantined", "Waits for a person."),
        boolean("is_test", "A test order."),
        boolean("is_history", "Placed before the account's effective_from."),
        boolean("is_business", "The buyer is a business.", nullable=True),
        boolean("own_fulfilment", "The merchant ships it."),
        instant("ordered_at", "When the buyer ordered."),
        day("order_date", "Business day of ordered_at."),
        instant("completed_at", "When the last piece was shipped or cancelled."),
        instant("changed_at", "Newest time of the channel.", nullable=False),
    ),
    indexes=(("order_date",), ("order_number",)),
)


_UNKNOWN = (
    ("orders_without_gross", "Of orders: total unknown, so in no amount."),
    ("orders_without_net", "Of orders: total without VAT unknown, so not in the net."),
    ("orders_without_vat", "Of orders: VAT unknown, so in the gross and not in vat_amount."),
    ("orders_without_shipping", "Of orders: shipping unknown."),
    ("orders_without_commission", "Of orders: commission unknown."),
    ("credits_without_gross", "Of credits: amount unknown."),
    ("credits_without_net", "Of credits: amount without VAT unknown."),
)


def _count(name: str, description: str) -> Column:
    return integer(name, description, nullable=False, minimum=0)


def _revenue_columns(period: Column) -> tuple[Column, ...]:
    return (
        key("channel", "Sales channel."),
        key("account", "Account of the merchant at the outside system."),
        text("ship_country", "Country the goods go to; null when the channel does not say."),
        text("currency_code", "ISO 4217 code of all amounts."),
        integer("orders", "Sales that are not cancelled as a whole.", nullable=False, minimum=0),
        integer(
            "orders_cancelled",
            "Sales cancelled as a whole; they add nothing else.",
            nullable=False,
            minimum=0,
        ),
        integer("credits", "Credit documents.", nullable=False, minimum=0),
        *(_count(name, description) for name, description in _UNKNOWN),
        pieces("units", "Sold: goods lines of orders, after cancellations.", nullable=False),
        pieces(
            "units_returned", "Taken back: refunded pieces of orders, and pieces of credits.", nullable=False
        ),
        money(
            "gross_revenue_incl_vat",
            "Orders after cancellations and discounts, shipping included, before refunds.",
        ),
        money("net_revenue_excl_vat", "The same without VAT, of orders whose net is known."),
        money("vat_amount", "VAT in the gross, of orders whose VAT is known."),
        money("shipping_incl_vat", "Of the gross: shipping."),
        money("discounts_incl_vat", "Discounts already taken off the gross.", nullable=False),
        money("refunds_incl_vat", "Given back on orders, as far as channels say; positive.", nullable=False),
        money("credits_incl_vat", "Credit documents; positive."),
        money("credits_excl_vat", "Credit documents without VAT; positive."),
        money("revenue_after_refunds_incl_vat", "Gross less refunds and credits, of what is known."),
        money("commission", "What channels keep of orders, as far as known."),
        money("average_order_value_incl_vat", "Gross per order whose gross is known; half a cent rounds up."),
        period,
    )


_REVENUE_KEY = ("channel", "account", "ship_country", "currency_code")
_REVENUE_NOTE = (
    "Only orders that count: not quarantined, no test, a sale by the channel's rules. Amounts are sums of what is "
    "known, null when nothing is."
)

REVENUE_PER_CHANNEL_DAY = Table(
    schema="mart",
    name="revenue_per_channel_day",
    description=f"Revenue per channel, account, country, currency and business day. {_REVENUE_NOTE}",
    grain="one business day of one channel, account, country and currency",
    key=("order_date", *_REVENUE_KEY),
    source="mart.orders",
    columns=_revenue_columns(day("order_date", "Business day.", nullable=False)),
)

REVENUE_PER_CHANNEL_WEEK = Table(
    schema="mart",
    name="revenue_per_channel_week",
    description=f"Revenue per channel, account, country, currency and ISO week. {_REVENUE_NOTE}",
    grain="one ISO week of one channel, account, country and currency",
    key=("week_start", *_REVENUE_KEY),
    source="mart.revenue_per_channel_day",
    columns=_revenue_columns(day("week_start", "Monday of the week.", nullable=False)),
)

REVENUE_PER_CHANNEL_MONTH = Table(
    schema="mart",
    name="revenue_per_channel_month",
    description=f"Revenue per channel, account, country, currency and month. {_REVENUE_NOTE}",
    grain="one month of one channel, account, country and currency",
    key=("month_start", *_REVENUE_KEY),
    source="mart.revenue_per_channel_day",
    columns=_revenue_columns(day("month_start", "First day of the month.", nullable=False)),
)

STOCK = Table(
    schema="mart",
    name="stock",
    description="Stock per article and location.",
    grain="one article at one location",
    key=("sku", "location"),
    source="core.stock_positions, core.products",
    columns=(
        key("sku", "The merchant's article number."),
        key("location", "Place where goods lie."),
        text("name", "Name of the article."),
        text("supplier", "Who supplies it."),
        pieces("on_hand", "In the place.", nullable=False),
        pieces("open_demand", "Sold and not yet shipped.", nullable=False),
        pieces("reserved", "Held for carts that are not yet orders.", nullable=False),
        pieces(
            "available",
            "on_hand less open_demand and reserved; below 0 more is sold than there is.",
            nullable=False,
        ),
        pieces("counted_quantity", "What the last count found."),
        price("cost", "Purchase price of one unit, in the merchant's currency."),
        instant("counted_at", "When the last count was taken."),
        instant("updated_at", "When the position last moved.", nullable=False),
    ),
)

STOCK_PER_CHANNEL = Table(
    schema="mart",
    name="stock_per_channel",
    description="What every offer should show, was told, confirmed and showed when read back.",
    grain="one offer of one account",
    key=("account", "offer_id"),
    source="core.channel_stock, core.products",
    columns=(
        key("account", "Account of the merchant at the outside system."),
        key("offer_id", "The channel's id of the offer."),
        key("sku", "The merchant's article number."),
        text("name", "Name of the article."),
        text("state", "Where the newest value stands.", nullable=False),
        text("reason", "Why it stands there."),
        pieces("available_quantity", "Available to this account.", nullable=False),
        pieces("desired_quantity", "That the channel should be told.", nullable=False),
        pieces("sent_quantity", "Last sent."),
        pieces("confirmed_quantity", "Last confirmed."),
        pieces("read_back_quantity", "Found when read back."),
        boolean("is_confirmed", "The channel confirmed the newest desired quantity."),
        instant("sent_at", "When it was sent."),
        instant("confirmed_at", "When it was confirmed."),
        instant("read_back_at", "When it was read back."),
    ),
)

INVOICE_LIST = Table(
    schema="mart",
    name="invoices",
    description="Sales entries with the orders in them.",
    grain="one sales entry",
    key=("invoice_key",),
    source="core.invoices, core.invoice_orders",
    columns=(
        key("invoice_key", "Our key of the entry."),
        key("account", "Account the orders came from."),
        key("books", "Account of the books."),
        key("reference", "Reference in the books."),
        key("grouping", "One order (order) or one business day (day)."),
        text("currency_code", "ISO 4217 code of the amounts.", nullable=False),
        text("state", "Where the entry stands.", nullable=False),
        text("entry_id", "The books' id of the entry."),
        text("entry_number", "The books' number of the entry."),
        integer("orders", "Orders in the entry.", nullable=False, minimum=0),
        money("amount_incl_vat", "Total.", nullable=False),
        money("amount_excl_vat", "Total without VAT.", nullable=False),
        money("vat_amount", "VAT.", nullable=False),
        day("invoice_date", "Date of the entry.", nullable=False),
        instant("planned_at", "When it was planned.", nullable=False),
        instant("booked_at", "When the books took it."),
    ),
    indexes=(("reference",),),
)

OPEN_QUARANTINE = Table(
    schema="mart",
    name="open_quarantine",
    description="What waits for a person, why and for how long.",
    grain="one open reason for one thing",
    key=("quarantine_key",),
    source="core.quarantine, core.orders, core.load_state",
    columns=(
        key("quarantine_key", "Our key of the reason."),
        key("account", "Account it came from."),
        key("entity", "What waits."),
        key("entity_key", "Which one waits."),
        text("order_number", "Number of the order that waits."),
        text("reason_code", "Word for the reason.", nullable=False),
        text("reason", "The reason for people.", nullable=False),
        text("field", "Path in the payload, or column of the file."),
        text("line_id", "Line it concerns; null for the whole."),
        text("currency_code", "ISO 4217 code of the amount."),
        integer("source_row", "Row in the file, counted from 1."),
        integer("age_hours", "Whole hours it waited at the last load.", nullable=False, unit="hours"),
        money("order_total_current_incl_vat", "Money that waits with it; on every reason of the same order."),
        instant("first_seen_at", "When the reason was first seen.", nullable=False),
    ),
)

MART_TABLES = (
    ORDER_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_WEEK,
    REVENUE_PER_CHANNEL_MONTH,
    STOCK,
    STOCK_PER_CHANNEL,
    STOCK_PER_LOCATION_AND_CHANNEL,
    OVERSELL_LIST,
    INVOICE_LIST,
    OPEN_QUARANTINE,
    OPEN_RETURNS,
    THREE_WAY_TERMS,
    THREE_WAY_PER_DAY,
)
