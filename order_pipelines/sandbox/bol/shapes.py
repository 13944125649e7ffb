"""How bol writes things: the JSON shapes of retailer v10, shared v10 and offers v11."""

from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.bol.model import (
    Offer,
    Order,
    OrderItem,
    ProcessStatus,
    Return,
    Shipment,
    bol_time,
    utc_time,
)

Json = dict[str, Any]


def number(amount: Decimal) -> float:
    """Money leaves as a JSON number, as at bol."""
    return float(amount)


def order_row(order: Order, items: tuple[OrderItem, ...]) -> Json:
    """ReducedOrder: no price, address, name or offer id."""
    return {
        "orderId": order.order_id,
        "orderPlacedDateTime": bol_time(order.placed_at),
        "orderItems": [
            {
                "orderItemId": item.order_item_id,
                "ean": item.ean,
                "fulfilmentMethod": item.method,
                "fulfilmentStatus": "OPEN" if item.open_quantity > 0 else "HANDLED",
                "quantity": item.quantity,
                "quantityShipped": item.shipped,
                "quantityCancelled": item.cancelled,
                "cancellationRequest": item.cancellation_request,
                "latestChangedDateTime": bol_time(item.changed_at),
            }
            for item in items
        ],
    }


def order_detail(order: Order) -> Json:
    """Order."""
    detail: Json = {
        "orderId": order.order_id,
        "pickupPoint": order.pickup_point,
        "orderPlacedDateTime": bol_time(order.placed_at),
        "shipmentDetails": order.shipment_details,
    }
    if order.billing_details is not None:
        detail["billingDetails"] = order.billing_details
    detail["orderItems"] = [_order_item(item) for item in order.items]
    return detail


def _order_item(item: OrderItem) -> Json:
    fulfilment: Json = {"method": item.method, "distributionParty": item.distribution_party}
    if item.exact_delivery_date is not None:
        fulfilment["exactDeliveryDate"] = item.exact_delivery_date.isoformat()
    elif item.latest_delivery_date is not None:
        fulfilment["latestDeliveryDate"] = item.latest_delivery_date.isoformat()
    fulfilment["expiryDate"] = item.expiry_date.isoformat()
    fulfilment["timeFrameType"] = "REGULAR"
    shape: Json = {
        "orderItemId": item.order_item_id,
        "cancellationRequest": item.cancellation_request,
        "fulfilment": fulfilment,
    }
    if (offer := _offer_of_item(item)) is not None:
        shape["offer"] = offer
    shape.update(
        {
            "product": {"ean": item.ean, "title": item.title},
            "quantity": item.quantity,
            "quantityShipped": item.shipped,
            "quantityCancelled": item.cancelled,
            "unitPrice": number(item.unit_price),
            "totalPrice": number(item.total_price),
            "discounts": [{"title": title, "amount": number(amount)} for title, amount in item.discounts],
            "commission": number(item.commission),
        }
    )
    if item.services:
        shape["additionalServices"] = [{"serviceType": service} for service in item.services]
    shape["latestChangedDateTime"] = bol_time(item.changed_at)
    return shape


def _offer_of_item(item: OrderItem) -> Json | None:
    if item.offer_id is None:
        return None
    offer = {"offerId": item.offer_id}
    if item.reference is not None:
        offer["reference"] = item.reference
    return offer


def shipment_row(shipment: Shipment) -> Json:
    """ReducedShipment."""
    return {
        "shipmentId": shipment.shipment_id,
        "shipmentDateTime": bol_time(shipment.shipped_at),
        "shipmentReference": shipment.reference,
        "order": _order_of_shipment(shipment),
        "shipmentItems": [{"orderItemId": item.order_item_id, "ean": item.ean} for item, _ in shipment.parts],
        "transport": {"transportId": shipment.transport_id},
    }


def shipment_detail(shipment: Shipment) -> Json:
    """Shipment."""
    transport: Json = {"transportId": shipment.transport_id, "transporterCode": shipment.transporter_code}
    if shipment.track_and_trace is not None:
        transport["trackAndTrace"] = shipment.track_and_trace
    transport["transportEvents"] = [
        {"eventCode": code, "eventDateTime": bol_time(at)} for code, at in shipment.events
    ]
    detail: Json = {
        "shipmentId": shipment.shipment_id,
        "shipmentDateTime": bol_time(shipment.shipped_at),
        "shipmentReference": shipment.reference,
        "pickupPoint": shipment.order.pickup_point,
        "order": _order_of_shipment(shipment),
        "shipmentDetails": shipment.order.shipment_details,
    }
    if shipment.order.billing_details is not None:
        detail["billingDetails"] = shipment.order.billing_details
    detail["shipmentItems"] = [_shipment_item(item, pieces) for item, pieces in shipment.parts]
    detail["transport"] = transport
    return detail


def _order_of_shipment(shipment: Shipment) -> Json:
    return {"orderId": shipment.order.order_id, "orderPlacedDateTime": bol_time(shipment.order.placed_at)}


def _shipment_item(item: OrderItem, pieces: int) -> Json:
    fulfilment: Json = {"method": item.method, "distributionParty": item.distribution_party}
    if item.latest_delivery_date is not None:
        fulfilment["latestDeliveryDate"] = item.latest_delivery_date.isoformat()
    shape: Json = {"orderItemId": item.order_item_id, "fulfilment": fulfilment}
    if (offer := _offer_of_item(item)) is not None:
        shape["offer"] = offer
    shape.update(
        {
            "product": {"ean": item.ean, "title": item.title},
            "quantity": item.quantity,
            "quantityShipped": pieces,
            "unitPrice": number(item.unit_price),
            "commission": number(item.commission),
        }
    )
    return shape


