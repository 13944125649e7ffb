"""The rules of one bol account: who may buy, what an order does to stock, what shipping and cancelling change.

Nothing in here knows HTTP. Whoever calls holds the stand-in's lock and has called ``settle`` for the present instant.
"""

import bisect
import heapq
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from order_pipelines.sandbox.bol.model import (
    AMSTERDAM,
    Offer,
    Order,
    OrderItem,
    Return,
    Shipment,
    Subscription,
    midnight_after,
)
from order_pipelines.sandbox.bol.people import invent_buyer
from order_pipelines.sandbox.bol.wish import Wish, WishedLine
from order_pipelines.sandbox.catalogue import Catalogue, Product
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

_CENT = Decimal("0.01")
_PRICE_OF_UNKNOWN_GOODS = Decimal("9.95")
_FBB_SHIPS_AFTER = timedelta(hours=6)
_DAYS_FROM_DELIVERY_TO_EXPIRY = 3
_OPENING_STOCK_AGE = timedelta(days=30)


class Refusal(Exception):
    """bol accepted the request and refuses the deed; the text becomes the error message of the process status."""


class Shop:
    """One retailer account at bol."""

    def __init__(
        self,
        account: str,
        number: int,
        catalogue: Catalogue,
        opened_at: datetime,
        seed: int,
        taken_ids: set[str],
    ) -> None:
        self.account = account
        self.retailer_id = str(1234500 + number)
        self.catalogue = catalogue
        self.offers: dict[str, Offer] = {}
        self.orders: dict[str, Order] = {}
        self.items: dict[str, tuple[Order, OrderItem]] = {}
        self.open_orders: dict[str, Order] = {}
        self.shipments: dict[str, Shipment] = {}
        self.transports: dict[str, Shipment] = {}
        self.shipments_by_order: dict[str, list[Shipment]] = {}
        self.returns: dict[str, Return] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.revision = 0
        self.oversold = 0
        self.on_event: Callable[[str, str, str], None] = lambda resource, kind, resource_id: None
        self._changes: list[tuple[float, int, Order, OrderItem]] = []
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._sequence = 0
        self._taken_ids = taken_ids
        self._ids = random.Random(f"{seed}:{account}:ids")
        self._people = random.Random(f"{seed}:{account}:people")
        self._stock_offers(opened_at - _OPENING_STOCK_AGE)

    def _stock_offers(self, written_at: datetime) -> None:
        for listing in sorted(
            self.catalogue.bol_listings(self.account), key=lambda listing: listing.offer_id
        ):
            self.offers[listing.offer_id] = Offer(
                offer_id=listing.offer_id,
                ean=listing.ean,
                sku=listing.sku,
                title=listing.title,
                reference=listing.reference,
                bundle_prices=[(1, listing.unit_price)],
                amount=listing.amount,
                managed_by_retailer=listing.managed_by_retailer,
                fulfilment_method=listing.fulfilment_method,
                countries=listing.countries,
                stock_written_at=written_at,
                last_modified_at=written_at,
            )

    # --- time ---

    def settle(self, now: datetime) -> None:
        """Let everything happen that was due by ``now``, in its order, each at its own instant."""
        while self._agenda and self._agenda[0][0] <= now:
            due_at, _, deed = heapq.heappop(self._agenda)
            deed(due_at)

    def schedule(self, due_at: datetime, deed: Callable[[datetime], None]) -> None:
        """Have ``deed`` done at ``due_at`` of the world's time."""
        self._sequence += 1
        heapq.heappush(self._agenda, (due_at, self._sequence, deed))

    # --- buying ---

    def place(self, wish: Wish, now: datetime) -> Order:
        """Take an order of a shopper.

        Raises:
            OrderRefused: an offer is missing or cannot be bought in that quantity and ``force`` is not set.
        """
        placed_at = wish.placed_at or now
        offers = [self._find_offer(line, wish) for line in wish.lines]
        if not wish.force:
            self._refuse_what_is_not_for_sale(wish, offers)
        if wish.order_id is not None and wish.order_id in self._taken_ids:
            raise OrderRefused(f"order id {wish.order_id} is taken")
        shipment, billing = invent_buyer(
            self._people, wish.ship_country, business=wish.business, pickup_point=wish.pickup_point
        )
        order = Order(
            order_id=wish.order_id or self._new_order_id(),
            placed_at=placed_at,
            items=[
                self._make_item(line, offer, wish, placed_at)
                for line, offer in zip(wish.lines, offers, strict=True)
            ],
            shipment_details=shipment,
            billing_details=billing,
            pickup_point=wish.pickup_point,
            malform=wish.malform,
        )
        self._taken_ids.add(order.order_id)
        self.orders[order.order_id] = order
        self.open_orders[order.order_id] = order
        for item in order.items:
            self.items[item.order_item_id] = (order, item)
            self._take_stock(item, placed_at)
            self._note_change(order, item)
            self._plan_ending(order, item, placed_at)
        self.on_event("ORDER", "CREATE_ORDER", order.order_id)
        return order

    def _find_offer(self, line: WishedLine, wish: Wish) -> Offer | None:
        if line.offer_id is not None:
            return self.offers.get(line.offer_id)
        found = [
            offer
            for offer in self.offers.values()
            if (offer.ean == line.ean if line.ean is not None else offer.sku == line.sku)
            and wish.fulfilment_method in (None, offer.fulfilment_method)
        ]
        return found[0] if found else None

    def _refuse_what_is_not_for_sale(self, wish: Wish, offers: list[Offer | None]) -> None:
        wanted: dict[str, int] = {}
        for line, offer in zip(wish.lines, offers, strict=True):
            name = line.sku or line.ean or line.offer_id
            if offer is None:
                raise OrderRefused(f"{self.account} offers no {name}")
            wanted[offer.offer_id] = wanted.get(offer.offer_id, 0) + line.quantity
            if not offer.is_for_sale(wish.ship_country):
                raise OrderRefused(f"{name} is not for sale in {wish.ship_country} at {self.account}")
            if offer.corrected_stock < wanted[offer.offer_id]:
                raise OrderRefused(
                    f"{self.account} shows {offer.corrected_stock} of {name}, {wanted[offer.offer_id]} wanted"
                )

    def _make_item(self, line: WishedLine, offer: Offer | None, wish: Wish, placed_at: datetime) -> OrderItem:
        unit_price = line.unit_price
        if unit_price is None:
            unit_price = _bundle_price(offer, line.quantity) if offer else _PRICE_OF_UNKNOWN_GOODS
        total = line.total_price
        if total is None:
            total = unit_price * line.quantity - sum((amount for _, amount in line.discounts), Decimal(0))
        placed_on = placed_at.astimezone(AMSTERDAM).date()
        delivery = wish.exact_delivery_date or placed_on + timedelta(
            days=2 if wish.ship_country == "NL" else 3
        )
        product = None if offer else self._product_of(line)
        ean = offer.ean if offer else line.ean or (product.eans[0] if product else "")
        return OrderItem(
            order_item_id=self.new_number("60", 10),
            offer=offer,
            offer_id=offer.offer_id if offer else None,
            reference=offer.reference if offer else None,
            ean=ean,
            title=offer.title if offer else (product.name if product else "Onbekend artikel"),
            method=offer.fulfilment_method if offer else (wish.fulfilment_method or "FBR"),
            distribution_party=wish.distribution_party,
            quantity=line.quantity,
            unit_price=unit_price,
            total_price=total,
            discounts=line.discounts,
            commission=_commission(total, line.quantity),
            latest_delivery_date=None if wish.exact_delivery_date else delivery,
            exact_delivery_date=wish.exact_delivery_date,
            expiry_date=delivery + timedelta(days=_DAYS_FROM_DELIVERY_TO_EXPIRY),
            changed_at=placed_at,
            services=line.services,
        )

    def _product_of(self, line: WishedLine) -> Product | None:
        return self.catalogue.product(line.sku) if line.sku else self.catalogue.product_of_ean(line.ean or "")

    def _take_stock(self, item: OrderItem, placed_at: datetime) -> None:
        offer = item.offer
        if offer is None:
            self.oversold += item.quantity
            return
        self.oversold += max(0, item.quantity - max(0, offer.corrected_stock))
        offer.open_quantity += item.quantity
        if placed_at > offer.stock_written_at:
            offer.sold_since_write += item.quantity

    def _plan_ending(self, order: Order, item: OrderItem, placed_at: datetime) -> None:
        if item.method == "FBB":
            self.schedule(placed_at + _FBB_SHIPS_AFTER, lambda at: self._ship_from_bol(order, item, at))
        else:
            self.schedule(midnight_after(item.expiry_date), lambda at: self._expire(order, item, at))

    def _ship_from_bol(self, order: Order, item: OrderItem, at: datetime) -> None:
        if item.open_quantity > 0:
            self.ship(order, [(item, item.open_quantity)], at, "TNT", self.new_number("3SBOL", 13))

    def _expire(self, order: Order, item: OrderItem, at: datetime) -> None:
        if item.open_quantity > 0:
            self.cancel(order, item, at, "EXPIRED")

    # --- what happens to an order ---

    def cancel(self, order: Order, item: OrderItem, at: datetime, reason: str) -> None:
        """Cancel everything of an item that is still open; its stock can be bought again."""
        pieces = item.open_quantity
        item.cancelled += pieces
        item.cancel_reason = reason
        if item.offer is not None:
            item.offer.open_quantity -= pieces
            if order.placed_at > item.offer.stock_written_at:
                item.offer.sold_since_write -= pieces
        self.touch(order, item, at)

    def ship(
        self,
        order: Order,
        parts: list[tuple[OrderItem, int]],
        at: datetime,
        transporter_code: str,
        track_and_trace: str | None,
        reference: str = "",
    ) -> Shipment:
        """Let pieces of an order leave as one shipment."""
        for item, pieces in parts:
            item.shipped += pieces
            if item.offer is not None:
                item.offer.open_quantity -= pieces
                item.offer.shipped_since_write += pieces
            self.touch(order, item, at)
        shipment = Shipment(
            shipment_id=self.new_number("9", 9),
            transport_id=self.new_number("3", 9),
            order=order,
            parts=list(parts),
            shipped_at=at,
            method=parts[0][0].method,
            reference=reference,
            transporter_code=transporter_code,
            track_and_trace=track_and_trace,
            events=[("PRE_ANNOUNCED", at)],
        )
        self.shipments[shipment.shipment_id] = shipment
        self.transports[shipment.transport_id] = shipment
        self.shipments_by_order.setdefault(order.order_id, []).append(shipment)
        self.on_event("SHIPMENT", "UPDATE_TRANSPORT_EVENT", shipment.shipment_id)
        return shipment

    def request_cancel(self, order: Order, items: Iterable[OrderItem], at: datetime) -> None:
        """A shopper asks to cancel: a flag, no quantity changes."""
        for item in items:
            if item.open_quantity > 0:
                item.cancellation_request = True
                self.touch(order, item, at)

    def register_return(
        self, order: Order, item: OrderItem, quantity: int, at: datetime, reason: str, comments: str
    ) -> Return:
        """A shopper announces a return of shipped pieces; the order itself does not change.

        Raises:
            Refusal: more pieces than were shipped and not returned before.
        """
        returned = sum(entry.quantity for entry in self.returns.values() if entry.item is item)
        if not 0 < quantity <= item.shipped - returned:
            raise Refusal(
                f"{item.shipped - returned} shipped piece(s) of {item.order_item_id} can be returned"
            )
        entry = Return(
            return_id=self.new_number("15", 8),
            rma_id=self.new_number("60", 8),
            order=order,
            item=item,
            quantity=quantity,
            registered_at=at,
            main_reason=reason,
            comments=comments,
        )
        self.returns[entry.return_id] = entry
        return entry

    def touch(self, order: Order, item: OrderItem, at: datetime) -> None:
        """Note that an item changed; keeps the lists that the order pages are made of."""
        item.changed_at = at
        if item.open_quantity == 0 and item.handled_at is None:
            item.handled_at = at
        if all(other.open_quantity == 0 for other in order.items):
            self.open_orders.pop(order.order_id, None)
        self._note_change(order, item)

    def _note_change(self, order: Order, item: OrderItem) -> None:
        self.revision += 1
        self._sequence += 1
        entry = (item.changed_at.timestamp(), self._sequence, order, item)
        if not self._changes or self._changes[-1][:2] < entry[:2]:
            self._changes.append(entry)
        else:
            bisect.insort(self._changes, entry, key=lambda change: change[:2])

    # --- looking up ---

    def changed_between(self, first: datetime, before: datetime | None) -> Iterable[tuple[Order, OrderItem]]:
        """Yield items whose latest change lies in [first, before), oldest change first."""
        start = bisect.bisect_left(self._changes, first.timestamp(), key=lambda change: change[0])
        for stamp, _, order, item in self._changes[start:]:
            if before is not None and stamp >= before.timestamp():
                return
            if item.changed_at.timestamp() == stamp:
                yield order, item

    def order(self, order_id: str) -> Order:
        """Return an order of this account.

        Raises:
            UnknownThing: it has none with that id.
        """
        if order_id not in self.orders:
            raise UnknownThing(f"{self.account} has no order {order_id}")
        return self.orders[order_id]

    def _new_order_id(self) -> str:
        # About a third of bol's order ids carry letters (contract digest of bol, section 3.1).
        while True:
            if self._ids.random() < 0.35:
                letters = self._ids.choices("ABCDEGHJKLMNPRSTVWXZ", k=4)
                digits = self._ids.choices("0123456789", k=6)
                parts = (letters[0], digits[0], letters[1], *digits[1:5], *letters[2:], digits[5])
                order_id = "".join(parts)
            else:
                order_id = f"10{self._ids.randrange(10**8):08d}"
            if order_id not in self._taken_ids:
                return order_id

    def new_number(self, prefix: str, length: int) -> str:
        """Return an id of ``length`` characters that no other thing of any account has."""
        width = length - len(prefix)
        while True:
            number = f"{prefix}{self._ids.randrange(10**width):0{width}d}"
            if number not in self._taken_ids:
                self._taken_ids.add(number)
                return number


def _bundle_price(offer: Offer, quantity: int) -> Decimal:
    return next(price for step, price in reversed(offer.bundle_prices) if quantity >= step)


def _commission(total: Decimal, quantity: int) -> Decimal:
    """Return a plausible commission: 12 % of the line and 0.85 a piece."""
    return (total * Decimal("0.12") + Decimal("0.85") * quantity).quantize(_CENT, ROUND_HALF_UP)
