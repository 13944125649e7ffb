"""Mirakl's state words and what they mean here; a word that nobody knows stays unknown and is flagged."""

STAGING = "STAGING"
WAITING_ACCEPTANCE = "WAITING_ACCEPTANCE"
SHIPPING = "SHIPPING"
# The customer's payment runs: nothing may be shipped yet.
BEING_PAID = frozenset({"WAITING_DEBIT", "WAITING_DEBIT_PAYMENT"})
# Words after the parcel left. Refunds keep their lines among these: money went back, pieces left all the same.
LEFT = frozenset(
    {"SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED", "REFUNDED", "WAITING_REFUND", "WAITING_REFUND_PAYMENT"}
)
# Refused lines were never charged.
NEVER = frozenset({"REFUSED", "CANCELED"})
# Of a line only; whether its pieces left tells `shipped_date`.
INCIDENT = "INCIDENT_OPEN"
# Of a refund; older versions wrote `state`.
REFUND = frozenset(
    {"WAITING_REFUND_TAX_CONFIRMATION", "WAITING_REFUND", "WAITING_REFUND_PAYMENT", "REFUNDED"}
)
# Multi-shipment, ST11.
PARCEL_LEFT = frozenset({"SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED"})

KNOWN = frozenset({STAGING, WAITING_ACCEPTANCE, SHIPPING, INCIDENT}) | BEING_PAID | LEFT | NEVER

_ORDER_STATUS = {
    STAGING: "pending",
    WAITING_ACCEPTANCE: "waiting_acceptance",
    SHIPPING: "open",
    **dict.fromkeys(BEING_PAID, "pending"),
    **dict.fromkeys(LEFT, "completed"),
    **dict.fromkeys(NEVER, "cancelled"),
}


def order_status(state: str | None) -> str | None:
    """Return our word for the state of an order, ``None`` for one that nobody knows."""
    return _ORDER_STATUS.get(state or "")
