"""Declarations of ``core`` for the three-way comparison: what channels and books said when they were read anew."""

from order_pipelines.warehouse.columns import Table, boolean, day, instant, integer, key, money, pieces, text

CHANNEL_STATES = ("read", "counted", "not_read", "no_source")
BOOKS_STATES = ("read", "not_read", "no_books")
TRIGGERS = ("shipped", "ordered", "off")

_ACCOUNT = key("account", "Account of the merchant at the outside system, by its name in the settings.")
_CHANGE_SEQ = integer(
    "change_seq", "Number of the change in the operations store; higher is newer.", nullable=False
)

DAY_READINGS = Table(
    schema="core",
    name="day_readings",
    description="Whether channel and books were read for a business day, and when. Newest reading of each day.",
    grain="one business day of one account",
    key=("account", "order_date"),
    source="operations store, day_readings, by change_seq",
    columns=(
        _ACCOUNT,
        text(
            "state",
            "read: every order; counted: some orders by the list only, so money is unknown; not_read: the channel did "
            "not answer; no_source: nothing to ask.",
            nullable=False,
            allowed=CHANNEL_STATES,
        ),
        text("reason", "Why the channel was not read, or not whole."),
        text("books_state", "Whether the books were read.", nullable=False, allowed=BOOKS_STATES),
        text("books_reason", "Why the books were not read."),
        text("invoicing_trigger", "When orders of the account are booked.", nullable=False, allowed=TRIGGERS),
        integer("orders_not_read", "Orders that the list named and that could not be read.", nullable=False),
        _CHANGE_SEQ,
        instant("read_at", "When the reading began.", nullable=False),
        day("order_date", "Business day of the orders.", nullable=False),
    ),
)

ORDER_READINGS = Table(
    schema="core",
    name="order_readings",
    description="Every order as its channel showed it when it was last read anew for comparison.",
    grain="one order",
    key=("order_key",),
    source="operations store, order_readings, by change_seq",
    columns=(
        key("order_key", "Account and the channel's order id, unique over everything."),
        _ACCOUNT,
        key("external_order_id", "The channel's own id of the order."),
        text("order_number", "Number people use for the order."),
        text("currency_code", "ISO 4217 code of the amount."),
        text("content_hash", "SHA-256 of the body that was read; null when only the list told of it."),
        text("reason", "Why it could not be read."),
        pieces("pieces", "Goods, after cancellations."),
        money("order_total_current_incl_vat", "Total after cancellations, before refunds."),
        _CHANGE_SEQ,
        boolean("is_listed", "The channel showed it at the newest reading of its day."),
        boolean("is_counted", "A sale by the channel's own rules that is not cancelled.", nullable=True),
        boolean("is_missing", "It should have been taken in by then, and was not."),
        instant("read_at", "When the reading began.", nullable=False),
        day("order_date", "Business day of the order."),
    ),
)

ENTRY_READINGS = Table(
    schema="core",
    name="entry_readings",
    description="Every sales entry as the books showed it when it was last read back.",
    grain="one sales entry",
    key=("invoice_key",),
    source="operations store, entry_readings, by change_seq",
    columns=(
        key("invoice_key", "Our key of the entry."),
        _ACCOUNT,
        key("books", "Account of the books, by its name in the settings."),
        key("reference", "Reference in the books, unique there."),
        integer("entries", "How many entries have that reference; 1 is right.", nullable=False, minimum=0),
        money("amount_incl_vat", "What they add up to in the books."),
        _CHANGE_SEQ,
        instant("read_at", "When the reading began.", nullable=False),
        day("entry_date", "Date of the entry in the books; null when there is none."),
    ),
)

READING_TABLES = (DAY_READINGS, ORDER_READINGS, ENTRY_READINGS)
