"""Declarations of the three-way comparison in ``mart``: the differences by name, and the days they add up to."""

from order_pipelines.warehouse.columns import Table, day, instant, integer, key, money, text
from order_pipelines.warehouse.reading_tables import BOOKS_STATES, CHANNEL_STATES

CHANNEL_TERMS = (
    ("missing", "At the channel, there before we last read everything, and not here."),
    ("not_taken_in", "At the channel, too new to have been taken in."),
    ("quarantined", "Waits for a person, so that it is not counted here."),
    ("changed_between", "One side is newer: it changed between the two readings."),
    ("not_at_channel", "Here, and not at the channel when it was asked for it."),
)
"""Why channel and warehouse may differ; what none of them explains is unexplained."""

BOOKS_TERMS = (
    ("before_effective", "Ordered before the account's effective_from: never booked from here."),
    ("invoicing_off", "The account's orders are not booked."),
    ("on_hold", "Due, and waits for the books with a reason."),
    ("not_due", "Not due yet: not shipped, or the channel has not decided."),
    ("due_not_planned", "Due for less than two days, and its entry is not planned yet."),
    ("observed", "Planned while observing: never sent."),
    ("planned", "Planned or in doubt, and not in the books."),
    ("failed", "Refused by the books."),
    ("booked_after_reading", "Booked after the books were read."),
    ("changed_after_booking", "Cancelled or changed after its entry was planned."),
    ("rounding", "The rounding line of its entry."),
    ("other_day", "Booked on another day than it was ordered: plus here, minus there."),
    ("missing_in_books", "We had it booked, and the books have it no more."),
    ("changed_in_books", "The books hold another amount than was booked."),
    ("booked_twice", "The books hold several entries with its reference."),
)
"""Why warehouse and books may differ; what none of them explains is unexplained."""

UNEXPLAINED = "unexplained"
COMPARISONS = ("channel_warehouse", "warehouse_books")

THREE_WAY_TERMS = Table(
    schema="mart",
    name="three_way_terms",
    description="Why channel, warehouse and books differ: each difference of an order or entry under one name. The "
    "last 62 days that were read.",
    grain="one difference of one order or entry on one business day",
    key=("comparison", "term", "subject_key", "order_date"),
    source="core.day_readings, core.order_readings, core.entry_readings, core.orders, core.invoices",
    columns=(
        key("subject_key", "Order that differs; the entry where only the entry does."),
        key("account", "Account of the merchant at the outside system."),
        text(
            "comparison",
            "channel_warehouse: channel less warehouse; warehouse_books: warehouse less books.",
            nullable=False,
            allowed=COMPARISONS,
        ),
        text(
            "term",
            "Name of the difference.",
            nullable=False,
            allowed=(*(name for name, _ in (*CHANNEL_TERMS, *BOOKS_TERMS)), UNEXPLAINED),
        ),
        text("reason", "Word for why an order waits for the books."),
        text("currency_code", "ISO 4217 code of the amount; ? when unknown.", nullable=False),
        money("amount_incl_vat", "The difference; its sign is that of the comparison.", nullable=False),
        day("order_date", "Business day whose figures differ by it.", nullable=False),
    ),
)

THREE_WAY_PER_DAY = Table(
    schema="mart",
    name="three_way_per_day",
    description="What channel, warehouse and books say of a business day, and by what they differ. Amounts are null "
    "where a side was not read: not read is never equal. The last 62 days that were read.",
    grain="one business day of one account and currency",
    key=("account", "order_date", "currency_code"),
    source="mart.three_way_terms, mart.revenue_per_channel_day, core.day_readings, core.order_readings, "
    "core.entry_readings",
    columns=(
        key("account", "Account of the merchant at the outside system."),
        text("state", "Whether the channel was read.", nullable=False, allowed=CHANNEL_STATES),
        text("reason", "Why the channel was not read, or not whole."),
        text("books_state", "Whether the books were read.", nullable=False, allowed=BOOKS_STATES),
        text("books_reason", "Why the books were not read."),
        text("currency_code", "ISO 4217 code of all amounts; ? when nothing names one.", nullable=False),
        text("suspects", "Orders and entries that a person must look at; null when there are none."),
        integer("channel_orders", "Orders that count, as the channel says."),
        integer("channel_orders_without_gross", "Of those: the channel says no amount."),
        integer("orders_not_read", "Orders that the list named and that could not be read.", nullable=False),
        integer("warehouse_orders", "Orders that count here.", nullable=False),
        integer("entries", "Entries of that date in the books."),
        integer("channel_pieces", "Goods of those orders, as the channel says.", unit="pieces"),
        integer("warehouse_pieces", "Goods of those orders here.", nullable=False, unit="pieces"),
        money("channel_incl_vat", "Orders after cancellations, before refunds, as the channel says."),
        money("warehouse_incl_vat", "The same as the revenue per channel has it.", nullable=False),
        money("books_incl_vat", "Entries of that date, as the books say."),
        money("channel_less_warehouse", "channel_incl_vat less warehouse_incl_vat."),
        *(money(f"{name}_incl_vat", meaning) for name, meaning in CHANNEL_TERMS),
        money("channel_unexplained", "What of channel_less_warehouse none of these names explains."),
        money("warehouse_less_books", "warehouse_incl_vat less books_incl_vat."),
        *(money(f"{name}_incl_vat", meaning) for name, meaning in BOOKS_TERMS),
        money("books_unexplained", "What of warehouse_less_books none of these names explains."),
        instant("read_at", "When the channel was read.", nullable=False),
        day("order_date", "Business day.", nullable=False),
    ),
)
