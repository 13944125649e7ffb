"""Parcels and cancellations out: tracking codes and states of the delivery that carries the goods.

Shopware's core stores no quantities of a parcel and no reference of ours. Both are kept in the delivery's
``customFields``, written in the same call as the tracking codes, so that a parcel in doubt can be looked for and the
last one be told from an earlier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from order_pipelines.connectors.ports import Account, House, ShipmentItem, WriteResult
from order_pipelines.connectors.shopware.client import Criteria, ShopwareClient, is_id, search_path
from order_pipelines.connectors.shopware.lines import is_parcel_goods
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.connectors.shopware.states import goods_deliveries, newest_transaction, technical_name
from order_pipelines.connectors.shopware.transitions import heard, move
from order_pipelines.errors import PermanentConnectorError

PARCELS = "order_pipelines_parcels"
WISHES = "order_pipelines_cancel"
MAX_REFERENCE = 90
_ASSOCIATIONS: Criteria = {
    "stateMachineState": {},
    "deliveries": {"associations": {"stateMachineState": {}, "positions": {}}},
    "transactions": {"associations": {"stateMachineState": {}}},
    "lineItems": {},
}
_GONE = frozenset({"shipped", "returned", "returned_partially"})
_RETURNED = frozenset({"returned", "returned_partially"})
_MAY_BE_CANCELLED = frozenset({"open", "in_progress", "reminded", "failed", "unconfirmed"})
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A delivery of goods: pieces it carries by line, and those that our parcels took, by reference."""

    delivery_id: str
    state: str | None
    codes: tuple[str, ...]
    pieces: Mapping[str, int]
    parcels: Mapping[str, Mapping[str, int]]
    fields: Mapping[str, Any]

    def sent(self) -> dict[str, int]:
        """Return the pieces of our parcels by line."""
        total: dict[str, int] = {}
        for lines in self.parcels.values():
            for line_id, quantity in lines.items():
                total[line_id] = total.get(line_id, 0) + quantity
        return total

    def is_complete(self) -> bool:
        """Tell whether our parcels took all pieces."""
        sent = self.sent()
        return all(sent.get(line_id, 0) >= quantity for line_id, quantity in self.pieces.items())


