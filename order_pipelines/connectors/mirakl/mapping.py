"""A Mirakl order payload to canonical orders: a page of OR11, an order of OR12, a list of orders.

Pure, and never raises for bad content. OR11 and OR12 show the same order. What Mirakl does not say (EAN, e-mail, an
address before acceptance, the VAT rate where the operator fills no taxes) stays ``None``.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.bodies import interpret_each, parse
from order_pipelines.connectors.mirakl import states
from order_pipelines.connectors.mirakl.amounts import (
    LineMoney,
    Taking,
    read_line_money,
    read_takings,
    read_tax_mode,
    sum_known,
)
from order_pipelines.connectors.mirakl.payloads import Reader, describe_other
from order_pipelines.connectors.mirakl.people import read_address, read_buyer
from order_pipelines.connectors.mirakl.totals import (
    ReadLine,
    ReadLines,
    read_order_discounts,
    read_total_commission,
    read_total_excl,
    read_totals,
)
from order_pipelines.domain.orders import Interpretation, Order, OrderLine, Problem, Reject
from order_pipelines.money import round_to_cents

CHANNEL = "mirakl"
DEFAULT_CENTER = "DEFAULT"

# Nobody orders so many different things.
MOST_LINES = 1_000
# Two roundings, as in `limits.total_tolerance`.
_TOLERANCE = Decimal("0.02")


def interpret(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    """Return the orders of one payload. Its shape decides what it is, whatever ``kind`` and ``name`` say."""
    del kind, name
    payload = parse(body)
    if isinstance(payload, Problem):
        return Interpretation(rejects=[Reject(payload)], rows_read=1)
    if isinstance(payload, dict) and "order_id" not in payload:
        if "orders" in payload:
            return _interpret_all(payload["orders"], "orders")
        # Some operators' HTTP connector: an announcement that wraps the order.
        if "event_type" in payload and isinstance(payload.get("payload"), list):
            return _interpret_all([_unwrap(entry) for entry in payload["payload"]], "payload")
    if isinstance(payload, list):
        return _interpret_all(payload, "")
    result = Interpretation(rows_read=1)
    _interpret_one(payload, "", result)
    return result


def _unwrap(entry: object) -> object:
    return entry["details"] if isinstance(entry, dict) and "details" in entry else entry


def _interpret_all(entries: object, where: str) -> Interpretation:
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        problem = Problem("wrong_type", f"{where} must be a list; this is {describe_other(entries)}", where)
        return Interpretation(rejects=[Reject(problem)], rows_read=1)
    return interpret_each(entries, where, _interpret_one)


def _interpret_one(payload: object, where: str, result: Interpretation) -> None:
    if not isinstance(payload, dict):
        problem = Problem(
            "wrong_type", f"an order must be an object; this is {describe_other(payload)}", where or None
        )
        result.rejects.append(Reject(problem))
        return
    problems: list[Problem] = []
    reader = Reader(payload, f"{where}." if where else "", problems)
    order_id = reader.identifier("order_id", required=True)
    if order_id is None:
        problem = problems[0]
        reason = f"{problem.reason}; this looks like {describe_other(payload)}"
        result.rejects.append(Reject(Problem(problem.code, reason, problem.field, problem.value)))
        return
    result.orders.append(_read_order(reader, order_id))


def _read_order(reader: Reader, order_id: str) -> Order:
    state = _read_state(reader, "order_state")
    mode, is_readable = read_tax_mode(reader)
    customer = reader.object("customer")
    shipping_address = read_address(customer, "shipping_address")
    billing_address = read_address(customer, "billing_address")
    is_own = _is_own(reader)
    read = _read_lines(reader, state, mode, is_own=is_own, is_readable=is_readable)
    flags = read.flags
    changed_at = reader.instant("last_updated_date")
    changes = [*read.changes, *([changed_at] if changed_at else [])]
    lines = [entry.line for entry in read.lines]
    total, current = read_totals(reader, read, mode, state, is_readable=is_readable)
    takings = [taking.total_incl for entry in read.lines for taking in entry.refunded]
    refunded = sum_known(takings) if read.lines and all(entry.says_refunds for entry in read.lines) else None
    if reader.flag("has_incident"):
        flags.add("incident")
    if reader.source.get("order_tax_mode") is None and lines:
        flags.add("tax_mode_missing")
    payment = _read_payment(reader, state, read, refunded)
    if payment == "unpaid" and state in states.LEFT:
        flags.add("shipped_unpaid")
    status = states.order_status(state)
    if status is not None and lines and all(entry.is_never for entry in read.lines):
        status = "cancelled"
    references = reader.object("references")
    shipping = sum_known(
        [entry.money.shipping_incl if entry.money.is_shipping_known else None for entry in read.lines]
    )
    return Order(
        external_order_id=order_id,
        channel=CHANNEL,
        order_number=order_id,
        ordered_at=reader.instant("created_date", required=True),
        changed_at=max(changes) if changes else None,
        currency=reader.text("currency_iso_code"),
        ship_country=shipping_address.country_code if shipping_address else None,
        bill_country=billing_address.country_code if billing_address else None,
        buyer=read_buyer(customer, billing_address, shipping_address),
        shipping_address=shipping_address,
        billing_address=billing_address,
        lines=(*lines, *_fee_lines(read)),
        shipping_cost_incl_vat=shipping if lines else None,
        order_discounts=read_order_discounts(reader),
        order_total_incl_vat=total,
        order_total_current_incl_vat=current,
        order_total_excl_vat=read_total_excl(reader, mode),
        refunded_total_incl_vat=refunded,
        commission_total=read_total_commission(reader, lines),
        payment_status=payment,
        order_status=status,
        fulfilment_status=_read_fulfilment(lines, status, is_own=is_own),
        counts_in_revenue=status != "cancelled" and state != states.STAGING,
        own_fulfilment=is_own,
        customer_reference=references.personal("order_reference_for_customer") if references else None,
        must_flag=tuple(sorted(flags)),
        problems=tuple(reader.problems),
    )


def _read_state(reader: Reader, name: str) -> str | None:
    state = reader.text(name, required=True)
    if state is not None and state not in states.KNOWN:
        reader.unknown(name, state)
    return state


def _is_own(reader: Reader) -> bool:
    """Tell whether the merchant ships. Unknown counts as own: too little stock for sale beats selling it twice."""
    fulfillment = reader.object("fulfillment")
    center = fulfillment.object("center") if fulfillment else None
    code = center.text("code") if center else None
    return code is None or code == DEFAULT_CENTER


# ------------------------------------------------------------------------------------------------ lines


def _read_lines(
    reader: Reader, order_state: str | None, mode: str | None, *, is_own: bool, is_readable: bool
) -> ReadLines:
    read = ReadLines()
    entries = reader.objects("order_lines")
    if not entries:
        reader.report("missing_field", "order_lines", "is missing or empty: an order without lines")
    if len(entries) > MOST_LINES:
        reader.report(
            "wrong_type",
            "order_lines",
            f"has {len(entries)} lines, more than the {MOST_LINES} that are read",
        )
        return read
    seen: set[str] = set()
    for index, line in enumerate(entries):
        # Without an id the line cannot be accepted or shipped, but its pieces are sold.
        line_id = line.identifier("order_line_id", required=True) or f"line-{index}"
        line.line_id = line_id
        if line_id in seen:
            line.report(
                "duplicate_line", "order_line_id", "occurs twice; only the first line is read", line_id
            )
            continue
        seen.add(line_id)
        read.lines.append(
            _read_line(line, line_id, read, order_state, mode, is_own=is_own, is_readable=is_readable)
        )
    return read


def _read_line(
    line: Reader,
    line_id: str,
    read: ReadLines,
    order_state: str | None,
    mode: str | None,
    *,
    is_own: bool,
    is_readable: bool,
) -> ReadLine:
    state = _read_state(line, "order_line_state")
    quantity = line.pieces("quantity", required=True)
    money = read_line_money(line, quantity, mode, is_readable=is_readable)
    cancelled = read_takings(line, "cancelations", mode, is_readable=is_readable)
    refunded = read_takings(line, "refunds", mode, is_readable=is_readable)
    is_never = state in states.NEVER or order_state in states.NEVER
    # Older versions have neither list: what is not named there may have happened.
    says_cancelled, says_refunds = (
        isinstance(line.source.get(name), list) for name in ("cancelations", "refunds")
    )
    pieces_cancelled = sum(taking.quantity or 0 for taking in cancelled)
    if quantity is not None and pieces_cancelled > quantity:
        line.report("absurd_quantity", "cancelations", f"are {pieces_cancelled} pieces of {quantity} ordered")
    if is_never and quantity is not None:
        pieces_cancelled = quantity
    _check_cancelled(line, read, quantity, pieces_cancelled, money, cancelled, is_never=is_never)
    _flag_refunds(line, read, refunded)
    if state == states.INCIDENT:
        read.flags.add("incident")
    if line.source.get("measurement") is not None:
        read.flags.add("measured_goods")
    shipped_at, changed_at = line.instant("shipped_date"), line.instant("last_updated_date")
    if changed_at is not None:
        read.changes.append(changed_at)
    has_left = state in states.LEFT or (state not in states.NEVER and shipped_at is not None)
    kept = None if quantity is None else max(0, quantity - pieces_cancelled)
    order_line = OrderLine(
        external_line_id=line_id,
        sku=line.text("offer_sku") or line.text("product_shop_sku"),
        title=line.text("product_title"),
        quantity=quantity,
        quantity_cancelled=pieces_cancelled if says_cancelled or is_never else None,
        quantity_shipped=kept if has_left else 0,
        quantity_refunded=sum(taking.quantity or 0 for taking in refunded) if says_refunds else None,
        unit_price_incl_vat=money.unit_price_incl,
        line_discount_incl_vat=money.discount_incl,
        line_total_incl_vat=money.goods_incl,
        vat_rate=money.vat_rate,
        commission=money.commission,
        unit_price_excl_vat=money.unit_price_excl,
        line_total_excl_vat=money.goods_excl,
        offer_id=line.text("offer_sku"),
        # While the operator screens it for fraud an order is none yet: it takes no stock until it leaves STAGING.
        own_fulfilment=is_own and order_state != states.STAGING,
        changed_at=changed_at,
    )
    return ReadLine(
        order_line,
        money,
        cancelled,
        refunded,
        is_never,
        says_cancelled=says_cancelled,
        says_refunds=says_refunds,
    )


def _check_cancelled(
    line: Reader,
    read: ReadLines,
    quantity: int | None,
    pieces: int,
    money: LineMoney,
    cancelled: Sequence[Taking],
    *,
    is_never: bool,
) -> None:
    """Keep an order out of the books whose cancelled money is not the share of its cancelled pieces.

    What remains is booked by pieces; a value cancellation, or shipping that was cancelled, would be booked wrong.
    """
    if is_never or not cancelled or not quantity or money.goods_incl is None:
        return
    taken = sum_known([taking.total_incl for taking in cancelled])
    if taken is None:
        return
    share = round_to_cents(money.goods_incl * min(pieces, quantity) / quantity)
    if abs(taken - share) > _TOLERANCE:
        read.flags.add("value_cancelled")
        line.report(
            "total_differs",
            "cancelations",
            f"take off {taken} where {pieces} of {quantity} pieces are worth {share}",
            taken,
        )


def _flag_refunds(line: Reader, read: ReadLines, refunded: Sequence[Taking]) -> None:
    for taking in refunded:
        if taking.state is not None and taking.state not in states.REFUND:
            line.unknown("refunds", taking.state, what="state of a refund")
        if not taking.quantity:
            read.flags.add("value_refunded")
        if taking.state is not None and taking.state != "REFUNDED":
            read.flags.add("refund_pending")


def _fee_lines(read: ReadLines) -> list[OrderLine]:
    """Return what operators add to a line's total as lines of their own, so that lines add up to the total."""
    return [
        OrderLine(
            external_line_id=f"{entry.line.external_line_id}:fees",
            quantity=1,
            line_total_incl_vat=entry.money.fees,
            line_kind="fee",
            own_fulfilment=entry.line.own_fulfilment,
            changed_at=entry.line.changed_at,
        )
        for entry in read.lines
        if entry.money.fees
    ]