def return_row(entry: Return, *, detailed: bool) -> Json:
    """ReducedReturn, or Return with title, carrier and customer."""
    item: Json = {
        "rmaId": entry.rma_id,
        "orderId": entry.order.order_id,
        "ean": entry.item.ean,
        "expectedQuantity": entry.quantity,
        "returnReason": {"mainReason": entry.main_reason, "customerComments": entry.comments},
        "handled": entry.handled_at is not None,
        "processingResults": _processing_results(entry),
    }
    if detailed:
        address = entry.order.shipment_details
        item["title"] = entry.item.title
        item["customerDetails"] = {
            member: address[member]
            for member in ("salutation", "firstName", "surname", "zipCode", "city", "countryCode", "email")
            if member in address
        }
    return {
        "returnId": entry.return_id,
        "registrationDateTime": bol_time(entry.registered_at),
        "fulfilmentMethod": entry.item.method,
        "returnItems": [item],
    }


def _processing_results(entry: Return) -> list[Json]:
    if entry.handled_at is None or entry.handling_result is None:
        return []
    return [
        {
            "quantity": entry.quantity,
            "processingResult": "ACCEPTED",
            "handlingResult": entry.handling_result,
            "processingDateTime": bol_time(entry.handled_at),
        }
    ]


def offer_v11(offer: Offer) -> Json:
    """OfferResponse of offers v11."""
    shape: Json = {
        "offerId": offer.offer_id,
        "ean": offer.ean,
        "lastModifiedDateTime": utc_time(offer.last_modified_at),
    }
    if offer.reference is not None:
        shape["reference"] = offer.reference
    shape["onHoldByRetailer"] = offer.on_hold
    if offer.economic_operator_id is not None:
        shape["economicOperatorId"] = offer.economic_operator_id
    if offer.unknown_product_title is not None:
        shape["unknownProductTitle"] = offer.unknown_product_title
    fulfilment: Json = {"method": offer.fulfilment_method}
    if offer.fulfilment_method == "FBR":
        fulfilment["schedule"] = offer.schedule
        if offer.delivery_promise is not None:
            minimum, maximum, ultimate = offer.delivery_promise
            fulfilment["deliveryPromise"] = {
                "minimumDaysToCustomer": minimum,
                "maximumDaysToCustomer": maximum,
            }
            if ultimate is not None:
                fulfilment["deliveryPromise"]["ultimateOrderTime"] = ultimate
    shape.update(
        {
            "stock": _stock(offer),
            "countryAvailabilities": [
                {"countryCode": country, "forSale": offer.is_for_sale(country)} for country in offer.countries
            ],
            "condition": {"category": "NEW"},
            "product": {"bolProductId": f"93{int(offer.offer_id[:12].replace('-', ''), 16) % 10**14:014d}"},
            "pricing": _pricing(offer),
            "fulfilment": fulfilment,
        }
    )
    return shape


def offer_v10(offer: Offer) -> Json:
    """RetailerOffer of retailer v10 (deprecated at bol)."""
    shape: Json = {"offerId": offer.offer_id, "ean": offer.ean}
    if offer.reference is not None:
        shape["reference"] = offer.reference
    fulfilment: Json = {"method": offer.fulfilment_method}
    if offer.fulfilment_method == "FBR":
        fulfilment["deliveryCode"] = (
            "24uurs-23" if offer.schedule == "BOL_DELIVERY_PROMISE" else "MijnLeverbelofte"
        )
    shape.update(
        {
            "onHoldByRetailer": offer.on_hold,
            "pricing": _pricing(offer),
            "stock": _stock(offer),
            "fulfilment": fulfilment,
            "store": {
                "productTitle": offer.title,
                "visible": [{"countryCode": code} for code in offer.countries if offer.is_for_sale(code)],
            },
            "condition": {"name": "NEW", "category": "NEW"},
            "notPublishableReasons": [
                {"code": reason["code"].split("-")[0], "description": reason["description"]}
                for reason in not_for_sale_reasons(offer)
            ],
        }
    )
    return shape


def not_for_sale_reasons(offer: Offer) -> list[Json]:
    """Why shoppers do not see an offer in a country where the merchant offers it; codes are the stand-in's own."""
    reasons = []
    if offer.corrected_stock <= 0:
        reasons.append(
            {"category": "STOCK", "code": "4100-1", "description": "There is no stock for this offer"}
        )
    if offer.on_hold:
        reasons.append(
            {"category": "ON_HOLD", "code": "4200-1", "description": "The offer is on hold by the retailer"}
        )
    return reasons


def _stock(offer: Offer) -> Json:
    return {
        "amount": offer.amount,
        "correctedStock": offer.corrected_stock,
        "managedByRetailer": offer.managed_by_retailer,
    }


def _pricing(offer: Offer) -> Json:
    return {
        "bundlePrices": [
            {"quantity": step, "unitPrice": number(price)} for step, price in offer.bundle_prices
        ]
    }


def process_status(status: ProcessStatus, base_url: str) -> Json:
    """ProcessStatus; ``entityId`` and ``errorMessage`` are absent where there is none; nanoseconds in the time."""
    shape: Json = {"processStatusId": status.process_status_id}
    if status.entity_id is not None:
        shape["entityId"] = status.entity_id
    shape.update({"eventType": status.event_type, "description": status.description, "status": status.status})
    if status.error_message is not None:
        shape["errorMessage"] = status.error_message
    moment = bol_time(status.created_at)
    shape["createTimestamp"] = f"{moment[:19]}.{status.created_at.microsecond:06d}431{moment[19:]}"
    shape["links"] = [
        {
            "rel": "self",
            "href": f"{base_url}/shared/process-status/{status.process_status_id}",
            "method": "GET",
        }
    ]
    return shape
