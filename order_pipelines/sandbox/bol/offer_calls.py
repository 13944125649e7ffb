"""Offers: the synchronous calls of v11 and the asynchronous, deprecated ones of v10."""

import base64
import binascii
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from order_pipelines.sandbox.bol import shapes
from order_pipelines.sandbox.bol.checks import BodyReader
from order_pipelines.sandbox.bol.desk import Context, write_offer_export
from order_pipelines.sandbox.bol.http import V10_CSV, V11_JSON, Answer, invalid, not_found
from order_pipelines.sandbox.bol.model import Offer
from order_pipelines.sandbox.bol.shop import Refusal

_SMALLEST_TOLD_PAGE = 25
_DEFAULT_PAGE = 50
_V10_HIGHEST_AMOUNT = 999
_INT32 = 2**31 - 1
_PATCH_MEMBERS = (
    "unknownProductTitle", "economicOperatorId", "onHoldByRetailer", "reference", "countryAvailabilities", "pricing",
    "fulfilment", "stock",
)  # fmt: skip
_SCHEDULES = ("BOL_DELIVERY_PROMISE", "MY_DELIVERY_PROMISE", "SHIPPING_VIA_BOL")


def list_offers(context: Context) -> Answer:
    """GET /retailer/offers (v11): filters and an opaque cursor; no ``nextCursor`` on the last page."""
    found = [offer for offer in context.shop.offers.values() if _offer_filter(context)(offer)]
    size = context.whole_number("page-size", _DEFAULT_PAGE, lowest=1, highest=100) or _DEFAULT_PAGE
    after = _read_cursor(context.call.query.get("cursor"))
    found = sorted((offer for offer in found if offer.offer_id > after), key=lambda offer: offer.offer_id)
    # The schema of the answer wants 25..100 or null here, though the parameter may be smaller (offers v11 spec).
    page: dict[str, int | str | None] = {"pageSize": size if size >= _SMALLEST_TOLD_PAGE else None}
    if len(found) > size:
        page["nextCursor"] = base64.urlsafe_b64encode(orjson.dumps({"a": found[size - 1].offer_id})).decode()
    return context.json({"offers": [shapes.offer_v11(offer) for offer in found[:size]], "page": page})


def _offer_filter(context: Context) -> Callable[[Offer], bool]:
    lists = context.call.query_lists
    ids = _words(lists.get("offer-ids"))
    eans = _words(lists.get("eans"))
    reference = context.call.query.get("reference")
    for_sale = context.flag("for-sale")
    since = _instant(context.call.query.get("last-modified-date-time"))

    def fits(offer: Offer) -> bool:
        return (
            (ids is None or offer.offer_id in ids)
            and (eans is None or offer.ean in eans)
            and (reference is None or offer.reference == reference)
            and (
                for_sale is None or any(offer.is_for_sale(country) for country in offer.countries) == for_sale
            )
            and (since is None or offer.last_modified_at >= since)
        )

    return fits


