"""Forty typed orders: what the demo shows and what tests state numbers about.

Every total is typed in, not computed by the shop. Prices are those of ``data/products.csv``; the outlet sells for one
euro less. ``expect`` says in one word what a careful reader should make of the order:
``clean``, ``cent_off`` (legal: the paid total is a cent beside the sum), ``unknown_ean``, ``broken`` (a field is
missing), ``cancellation_requested`` (a wish, nothing is cancelled) and ``item_cancelled``.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.bol import BolStandIn

UNKNOWN_EAN_MAIN = "8719999770017"
UNKNOWN_EAN_OUTLET = "8719999770024"


@dataclass(frozen=True)
class DemoOrder:
    """One order of the script; money in euro including VAT, ``low_vat`` is the part of goods at the low rate."""

    order_id: str
    label: str
    hours_ago: int
    lines: tuple[tuple[str, int], ...]
    total: str
    low_vat: str = "0.00"
    expect: str = "clean"
    fulfilment_method: str = "FBR"
    extra: dict[str, Any] = field(default_factory=dict)
    shipped_hours_ago: int | None = None
    cancelled_sku: str | None = None


@dataclass(frozen=True)
class DemoRow:
    """One placed order of the script."""

    label: str
    account: str
    order_id: str
    placed_at: datetime
    fulfilment_method: str
    units: int
    total_incl_vat: Decimal
    of_which_low_vat: Decimal
    expect: str

    def as_json(self) -> dict[str, Any]:
        """Return the row with instants and money as text."""
        return {**vars(self), "placed_at": self.placed_at.isoformat(), "total_incl_vat": str(self.total_incl_vat),
                "of_which_low_vat": str(self.of_which_low_vat)}  # fmt: skip


_BE: dict[str, Any] = {"ship_country": "BE"}

MAIN = (
    DemoOrder("1043210001", "one pan, shipped", 71, (("KEU-1001", 1),), "39.95", shipped_hours_ago=50),
    DemoOrder("1043210002", "coffee, low VAT", 70, (("VOE-3001", 2),), "31.90", "31.90"),
    DemoOrder("1043210003", "a book, low VAT", 68, (("BOE-4001", 1),), "24.99", "24.99"),
    DemoOrder("A4K8290LP1", "two lines", 66, (("KEU-1004", 1), ("KEU-1005", 1)), "52.49"),
    DemoOrder("1043210005", "bonbons to Belgium", 64, (("VOE-3009", 2),), "29.90", "29.90", extra=_BE),
    DemoOrder("1043210006", "pruning shears", 61, (("TUI-5001", 1),), "18.95"),
    DemoOrder("B7H1140KT3", "bicycle things, two lines", 58, (("FIE-9002", 1), ("FIE-9004", 2)), "30.93"),
    DemoOrder("1043210008", "fulfilled by bol", 56, (("THE-2004", 1),), "23.99", fulfilment_method="FBB"),
    DemoOrder("1043210009", "fulfilled by bol, two pieces", 49, (("SPE-8003", 2),), "15.98", fulfilment_method="FBB"),
    DemoOrder("1043210010", "fulfilled by bol to Belgium", 3, (("VER-6001", 1),), "13.95", fulfilment_method="FBB",
              extra=_BE),
    DemoOrder("1043210011", "discount on the line", 47, (("KEU-1009", 2),), "23.38",
              extra={"discounts": [{"title": "10% korting", "amount": "2.60"}]}),
    DemoOrder("C2M5531RV8", "business buyer", 46, (("WOO-7001", 1),), "54.95", extra={"business": True}),
    DemoOrder("1043210013", "speculaas, low VAT", 44, (("VOE-3006", 4),), "21.00", "21.00"),
    DemoOrder("1043210014", "book and blocks, both rates", 41, (("BOE-4004", 1), ("SPE-8001", 1)), "44.94", "19.99"),
    DemoOrder("1043210015", "unknown EAN beside a known line", 39, ((UNKNOWN_EAN_MAIN, 1), ("KEU-1006", 1)), "42.90",
              expect="unknown_ean"),
    DemoOrder("1043210016", "paid a cent less than the sum", 36, (("KEU-1007", 3),), "22.91", expect="cent_off",
              extra={"discounts": [{"title": "3 halen", "amount": "2.55"}], "total_price": "22.91"}),
    DemoOrder("1043210017", "no quantity in the detail", 33, (("KEU-1008", 1),), "13.95", expect="broken",
              extra={"malform": {"missing": ["orderItems.0.quantity"]}}),
    DemoOrder("D9R3307WB5", "asks to cancel", 30, (("KEU-1002", 1),), "24.99", expect="cancellation_requested"),
    DemoOrder("1043210019", "one of two items cancelled", 28, (("KEU-1003", 1), ("VOE-3010", 1)), "62.70", "12.75",
              expect="item_cancelled", cancelled_sku="VOE-3010"),
    DemoOrder("1043210020", "to a pick-up point", 25, (("TUI-5003", 1),), "12.50", extra={"pickup_point": True}),
    DemoOrder("1043210021", "coffee and chocolate", 20, (("VOE-3002", 1), ("VOE-3008", 5)), "32.74", "32.74"),
    DemoOrder("E1T6682NS4", "teapot to Belgium", 15, (("THE-2001", 1),), "19.95", extra=_BE),
    DemoOrder("1043210023", "puzzle", 9, (("SPE-8002", 1),), "16.99"),
    DemoOrder("1043210024", "candles, two boxes", 5, (("WOO-7006", 2),), "29.00"),
    DemoOrder("1043210025", "a pan again", 1, (("KEU-1001", 1),), "39.95"),
)  # fmt: skip

OUTLET = (
    DemoOrder("1087650001", "one pan", 69, (("KEU-1001", 1),), "38.95"),
    DemoOrder("1087650002", "second EAN of a SKU", 67, (("KEU-1003", 1),), "48.95"),
    DemoOrder("F3B7714HL2", "coffee, low VAT", 63, (("VOE-3001", 1),), "14.95", "14.95"),
    DemoOrder("1087650004", "two books, low VAT", 60, (("BOE-4003", 2),), "31.90", "31.90"),
    DemoOrder("1087650005", "fulfilled by bol", 54, (("WOO-7006", 3),), "40.50", fulfilment_method="FBB"),
    DemoOrder("1087650006", "knife to Belgium", 51, (("KEU-1005", 1),), "28.99", extra=_BE),
    DemoOrder("1087650007", "garden, two lines", 45, (("TUI-5001", 1), ("TUI-5005", 1)), "34.90"),
    DemoOrder("1087650008", "unknown EAN", 40, ((UNKNOWN_EAN_OUTLET, 2),), "13.90", expect="unknown_ean"),
    DemoOrder("G5W2093CM7", "business buyer in Belgium", 37, (("VER-6002", 1),), "38.99",
              extra={"ship_country": "BE", "business": True}),
    DemoOrder("1087650010", "the last lock", 31, (("FIE-9005", 1),), "33.50"),
    DemoOrder("1087650011", "towels with discount", 26, (("WOO-7004", 1),), "30.59",
              extra={"discounts": [{"title": "10% korting", "amount": "3.40"}]}),
    DemoOrder("1087650012", "blocks", 22, (("SPE-8001", 1),), "23.95"),
    DemoOrder("1087650013", "bonbons, low VAT", 17, (("VOE-3009", 2),), "27.90", "27.90"),
    DemoOrder("1087650014", "oven gloves, shipped", 34, (("KEU-1010", 2),), "19.90", shipped_hours_ago=12),
    DemoOrder("H8V4425DX1", "mugs", 2, (("THE-2003", 1),), "31.95"),
)  # fmt: skip

SCRIPT: dict[str, tuple[DemoOrder, ...]] = {"bol_main": MAIN, "bol_outlet": OUTLET}


def play_demo(bol: BolStandIn) -> list[DemoRow]:
    """Place the script's orders, once for ever; return the table of them, oldest account order first."""
    now = bol.clock.now().replace(microsecond=0)
    rows = []
    for account, orders in SCRIPT.items():
        placed = bol.desk(account).shop.orders
        for order in orders:
            if order.order_id not in placed:
                _place(bol, account, order, now)
            rows.append(_row(account, order, placed[order.order_id].placed_at))
    return rows


