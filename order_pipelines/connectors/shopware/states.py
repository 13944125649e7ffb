"""What the three state machines of an order say, in our words. The names are Shopware's.

A shop may add its own, whose meaning the merchant says in the options: until then the order is kept out.
An order, its deliveries and its payments move apart from each other: cancelling an order cancels neither of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from order_pipelines.connectors.shopware.options import ShopwareOptions
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.domain.orders import OrderLine
from order_pipelines.money import ZERO

_ORDER = {"open": "open", "in_progress": "open", "completed": "completed", "cancelled": "cancelled"}
_PAYMENT = {
    "open": "unpaid",
    "in_progress": "unpaid",
    "unconfirmed": "unpaid",
    "reminded": "unpaid",
    "failed": "unpaid",
    "chargeback": "unpaid",
    "authorized": "authorized",
    "paid": "paid",
    "paid_partially": "partially_paid",
    "refunded": "refunded",
    "refunded_partially": "partially_refunded",
    "cancelled": "voided",
}
# A return came after the goods had left: Shopware moves neither pieces nor money for it.
_DELIVERY = {
    "open": "not_shipped",
    "shipped": "shipped",
    "shipped_partially": "partially_shipped",
    "returned": "shipped",
    "returned_partially": "shipped",
    "cancelled": "cancelled",
}


@dataclass(slots=True)
class Progress:
    """How far an order is.

    Args:
        order_status: ``None`` for a state that nobody knows.
        fulfilment_status: of the goods; ``None`` when it is not said.
        payment_status: of the newest payment; ``None`` when it is not said.
        refunded: what was paid back; ``None`` when only a part was, for Shopware does not say how much.
        shipped_lines: delivery state by line, where the deliveries name their positions.
        flags: what a person should see.
    """

    order_status: str | None = None
    fulfilment_status: str | None = None
    payment_status: str | None = None
    refunded: Decimal | None = None
    shipped_lines: dict[str, str | None] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


def technical_name(entity: Reader) -> str | None:
    """Return the state by its name in all shops; ``stateId`` is another one in each."""
    state = entity.entity("stateMachineState")
    return state.text("technicalName") if state else None


def read_progress(order: Reader, deliveries: Sequence[Reader] | None, options: ShopwareOptions) -> Progress:
    """Return how far order, goods and payment are."""
    progress = Progress()
    state = technical_name(order)
    if state is None:
        order.missing("stateMachineState.technicalName")
    else:
        progress.order_status = _meaning(order, state, {**options.order_states, **_ORDER})
    if options.in_progress_after_import and state == "open":
        progress.order_status = "waiting_acceptance"
    _read_payment(order, progress, {**options.payment_states, **_PAYMENT})
    _read_deliveries(order, deliveries, progress, {**options.delivery_states, **_DELIVERY})
    if progress.order_status == "cancelled":
        if progress.fulfilment_status in ("shipped", "partially_shipped"):
            progress.flags.append("cancelled_after_shipping")
        progress.fulfilment_status = "cancelled"
    return progress


def _meaning(entity: Reader, state: str, meanings: Mapping[str, str]) -> str | None:
    """Return our word for a state; Shopware's own states keep their meaning."""
    if state not in meanings:
        entity.unknown("stateMachineState.technicalName", state)
    return meanings.get(state)


def goods_deliveries(order: Reader, deliveries: Sequence[Reader]) -> list[Reader]:
    """Return the deliveries that carry goods. A discount on shipping is a delivery too, with negative costs."""
    with_positions = [delivery for delivery in deliveries if delivery.source.get("positions")]
    if with_positions:
        return with_positions
    primary = order.source.get("primaryOrderDeliveryId")
    named = [delivery for delivery in deliveries if primary and delivery.source.get("id") == primary]
    return named or [delivery for delivery in deliveries if not _is_discount(delivery)]


def _is_discount(delivery: Reader) -> bool:
    costs = delivery.source.get("shippingCosts")
    total = costs.get("totalPrice") if isinstance(costs, dict) else None
    return isinstance(total, int | float) and total < 0


