"""Shipments and cancellations out. All of them are accepted first; the process status says what came of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from order_pipelines.connectors.bol.client import BolClient, part
from order_pipelines.connectors.bol.orders import ORDERS_PATH
from order_pipelines.connectors.bol.processes import poll_write, read_accepted
from order_pipelines.connectors.bol.transporters import cancel_reason, transporter_code
from order_pipelines.connectors.ports import Account, House, ShipmentItem, WriteResult
from order_pipelines.errors import PermanentConnectorError

SHIPMENTS_PATH = "/retailer/shipments"
MAX_ITEMS = 100
MAX_REFERENCE = 90
# Fifty parcels a page; an order has few.
MAX_PAGES = 20


class BolShipments:
    """ShipmentSink of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = BolClient(account, house)

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

        The quantity is always sent: without it bol ships everything that is open. bol has no key against repeats;
        look with :meth:`has_shipment` before repeating one in doubt.

        Raises:
            PermanentConnectorError: bol would not take it as it is (nothing was sent), or refuses the account.
            TransientConnectorError: ``maybe_acted`` when it may have been accepted nevertheless.
        """
        wrong = _what_is_wrong(items, reference)
        if wrong:
            raise PermanentConnectorError(
                f"a shipment of bol order {external_order_id} for {self._client.account} was not sent: {wrong}",
                system="bol",
                path=SHIPMENTS_PATH,
            )
        transport = {"transporterCode": transporter_code(carrier)}
        if tracking:
            transport["trackAndTrace"] = tracking
        payload = {
            "orderItems": [
                {"orderItemId": item.external_line_id, "quantity": item.quantity} for item in items
            ],
            "shipmentReference": reference,
            "transport": transport,
        }
        answer = self._client.try_write("POST", SHIPMENTS_PATH, payload, group="POST /shipments")
        return answer if isinstance(answer, WriteResult) else read_accepted(answer)

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        """Cancel the open remainder of one line; bol takes no quantity and no order, and one line a call.

        ``reason`` is one of bol's codes in any spelling (``REQUESTED_BY_CUSTOMER`` confirms a customer's wish); other
        words become ``OTHER``.

        Raises:
            PermanentConnectorError: bol refuses the account.
            TransientConnectorError: ``maybe_acted`` when it may have been accepted nevertheless.
        """
        del external_order_id
        item = {"orderItemId": external_line_id, "reasonCode": cancel_reason(reason)}
        answer = self._client.try_write(
            "PUT",
            f"{ORDERS_PATH}/cancellation",
            {"orderItems": [item]},
            group="PUT /orders/cancellation",
        )
        return answer if isinstance(answer, WriteResult) else read_accepted(answer)

    def poll_write(self, reference: str) -> WriteResult:
        """Ask what became of an accepted write."""
        return poll_write(self._client, reference)

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        """Return the pieces that bol holds as shipped, by line.

        Raises:
            PermanentConnectorError: bol does not know the order, or the answer is no order.
            TransientConnectorError: not now.
        """
        path = f"{ORDERS_PATH}/{part(external_order_id)}"
        order = self._client.read_object(self._client.get(path, group="GET /orders/*"), path)
        shipped: dict[str, int] = {}
        for item in _objects(order.get("orderItems")):
            line_id, quantity = _identifier(item.get("orderItemId")), item.get("quantityShipped")
            if line_id is None or not isinstance(quantity, int) or isinstance(quantity, bool):
                shipped.clear()
                break
            shipped[line_id] = quantity
        if not shipped:
            raise self._client.broken_contract(path, "no orderItems with orderItemId and quantityShipped")
        return shipped

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        """Tell whether a parcel of the order carries our reference; a list entry without one is looked up.

        Raises:
            PermanentConnectorError: the answer is not what bol documents.
            TransientConnectorError: not now.
        """
        for entry in self._shipments(external_order_id):
            found = entry.get("shipmentReference")
            if found is None:
                shipment_id = _identifier(entry.get("shipmentId"))
                if shipment_id is None:
                    raise self._client.broken_contract(SHIPMENTS_PATH, "a shipment has no shipmentId")
                path = f"{SHIPMENTS_PATH}/{part(shipment_id)}"
                answer = self._client.get(path, group="GET /shipments/*")
                found = self._client.read_object(answer, path).get("shipmentReference")
            if found == reference:
                return True
        return False

    def _shipments(self, external_order_id: str) -> Iterator[dict[str, Any]]:
        for number in range(1, MAX_PAGES + 1):
            # order-id works only without fulfilment-method (v10 spec, 2026-04).
            params: dict[str, str | int] = {"order-id": external_order_id, "page": number}
            answer = self._client.get_page(SHIPMENTS_PATH, group="GET /shipments", params=params)
            page = self._client.read_object(answer, SHIPMENTS_PATH)
            entries = page.get("shipments")
            if not entries and page.keys() <= {"shipments"}:
                return
            # "No shipment" decides whether one in doubt is sent again: it must not come from a misread answer.
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise self._client.broken_contract(
                    SHIPMENTS_PATH, "a page must be an object with a list 'shipments'"
                )
            yield from entries
        raise self._client.broken_contract(
            SHIPMENTS_PATH, f"more than {MAX_PAGES} pages of one order; the list does not end"
        )


def _what_is_wrong(items: Sequence[ShipmentItem], reference: str) -> str | None:
    if not 1 <= len(items) <= MAX_ITEMS:
        return f"{len(items)} lines, bol takes 1 to {MAX_ITEMS}"
    if any(item.quantity < 1 for item in items):
        return "a line without pieces"
    if not 1 <= len(reference) <= MAX_REFERENCE:
        return f"a reference of {len(reference)} characters, bol takes 1 to {MAX_REFERENCE}"
    return None


def _objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _identifier(value: object) -> str | None:
    """Return an id; recordings of older versions have numbers where v10 sends text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None
