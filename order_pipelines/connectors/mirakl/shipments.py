"""Shipments and cancellations out: parcel by parcel (ST01) where the operator has it, else the whole order (OR24).

Mirakl has no key against repeats. Every write looks first at what is there, so that a repeated one does nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.mirakl import states
from order_pipelines.connectors.mirakl.cancelling import cancel_line
from order_pipelines.connectors.mirakl.carriers import Words
from order_pipelines.connectors.mirakl.client import MiraklClient, Params, objects, part, sound_id
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH, read_order, read_state
from order_pipelines.connectors.mirakl.seeking import seek
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.ports import Account, House, ShipmentItem, WriteResult
from order_pipelines.errors import ConnectorError, PermanentConnectorError

SHIPMENTS_PATH = "/api/shipments"
MAX_REFERENCE = 90


class MiraklShipments:
    """ShipmentSink of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)
        self._words = Words(self._client)

    def ship(
        self,
        external_order_id: str,
        items: Sequence[ShipmentItem],
        *,
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        """Announce one parcel of one order.

        Raises:
            PermanentConnectorError: it cannot be sent as it is (nothing was), or the account is refused.
            TransientConnectorError: ``maybe_acted`` when it may have been taken nevertheless.
        """
        wrong = _what_is_wrong(items, reference)
        if wrong:
            raise PermanentConnectorError(
                f"a shipment of mirakl order {external_order_id} for {self._client.account} was not sent: {wrong}",
                system="mirakl",
                path=SHIPMENTS_PATH,
            )
        if self._client.options.multi_shipment:
            return self._ship_parcel(external_order_id, items, carrier, tracking, reference)
        return self._ship_whole(external_order_id, items, carrier, tracking)

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        """Cancel the open remainder of one line with its money; one without open pieces counts as confirmed.

        Raises:
            PermanentConnectorError: the account is refused, or the operator does not have the order.
            TransientConnectorError: ``maybe_acted`` when it may have been taken nevertheless.
        """
        return cancel_line(
            self._client, self._words, external_order_id, external_line_id, reason, self._parcels
        )

    def poll_write(self, reference: str) -> WriteResult:
        """Nothing is accepted for later here: whatever was sent was answered at once."""
        return WriteResult("in_doubt", reference, "Mirakl answers shipments at once; look at the order")

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        """Return the pieces that the operator holds as shipped, by line.

        Without parcels a line that left counts whole, cancelled pieces too: OR12 does not know them.

        Raises:
            PermanentConnectorError: the operator does not know the order, or the answer is no order.
            TransientConnectorError: not now.
        """
        order = read_state(self._client, external_order_id)
        if not self._client.options.multi_shipment:
            return {line_id: shipped for line_id, (_, shipped) in _pieces(order).items()}
        shipped = dict.fromkeys(_pieces(order), 0)
        for line_id, pieces in self._parcels(external_order_id).items():
            shipped[line_id] = shipped.get(line_id, 0) + pieces
        return shipped

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        """Tell whether a parcel with our reference left; without parcels, whether the order left as a whole.

        Raises:
            PermanentConnectorError: the answer is not what Mirakl documents.
            TransientConnectorError: not now.
        """
        if self._client.options.multi_shipment:
            found = self._find(external_order_id, reference)
            return found is not None and found.get("status") in states.PARCEL_LEFT
        return read_state(self._client, external_order_id).get("order_state") in states.LEFT

    # -------------------------------------------------------------------------------------- whole orders

    def _ship_whole(
        self, order_id: str, items: Sequence[ShipmentItem], carrier: str, tracking: str | None
    ) -> WriteResult:
        """OR23, then OR24. Without multi-shipment a part of an order cannot be announced: it would ship everything."""
        order = read_state(self._client, order_id)
        state = order.get("order_state")
        if state in states.LEFT:
            return WriteResult("confirmed")
        if state != states.SHIPPING:
            return WriteResult(
                "rejected", reason=f"the order is {state} at the operator; only SHIPPING ships"
            )
        ours: dict[str, int] = {}
        for item in items:
            ours[item.external_line_id] = ours.get(item.external_line_id, 0) + item.quantity
        left = _open(order)
        if ours != left:
            # OR12 knows nothing of cancelled pieces.
            left = _open(read_order(self._client, order_id))
        if ours != left:
            return WriteResult(
                "rejected",
                reason="this operator ships orders as a whole (no multi-shipment): the parcel has "
                f"{sum(ours.values())} of {sum(left.values())} open pieces; announce it when all have left, or "
                "cancel what will not leave",
            )
        path = f"{ORDERS_PATH}/{part(order_id)}"
        transport = self._words.carrier(carrier, tracking)
        if tracking:
            transport["tracking_number"] = tracking
        answer = self._client.try_write("PUT", f"{path}/tracking", transport, operation="OR23")
        if isinstance(answer, WriteResult):
            return self._unless_shipped(order_id, answer)
        answer = self._client.try_write("PUT", f"{path}/ship", None, operation="OR24")
        if isinstance(answer, WriteResult):
            return self._unless_shipped(order_id, answer)
        return self._client.heard(answer)

    def _unless_shipped(self, order_id: str, refused: WriteResult) -> WriteResult:
        """Return success when the order left meanwhile: a repeated OR24 is a bare 400."""
        is_shipped = read_state(self._client, order_id).get("order_state") in states.LEFT
        return WriteResult("confirmed") if is_shipped else refused

    # -------------------------------------------------------------------------------------- parcels

    def _ship_parcel(
        self,
        order_id: str,
        items: Sequence[ShipmentItem],
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        transport = self._words.carrier(carrier, tracking)
        if "carrier_url" in transport:
            transport["tracking_url"] = transport.pop("carrier_url")
        if tracking:
            transport["tracking_number"] = tracking
        found = self._find(order_id, reference)
        if found is not None:
            return self._finish(found, transport)
        lines = [
            {
                "order_line_id": item.external_line_id,
                "quantity": item.quantity,
                "package_reference": reference,
            }
            for item in items
        ]
        shipment = {"order_id": order_id, "shipment_lines": lines, "tracking": transport, "shipped": True}
        answer = self._client.try_write("POST", SHIPMENTS_PATH, {"shipments": [shipment]}, operation="ST01")
        if isinstance(answer, WriteResult):
            return answer
        return self._read_result(answer, SHIPMENTS_PATH)

    def _finish(self, found: Mapping[str, Any], transport: Mapping[str, str]) -> WriteResult:
        """Ship a parcel that is there and has not left (ST23, ST24)."""
        shipment_id = sound_id(found.get("id"))
        if found.get("status") in states.PARCEL_LEFT:
            return WriteResult("confirmed", shipment_id)
        if shipment_id is None or found.get("status") == "CANCELED":
            return WriteResult("rejected", shipment_id, "the operator holds this parcel as cancelled")
        for method, path, entry, operation in (
            ("POST", f"{SHIPMENTS_PATH}/tracking", {"id": shipment_id, "tracking": dict(transport)}, "ST23"),
            ("PUT", f"{SHIPMENTS_PATH}/ship", {"id": shipment_id}, "ST24"),
        ):
            answer = self._client.try_write(method, path, {"shipments": [entry]}, operation=operation)
            if isinstance(answer, WriteResult):
                return answer
            result = self._read_result(answer, path)
            if result.state != "confirmed":
                return result
        return WriteResult("confirmed", shipment_id)

    def _read_result(self, answer: Answer, path: str) -> WriteResult:
        """Read a batch answer of one entry: a 201 may contain nothing but errors, and a page to log in says nothing."""
        if not answer.body:
            return WriteResult("confirmed")
        try:
            content = self._client.read_object(answer, path)
        except ConnectorError as error:
            return WriteResult("in_doubt", reason=str(error))
        errors, success = objects(content.get("shipment_errors")), objects(content.get("shipment_success"))
        if errors:
            message = errors[0].get("message")
            reason = plain_words(message) if isinstance(message, str) else "the operator gave no reason"
            return WriteResult("rejected", reason=f"mirakl {path}: {reason}")
        if success:
            return WriteResult("confirmed", sound_id(success[0].get("id")))
        return WriteResult("in_doubt", reason="the answer names neither success nor error; look at the order")

    def _find(self, order_id: str, reference: str) -> Mapping[str, Any] | None:
        """Return the parcel with our reference."""
        for shipment in self._shipments(order_id):
            for line in objects(shipment.get("shipment_lines")):
                if line.get("package_reference") == reference:
                    return shipment
        return None

    def _parcels(self, order_id: str) -> dict[str, int]:
        """Return the pieces that left by line, over all parcels."""
        shipped: dict[str, int] = {}
        for shipment in self._shipments(order_id):
            if shipment.get("status") not in states.PARCEL_LEFT:
                continue
            for line in objects(shipment.get("shipment_lines")):
                line_id, quantity = sound_id(line.get("order_line_id")), line.get("quantity")
                if line_id is None or not isinstance(quantity, int) or isinstance(quantity, bool):
                    raise self._client.broken_contract(
                        SHIPMENTS_PATH, "a shipment line has no id or quantity"
                    )
                shipped[line_id] = shipped.get(line_id, 0) + quantity
        return shipped

    def _shipments(self, order_id: str) -> Iterator[Mapping[str, Any]]:
        params: Params = {"order_id": order_id}
        for shipment in seek(self._client, SHIPMENTS_PATH, params, operation="ST11"):
            # A server that ignored the filter must not lend us another order's parcel.
            if shipment.get("order_id") == order_id:
                yield shipment


def _what_is_wrong(items: Sequence[ShipmentItem], reference: str) -> str | None:
    if not items:
        return "no lines"
    if any(item.quantity < 1 for item in items):
        return "a line without pieces"
    if not 1 <= len(reference) <= MAX_REFERENCE:
        return f"a reference of {len(reference)} characters, 1 to {MAX_REFERENCE} are sent"
    return None


def _open(order: Mapping[str, Any]) -> dict[str, int]:
    return {line_id: pieces for line_id, (pieces, _) in _pieces(order).items() if pieces}


def _pieces(order: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return (open, shipped) pieces by line of an order as a whole; cancelled and refused pieces are neither."""
    found: dict[str, tuple[int, int]] = {}
    for line in objects(order.get("order_lines")):
        line_id, quantity = sound_id(line.get("order_line_id")), line.get("quantity")
        if line_id is None or not isinstance(quantity, int) or isinstance(quantity, bool):
            continue
        state = line.get("order_line_state")
        gone = [entry.get("quantity") for entry in objects(line.get("cancelations"))]
        left = quantity - sum(pieces for pieces in gone if isinstance(pieces, int))
        if state in states.NEVER or order.get("order_state") in states.NEVER:
            left = 0
        has_left = state in states.LEFT or bool(line.get("shipped_date"))
        found[line_id] = (0, max(0, left)) if has_left else (max(0, left), 0)
    return found
