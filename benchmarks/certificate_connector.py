"""The simulated channels as connectors of the product: found as an installed package's are, called as any other is.

What they are asked takes time of the simulation, and others go on meanwhile.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.certificate_time import Simulation
from benchmarks.certificate_world import Channel, Placed, World, Write
from order_pipelines import clock
from order_pipelines.connectors.ports import (
    Account,
    Connector,
    Fetched,
    House,
    Interpreter,
    Listed,
    ListedOffer,
    Notice,
    Since,
    StockWrite,
    WriteResult,
)
from order_pipelines.connectors.registry import GROUP
from order_pipelines.domain.orders import Interpretation, Order, OrderLine
from order_pipelines.errors import TransientConnectorError

SINGLE, BATCH = "certificate_single", "certificate_batch"
_ATTACHED: list[World] = []
_PACKAGE = "order_pipelines_certificate"
_CONNECT_S, _PAGE_S, _ANSWER_S = (0.05, 0.2), (0.1, 0.4), (0.05, 0.2)
_TOKEN = "certificate"
# What is listed a moment before the last look is listed again.
_OVERLAP_S = 2.0


@contextmanager
def attached(world: World, folder: Path) -> Iterator[None]:
    """Install the connectors into a folder as pip would and let them speak for the channels of a world."""
    about = folder / f"{_PACKAGE}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: 1.0\n", encoding="utf-8"
    )
    here = "benchmarks.certificate_connector"
    entries = f"[{GROUP}]\n{SINGLE} = {here}:SINGLE_CONNECTOR\n{BATCH} = {here}:BATCH_CONNECTOR\n"
    (about / "entry_points.txt").write_text(entries, encoding="utf-8")
    sys.path.insert(0, str(folder))
    _ATTACHED.append(world)
    try:
        yield
    finally:
        _ATTACHED.remove(world)
        sys.path.remove(str(folder))


class _Caller:
    """One account as a connector speaks with it."""

    def __init__(self, account: Account, house: House) -> None:
        del house
        self.world = _ATTACHED[-1]
        self.simulation: Simulation = self.world.simulation
        self.channel: Channel = self.world.channels[account.name]

    def call(self, took: tuple[float, float]) -> None:
        """Let a call take its time.

        Raises:
            TransientConnectorError: the channel is out.
        """
        outage = self.channel.outage(self.simulation.now)
        if outage is not None:
            self.simulation.sleep(self.channel.duration(*_CONNECT_S))
            status = None if outage.is_mute else 503
            raise self.error("the channel does not answer", status=status)
        self.simulation.sleep(self.channel.duration(*took))

    def error(
        self,
        what: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        maybe_acted: bool = False,
    ) -> TransientConnectorError:
        return TransientConnectorError(
            f"{self.channel.rule.name}: {what}",
            system=SINGLE,
            status=status,
            retry_after_s=retry_after_s,
            maybe_acted=maybe_acted,
        )

    def body(self, order: Placed) -> bytes:
        """Return an order as the channel tells it now, by its own clock."""
        skew = self.channel.rule.skew_s
        shown = {
            "id": order.order_id,
            "sku": order.sku,
            "pieces": order.pieces,
            "price": self.world.plan.prices[order.sku],
            "state": order.state,
            "placed_at": clock.isoformat(self.simulation.instant(order.at + skew)),
            "changed_at": clock.isoformat(self.simulation.instant(order.changed_at + skew)),
        }
        return json.dumps(shown).encode()


class SimulatedOrders:
    """OrderSource: the list holds whole orders."""

    def __init__(self, account: Account, house: House) -> None:
        self._caller = _Caller(account, house)

    def list_orders(self, since: Since) -> Iterator[Listed]:
        caller = self._caller
        begin = None
        if since.last_complete_at is not None:
            begin = caller.simulation.seconds(since.last_complete_at) - _OVERLAP_S
        caller.call(_PAGE_S)
        now = caller.simulation.now
        for order in caller.channel.listed(begin, now):
            body = caller.body(order)
            caller.world.books.read(order, now)
            changed_at = caller.simulation.instant(order.changed_at + caller.channel.rule.skew_s)
            yield Listed(order.order_id, changed_at, body, is_complete=True, request="listing")

    def fetch_order(self, external_order_id: str) -> Fetched:
        caller = self._caller
        began_at = clock.now()
        caller.call(_PAGE_S)
        order = caller.channel.orders[external_order_id]
        body = caller.body(order)
        caller.world.books.read(order, caller.simulation.now)
        return Fetched("order", external_order_id, body, "order", began_at)


class _Stock:
    """What the two ways of taking stock share. A reference names a write, and the moment it was asked."""

    max_quantity = 99_999
    max_batch = 500

    def __init__(self, account: Account, house: House) -> None:
        self.caller = _Caller(account, house)
        self.channel = self.caller.channel
        self.subtracts_open_orders = self.channel.rule.keeps == "subtracts"
        self.lowers_by_itself = self.channel.rule.keeps == "lowers"

    def list_offers(self) -> Iterator[ListedOffer]:
        self.caller.call(_PAGE_S)
        for sku in self.channel.skus:
            yield self._offer(sku)

    def read_stock(self, offer_id: str) -> ListedOffer:
        self.caller.call(_ANSWER_S)
        return self._offer(offer_id)

    def _offer(self, sku: str) -> ListedOffer:
        rule = self.channel.rule
        held = self.channel.held(sku)
        return ListedOffer(
            sku, None, sku, held, max(0, self.channel.shown(sku)), True, rule.keeps == "subtracts"
        )

    def answer(self, writes: list[Write]) -> None:
        """Wait for the channel's answer.

        Raises:
            TransientConnectorError: it took the numbers and its answer was lost.
        """
        rule, simulation = self.channel.rule, self.caller.simulation
        if rule.is_later:
            simulation.sleep(self.channel.duration(*_ANSWER_S))
        else:
            simulation.sleep(max(write.answered_at for write in writes) - simulation.now)
        if any(write.loses_reply for write in writes):
            raise self.caller.error("the answer was lost", maybe_acted=True)

    def fate(self, write: Write | None) -> WriteResult:
        """Tell what became of a write."""
        if write is None:
            return WriteResult("in_doubt", reason="nobody knows of it")
        is_done = self.caller.simulation.now >= write.answered_at
        if self.channel.rule.is_later and not is_done:
            return WriteResult("accepted", reference=f"{write.asked_at}")
        return WriteResult("confirmed")

    def find(self, reference: str, sku: str) -> Write | None:
        found = self.channel.last_write(sku, float(reference))
        return found if found is not None and f"{found.asked_at}" == reference else None


class SimulatedStock(_Stock):
    """StockSink: one offer a call."""

    def push_stock(self, offer_id: str, quantity: int) -> WriteResult:
        self.caller.call((0.0, 0.0))
        write = self.channel.write(offer_id, quantity)
        self.answer([write])
        return self.fate(write)

    def poll_write(self, reference: str) -> WriteResult:
        asked_at, sku = reference.split(" ", 1)
        self.caller.call(_ANSWER_S)
        return self.fate(self.find(asked_at, sku))

    def fate(self, write: Write | None) -> WriteResult:
        found = super().fate(write)
        if write is None or found.reference is None:
            return found
        return WriteResult(found.state, reference=f"{found.reference} {write.sku}")


class SimulatedBatches(_Stock):
    """StockBatchSink: many offers a call, at some channels once a minute."""

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        now = self.caller.simulation.now
        if now < self.channel.next_call_at:
            wait = self.channel.next_call_at - now
            raise self.caller.error("no call before its minute is over", retry_after_s=wait)
        self.caller.call((0.0, 0.0))
        self.channel.next_call_at = self.caller.simulation.now + self.channel.rule.interval_s
        sent = [self.channel.write(write.offer_id, write.quantity) for write in writes]
        self.answer(sent)
        return {write.sku: self.fate(write) for write in sent}

    def poll_stocks(self, reference: str, offer_ids: Sequence[str]) -> Mapping[str, WriteResult]:
        self.caller.call(_ANSWER_S)
        return {sku: self.fate(self.find(reference, sku)) for sku in offer_ids}


class SimulatedDoor:
    """WebhookDoor: a header and the name of an order. What a signature is worth is tried elsewhere."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        del body, now
        return headers.get("x-token") == _TOKEN

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        del headers
        told = json.loads(body)
        return [Notice(told["key"], "order", told["order"])]


