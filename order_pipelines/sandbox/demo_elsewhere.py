"""Eleven typed orders at Blokker and at the webshop, which the demo shows beside the forty at bol.

Every total is typed in, with shipping and including VAT. ``expect`` is one word, as in ``demo.py``: ``clean``,
``short`` (more pieces than there are: whoever promises them cannot keep it), ``cancelled``, ``refunded``.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.demo import DemoRow
from order_pipelines.sandbox.standin import SalesChannel, VirtualClock

BLOKKER, WEBSHOP = "blokker", "webshop"


@dataclass(frozen=True)
class OrderElsewhere:
    """One order; ``low_vat`` is the part of its total at the low rate."""

    number: str
    label: str
    hours_ago: int
    lines: tuple[tuple[str, int], ...]
    total: str
    low_vat: str = "0.00"
    expect: str = "clean"
    extra: dict[str, Any] = field(default_factory=dict)
    afterwards: tuple[str, ...] = ()


AT_BLOKKER = (
    OrderElsewhere("BLK20101-A", "one pan", 40, (("KEU-1001", 1),), "44.90"),
    OrderElsewhere("BLK20102-A", "two boards", 21, (("KEU-1004", 2),), "49.95"),
    OrderElsewhere("BLK20103-A", "two lines, sent free", 18, (("KEU-1005", 1), ("KEU-1007", 2)), "46.97",
                   extra={"shipping_price": "0"}),
    OrderElsewhere("BLK20104-A", "more than there are", 8, (("TUI-5007", 20),), "654.95", expect="short",
                   extra={"force": True}),
    OrderElsewhere("BLK20105-A", "cancelled by its buyer", 7, (("KEU-1008", 1),), "18.90", expect="cancelled",
                   afterwards=("cancel",)),
)  # fmt: skip

AT_THE_WEBSHOP = (
    OrderElsewhere("W-20001", "one pan", 45, (("KEU-1001", 1),), "44.90"),
    OrderElsewhere("W-20002", "a guest buys coffee", 43, (("VOE-3001", 2),), "36.85", "36.85", extra={"guest": True}),
    OrderElsewhere("W-20003", "a business buys net", 26, (("KEU-1004", 4),), "96.01",
                   extra={"business": True, "tax_status": "net", "sales_channel": "B2B"}),
    OrderElsewhere("W-20004", "a promotion", 24, (("KEU-1005", 1),), "29.94", extra={"promotion": "5.00"}),
    OrderElsewhere("W-20005", "paid back", 23, (("SPE-8002", 1),), "21.94", expect="refunded",
                   afterwards=("refund",)),
    OrderElsewhere("W-20006", "cancelled", 19, (("WOO-7002", 1),), "20.94", expect="cancelled",
                   afterwards=("cancel",)),
)  # fmt: skip


def play_elsewhere(clock: VirtualClock, blokker: SalesChannel, webshop: SalesChannel) -> list[DemoRow]:
    """Place the orders, once for ever; return the table of them."""
    now = clock.now().replace(microsecond=0)
    rows = []
    for account, channel, name, orders in (
        (BLOKKER, blokker, "order_id", AT_BLOKKER),
        (WEBSHOP, webshop, "order_number", AT_THE_WEBSHOP),
    ):
        known = {order[name] for order in channel.state(account)["orders"]}
        for order in orders:
            placed_at = now - timedelta(hours=order.hours_ago)
            if order.number not in known:
                lines = [{"sku": sku, "quantity": pieces} for sku, pieces in order.lines]
                wish = {name: order.number, "placed_at": placed_at.isoformat(), "lines": lines, **order.extra}
                order_id = channel.place_order(account, wish)
                for action in order.afterwards:
                    channel.act(account, order_id, action, {})
            rows.append(
                DemoRow(
                    label=order.label,
                    account=account,
                    order_id=order.number,
                    placed_at=placed_at,
                    fulfilment_method="FBR",
                    units=sum(pieces for _, pieces in order.lines),
                    total_incl_vat=Decimal(order.total),
                    of_which_low_vat=Decimal(order.low_vat),
                    expect=order.expect,
                )
            )
    return rows
