"""The two operators: what a seller must read from each instead of knowing it."""

from dataclasses import dataclass, field
from decimal import Decimal

SHOP_RIGHT = True


@dataclass(frozen=True)
class Carrier:
    """One row of SH21."""

    code: str
    label: str
    standard_code: str | None
    tracking_url: str | None


@dataclass(frozen=True)
class Reason:
    """One row of RE01; ``is_shop_right`` tells whether the seller may use it."""

    type: str
    code: str
    label: str
    is_shop_right: bool = SHOP_RIGHT


@dataclass(frozen=True)
class Operator:
    """One marketplace and the seller's shop on it.

    Args:
        key: what the ``Authorization`` header holds, bare.
        tax_rate: in per cent; the operator fills ``taxes`` with it. Goods of a reduced rate have their own in the
            offer, and shipping follows the goods.
        commission_rate: of price and shipping, in per cent, before the tax on it.
        acceptance_hours: a seller who has not decided by then has refused.
        debit_s: how long the customer's payment takes once the order is accepted.
        sold: which of the merchant's goods are on offer here: every so many is left out.
    """

    account: str
    platform: str
    key: str
    shop_id: int
    tax_mode: str
    tax_code: str
    tax_rate: Decimal
    commission_rate: Decimal
    shipping_price: Decimal
    payment_workflow: str
    has_multi_shipment: bool
    has_partial_acceptance: bool
    has_returns: bool
    refusal_empties_offer: bool
    csv_delimiter: str
    error_columns: tuple[str, str, str]
    shipping_type: tuple[str, str]
    channel: tuple[str, str] | None
    leaves_out_every: int
    carriers: tuple[Carrier, ...]
    reasons: tuple[Reason, ...]
    warehouses: tuple[str, ...] = ()
    acceptance_hours: int = 48
    debit_s: float = 20.0
    staging_s: float = 60.0
    currency: str = "EUR"
    commission_tax_rate: Decimal = Decimal("21")
    additional_fields: tuple[tuple[str, str, str], ...] = field(default=())


BLOKKER = Operator(
    account="blokker",
    platform="Blokker Connect!",
    key="blokker-5b1f0f4e-shop-key",
    shop_id=2041,
    tax_mode="TAX_INCLUDED",
    tax_code="VAT",
    tax_rate=Decimal("21"),
    commission_rate=Decimal("12"),
    shipping_price=Decimal("4.95"),
    payment_workflow="PAY_ON_ACCEPTANCE",
    has_multi_shipment=True,
    has_partial_acceptance=True,
    has_returns=True,
    refusal_empties_offer=True,
    csv_delimiter="SEMICOLON",
    error_columns=("line", "sku", "error-message"),
    shipping_type=("STD", "Standaard"),
    channel=None,
    leaves_out_every=3,
    carriers=(
        Carrier("postnl", "PostNL", "POSTNL", "https://jouw.postnl.example/track-and-trace/{trackingId}"),
        Carrier("dhl-nl", "DHL eCommerce", "DHL", "https://dhl.example/nl/{trackingId}"),
        Carrier("dpd", "DPD", "DPD", None),
    ),
    reasons=(
        Reason("REFUND", "17", "Artikel geretourneerd"),
        Reason("REFUND", "18", "Artikel niet ontvangen"),
        Reason("REFUND", "19", "Overeenkomst met de verkoper"),
        Reason("REFUND", "14", "Geen antwoord van de winkel", not SHOP_RIGHT),
        Reason("CANCELATION", "34", "Niet op voorraad"),
        Reason("CANCELATION", "35", "Op verzoek van de klant"),
        Reason("INCIDENT_CLOSE", "8", "Opgelost"),
        Reason("ORDER_MESSAGING", "21", "Vraag over de bestelling"),
    ),
    warehouses=("HOOFD",),
    additional_fields=(("gift-message", "STRING", "Gefeliciteerd"),),
)

SECOND = Operator(
    account="mirakl_two",
    platform="Second Market",
    key="second-91c07a22-shop-key",
    shop_id=311,
    tax_mode="TAX_EXCLUDED",
    tax_code="BTW-HOOG",
    tax_rate=Decimal("21"),
    commission_rate=Decimal("15"),
    shipping_price=Decimal("3.95"),
    payment_workflow="PAY_ON_DUE_DATE",
    has_multi_shipment=False,
    has_partial_acceptance=False,
    has_returns=False,
    refusal_empties_offer=False,
    csv_delimiter="COMMA",
    error_columns=("offer-sku", "line-number", "errors"),
    shipping_type=("HOME", "Thuisbezorgd"),
    channel=("NLBE", "Nederland en België"),
    leaves_out_every=2,
    carriers=(
        Carrier("BPOST", "bpost", None, "https://track.bpost.example/{trackingId}"),
        Carrier("PNL", "PostNL", "POSTNL", None),
    ),
    reasons=(
        Reason("REFUND", "R01", "Retour"),
        Reason("REFUND", "R02", "Compensation"),
        Reason("CANCELATION", "C01", "Rupture de stock"),
        Reason("MESSAGING", "M01", "Question"),
    ),
    acceptance_hours=24,
)

OPERATORS = (BLOKKER, SECOND)
REASON_TYPES = (
    "INCIDENT_CLOSE", "REFUND", "MPS_REFUND", "MESSAGING", "ORDER_MESSAGING", "MPS_ORDER_MESSAGING",
    "MPS_OFFER_MESSAGING", "OFFER_MESSAGING", "CANCELATION",
)  # fmt: skip