# ------------------------------------------------------------------------------------------------ the order


def _read_payment(reader: Reader, state: str | None, read: ReadLines, refunded: Decimal | None) -> str | None:
    """Return what is known of the payment: the customer paid the operator when he was debited, not before.

    ``PAY_ON_DUE_DATE`` orders ship unpaid; a payload without the member (older versions) does not say.
    """
    is_debited = reader.instant("customer_debited_date") is not None
    if not is_debited:
        if "customer_debited_date" not in reader.source:
            return None
        return "voided" if state in states.NEVER else "unpaid"
    if reader.flag("fully_refunded"):
        return "refunded"
    if refunded is None:
        return None
    return "partially_refunded" if refunded else "paid_to_platform"


def _read_fulfilment(lines: Sequence[OrderLine], status: str | None, *, is_own: bool) -> str | None:
    """Return the fulfilment status from pieces; unknown pieces make it unknown."""
    if not lines or status is None:
        return None
    if status == "cancelled":
        return "cancelled"
    if not is_own:
        return "channel_fulfilled"
    has_open = has_shipped = False
    for line in lines:
        if line.quantity is None or line.quantity_shipped is None:
            return None
        has_shipped = has_shipped or line.quantity_shipped > 0
        has_open = has_open or line.quantity > line.quantity_shipped + (line.quantity_cancelled or 0)
    if not has_shipped:
        return "not_shipped"
    return "partially_shipped" if has_open else "shipped"


def entry_changed_at(entry: dict[str, Any]) -> datetime | None:
    """Return the newest channel time of an order of a listing and its lines; ``None`` if the order has none."""
    reader = Reader(entry, "", [])
    changed_at = reader.instant("last_updated_date")
    if changed_at is None:
        return None
    moments = [line.instant("last_updated_date") for line in reader.objects("order_lines")]
    return max([changed_at, *(moment for moment in moments if moment is not None)])
