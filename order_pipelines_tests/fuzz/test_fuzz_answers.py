"""Answers of bol and Exact Online over real HTTP, spoiled: every call ends well or in an error of our own."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.connectors.bol import CONNECTOR as BOL
from order_pipelines.connectors.bol.stock import make_stock_sink
from order_pipelines.connectors.exact_online import limits
from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import (
    Account,
    EntryLine,
    House,
    ListedOffer,
    SalesEntry,
    ShipmentItem,
    Since,
    Token,
    WriteResult,
)
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.tables import channel_offers, channel_stock, invoices
from order_pipelines_tests.connectors.bol.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    scripted_server,
)
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.fuzz.loop import fuzz
from order_pipelines_tests.fuzz.mutations import spoil_json, write_json
from order_pipelines_tests.fuzz.storable import misfits

GUID = "00000000-0000-0000-0000-000000000001"
OFFER = {
    "offerId": "6ff736b5-cdd0-4150-8c67-78269ee986f5",
    "ean": "8710000000017",
    "reference": "KOP",
    "onHoldByRetailer": False,
    "stock": {"amount": 6, "correctedStock": 5, "managedByRetailer": False},
    "countryAvailabilities": [{"countryCode": "NL", "forSale": True}],
    "fulfilment": {"method": "FBR"},
}
STATUS = {"processStatusId": "1", "entityId": "2", "status": "FAILURE", "errorMessage": "geweigerd"}
PROBLEM = {"title": "Bad", "status": 400, "detail": "x", "violations": [{"name": "a", "reason": "b"}]}
SHIPMENTS = {"shipments": [{"shipmentId": 914587795, "shipmentReference": None}, {"shipmentReference": "R1"}]}
ORDER = {"orderId": "A1", "orderItems": [{"orderItemId": "L1", "quantityShipped": 1, "quantity": 2}]}
ENTRY = {"EntryID": GUID, "EntryNumber": 2026, "AmountFC": 29.99, "YourRef": "BOL-1"}


class Outside:
    """A server that gives one answer to everything, and what a connector needs to call it."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.reply = Reply()
        self.house = House(
            MemoryTokenStore(), MemoryBudget(sleep=lambda seconds: None), clock.now() + timedelta(hours=1)
        )

    def answer(self, body: bytes, status: int) -> None:
        self.reply = Reply(body, status)
        limits.WRONG_CALLS.__init__()  # type: ignore[misc]
        self.server.requests.clear()

    def bol(self, **options: Any) -> Account:
        return self.server.account(**options)

    def exact(self) -> Account:
        return self.server.account("exact", division=1, redirect_uri="https://winkel.example/exact")


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    found: list[Outside] = []

    def script(request: Request) -> Reply:
        del request
        return found[0].reply

    with scripted_server(script) as server:
        found.append(Outside(server))
        now = clock.now()
        token = Token("a-token", now, now + timedelta(hours=9), "a-refresh-token")
        store = found[0].house.tokens
        assert isinstance(store, MemoryTokenStore)
        store.tokens["exact_online:exact"] = token
        yield found[0]


def _offer_fits(offer: ListedOffer) -> None:
    row = {
        name: getattr(offer, name) for name in ("offer_id", "ean", "reference", "stock_set", "stock_shown")
    }
    assert misfits(channel_offers, {"account": "bol_main", **row}) == []


def _write_fits(result: WriteResult) -> None:
    row = {"write_reference": result.reference, "reason": result.reason}
    assert misfits(channel_stock, row) == []