def _words(values: list[str] | None) -> set[str] | None:
    """Read an array of the query, repeated (``a=1&a=2``) or joined by commas."""
    return None if values is None else {word for value in values for word in value.split(",")}


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("last-modified-date-time", f"'{text}' is not an ISO 8601 instant.") from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _read_cursor(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        return str(orjson.loads(base64.urlsafe_b64decode(cursor))["a"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise invalid("cursor", "The cursor is not one of ours.") from error


def _offer(context: Context) -> Offer:
    offer_id = context.call.arguments[0]
    offer = context.shop.offers.get(offer_id)
    if offer is None:
        raise not_found(f"Offer with id {offer_id} not found.")
    return offer


def get_offer(context: Context) -> Answer:
    """GET /retailer/offers/{offer-id} in the version that was asked for."""
    offer = _offer(context)
    return context.json(
        shapes.offer_v11(offer) if context.call.media_type == V11_JSON else shapes.offer_v10(offer)
    )


def get_not_for_sale_reasons(context: Context) -> Answer:
    """GET /retailer/offers/{offer-id}/not-for-sale-reasons: one entry a country that has reasons."""
    offer = _offer(context)
    reasons = shapes.not_for_sale_reasons(offer)
    countries = (
        [{"countryCode": country, "reasons": reasons} for country in offer.countries] if reasons else []
    )
    return context.json({"offerId": offer.offer_id, "countries": countries})


def patch_offer(context: Context) -> Answer:
    """PATCH /retailer/offers/{offer-id} (v11): 204, and only the sent members change, at once."""
    offer = _offer(context)
    body = BodyReader(context.call.json(), _PATCH_MEMBERS)
    deeds: list[Callable[[], None]] = []
    _plan_texts(body, offer, deeds)
    for member, plan in (
        ("stock", _plan_stock),
        ("pricing", _plan_pricing),
        ("fulfilment", _plan_fulfilment),
    ):
        if body.has(member):
            plan(body, offer, context.now, deeds)
    countries = [
        BodyReader(raw, ("countryCode",), "countryAvailabilities[].")
        for raw in body.items("countryAvailabilities")
    ]
    codes = tuple(str(reader.word("countryCode", ("NL", "BE"))) for reader in countries)
    for reader in countries:
        body.violations += reader.violations
    if codes:
        deeds.append(lambda: setattr(offer, "countries", codes))
    body.finish()
    if not context.is_silently_rejected() and deeds:
        for deed in deeds:
            deed()
        offer.last_modified_at = context.now
    return Answer(204)


def _plan_texts(body: BodyReader, offer: Offer, deeds: list[Callable[[], None]]) -> None:
    reference = body.text("reference", longest=100)
    title = body.text("unknownProductTitle", longest=500)
    operator = body.text("economicOperatorId")
    on_hold = body.boolean("onHoldByRetailer")
    for attribute, value in (
        ("reference", reference),
        ("unknown_product_title", title),
        ("economic_operator_id", operator),
        ("on_hold", on_hold),
    ):
        if value is not None:
            deeds.append(lambda attribute=attribute, value=value: setattr(offer, attribute, value))  # type: ignore[misc]


def _plan_stock(body: BodyReader, offer: Offer, now: datetime, deeds: list[Callable[[], None]]) -> None:
    stock = BodyReader(body.body["stock"], ("amount", "managedByRetailer"), "stock.")
    amount = stock.whole("amount", lowest=0, highest=_INT32)
    managed = stock.boolean("managedByRetailer")
    if offer.fulfilment_method == "FBB":
        stock.complain("amount", "Stock of an offer that is fulfilled by bol cannot be set.")
    body.violations += stock.violations
    deeds.append(
        lambda: offer.write_stock(
            offer.amount if amount is None else amount,
            offer.managed_by_retailer if managed is None else managed,
            now,
        )
    )


def _plan_pricing(body: BodyReader, offer: Offer, now: datetime, deeds: list[Callable[[], None]]) -> None:
    pricing = BodyReader(body.body["pricing"], ("bundlePrices",), "pricing.")
    steps: list[tuple[int, Decimal]] = []
    for raw in pricing.items("bundlePrices", fewest=1, required=True):
        entry = BodyReader(raw, ("quantity", "unitPrice"), "pricing.bundlePrices[].")
        quantity = entry.whole("quantity", required=True, lowest=1)
        price = entry.money("unitPrice", lowest=1, highest=9999)
        body.violations += entry.violations
        if quantity is not None and price is not None:
            steps.append((quantity, price))
    if steps and steps[0][0] != 1:
        pricing.complain("bundlePrices", "The first quantity must be 1.")
    for (quantity, price), (next_quantity, next_price) in itertools.pairwise(steps):
        if next_quantity <= quantity or next_price >= price:
            pricing.complain("bundlePrices", "Quantities must rise and prices must fall.")
    body.violations += pricing.violations
    deeds.append(lambda: setattr(offer, "bundle_prices", steps))


def _plan_fulfilment(body: BodyReader, offer: Offer, now: datetime, deeds: list[Callable[[], None]]) -> None:
    fulfilment = BodyReader(body.body["fulfilment"], ("method", "schedule", "deliveryPromise"), "fulfilment.")
    method = fulfilment.word("method", ("FBR", "FBB"))
    schedule = fulfilment.word("schedule", _SCHEDULES) if fulfilment.has("schedule") else offer.schedule
    promise = offer.delivery_promise
    if fulfilment.has("deliveryPromise"):
        days = BodyReader(
            fulfilment.body["deliveryPromise"],
            ("minimumDaysToCustomer", "maximumDaysToCustomer", "ultimateOrderTime"),
            "fulfilment.deliveryPromise.",
        )
        minimum = days.whole("minimumDaysToCustomer", required=True, lowest=0)
        maximum = days.whole("maximumDaysToCustomer", required=True, lowest=0)
        promise = (minimum or 0, maximum or 0, days.text("ultimateOrderTime"))
        body.violations += days.violations
    body.violations += fulfilment.violations
    deeds.append(lambda: setattr(offer, "fulfilment_method", method))
    deeds.append(lambda: setattr(offer, "schedule", schedule))
    deeds.append(lambda: setattr(offer, "delivery_promise", promise))


def put_stock(context: Context) -> Answer:
    """PUT /retailer/offers/{offer-id}/stock (v10): 202, stored at SUCCESS, amount 0..999."""
    offer_id = context.call.arguments[0]
    body = BodyReader(context.call.json(), ("amount", "managedByRetailer"))
    amount = body.whole("amount", required=True, lowest=0, highest=_V10_HIGHEST_AMOUNT)
    managed = body.boolean("managedByRetailer", required=True)
    body.finish()

    def write(at: datetime) -> None:
        offer = context.shop.offers.get(offer_id)
        if offer is None:
            raise Refusal(f"Offer {offer_id} not found.")
        if offer.fulfilment_method == "FBB":
            raise Refusal(f"Stock of offer {offer_id} is kept by bol.")
        offer.write_stock(amount or 0, bool(managed), at)

    return context.accept(
        "UPDATE_OFFER_STOCK", f"Update stock for offer with id {offer_id}.", offer_id, write
    )


def request_export(context: Context) -> Answer:
    """POST /retailer/offers/export (v10): the report id arrives as entity id with SUCCESS."""
    body = BodyReader(context.call.json(), ("format",))
    body.word("format", ("CSV",))
    body.finish()
    report_id = context.shop.new_number("8", 8)

    def export(at: datetime) -> str:
        context.desk.reports[report_id] = write_offer_export(list(context.shop.offers.values()), report_id)
        return report_id

    return context.accept("CREATE_OFFER_EXPORT", "Create an offer export.", None, export)


def get_export(context: Context) -> Answer:
    """GET /retailer/offers/export/{report-id} (v10): CSV, columns in no fixed order."""
    report = context.desk.reports.get(context.call.arguments[0])
    if report is None:
        raise not_found(f"Offer export {context.call.arguments[0]} not found.")
    return Answer(200, report.encode(), {"Content-Type": V10_CSV})
