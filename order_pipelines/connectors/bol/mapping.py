"""A bol order payload to canonical orders: the detail of one order, an entry of the order list, or a page of them.

Pure, and never raises for bad content. The detail is the truth; an entry of the list holds neither price, nor
address, nor offer, and may contradict the detail (bol's own demo does), so it is interpreted for people who look at
one and never booked over a detail. Facts that bol does not send (VAT rate, shipping cost, refunds) stay ``None``;
currency and payment are constants of the platform: bol sells in euro, and the customer has paid bol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from order_pipelines.connectors.bodies import JsonObject, interpret_each, joined, parse
from order_pipelines.connectors.bol.payloads import Reader, describe_other
from order_pipelines.domain.orders import (
    Address,
    Buyer,
    Interpretation,
    Order,
    OrderLine,
    Problem,
    Reject,
)
from order_pipelines.money import ZERO, from_cents, round_to_cents, to_cents

CHANNEL = "bol"
CURRENCY = "EUR"
PAYMENT_STATUS = "paid_to_platform"

# Nobody orders so many different things.
MOST_LINES = 1_000
_DETAIL_MEMBERS = frozenset({"shipmentDetails", "billingDetails", "pickupPoint"})
_DETAIL_ITEM_MEMBERS = frozenset({"fulfilment", "offer", "product", "unitPrice", "totalPrice", "commission"})
_LIST_ITEM_MEMBERS = frozenset({"fulfilmentMethod", "fulfilmentStatus"})


def interpret(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    """Return the orders of one payload. Its shape decides what it is, whatever ``kind`` and ``name`` say."""
    del kind, name
    payload = parse(body)
    if isinstance(payload, Problem):
        return Interpretation(rejects=[Reject(payload)], rows_read=1)
    if isinstance(payload, dict) and "orders" in payload and "orderId" not in payload:
        entries, where = payload["orders"], "orders"
        if entries is not None and not isinstance(entries, list):
            problem = Problem(
                "wrong_type", f"orders must be a list; this is {describe_other(entries)}", where
            )
            return Interpretation(rejects=[Reject(problem)], rows_read=1)
        return interpret_each(entries or [], where, _interpret_one)
    if isinstance(payload, list):
        return interpret_each(payload, "", _interpret_one)
    result = Interpretation(rows_read=1)
    _interpret_one(payload, "", result)
    return result


def _interpret_one(payload: object, where: str, result: Interpretation) -> None:
    if not isinstance(payload, dict):
        problem = Problem(
            "wrong_type", f"an order must be an object; this is {describe_other(payload)}", where or None
        )
        result.rejects.append(Reject(problem))
        return
    problems: list[Problem] = []
    reader = Reader(payload, f"{where}." if where else "", problems)
    order_id = reader.identifier("orderId", required=True)
    if order_id is None:
        problem = problems[0]
        reason = f"{problem.reason}; this looks like {describe_other(payload)}"
        result.rejects.append(Reject(Problem(problem.code, reason, problem.field, problem.value)))
        return
    result.orders.append(_read_order(reader, order_id, is_entry=_is_list_entry(payload)))


def _is_list_entry(payload: JsonObject) -> bool:
    """Tell an entry of the order list from a detail in which members are missing."""
    if not _DETAIL_MEMBERS.isdisjoint(payload):
        return False
    items = payload.get("orderItems")
    if not isinstance(items, list):
        return False
    members: set[str] = set()
    for item in items:
        if isinstance(item, dict):
            members.update(item)
    return not members.isdisjoint(_LIST_ITEM_MEMBERS) and members.isdisjoint(_DETAIL_ITEM_MEMBERS)


@dataclass(slots=True)
class _Lines:
    """The lines of an order, and what of them concerns the order."""

    lines: list[OrderLine]
    cancellation_requested: bool = False
    additional_services: bool = False


def _read_order(reader: Reader, order_id: str, *, is_entry: bool) -> Order:
    ordered_at = reader.instant("orderPlacedDateTime", required=True)
    shipping = None if is_entry else reader.object("shipmentDetails", required=True)
    billing = None if is_entry else reader.object("billingDetails")
    shipping_address = _read_address(shipping, required=True)
    billing_address = _read_address(billing, required=False)
    read = _read_lines(reader, is_entry=is_entry)
    lines = read.lines
    order_status, fulfilment_status = _read_progress(lines)
    total, current, commission = _add_up(lines)
    flags = []
    if read.cancellation_requested:
        flags.append("cancellation_requested")
    if read.additional_services:
        flags.append("additional_services")
    changes = [line.changed_at for line in lines if line.changed_at is not None]
    return Order(
        external_order_id=order_id,
        channel=CHANNEL,
        order_number=order_id,
        ordered_at=ordered_at,
        changed_at=max(changes) if changes else None,
        currency=CURRENCY,
        ship_country=shipping_address.country_code if shipping_address else None,
        bill_country=billing_address.country_code if billing_address else None,
        buyer=_read_buyer(shipping, shipping_address, billing, billing_address),
        shipping_address=shipping_address,
        billing_address=billing_address,
        lines=tuple(lines),
        order_total_incl_vat=total,
        order_total_current_incl_vat=current,
        commission_total=commission,
        payment_status=PAYMENT_STATUS,
        order_status=order_status,
        fulfilment_status=fulfilment_status,
        counts_in_revenue=order_status != "cancelled",
        own_fulfilment=any(line.own_fulfilment for line in lines),
        customer_reference=billing.personal("orderReference") if billing else None,
        must_flag=tuple(flags),
        problems=tuple(reader.problems),
    )


# ------------------------------------------------------------------------------------------------ lines


def _read_lines(reader: Reader, *, is_entry: bool) -> _Lines:
    read = _Lines([])
    items = reader.items("orderItems", required=True)
    if items is None:
        return read
    if not items:
        reader.report("missing_field", "orderItems", "is empty: an order without lines")
    if len(items) > MOST_LINES:
        reader.report(
            "wrong_type", "orderItems", f"has {len(items)} lines, more than the {MOST_LINES} that are read"
        )
        return read
    seen: set[str] = set()
    for index, item in enumerate(items):
        path = f"orderItems[{index}]"
        if type(item) is not dict:
            reader.wrong(path, "an object", item, show=False)
            continue
        line = reader.at(path, item)
        line_id = line.identifier("orderItemId", required=True)
        if line_id is None:
            # Without an id the line cannot be shipped or cancelled at bol, but its pieces are sold.
            line_id = f"item-{index}"
        line.line_id = line_id
        if line_id in seen:
            line.report("duplicate_line", "orderItemId", "occurs twice; only the first line is read", line_id)
            continue
        seen.add(line_id)
        read.lines.append(_read_entry_line(line, line_id) if is_entry else _read_line(line, line_id, read))
        if line.flag("cancellationRequest", required=True):
            read.cancellation_requested = True
    return read


def _read_line(line: Reader, line_id: str, read: _Lines) -> OrderLine:
    fulfilment = line.object("fulfilment", required=True)
    offer = line.object("offer")
    product = line.object("product", required=True)
    quantity, shipped, cancelled = _read_quantities(line)
    unit_price = line.money("unitPrice", required=True)
    discount, discount_is_known = _read_discounts(line)
    commission = line.money("commission", required=True, may_be_negative=True)
    total = line.money("totalPrice")
    if total is not None:
        # What the customer paid beats our arithmetic: bol's own examples differ from it by a cent.
        total = round_to_cents(total)
    elif line.source.get("totalPrice") is None and discount_is_known:
        total = _multiply(line, quantity, unit_price, discount)
    if line.source.get("additionalServices"):
        read.additional_services = True
    return OrderLine(
        external_line_id=line_id,
        sku=offer.text("reference") if offer else None,
        ean=product.ean("ean") if product else None,
        title=product.text("title") if product else None,
        quantity=quantity,
        quantity_cancelled=cancelled,
        quantity_shipped=shipped,
        unit_price_incl_vat=unit_price,
        line_discount_incl_vat=discount,
        line_total_incl_vat=total,
        commission=None if commission is None else round_to_cents(commission),
        offer_id=offer.text("offerId") if offer else None,
        own_fulfilment=_is_own(fulfilment, "method"),
        changed_at=line.instant("latestChangedDateTime", required=True),
    )


def _read_entry_line(line: Reader, line_id: str) -> OrderLine:
    quantity, shipped, cancelled = _read_quantities(line)
    return OrderLine(
        external_line_id=line_id,
        ean=line.ean("ean"),
        quantity=quantity,
        quantity_cancelled=cancelled,
        quantity_shipped=shipped,
        own_fulfilment=_is_own(line, "fulfilmentMethod"),
        changed_at=line.instant("latestChangedDateTime", required=True),
    )


def _is_own(reader: Reader | None, name: str) -> bool:
    """Tell whether the merchant ships. Unknown counts as own: too little stock for sale beats selling it twice."""
    if reader is None:
        return True
    method = reader.text(name, required=True)
    if method is not None and method not in ("FBR", "FBB"):
        reader.unknown(name, method, what="way of shipping")
    return method != "FBB"


def _read_quantities(line: Reader) -> tuple[int | None, int | None, int | None]:
    """Return pieces ordered, shipped and cancelled."""
    quantity = line.pieces("quantity", at_least=1, required=True)
    shipped = line.pieces("quantityShipped", required=True)
    cancelled = line.pieces("quantityCancelled", required=True)
    if (
        quantity is not None
        and shipped is not None
        and cancelled is not None
        and shipped + cancelled > quantity
    ):
        line.report(
            "absurd_quantity",
            "quantity",
            f"is {quantity}, less than {shipped} shipped and {cancelled} cancelled",
        )
    return quantity, shipped, cancelled


def _read_discounts(line: Reader) -> tuple[Decimal | None, bool]:
    """Return the discount of the whole line and whether it is known; recordings before v10.22 say nothing of it."""
    if line.source.get("discounts") is None:
        return None, True
    discounts = line.items("discounts")
    if discounts is None:
        return None, False
    sum_of_all = ZERO
    for index, entry in enumerate(discounts):
        path = f"discounts[{index}]"
        if type(entry) is not dict:
            line.wrong(path, "an object", entry, show=False)
            return None, False
        amount = line.at(path, entry).money("amount", required=True)
        if amount is None:
            return None, False
        sum_of_all += amount
    return round_to_cents(sum_of_all), True


def _multiply(
    line: Reader, quantity: int | None, unit_price: Decimal | None, discount: Decimal | None
) -> Decimal | None:
    if quantity is None or unit_price is None:
        return None
    total = round_to_cents(quantity * unit_price - (discount or ZERO))
    if total < 0:
        line.report("total_differs", "discounts", "take off more than the line costs")
    return total


# ------------------------------------------------------------------------------------------------ the order


def _read_progress(lines: Sequence[OrderLine]) -> tuple[str | None, str | None]:
    """Return order and fulfilment status from pieces; unknown pieces make both unknown.

    An order that the merchant ships in part is judged by the merchant's lines; only bol's lines: ``channel_fulfilled``.
    """
    if not lines:
        return None, None
    is_open = own_open = own_shipped = own_left = has_own = False
    all_cancelled = True
    for line in lines:
        quantity, shipped, cancelled = line.quantity, line.quantity_shipped, line.quantity_cancelled
        if quantity is None or shipped is None or cancelled is None:
            return None, None
        line_open = quantity > shipped + cancelled
        is_open = is_open or line_open
        all_cancelled = all_cancelled and cancelled >= quantity
        if line.own_fulfilment:
            has_own = True
            own_open = own_open or line_open
            own_shipped = own_shipped or shipped > 0
            own_left = own_left or cancelled < quantity
    order_status = "cancelled" if all_cancelled else "open" if is_open else "completed"
    if all_cancelled or (has_own and not own_left):
        return order_status, "cancelled"
    if not has_own:
        return order_status, "channel_fulfilled"
    if not own_shipped:
        return order_status, "not_shipped"
    return order_status, "partially_shipped" if own_open else "shipped"


def _add_up(lines: Sequence[OrderLine]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return order total, order total without cancelled pieces, commission; ``None`` where a line does not say."""
    if not lines:
        return None, None, None
    total: Decimal | None = ZERO
    current: Decimal | None = ZERO
    commission: Decimal | None = ZERO
    for line in lines:
        amount = line.line_total_incl_vat
        kept = keep_share(amount, line.quantity, line.quantity_cancelled)
        total = None if total is None or amount is None else total + amount
        current = None if current is None or kept is None else current + kept
        commission = None if commission is None or line.commission is None else commission + line.commission
    return total, current, commission