class ShopwareShipments:
    """ShipmentSink of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = ShopwareClient(account, house)

    def ship(
        self,
        external_order_id: str,
        items: Sequence[ShipmentItem],
        *,
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        """Announce one parcel: its tracking code is added, then the delivery moves to shipped, or to shipped in part.

        May be repeated: a parcel is known by ``reference``, and a state that is reached is no error.

        Raises:
            PermanentConnectorError: the parcel cannot be announced as it is (nothing was sent), the shop does not have
                the order, or refuses the account.
            TransientConnectorError: ``maybe_acted`` when something of it may have been written.
        """
        order = self._read(external_order_id)
        wanted = {item.external_line_id: item.quantity for item in items}
        wrong = _what_is_wrong(items, reference)
        delivery = _carrying(_deliveries(order), wanted)
        if wrong is None and delivery is None:
            wrong = "no delivery of the order carries all its lines"
        if wrong is not None or delivery is None:
            raise PermanentConnectorError(
                f"a parcel of shopware order {external_order_id} for {self._client.account} was not sent: {wrong}",
                system="shopware",
                path="/api/order-delivery",
            )
        if delivery.state in _RETURNED:
            return WriteResult("confirmed", reason=f"the delivery is past shipping: {delivery.state}")
        if delivery.state == "cancelled":
            return WriteResult("rejected", reason="the delivery is cancelled at the shop; nothing was sent")
        with_it = _Delivery(
            delivery.delivery_id,
            delivery.state,
            _with_code(delivery.codes, self._code(carrier, tracking)),
            delivery.pieces,
            {**delivery.parcels, reference: wanted},
            delivery.fields,
        )
        if with_it.codes != delivery.codes or reference not in delivery.parcels:
            refused = self._write_parcels(with_it)
            if refused is not None:
                return refused
        if delivery.state != "shipped":
            transition = "ship" if with_it.is_complete() else "ship_partially"
            moved = self._move("order_delivery", delivery.delivery_id, transition)
            if moved.state != "confirmed" or transition == "ship_partially":
                return moved
        return self._complete(order, delivery.delivery_id)

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        """Cancel one line: Shopware cancels orders, so it waits until all lines of goods of its order are to be.

        The wish is kept in the order's ``customFields``. ``accepted`` says that others are still missing.

        Raises:
            PermanentConnectorError: the shop does not have the order, or refuses the account.
            TransientConnectorError: ``maybe_acted`` when it may be cancelled nevertheless; repeating is safe.
        """
        del reason
        order = self._read(external_order_id)
        if technical_name(order) == "cancelled":
            return WriteResult("confirmed")
        if all(item.source.get("id") != external_line_id for item in order.entities("lineItems") or []):
            return WriteResult("rejected", reason=f"the order has no line {external_line_id} at the shop")
        wished = {*_wishes(order), external_line_id}
        if wished.issuperset(_goods(order)):
            return self.cancel_order(external_order_id)
        result = self._write_wishes(order, wished)
        reference = f"{external_order_id}:{external_line_id}"
        return WriteResult("accepted", reference) if result.state == "confirmed" else result

    def cancel_order(self, external_order_id: str) -> WriteResult:
        """Cancel what of an order's deliveries is open, a payment that was not made, and the order. Money is not moved.

        The order comes last: one that is cancelled is done, and whatever was lost on the way is made good before.

        Raises:
            PermanentConnectorError: the shop does not have the order, or refuses the account.
            TransientConnectorError: ``maybe_acted`` when it may be cancelled nevertheless; repeating is safe.
        """
        order = self._read(external_order_id)
        if technical_name(order) not in ("open", "in_progress"):
            # Its parts are left alone until the shop has let the order be cancelled.
            result = self._move("order", external_order_id, "cancel")
            if result.state != "confirmed":
                return result
        for delivery in _deliveries(order):
            if delivery.state == "open":
                self._move("order_delivery", delivery.delivery_id, "cancel")
        payment = newest_transaction(order, order.entities("transactions") or [])
        if payment is not None and technical_name(payment) in _MAY_BE_CANCELLED:
            self._move("order_transaction", str(payment.source.get("id")), "cancel")
        return self._move("order", external_order_id, "cancel")

    def refund_payment(self, external_order_id: str, *, in_part: bool = False) -> WriteResult:
        """Mark the newest payment as refunded. Only a state: the payment provider moves the money.

        Raises:
            PermanentConnectorError: the shop does not have the order, or refuses the account.
            TransientConnectorError: ``maybe_acted`` when it may be marked nevertheless.
        """
        order = self._read(external_order_id)
        payment = newest_transaction(order, order.entities("transactions") or [])
        if payment is None:
            return WriteResult("rejected", reason="the order has no payment; nothing was sent")
        transition = "refund_partially" if in_part else "refund"
        return self._move("order_transaction", str(payment.source.get("id")), transition)

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        """Return the pieces that left, by line: all of a shipped delivery, those of our parcels where it is in part.

        Raises:
            PermanentConnectorError: the shop does not have the order, or the answer is none.
            TransientConnectorError: not now.
        """
        shipped: dict[str, int] = {}
        for delivery in _deliveries(self._read(external_order_id)):
            sent = delivery.sent() if delivery.state == "shipped_partially" else {}
            for line_id, quantity in delivery.pieces.items():
                pieces = quantity if delivery.state in _GONE else min(quantity, sent.get(line_id, 0))
                shipped[line_id] = shipped.get(line_id, 0) + pieces
        return shipped

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        """Tell whether a parcel is announced in full: our reference is there, and states moved as far as they should.

        Raises:
            PermanentConnectorError: the shop does not have the order, or the answer is none.
            TransientConnectorError: not now.
        """
        order = self._read(external_order_id)
        for delivery in _deliveries(order):
            if reference in delivery.parcels:
                if delivery.is_complete() and delivery.state not in _GONE:
                    return False
                if self._options.complete_when_shipped and delivery.is_complete():
                    return technical_name(order) not in ("open", "in_progress")
                return delivery.state in {*_GONE, "shipped_partially"}
        return False

    def poll_write(self, reference: str) -> WriteResult:
        """Tell what became of the cancellation of a line: all others were asked for by now, or it is refused.

        Raises:
            PermanentConnectorError: the shop does not have the order, or refuses the account.
            TransientConnectorError: not now.
        """
        order_id, _, line_id = reference.partition(":")
        order = self._read(order_id)
        if technical_name(order) == "cancelled":
            return WriteResult("confirmed", reference)
        self._write_wishes(order, _wishes(order) - {line_id})
        return WriteResult(
            "rejected",
            reference,
            "Shopware cancels whole orders; lower the quantity of this line in the shop's administration",
        )

    def _write_wishes(self, order: Reader, wished: set[str]) -> WriteResult:
        fields = order.source.get("customFields")
        kept = fields if isinstance(fields, dict) else {}
        payload = {"customFields": {**kept, WISHES: sorted(wished)}}
        answer = self._client.try_write("PATCH", f"/api/order/{order.source.get('id')}", payload)
        return answer if isinstance(answer, WriteResult) else heard(answer)

    def _code(self, carrier: str, tracking: str | None) -> str | None:
        if not tracking or self._options.tracking == "none":
            return None
        return f"{carrier} {tracking}" if self._options.tracking == "carrier_and_code" else tracking

    def _write_parcels(self, delivery: _Delivery) -> WriteResult | None:
        """Write tracking codes and parcels; the shop replaces both, so all of them are sent."""
        parcels = [
            {"reference": reference, "lines": dict(lines)} for reference, lines in delivery.parcels.items()
        ]
        payload: dict[str, Any] = {
            "trackingCodes": list(delivery.codes),
            "customFields": {**delivery.fields, PARCELS: parcels},
        }
        answer = self._client.try_write("PATCH", f"/api/order-delivery/{delivery.delivery_id}", payload)
        result = answer if isinstance(answer, WriteResult) else heard(answer)
        return None if result.state == "confirmed" else result

    def _complete(self, order: Reader, shipped: str) -> WriteResult:
        """Complete the order where the merchant wants it and nothing of it is left; the parcel stands in any case."""
        others = [each for each in _deliveries(order) if each.delivery_id != shipped]
        state = technical_name(order)
        is_left = any(each.state not in {*_GONE, "cancelled"} for each in others)
        if not self._options.complete_when_shipped or is_left or state not in ("open", "in_progress"):
            return WriteResult("confirmed")
        order_id = str(order.source.get("id"))
        # Shopware has no way from open to completed.
        for transition in ("process", "complete") if state == "open" else ("complete",):
            result = self._move("order", order_id, transition)
            if result.state != "confirmed":
                return WriteResult("confirmed", reason=f"shipped, but not completed: {result.reason}")
        return WriteResult("confirmed")

    def _move(self, entity: str, entity_id: str, transition: str) -> WriteResult:
        return move(self._client, entity, entity_id, transition, send_mail=self._options.send_mail)

    def _read(self, order_id: str) -> Reader:
        criteria = {"associations": _ASSOCIATIONS}
        rows = self._client.by_ids("order", [order_id], criteria) if is_id(order_id) else []
        if not rows or not isinstance(rows[0], dict):
            raise self._not_found("order", order_id)
        order = Reader(rows[0], "", [])
        # What is not there decides whether a parcel is sent again: it must not come from a misread answer.
        if order.entities("deliveries") is None or order.entities("lineItems") is None:
            raise self._client.broken_contract(
                "POST", search_path("order"), "an order came without deliveries or lineItems"
            )
        return order

    def _not_found(self, entity: str, entity_id: str) -> PermanentConnectorError:
        path = search_path(entity)
        return PermanentConnectorError(
            f"shopware POST {path} for {self._client.account}: the shop has no {entity} {entity_id[:40]}",
            system="shopware",
            method="POST",
            path=path,
            status=_NOT_FOUND,
        )


def _wishes(order: Reader) -> set[str]:
    """Return the lines whose cancellation waits for that of the others."""
    fields = order.source.get("customFields")
    wished = fields.get(WISHES) if isinstance(fields, dict) else None
    return {line for line in wished if isinstance(line, str)} if isinstance(wished, list) else set()


def _goods(order: Reader) -> dict[str, int]:
    """Return the pieces of all lines that are sent in parcels, by line."""
    items = order.entities("lineItems") or []
    parents = {item.source.get("parentId") for item in items}
    return {
        str(item.source["id"]): item.source["quantity"]
        for item in items
        if isinstance(item.source.get("id"), str)
        and type(item.source.get("quantity")) is int
        and item.source["id"] not in parents
        and is_parcel_goods(item)
    }


def _deliveries(order: Reader) -> list[_Delivery]:
    """Return the deliveries of goods. Lines that none of them names, nor their bundle, leave with the first."""
    goods = _goods(order)
    parents = {
        str(item.source.get("id")): str(item.source.get("parentId"))
        for item in order.entities("lineItems") or []
    }
    rows = goods_deliveries(order, order.entities("deliveries") or [])
    carried_by: dict[str, int] = dict.fromkeys(goods, 0)
    for index, delivery in enumerate(rows):
        positions = delivery.entities("positions") or []
        named = {str(position.source.get("orderLineItemId")) for position in positions}
        carried_by.update({line: index for line in goods if line in named or parents[line] in named})
    found = []
    for index, delivery in enumerate(rows):
        codes, fields = delivery.source.get("trackingCodes"), delivery.source.get("customFields")
        found.append(
            _Delivery(
                str(delivery.source.get("id")),
                technical_name(delivery),
                tuple(code for code in codes if isinstance(code, str)) if isinstance(codes, list) else (),
                {line: goods[line] for line in goods if carried_by[line] == index},
                _read_parcels(fields),
                fields if isinstance(fields, dict) else {},
            )
        )
    return found


def _read_parcels(fields: object) -> dict[str, dict[str, int]]:
    parcels = fields.get(PARCELS) if isinstance(fields, dict) else None
    found: dict[str, dict[str, int]] = {}
    for parcel in parcels if isinstance(parcels, list) else []:
        if not isinstance(parcel, dict) or not isinstance(parcel.get("reference"), str):
            continue
        lines = parcel.get("lines")
        found[parcel["reference"]] = {
            line_id: quantity
            for line_id, quantity in (lines.items() if isinstance(lines, dict) else ())
            if type(quantity) is int
        }
    return found


def _carrying(deliveries: Sequence[_Delivery], wanted: Mapping[str, int]) -> _Delivery | None:
    fitting = [each for each in deliveries if wanted.keys() <= each.pieces.keys()]
    return fitting[0] if fitting else None


def _with_code(codes: tuple[str, ...], code: str | None) -> tuple[str, ...]:
    return codes if code is None or code in codes else (*codes, code)


def _what_is_wrong(items: Sequence[ShipmentItem], reference: str) -> str | None:
    if not items:
        return "0 lines"
    if any(item.quantity < 1 for item in items):
        return "a line without pieces"
    if not 1 <= len(reference) <= MAX_REFERENCE:
        return f"a reference of {len(reference)} characters, 1 to {MAX_REFERENCE} are taken"
    return None
