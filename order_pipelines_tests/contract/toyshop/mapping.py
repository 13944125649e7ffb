"""A Toyshop order to canonical orders: one order, or a page of them. Pure, and never raises for bad content."""

from decimal import Decimal
from typing import Any

from order_pipelines.connectors.bodies import LARGEST_AMOUNT, Reader, exact, interpret_each, parse
from order_pipelines.domain.orders import Address, Buyer, Interpretation, Order, OrderLine, Problem, Reject
from order_pipelines.money import ZERO, round_to_cents

_STATES = {
    "waiting": "waiting_acceptance",
    "open": "open",
    "shipped": "completed",
    "cancelled": "cancelled",
}
_PAYMENTS = {"unpaid": "unpaid", "paid": "paid"}


def interpret(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    """Return the orders of one payload."""
    del kind, name
    payload = parse(body)
    if isinstance(payload, Problem):
        return Interpretation(rejects=[Reject(payload)], rows_read=1)
    if isinstance(payload, dict) and isinstance(payload.get("orders"), list):
        return interpret_each(payload["orders"], "orders", _read)
    result = Interpretation(rows_read=1)
    _read(payload, "", result)
    return result


def _read(payload: Any, where: str, result: Interpretation) -> None:
    if not isinstance(payload, dict):
        result.rejects.append(Reject(Problem("wrong_type", "an order must be an object", where or None)))
        return
    order = Reader(payload, f"{where}." if where else "", [])
    order_id = order.identifier("id", required=True)
    if order_id is None:
        result.rejects.append(Reject(order.problems[0]))
        return
    lines = tuple(
        _line(line) for line in order.objects_of("lines", order.items("lines", required=True) or [])
    )
    if not lines:
        order.report("missing_field", "lines", "is empty")
    customer = order.object("customer")
    status = _word(order, "state", _STATES)
    total = _money(order, "total", required=True)
    country = customer.text("country") if customer else None
    result.orders.append(
        Order(
            external_order_id=order_id,
            channel="toyshop",
            order_number=order.text("number"),
            ordered_at=order.instant("placed_at", required=True),
            changed_at=order.instant("changed_at", required=True),
            currency=order.text("currency", required=True),
            ship_country=country,
            buyer=Buyer(customer.personal("name"), customer.personal("email")) if customer else None,
            shipping_address=Address(name=customer.personal("name"), country_code=country)
            if customer
            else None,
            lines=lines,
            shipping_cost_incl_vat=_money(order, "shipping"),
            order_total_incl_vat=total,
            order_total_current_incl_vat=None if status is None else ZERO if status == "cancelled" else total,
            payment_status=_word(order, "payment", _PAYMENTS),
            order_status=status,
            fulfilment_status=_fulfilment(lines, status),
            counts_in_revenue=status != "cancelled",
            problems=tuple(order.problems),
        )
    )


def _line(line: Reader) -> OrderLine:
    line_id = line.identifier("id", required=True) or line.where
    line.line_id = line_id
    rate = line.source.get("vat_rate")
    return OrderLine(
        external_line_id=line_id,
        sku=line.text("sku"),
        ean=line.text("ean"),
        title=line.text("title"),
        quantity=line.pieces("pieces", at_least=1, required=True),
        quantity_cancelled=line.pieces("cancelled"),
        quantity_shipped=line.pieces("shipped"),
        unit_price_incl_vat=_money(line, "price", required=True),
        line_total_incl_vat=_money(line, "total", required=True),
        vat_rate=exact(rate) if isinstance(rate, int | float) and not isinstance(rate, bool) else None,
    )


def _word(order: Reader, name: str, known: dict[str, str]) -> str | None:
    word = order.text(name, required=True)
    if word is not None and word not in known:
        order.report("unknown_state", name, f"is a word that nobody knows: {word}", word)
    return known.get(word or "")


def _money(reader: Reader, name: str, *, required: bool = False) -> Decimal | None:
    value = reader.source.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_AMOUNT:
        return round_to_cents(exact(value))
    if value is not None:
        reader.wrong(name, "an amount", value)
    elif required:
        reader.missing(name)
    return None


def _fulfilment(lines: tuple[OrderLine, ...], status: str | None) -> str | None:
    pieces = [(line.quantity, line.quantity_shipped, line.quantity_cancelled) for line in lines]
    if not pieces or status is None or any(None in each for each in pieces):
        return None
    if status == "cancelled":
        return "cancelled"
    if not any(shipped for _, shipped, _ in pieces):
        return "not_shipped"
    is_open = any((ordered or 0) > (shipped or 0) + (gone or 0) for ordered, shipped, gone in pieces)
    return "partially_shipped" if is_open else "shipped"