def keep_share(total: Decimal | None, quantity: int | None, cancelled: int | None) -> Decimal | None:
    """Return what remains of a line's total when pieces were cancelled.

    bol sends no amount of its own for cancelled pieces. The remaining pieces keep ``total * left / quantity``, rounded
    half up to a cent; the cancelled share is the rest, so both always add up to the total. It depends only on how
    many pieces are cancelled by now, not on in how many steps. More cancelled than ordered leaves nothing.
    """
    if total is None or quantity is None or cancelled is None:
        return None
    if cancelled == 0:
        return total
    left = max(0, quantity - cancelled)
    return from_cents((2 * to_cents(total) * left + quantity) // (2 * quantity))


# ------------------------------------------------------------------------------------------------ people


def _read_address(details: Reader | None, *, required: bool) -> Address | None:
    """Return an address; a parcel shop stands where a company would."""
    if details is None:
        return None
    personal = details.personal
    return Address(
        name=joined(personal("firstName"), personal("surname"), " "),
        company=personal("company") or personal("pickupPointName"),
        street=personal("streetName"),
        house_number=personal("houseNumber"),
        addition=joined(personal("houseNumberExtension"), personal("extraAddressInformation"), ", "),
        postcode=personal("zipCode"),
        city=personal("city"),
        country_code=details.text("countryCode", required=required),
        email=personal("email"),
        phone=personal("deliveryPhoneNumber"),
    )


def _read_buyer(
    shipping: Reader | None, ship_to: Address | None, billing: Reader | None, bill_to: Address | None
) -> Buyer | None:
    """Return who pays; without billing details the receiver, of whom only a company name tells a business."""
    details, address = (billing, bill_to) if billing else (shipping, ship_to)
    if details is None or address is None:
        return None
    company = details.personal("company")
    vat_id = details.personal("vatNumber")
    kvk_number = details.personal("kvkNumber")
    is_business = bool(company or vat_id or kvk_number)
    return Buyer(
        name=address.name,
        email=address.email,
        phone=address.phone or (ship_to.phone if ship_to else None),
        company=company,
        vat_id=vat_id,
        is_business=is_business if billing or is_business else None,
    )
