"""What the demo merchant's people do, typed: three wholesale orders come by mail and the warehouse sends parcels.

The shoppers' forty orders are the sandbox's. Pieces and prices are typed here and nowhere computed; tests state the
totals. The warehouse sends what it can: it leaves out the orders with an unknown article or without a quantity, the one
whose buyer asks to cancel, a Belgian business whose VAT a person must look at, and the youngest ones; one order of two
pieces leaves in two parts, of which the demo sees the first.
"""

from dataclasses import dataclass
from decimal import Decimal

UNKNOWN_ARTICLE = "KEU-9999"
WHOLESALE = "wholesale"


@dataclass(frozen=True, slots=True)
class WholesaleLine:
    """One line of a wholesale order; the price is a piece's in euro without VAT."""

    sku: str
    title: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class WholesaleOrder:
    """One order of a shop that buys to sell on."""

    number: str
    customer_number: str
    company: str
    country: str
    days_ago: int
    lines: tuple[WholesaleLine, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What the warehouse put into one parcel: (SKU, pieces) of one order, sent hours ago."""

    order_number: str
    contents: tuple[tuple[str, int], ...]
    hours_ago: int
    carrier: str = "PostNL"


def _line(sku: str, title: str, quantity: int, price: str) -> WholesaleLine:
    return WholesaleLine(sku, title, quantity, Decimal(price))


IN_ONE_CSV = (
    WholesaleOrder(
        "GH-2041",
        "10023",
        "Kookwinkel De Vijzel",
        "Nederland",
        2,
        (
            _line("KEU-1006", "Schilmesje set van 3", 12, "4.95"),
            _line("KEU-1007", "Maatbeker glas 1 liter", 6, "5.25"),
            _line("VOE-3008", "Pure chocolade 85 % tablet 100 gram", 24, "2.10"),
        ),
    ),
    WholesaleOrder(
        "GH-2043",
        "10057",
        "Warenhuis Aan de Brink",
        "Nederland",
        1,
        (
            _line("KEU-1004", "Snijplank eikenhout 40 x 30 cm", 5, "14.00"),
            _line(UNKNOWN_ARTICLE, "Appelboor", 3, "9.50"),
        ),
    ),
)
"""Two orders in one file of a purchasing system; the second names an article that nobody knows."""

IN_A_WORKBOOK = WholesaleOrder(
    "GH-2042",
    "10031",
    "Theehuis Bij de Sluis",
    "Nederland",
    1,
    (
        _line("THE-2001", "Theepot glas 1,2 liter met filter", 10, "12.40"),
        _line("VOE-3003", "Losse thee earl grey 250 gram", 20, "5.60"),
    ),
)

PARCELS = (
    Parcel("1043210002", (("VOE-3001", 2),), 47),
    Parcel("1043210003", (("BOE-4001", 1),), 47),
    Parcel("A4K8290LP1", (("KEU-1004", 1), ("KEU-1005", 1)), 47),
    Parcel("1043210005", (("VOE-3009", 2),), 46, "bpost"),
    Parcel("1043210006", (("TUI-5001", 1),), 46),
    Parcel("B7H1140KT3", (("FIE-9002", 1), ("FIE-9004", 2)), 30),
    Parcel("1043210011", (("KEU-1009", 2),), 30),
    Parcel("C2M5531RV8", (("WOO-7001", 1),), 30, "DHL"),
    Parcel("1043210013", (("VOE-3006", 4),), 29),
    Parcel("1043210014", (("BOE-4004", 1), ("SPE-8001", 1)), 29),
    Parcel("1043210016", (("KEU-1007", 3),), 22),
    Parcel("1043210019", (("KEU-1003", 1),), 22, "DHL"),
    Parcel("1043210020", (("TUI-5003", 1),), 6),
    Parcel("1043210021", (("VOE-3002", 1), ("VOE-3008", 5)), 6),
    Parcel("E1T6682NS4", (("THE-2001", 1),), 6, "bpost"),
    Parcel("1043210024", (("WOO-7006", 1),), 3),
    Parcel("1087650001", (("KEU-1001", 1),), 47, "DHL"),
    Parcel("1087650002", (("KEU-1003", 1),), 47, "DHL"),
    Parcel("F3B7714HL2", (("VOE-3001", 1),), 46),
    Parcel("1087650004", (("BOE-4003", 2),), 46),
    Parcel("1087650006", (("KEU-1005", 1),), 30, "bpost"),
    Parcel("1087650007", (("TUI-5001", 1), ("TUI-5005", 1)), 30),
    Parcel("1087650010", (("FIE-9005", 1),), 22),
    Parcel("1087650011", (("WOO-7004", 1),), 22),
    Parcel("1087650012", (("SPE-8001", 1),), 6),
    Parcel("1087650013", (("VOE-3009", 2),), 6),
    Parcel("GH-2041", (("KEU-1006", 12), ("KEU-1007", 6), ("VOE-3008", 24)), 5, "DHL"),
)

PARCELS_ELSEWHERE = (
    Parcel("BLK20101-A", (("KEU-1001", 1),), 0),
    Parcel("BLK20102-A", (("KEU-1004", 2),), 0, "DHL"),
    Parcel("W-20001", (("KEU-1001", 1),), 20),
    Parcel("W-20002", (("VOE-3001", 2),), 20),
    Parcel("W-20003", (("KEU-1004", 4),), 19, "DHL"),
    Parcel("W-20004", (("KEU-1005", 1),), 19),
    Parcel("W-20005", (("SPE-8002", 1),), 19),
)
"""What leaves for Blokker, who asks for acceptance first, and for buyers of the webshop."""

TRACED_SKU = "KEU-1007"
"""The measuring jug that is followed: one is sold at Blokker while all four channels show the same number."""
