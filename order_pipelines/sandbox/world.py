"""The shoppers: they see what a channel shows, buy what is for sale, change their minds, and send things back.

They buy at bol, and at Blokker and the webshop once :meth:`World.open_elsewhere` was called. One seed, one sequence of
steps and one state of the offers give the same world. Shoppers do not use the API of any channel.
"""

import itertools
import random
import threading
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from order_pipelines.sandbox.bol import BolStandIn
from order_pipelines.sandbox.bol.model import Offer, Order
from order_pipelines.sandbox.demo import DemoRow, play_demo
from order_pipelines.sandbox.demo_elsewhere import BLOKKER, WEBSHOP, play_elsewhere
from order_pipelines.sandbox.mirakl import MiraklStandIn
from order_pipelines.sandbox.shopware import ShopwareStandIn
from order_pipelines.sandbox.standin import OrderRefused, VirtualClock

_RECENT = 200
_ELSEWHERE = 0.35
_CENT = Decimal("0.01")


class World:
    """Shoppers at every account of one bol stand-in, and elsewhere when that is open."""

    def __init__(
        self,
        clock: VirtualClock,
        bol: BolStandIn,
        seed: int = 1,
        *,
        mirakl: MiraklStandIn | None = None,
        shopware: ShopwareStandIn | None = None,
    ) -> None:
        self._mirakl = mirakl
        self._shopware = shopware
        self._is_open_elsewhere = False
        self._clock = clock
        self._bol = bol
        self._random = random.Random(f"world:{seed}")
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._thread: threading.Thread | None = None
        self._rate_per_minute = 0.0
        self._steps = 0

    # --- driving ---

    def start(self, rate_per_minute: float = 10.0) -> None:
        """Let ``rate_per_minute`` things happen in a minute of the machine's time, from a thread of its own."""
        if rate_per_minute <= 0:
            raise ValueError("rate_per_minute must be above zero; use stop to send the shoppers home")
        self.stop()
        self._rate_per_minute = rate_per_minute
        self._finished = threading.Event()
        self._thread = threading.Thread(
            target=self._live, args=(self._finished,), name="sandbox-world", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Send the shoppers home; does nothing when they are."""
        self._finished.set()
        if self._thread is not None:
            self._thread.join()
        self._thread, self._rate_per_minute = None, 0.0

    def describe(self) -> dict[str, Any]:
        """Tell whether the shoppers are about, how many things a minute, and how many so far."""
        return {
            "running": self._thread is not None,
            "rate_per_minute": self._rate_per_minute,
            "steps": self._steps,
        }

    def _live(self, finished: threading.Event) -> None:
        while not finished.wait(60.0 / self._rate_per_minute):
            self.step()

    def demo_script(self) -> list[DemoRow]:
        """Place the forty typed orders of ``demo.py`` (once) and return their table."""
        return play_demo(self._bol)

    def open_elsewhere(self) -> list[DemoRow]:
        """Place the typed orders at Blokker and the webshop (once), and send shoppers there too from now on.

        Raises:
            ValueError: this world has bol only.
        """
        if self._mirakl is None or self._shopware is None:
            raise ValueError("this world has no Blokker and no webshop")
        self._is_open_elsewhere = True
        return play_elsewhere(self._clock, self._mirakl, self._shopware)

    # --- one thing that happens ---

    def step(self) -> dict[str, Any]:
        """Let one thing happen; return what it was."""
        with self._lock, self._bol.lock:
            self._steps += 1
            if self._is_open_elsewhere and self._random.random() < _ELSEWHERE:
                return self._buy_elsewhere()
            accounts = self._bol.accounts()
            account = accounts[0] if self._random.random() < 0.65 else self._random.choice(accounts)
            mood = self._random.random()
            happened = None
            if mood < 0.04:
                happened = self._ask_to_cancel(account)
            elif mood < 0.07:
                happened = self._cancel(account)
            elif mood < 0.10:
                happened = self._send_back(account)
            return happened or self._buy(account)

    def _buy(self, account: str) -> dict[str, Any]:
        country = "BE" if self._random.random() < 0.18 else "NL"
        shop = self._bol.desk(account).shop
        shop.settle(self._clock.now())
        offers = [offer for offer in shop.offers.values() if offer.is_for_sale(country)]
        if not offers:
            return {"what": "nothing_for_sale", "account": account}
        count = self._random.choices((1, 2, 3), (75, 18, 7))[0]
        lines = [self._line(offer) for offer in self._random.sample(offers, min(count, len(offers)))]
        wish: dict[str, Any] = {"lines": lines, "ship_country": country}
        if self._random.random() < 0.08:
            wish["business"] = True
        elif self._random.random() < 0.15:
            wish["pickup_point"] = True
        if self._random.random() < 0.05:
            day = self._clock.now().date() + timedelta(days=self._random.randrange(3, 8))
            wish["exact_delivery_date"] = day.isoformat()
        order_id = self._bol.place_order(account, wish)
        return {"what": "order", "account": account, "order_id": order_id, "lines": len(lines)}

    def _buy_elsewhere(self) -> dict[str, Any]:
        """One piece or two of an article that the channel shows in that number."""
        is_blokker = self._random.random() < 0.5
        channel = self._mirakl if is_blokker else self._shopware
        account = BLOKKER if is_blokker else WEBSHOP
        assert channel is not None
        pieces = self._random.choices((1, 2), (85, 15))[0]
        skus = [
            offer["sku"]
            for offer in channel.state(account)["offers"]
            if offer["quantity"] >= pieces and not offer["sku"].startswith("OUD-")
        ]
        if not skus:
            return {"what": "nothing_for_sale", "account": account}
        wish: dict[str, Any] = {"lines": [{"sku": self._random.choice(skus), "quantity": pieces}]}
        if not is_blokker and self._random.random() < 0.3:
            wish["guest"] = True
        try:
            order_id = channel.place_order(account, wish)
        except OrderRefused:
            return {"what": "nothing_for_sale", "account": account}
        return {"what": "order", "account": account, "order_id": order_id, "lines": 1}

    def _line(self, offer: Offer) -> dict[str, Any]:
        quantity = min(self._random.choices((1, 2, 3, 4), (80, 14, 4, 2))[0], offer.corrected_stock)
        line: dict[str, Any] = {"offer_id": offer.offer_id, "quantity": quantity}
        if self._random.random() < 0.12:
            asked = offer.bundle_prices[0][1] * quantity
            discount = (asked * Decimal("0.10")).quantize(_CENT, ROUND_HALF_UP)
            line["discounts"] = [{"title": "10% korting", "amount": str(discount)}]
            # bol's own demo data break the sum by a cent now and then; the paid total is the truth.
            if self._random.random() < 0.2:
                line["total_price"] = str(asked - discount - _CENT)
        return line

    def _recent(self, orders: dict[str, Order]) -> list[Order]:
        return list(itertools.islice(reversed(orders.values()), _RECENT))

    def _ask_to_cancel(self, account: str) -> dict[str, Any] | None:
        orders = [
            order
            for order in self._recent(self._bol.desk(account).shop.open_orders)
            if all(item.method == "FBR" and not item.cancellation_request for item in order.items)
        ]
        if not orders:
            return None
        order = self._random.choice(orders)
        self._bol.act(account, order.order_id, "request_cancel", {})
        return {"what": "cancellation_request", "account": account, "order_id": order.order_id}

    def _cancel(self, account: str) -> dict[str, Any] | None:
        orders = [
            order
            for order in self._recent(self._bol.desk(account).shop.open_orders)
            if any(item.method == "FBR" and item.open_quantity > 0 for item in order.items)
        ]
        if not orders:
            return None
        order = self._random.choice(orders)
        item = next(item for item in order.items if item.method == "FBR" and item.open_quantity > 0)
        detail = {"order_item_id": item.order_item_id, "reason": "CANCELLED_BY_CUSTOMER_SERVICE"}
        self._bol.act(account, order.order_id, "cancel", detail)
        return {"what": "cancellation", "account": account, "order_id": order.order_id}

    def _send_back(self, account: str) -> dict[str, Any] | None:
        shop = self._bol.desk(account).shop
        shipments = list(itertools.islice(reversed(shop.shipments.values()), _RECENT))
        returned = {entry.order.order_id for entry in shop.returns.values()}
        orders = [shipment.order for shipment in shipments if shipment.order.order_id not in returned]
        if not orders:
            return None
        order = self._random.choice(orders)
        detail = {"reason": self._random.choice(("Niet naar verwachting", "Verkeerd besteld", "Beschadigd"))}
        self._bol.act(account, order.order_id, "return", detail)
        return {"what": "return", "account": account, "order_id": order.order_id}
