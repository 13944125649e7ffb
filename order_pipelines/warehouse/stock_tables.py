"""Declarations of what numbers went through: events of every offer, pieces sold without stock, who serves whom."""

from order_pipelines.domain.stock import OVERSELL_CAUSES, STOCK_EVENT_KINDS
from order_pipelines.warehouse.columns import Table, boolean, instant, integer, key, pieces, text

_ACCOUNT = key("account", "Account of the merchant at the outside system, by its name in the settings.")
_CHANGE_SEQ = integer(
    "change_seq", "Number of the change in the operations store; higher is newer.", nullable=False
)
_CASE_COLUMNS = (
    key("case_key", "Order and line: one case each."),
    _ACCOUNT,
    key("order_key", "Order that was accepted."),
    key("line_id", "Line of it."),
    key("sku", "What was ordered: article or bundle."),
    text("cause", "Why it happened.", nullable=False, allowed=OVERSELL_CAUSES),
    text("explanation", "The evidence, as a sentence with times.", nullable=False),
    pieces(
        "quantity", "Accepted without stock; 0 where later news showed that they were there.", nullable=False
    ),
    integer("late_seconds", "How late the news was, or the number; null where neither was.", unit="s"),
    boolean(
        "is_avoidable",
        "Accepted later than we knew, could write and are usually answered; or after a confirmed zero.",
    ),
)
_CASE_TIMES = (
    instant("accepted_at", "When the customer ordered.", nullable=False),
    instant("known_at", "When we knew that there was too little.", nullable=False),
    instant("opened_at", "When the case was found.", nullable=False),
)

CHANNEL_STOCK_EVENTS = Table(
    schema="core",
    name="channel_stock_events",
    description="What became of every number of every offer, one event a row. Rows are never changed; the operations "
    "store forgets old ones, this table does not.",
    grain="one event of one offer",
    key=("event_seq",),
    source="operations store, channel_stock_events, by event_seq",
    columns=(
        _ACCOUNT,
        key("offer_id", "The channel's id of the offer."),
        key("sku", "The merchant's article number."),
        text("kind", "What happened.", nullable=False, allowed=STOCK_EVENT_KINDS),
        text("reason", "Why, where there is a reason."),
        integer("event_seq", "Number of the event.", nullable=False),
        integer("version", "Version of the number it is about.", nullable=False),
        pieces("quantity", "The number."),
        instant("happened_at", "When it happened here.", nullable=False),
    ),
    indexes=(("account", "sku"),),
)

OVERSELL_CASES = Table(
    schema="core",
    name="oversell_cases",
    description="Pieces that a channel accepted and that were not there, with the cause; also what late news cleared.",
    grain="one line of one order",
    key=("case_key",),
    source="operations store, oversell_cases, by change_seq",
    columns=(*_CASE_COLUMNS[:-1], _CHANGE_SEQ, _CASE_COLUMNS[-1], *_CASE_TIMES),
)

STOCK_LOCATIONS = Table(
    schema="core",
    name="stock_locations",
    description="Which place serves which account, as the settings say.",
    grain="one place and account",
    key=("account", "location"),
    source="operations store, stock_locations, by change_seq",
    columns=(
        _ACCOUNT,
        key("location", "Place where goods lie, by its name in the settings."),
        _CHANGE_SEQ,
        boolean("is_serving", "The account may promise what lies there."),
    ),
)

OVERSELL_LIST = Table(
    schema="mart",
    name="oversell_cases",
    description="Pieces that a channel accepted and that were not there: how many, why, how late, could it be helped.",
    grain="one line of one order",
    key=("case_key",),
    source="core.oversell_cases, core.products",
    columns=(
        *_CASE_COLUMNS[:5],
        text("name", "Name of the article."),
        *_CASE_COLUMNS[5:-1],
        integer("late_minutes", "late_seconds in whole minutes, begun ones counted.", unit="min"),
        _CASE_COLUMNS[-1],
        *_CASE_TIMES,
    ),
)

STOCK_PER_LOCATION_AND_CHANNEL = Table(
    schema="mart",
    name="stock_per_location_and_channel",
    description="What lies at each place that serves an account, beside what that account's offers are told and show.",
    grain="one article at one place for one account that offers it",
    key=("sku", "location", "account"),
    source="core.stock_positions, core.stock_locations, core.channel_stock, core.products",
    columns=(
        key("sku", "The merchant's article number."),
        key("location", "Place where goods lie."),
        key("account", "Account of the merchant at the outside system."),
        text("name", "Name of the article."),
        integer("offers", "Offers of the article at the account.", nullable=False, minimum=0),
        pieces("on_hand", "In the place.", nullable=False),
        pieces("reserved", "Held for carts that are not yet orders.", nullable=False),
        pieces("open_demand", "Sold and not yet shipped, by whatever channel.", nullable=False),
        pieces("available_here", "on_hand less reserved and open_demand, at this place.", nullable=False),
        pieces("available_quantity", "Available to the account over all places that serve it.", nullable=False),
        pieces("desired_quantity", "That the account should be told; the largest of its offers.", nullable=False),
        pieces("confirmed_quantity", "Last confirmed; the largest of its offers."),
        pieces("read_back_quantity", "Found when read back; the largest of its offers."),
        boolean("is_confirmed", "The account confirmed the newest number of all its offers of the article."),
        instant("counted_at", "When the place was last counted."),
        instant("confirmed_at", "When the oldest of the confirmed numbers was confirmed."),
    ),
)  # fmt: skip
