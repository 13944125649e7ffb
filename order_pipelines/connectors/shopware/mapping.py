"""A Shopware order to canonical orders: one order, a list of them, or a search answer in either shape.

Pure, and never raises for bad content. Amounts stay in the order's own currency: ``currencyFactor`` is the shop's
bookkeeping. Only the live version of an order counts; drafts exist while somebody edits it in the administration.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.bodies import JsonObject, interpret_each, parse
from order_pipelines.connectors.ports import Interpreter
from order_pipelines.connectors.shopware.lines import TAX_STATUSES, Positions, newest, read_positions
from order_pipelines.connectors.shopware.lines import read_amounts as amounts_of
from order_pipelines.connectors.shopware.options import ShopwareOptions, read_options
from order_pipelines.connectors.shopware.payloads import Reader, describe_other, plain_entity
from order_pipelines.connectors.shopware.people import read_address, read_buyer
from order_pipelines.connectors.shopware.states import Progress, read_progress, with_pieces
from order_pipelines.domain.orders import Interpretation, Order, Problem, Reject
from order_pipelines.money import ZERO

CHANNEL = "shopware"
LIVE_VERSION = "0fa91ce3e96a4bc2be4bd9ce752c3425"
# One of them is enough to be taken for an order.
_ORDER_MEMBERS = frozenset({"orderNumber", "orderDateTime", "lineItems", "amountTotal", "orderCustomer"})


def make_interpreter(options: Mapping[str, Any]) -> Interpreter:
    """Return the mapping of an account; an order that we are to move to in progress waits until we did."""
    decided = read_options(options)

    def interpret_by_options(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
        del kind, name
        return _interpret(body, decided)

    return interpret_by_options


def interpret(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    """Return the orders of one payload, by the options as they are unless a merchant changes them."""
    del kind, name
    return _interpret(body, ShopwareOptions())


def _interpret(body: bytes, options: ShopwareOptions) -> Interpretation:
    payload = parse(body)
    if isinstance(payload, Problem):
        return Interpretation(rejects=[Reject(payload)], rows_read=1)
    content: JsonObject = payload if isinstance(payload, dict) else {}
    if isinstance(content.get("data"), list):
        entries, where = content["data"], "data"
    elif isinstance(content.get("data"), dict) and _ORDER_MEMBERS.isdisjoint(content):
        entries, where = [content["data"]], "data"
    elif isinstance(payload, list):
        entries, where = payload, ""
    else:
        result = Interpretation(rows_read=1)
        _interpret_one(payload, "", options, result, drafts=result.rejects)
        return result

    def read_one(entry: Any, path: str, result: Interpretation) -> None:
        _interpret_one(plain_entity(entry, content), path, options, result, drafts=[])

    return interpret_each(entries, where, read_one)


def is_draft(source: Mapping[str, Any]) -> bool:
    """Tell whether an entity is another version than the live one."""
    version = source.get("versionId")
    return isinstance(version, str) and version != LIVE_VERSION


def _interpret_one(
    payload: object, where: str, options: ShopwareOptions, result: Interpretation, *, drafts: list[Reject]
) -> None:
    if not isinstance(payload, dict) or _ORDER_MEMBERS.isdisjoint(payload):
        reason = f"this is no order; it looks like {describe_other(payload)}"
        result.rejects.append(Reject(Problem("missing_field", reason, where or None)))
        return
    if is_draft(payload):
        drafts.append(
            Reject(
                Problem(
                    "wrong_type",
                    "a draft that somebody edits; only the live version of an order counts",
                    "versionId",
                )
            )
        )
        return
    reader = Reader(payload, f"{where}." if where else "", [])
    order_id = reader.identifier("id")
    if order_id is None:
        # Told apart by its number within one shop; kept from being booked by the problem.
        order_id = reader.identifier("orderNumber")
        reader.missing("id")
    if order_id is None:
        result.rejects.append(Reject(reader.problems[0]))
        return
    result.orders.append(_read_order(reader, order_id, options))


def _read_order(order: Reader, order_id: str, options: ShopwareOptions) -> Order:
    tax_status = _read_tax_status(order)
    positions = read_positions(order, tax_status)
    deliveries = order.entities("deliveries")
    progress = read_progress(order, deliveries, options)
    ship_to = _shipping_address(order, deliveries or [])
    billing = order.entity("billingAddress") or _by_id(order, "addresses", "billingAddressId")
    bill_to = read_address(billing)
    shipping_address = read_address(ship_to)
    currency = order.entity("currency")
    total = order.money("amountTotal")
    price = order.entity("price")
    if total is None and price is not None:
        total = price.money("totalPrice")
    excl = order.money("amountNet")
    if excl is None and price is not None:
        excl = price.money("netPrice")
    if total is None and order.source.get("amountTotal") is None:
        order.missing("amountTotal")
    buyer, customer_number = read_buyer(order.entity("orderCustomer"), billing, ship_to)
    is_cancelled = progress.order_status == "cancelled"
    lines = with_pieces(positions.lines, progress)
    return Order(
        external_order_id=order_id,
        channel=CHANNEL,
        order_number=order.text("orderNumber", required=True),
        ordered_at=order.instant("orderDateTime", required=True),
        changed_at=_changed_at(order, deliveries or []),
        currency=currency.text("isoCode") if currency else None,
        ship_country=shipping_address.country_code if shipping_address else None,
        bill_country=bill_to.country_code if bill_to else None,
        buyer=buyer,
        shipping_address=shipping_address,
        billing_address=bill_to,
        lines=tuple(lines),
        shipping_cost_incl_vat=_read_shipping(order, deliveries, tax_status),
        order_discounts=positions.discounts,
        order_total_incl_vat=total,
        order_total_current_incl_vat=ZERO if is_cancelled else total,
        order_total_excl_vat=excl,
        refunded_total_incl_vat=progress.refunded,
        payment_status=progress.payment_status,
        order_status=progress.order_status,
        fulfilment_status=_fulfilment(progress, positions),
        counts_in_revenue=not is_cancelled,
        own_fulfilment=any(line.own_fulfilment for line in lines) or not lines,
        customer_number=customer_number,
        must_flag=tuple(dict.fromkeys([*positions.flags, *progress.flags])),
        problems=tuple(dict.fromkeys(order.problems)),
    )


def _read_tax_status(order: Reader) -> str | None:
    price = order.entity("price")
    status = order.text("taxStatus") or (price.text("taxStatus") if price else None)
    if status is None:
        order.missing("taxStatus")
    elif status not in TAX_STATUSES:
        order.wrong("taxStatus", "gross, net or tax-free", status)
        return None
    return status


def _fulfilment(progress: Progress, positions: Positions) -> str | None:
    """Return how far shipping is; an order of files alone is handed out by the shop."""
    if positions.lines and not any(line.own_fulfilment for line in positions.lines):
        return "cancelled" if progress.order_status == "cancelled" else "channel_fulfilled"
    return progress.fulfilment_status


def _read_shipping(
    order: Reader, deliveries: Sequence[Reader] | None, tax_status: str | None
) -> Decimal | None:
    """Return what shipping costs the customer, discounts on it taken off.

    A discount on shipping is a delivery of its own with negative costs; the order's own sum has both.
    """
    costs = order.entity("shippingCosts")
    if costs is not None and costs.source:
        return amounts_of(costs, costs.money("totalPrice", required=True), tax_status).incl_vat
    if deliveries is None:
        return None
    total = ZERO
    for delivery in deliveries:
        costs = delivery.entity("shippingCosts", required=True)
        if costs is None:
            return None
        amount = amounts_of(costs, costs.money("totalPrice", required=True), tax_status).incl_vat
        if amount is None:
            return None
        total += amount
    return total


def _shipping_address(order: Reader, deliveries: Sequence[Reader]) -> Reader | None:
    """Return the address of the goods: it lives on the delivery that has positions."""
    ranked = sorted(deliveries, key=lambda delivery: not delivery.source.get("positions"))
    for delivery in ranked:
        address = delivery.entity("shippingOrderAddress")
        if address is not None and address.source:
            return address
    for delivery in ranked:
        address = _by_id(order, "addresses", delivery.source.get("shippingOrderAddressId"))
        if address is not None:
            return address
    return None


def _by_id(order: Reader, name: str, wanted: object) -> Reader | None:
    """Return the entity of a list whose id is ``wanted``, or stands in the order's member of that name."""
    if wanted in order.source:
        wanted = order.source[wanted]
    for entity in order.entities(name) or []:
        if isinstance(wanted, str) and entity.source.get("id") == wanted:
            return entity
    return None


def _changed_at(order: Reader, deliveries: Sequence[Reader]) -> datetime | None:
    """Return the newest time of the order and all that belongs to it: a child's change need not touch its order."""
    parts = [
        order,
        *deliveries,
        *(order.entities("transactions") or []),
        *(order.entities("lineItems") or []),
    ]
    for name in ("orderCustomer", "billingAddress"):
        part = order.entity(name)
        if part is not None:
            parts.append(part)
    for delivery in deliveries:
        address = delivery.entity("shippingOrderAddress")
        if address is not None:
            parts.append(address)
    quiet = [Reader(part.source, part.where, []) for part in parts]
    return max((moment for part in quiet if (moment := newest(part)) is not None), default=None)
