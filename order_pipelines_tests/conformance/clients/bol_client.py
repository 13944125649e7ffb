"""The work of python-bol-api-latest at bol: log in, orders, offers, shipments, returns, process status."""

from typing import Any

from bol.retailer.api import RetailerAPI  # type: ignore[import-not-found]
from outside import control, given, pass_time, refusal, tell  # type: ignore[import-not-found]
from requests import HTTPError

_EXPORT = ("offerId", "ean", "stockAmount")


def main() -> None:
    """Do every method that the stand-in offers, and print what came of it."""
    row = given["row"]
    api = RetailerAPI(api_url=row["base_url"], login_url=row["base_url"], timeout=20)
    token = api.login(row["credentials"]["client_id"], row["credentials"]["client_secret"])
    got: dict[str, Any] = {"token": [token["token_type"], token["scope"], token["expires_in"]]}

    listed = api.orders.list(fulfilment_method="ALL", status="ALL", page=1)
    got["orders"] = [[one.orderId, [item.orderItemId for item in one.orderItems]] for one in listed]
    got["page after the last"] = len(api.orders.list(fulfilment_method="ALL", status="ALL", page=9))
    order = api.orders.get(given["order_id"])
    got["order"] = [
        order.orderId,
        order.shipmentDetails.countryCode,
        order.orderPlacedDateTime.tzinfo is not None,
        [
            [item.product.ean, item.quantity, str(item.unitPrice), str(item.totalPrice)]
            for item in order.orderItems
        ],
    ]
    first, second = order.orderItems[0].orderItemId, order.orderItems[1].orderItemId
    got["no such order"] = refusal(lambda: api.orders.get("NOTHING000"), HTTPError)

    shipped = api.orders.ship_order_item(first, "parcel 1", None, "TNT", "3SBOL1", 1)
    cancelled = api.orders.cancel_order_item(second, "OUT_OF_STOCK")
    got["accepted"] = [[one.eventType, one.entityId, one.status] for one in (shipped, cancelled)]
    got["wrong reason"] = refusal(lambda: api.orders.cancel_order_item(first, "NO_REASON"), HTTPError)
    pass_time(60)
    done = api.process_status.getById(shipped.processStatusId)
    got["done"] = [done.status, done.createTimestamp.tzinfo is not None]
    several = api.process_status.getByIds([shipped.processStatusId, cancelled.processStatusId])
    got["done together"] = sorted(one.status for one in several)
    got["done to the item"] = [one.eventType for one in api.process_status.get(first, "CREATE_SHIPMENT")]

    (parcel,) = api.shipments.list(order_id=order.orderId)
    # In 1.5.0 the client puts the transport's id where the resource's name belongs: no bol can take that.
    transport_id = parcel.transport.transportId
    got["transport"] = refusal(lambda: api.transports.update(transport_id, "DPD-NL", "05222"), HTTPError)
    whole = api.shipments.get(parcel.shipmentId)
    got["shipment"] = [whole.order["orderId"], whole.transport.transporterCode, whole.transport.trackAndTrace]

    offer_id = given["offer_id"]
    offer = api.offers.getSingleOffer(offer_id)
    got["offer"] = [offer.offerId, offer.ean, offer.stock.amount]
    written = api.offers.updateProductStock(offer_id, {"amount": 17, "managedByRetailer": True})
    asked = api.offers.requestExportFile()
    pass_time(60)
    got["stock"] = [api.process_status.getById(written.processStatusId).status]
    got["stock"].append(api.offers.getSingleOffer(offer_id).stock.amount)
    report_id = api.process_status.getById(asked.processStatusId).entityId
    lines = api.offers.getOffersFile(report_id).text.splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    got["export"] = [
        len(rows),
        [[one[name] for name in _EXPORT] for one in rows if one["offerId"] == offer_id],
    ]

    control("POST", f"/orders/bol_main/{order.orderId}/return", {"quantity": 1, "reason": "Verkeerd besteld"})
    (back,) = api.returns.get(handled="false")
    single = api.returns.getSingle(back.returnId)
    got["return"] = [
        [one.orderId, one.expectedQuantity, one.returnReason.mainReason] for one in single.returnItems
    ]

    # A token lives 299 s here; the client logs in again when it is told to.
    pass_time(600)
    got["expired"] = refusal(api.orders.list, HTTPError)
    api.login(row["credentials"]["client_id"], row["credentials"]["client_secret"])
    got["logged in again"] = api.orders.get(order.orderId).orderId
    tell(got)


main()