def pushed_message(order: Placed, number: int) -> tuple[dict[str, str], bytes]:
    """Return a webhook; one that comes again has the same key."""
    del number
    key = f"{order.order_id}:{order.state}"
    return {"x-token": _TOKEN}, json.dumps({"key": key, "order": order.order_id}).encode()


def _interpret(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    del kind, name
    told = json.loads(body)
    price = Decimal(told["price"]) / 100
    pieces, state = told["pieces"], told["state"]
    changed_at = _instant(told["changed_at"])
    line = OrderLine(
        external_line_id=f"{told['id']}-1",
        sku=told["sku"],
        quantity=pieces,
        quantity_cancelled=pieces if state == "cancelled" else 0,
        quantity_shipped=pieces if state == "shipped" else 0,
        unit_price_incl_vat=price,
        line_total_incl_vat=price * pieces,
        offer_id=told["sku"],
        changed_at=changed_at,
    )
    total = price * pieces
    status = {"open": "open", "shipped": "completed", "cancelled": "cancelled"}[state]
    order = Order(
        external_order_id=told["id"],
        channel="certificate",
        ordered_at=_instant(told["placed_at"]),
        changed_at=changed_at,
        currency="EUR",
        ship_country="NL",
        lines=(line,),
        shipping_cost_incl_vat=Decimal("0.00"),
        order_total_incl_vat=total,
        order_total_current_incl_vat=Decimal("0.00") if state == "cancelled" else total,
        payment_status="paid",
        order_status=status,
        fulfilment_status={"open": "not_shipped"}.get(state, state),
        counts_in_revenue=state != "cancelled",
    )
    return Interpretation(orders=[order], rows_read=1)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _interpreter(options: Mapping[str, Any]) -> Interpreter:
    del options
    return _interpret


def _check_options(options: Mapping[str, Any]) -> None:
    del options


def _door(account: Account) -> SimulatedDoor | None:
    return SimulatedDoor() if account.options.get("pushes") else None


def _interval_s(options: Mapping[str, Any]) -> int:
    return timedelta(seconds=options.get("write_interval_s", 0)).seconds


SINGLE_CONNECTOR = Connector(
    system=SINGLE,
    title="Simulated, one offer a call",
    entities=("orders",),
    check_options=_check_options,
    interpreter=_interpreter,
    order_source=SimulatedOrders,
    stock_sink=SimulatedStock,
    webhook_door=_door,
    write_interval_s=_interval_s,
)
BATCH_CONNECTOR = Connector(
    system=BATCH,
    title="Simulated, many offers a call",
    entities=("orders",),
    check_options=_check_options,
    interpreter=_interpreter,
    order_source=SimulatedOrders,
    stock_sink=SimulatedBatches,
    webhook_door=_door,
    write_interval_s=_interval_s,
)