def newest_transaction(order: Reader, transactions: Sequence[Reader]) -> Reader | None:
    """Return the payment that counts: the one that a 6.7 shop names, else the newest; earlier ones were attempts."""
    primary = order.source.get("primaryOrderTransactionId")
    for transaction in transactions:
        if primary and transaction.source.get("id") == primary:
            return transaction
    dated = [(transaction.instant("createdAt"), transaction) for transaction in transactions]
    known = [(moment, transaction) for moment, transaction in dated if moment is not None]
    if known:
        return max(known, key=lambda pair: pair[0])[1]
    return transactions[-1] if transactions else None


def _read_payment(order: Reader, progress: Progress, meanings: Mapping[str, str]) -> None:
    transactions = order.entities("transactions")
    if transactions is None:
        return
    states = [technical_name(transaction) for transaction in transactions]
    current = newest_transaction(order, transactions)
    if current is None:
        # Nothing to pay needs no payment.
        progress.payment_status = "unpaid" if order.source.get("amountTotal") else "paid"
        progress.refunded = ZERO
        return
    state = technical_name(current)
    if state is None:
        current.missing("stateMachineState.technicalName")
        return
    progress.payment_status = _meaning(current, state, meanings)
    if state == "chargeback":
        progress.flags.append("chargeback")
    if "paid" in states and progress.payment_status in ("unpaid", "voided"):
        progress.flags.append("paid_by_another_attempt")
    if state == "refunded":
        amount = current.entity("amount")
        progress.refunded = amount.money("totalPrice") if amount else None
    elif not any(each and each.startswith("refunded") for each in states):
        progress.refunded = ZERO


def _read_deliveries(
    order: Reader, deliveries: Sequence[Reader] | None, progress: Progress, meanings: Mapping[str, str]
) -> None:
    if not deliveries:
        return
    states: list[str | None] = []
    for delivery in goods_deliveries(order, deliveries):
        state = technical_name(delivery)
        if state is None:
            delivery.missing("stateMachineState.technicalName")
            return
        status = _meaning(delivery, state, meanings)
        if state in ("returned", "returned_partially"):
            progress.flags.append("returned" if state == "returned" else "returned_partially")
        if state == "cancelled" and progress.order_status != "cancelled":
            progress.flags.append("delivery_cancelled")
        states.append(status)
        for position in delivery.entities("positions") or []:
            line_id = position.identifier("orderLineItemId")
            if line_id is not None:
                progress.shipped_lines[line_id] = status
    progress.fulfilment_status = _together(states)


def _together(states: Sequence[str | None]) -> str | None:
    found = set(states)
    if not found or None in found:
        return None
    if len(found) == 1:
        return found.pop()
    moved = found - {"cancelled"}
    if len(moved) == 1:
        return moved.pop()
    return "partially_shipped"


def with_pieces(lines: Sequence[OrderLine], progress: Progress) -> list[OrderLine]:
    """Return the lines with what was cancelled, shipped and refunded, as far as states can say it.

    A cancelled order cancels all its pieces; of one in an unknown state nobody says whether it is cancelled.
    ``shipped_partially`` carries no numbers: what left is unknown.
    """
    is_cancelled = progress.order_status == "cancelled"
    kept = None if progress.order_status is None else 0
    refunds = 0 if progress.refunded is not None and progress.refunded == 0 else None
    done = []
    for line in lines:
        status = progress.shipped_lines.get(line.external_line_id, progress.fulfilment_status)
        shipped: int | None
        if not line.own_fulfilment:
            shipped = line.quantity if progress.payment_status == "paid" else 0
        elif status == "shipped":
            shipped = line.quantity
        else:
            shipped = 0 if status in ("not_shipped", "cancelled") else None
        done.append(
            replace(
                line,
                quantity_cancelled=line.quantity if is_cancelled else kept,
                quantity_shipped=0 if is_cancelled else shipped,
                quantity_refunded=refunds,
            )
        )
    return done