def _place(bol: BolStandIn, account: str, order: DemoOrder, now: datetime) -> None:
    of_line = {name: order.extra[name] for name in ("discounts", "total_price") if name in order.extra}
    of_order = {name: value for name, value in order.extra.items() if name not in of_line}
    bol.place_order(
        account,
        {
            "order_id": order.order_id,
            "placed_at": (now - timedelta(hours=order.hours_ago)).isoformat(),
            "fulfilment_method": order.fulfilment_method,
            "lines": [
                {("ean" if goods.isdigit() else "sku"): goods, "quantity": quantity, **of_line}
                for goods, quantity in order.lines
            ],
            **of_order,
        },
    )
    if order.shipped_hours_ago is not None:
        at = now - timedelta(hours=order.shipped_hours_ago)
        bol.act(account, order.order_id, "ship", {"at": at.isoformat()})
    if order.expect == "cancellation_requested":
        bol.act(account, order.order_id, "request_cancel", {"at": (now - timedelta(hours=2)).isoformat()})
    if order.cancelled_sku is not None:
        at = now - timedelta(hours=order.hours_ago - 4)
        bol.act(account, order.order_id, "cancel", {"sku": order.cancelled_sku, "at": at.isoformat()})


def _row(account: str, order: DemoOrder, placed_at: datetime) -> DemoRow:
    return DemoRow(
        label=order.label,
        account=account,
        order_id=order.order_id,
        placed_at=placed_at,
        fulfilment_method=order.fulfilment_method,
        units=sum(quantity for _, quantity in order.lines),
        total_incl_vat=Decimal(order.total),
        of_which_low_vat=Decimal(order.low_vat),
        expect=order.expect,
    )
