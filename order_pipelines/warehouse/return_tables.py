"""Declarations for returns: what customers announced to send back, in ``core``, and what of it is open, in ``mart``."""

from order_pipelines.domain.returns import RETURN_STATES
from order_pipelines.warehouse.columns import Table, boolean, instant, integer, key, pieces, text

_RETURN_KEY = key("return_key", "Account and the channel's id of the return, unique over everything.")
_ACCOUNT = key("account", "Account of the merchant at the outside system, by its name in the settings.")
_LINE_ID = key("return_line_id", "The line's id in its return.")
_REMARKS = text("remarks", "What a person should see, as a JSON list of words.", nullable=False)

CHANNEL_RETURNS = Table(
    schema="core",
    name="channel_returns",
    description="Returns as channels announce them, in their newest known version. They move neither stock nor money.",
    grain="one return",
    key=("return_key",),
    source="operations store, channel_returns, by change_seq",
    columns=(
        _RETURN_KEY,
        _ACCOUNT,
        key("system", "Outside system, by its name in the registry."),
        key("external_return_id", "The channel's own id of the return."),
        text("content_hash", "SHA-256 of the body this state was read from.", nullable=False),
        integer("receipt_seq", "Receipt of the body this state was read from.", nullable=False),
        integer(
            "change_seq", "Number of the change in the operations store; higher is newer.", nullable=False
        ),
        instant("registered_at", "When the customer registered it."),
        instant("changed_at", "Newest time of the channel for the return and its lines.", nullable=False),
        instant("read_began_at", "Just before the call that read this state.", nullable=False),
    ),
)

CHANNEL_RETURN_LINES = Table(
    schema="core",
    name="channel_return_lines",
    description="What comes back: pieces of one order line, with the order that they were found to belong to.",
    grain="one line of one return",
    key=("return_key", "return_line_id"),
    source="operations store, channel_return_lines, by the change_seq of their return",
    columns=(
        _RETURN_KEY,
        _LINE_ID,
        text("external_order_id", "The order's id as the return says it."),
        text("order_key", "Account and the channel's order id; null when no such order is known."),
        text("line_id", "Line of that order; null when it has no such line."),
        text("sku", "The merchant's article number, as the order line was matched."),
        text("ean_said", "Article number as the return says it."),
        text("state", "Where the return of the line stands.", nullable=False, allowed=RETURN_STATES),
        text("state_said", "The channel's own word for it."),
        text("reason_code", "The channel's code for why it comes back."),
        text("reason_label", "Why it comes back, in the channel's words."),
        _REMARKS,
        pieces("quantity", "Pieces that come back, as the channel says."),
        boolean("own_fulfilment", "They come back to the merchant; otherwise to the channel's warehouse."),
    ),
)

OPEN_RETURNS = Table(
    schema="mart",
    name="open_returns",
    description="What may still come back, and what of the others a person should look at.",
    grain="one line of one return that is open or has a remark",
    key=("return_key", "return_line_id"),
    source="core.channel_returns, core.channel_return_lines, core.orders, core.load_state",
    columns=(
        _RETURN_KEY,
        _LINE_ID,
        _ACCOUNT,
        text("order_key", "Account and the channel's order id; null when no such order is known."),
        text("order_number", "Number people use for the order, or what the return names."),
        text("line_id", "Line of the order."),
        text("sku", "The merchant's article number."),
        text("state", "Where the return of the line stands.", nullable=False, allowed=RETURN_STATES),
        text("reason_code", "The channel's code for why it comes back."),
        text("reason_label", "Why it comes back, in the channel's words."),
        _REMARKS,
        pieces("quantity", "Pieces that come back, as the channel says."),
        integer("age_days", "Whole days since it was registered, at the last load.", unit="days"),
        boolean("own_fulfilment", "They come back to the merchant; otherwise to the channel's warehouse."),
        instant("registered_at", "When the customer registered it."),
    ),
)