def _bol_calls(outside: Outside) -> dict[str, tuple[Any, Callable[[], None]]]:
    assert BOL.order_source is not None
    assert BOL.shipment_sink is not None
    orders = BOL.order_source(outside.bol(history_days=1), outside.house)
    stock = make_stock_sink(outside.bol(), outside.house)
    parcels = BOL.shipment_sink(outside.bol(), outside.house)

    def list_offers() -> None:
        for number, offer in enumerate(stock.list_offers()):
            _offer_fits(offer)
            if number > 500:
                break

    def list_orders() -> None:
        for number, listed in enumerate(orders.list_orders(Since(clock.now(), False))):
            assert listed.external_id
            if number > 500:
                break

    def has_shipment() -> None:
        parcels.has_shipment("A1", "R1")

    def shipped() -> None:
        parcels.shipped_quantities("A1")

    def ship() -> None:
        _write_fits(
            parcels.ship("A1", [ShipmentItem("L1", 1)], carrier="TNT", tracking="3S1", reference="R1")
        )

    return {
        "list_offers": ({"offers": [OFFER], "page": {"nextCursor": None}}, list_offers),
        "read_stock": (OFFER, lambda: _offer_fits(stock.read_stock("1"))),
        "push_stock": (PROBLEM, lambda: _write_fits(stock.push_stock("1", 5))),
        "list_orders": ({"orders": [ORDER]}, list_orders),
        "ship": (STATUS, ship),
        "poll_write": (STATUS, lambda: _write_fits(parcels.poll_write("1"))),
        "has_shipment": (SHIPMENTS, has_shipment),
        "shipped_quantities": (ORDER, shipped),
    }


def _exact_calls(outside: Outside) -> dict[str, tuple[Any, Callable[[], None]]]:
    sink = ExactClient(outside.exact(), outside.house)
    line = EntryLine(GUID, Decimal("24.79"), Decimal("5.20"), "2", "NL high")
    entry = SalesEntry("BOL-1", date(2026, 3, 2), GUID, "70", "EUR", "Order 1", (line,))

    def fits(booked: Any) -> None:
        row = {"entry_id": booked.entry_id, "entry_number": booked.entry_number}
        if booked.amount_incl_vat is not None:
            row["amount_incl_vat"] = booked.amount_incl_vat
        assert misfits(invoices, row) == []

    def find() -> None:
        for booked in sink.find_entries("BOL-1"):
            fits(booked)

    def check() -> None:
        sink.check_connection(journals=["70"], vat_codes=["2"], ledger_accounts=[GUID], customers=[GUID])

    return {
        "find_entries": ({"d": {"results": [ENTRY]}}, find),
        "post_entry": ({"d": ENTRY}, lambda: fits(sink.post_entry(entry))),
        "check_connection": ({"d": [{"Code": 1, "Type": 20}, {"Code": "70 ", "Type": 20}]}, check),
    }


def _fuzz_calls(
    outside: Outside, calls: dict[str, tuple[Any, Callable[[], None]]], statuses: tuple[int, ...]
) -> None:
    for name, (seed, call) in calls.items():
        turn = iter(range(10**9))

        def target(payload: Any, call: Callable[[], None] = call, turn: Iterator[int] = turn) -> None:
            outside.answer(write_json(payload), statuses[next(turn) % len(statuses)])
            try:
                call()
            except OrderPipelinesError:
                return

        fuzz(f"answers {name}", [seed], spoil_json, target, executions=40)


def test_calls_of_bol_survive_spoiled_answers(outside: Outside) -> None:
    _fuzz_calls(outside, _bol_calls(outside), (200, 200, 200, 202, 400, 404, 500))


def test_calls_of_exact_online_survive_spoiled_answers(outside: Outside) -> None:
    _fuzz_calls(outside, _exact_calls(outside), (200, 200, 201, 500))


def test_spoiled_answers_of_bols_token_service_are_refused_or_used() -> None:
    assert BOL.order_source is not None
    make = BOL.order_source
    seed = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 299, "scope": "RETAILER"}

    def target(payload: Any) -> None:
        body = write_json(payload)

        with scripted_server(lambda request: Reply({"orders": []})) as server:
            server.answer = lambda request: (  # type: ignore[method-assign]
                Reply(body) if request.path == "/token" else Reply({"orders": []})
            )
            house = House(MemoryTokenStore(), MemoryBudget(sleep=lambda seconds: None), None)
            try:
                list(make(server.account(), house).list_orders(Since(clock.now(), False)))
            except OrderPipelinesError:
                return

    fuzz("answers token", [seed], spoil_json, target, executions=60)
