"""Offers and their stock: v11 and the deprecated v10, against bol's stand-in."""

import pytest

from order_pipelines.connectors.bol import stock as bol_stock
from order_pipelines.connectors.bol.client import BolClient
from order_pipelines.connectors.bol.options import BolOptions
from order_pipelines.connectors.bol.stock import OffersV10, OffersV11
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import House, ListedOffer
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.bol_world import OUTLET, BolWorld
from order_pipelines_tests.connectors.bol.scripted_server import (
    Reply,
    Request,
    Script,
    ScriptedServer,
    scripted_server,
)
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore

UNKNOWN_OFFER = "6ff736b5-cdd0-4150-8c67-78269ee986f5"


def _offer_id(world: BolWorld, sku: str = "KEU-1001") -> str:
    return str(world.offer(sku)["offer_id"])


def _client(server: ScriptedServer) -> BolClient:
    return BolClient(server.account(), House(MemoryTokenStore(), MemoryBudget()))


def _v11(server: ScriptedServer) -> OffersV11:
    return OffersV11(_client(server), BolOptions())


# ------------------------------------------------------------------------------------------------ v11


def test_every_offer_is_listed_over_all_pages(world: BolWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bol_stock, "PAGE_SIZE", 25)
    expected = {offer["offer_id"] for offer in world.state()["offers"]}
    offers = list(world.stock().list_offers())
    assert {offer.offer_id for offer in offers} == expected
    assert len(offers) == len(expected)
    assert world.state()["calls"] == {"GET /retailer/offers": -(-len(expected) // 25)}


def test_an_offer_is_listed_with_what_bol_knows_of_it(world: BolWorld) -> None:
    world.buy(("KEU-1011", 2))
    shown = world.offer("KEU-1011")
    offers = {offer.offer_id: offer for offer in world.stock().list_offers()}
    offer = offers[shown["offer_id"]]
    assert offer == ListedOffer(
        offer_id=shown["offer_id"],
        ean="0001234500113",
        reference=shown["reference"],
        stock_set=shown["amount"],
        stock_shown=shown["amount"] - 2,
        is_own_fulfilment=True,
        manages_open_orders=False,
        is_for_sale=True,
    )
    assert {offer.is_own_fulfilment for offer in offers.values()} == {True, False}


def test_stock_is_stored_at_once_and_read_back(world: BolWorld) -> None:
    sink, offer_id = world.stock(), _offer_id(world)
    result = sink.push_stock(offer_id, 7)
    assert (result.state, result.reference, result.reason) == ("confirmed", None, None)
    assert [(write["path"], write["body"]) for write in world.state()["writes"]] == [
        (f"/retailer/offers/{offer_id}", {"stock": {"amount": 7, "managedByRetailer": True}})
    ]
    shown = sink.read_stock(offer_id)
    assert (shown.stock_set, shown.stock_shown, shown.manages_open_orders) == (7, 7, False)
    assert (sink.subtracts_open_orders, sink.max_quantity) == (False, 999)


@pytest.mark.parametrize(("quantity", "sent"), [(1500, 999), (999, 999), (0, 0), (-3, 0)])
def test_stock_stays_within_what_bol_takes(world: BolWorld, quantity: int, sent: int) -> None:
    world.stock().push_stock(_offer_id(world), quantity)
    assert world.offer("KEU-1001")["amount"] == sent


def test_an_account_whose_open_orders_bol_subtracts_says_so(world: BolWorld) -> None:
    """Contract section 7: with managedByRetailer false the same number means something else."""
    world.buy(("KEU-1001", 2), account=OUTLET)
    sink = world.stock(OUTLET, managed_by_retailer=False)
    offer_id = world.offer("KEU-1001", OUTLET)["offer_id"]
    assert sink.subtracts_open_orders is True
    assert sink.push_stock(offer_id, 9).state == "confirmed"
    shown = sink.read_stock(offer_id)
    assert (shown.stock_set, shown.stock_shown, shown.manages_open_orders) == (9, 7, True)


def test_a_stored_number_is_not_yet_an_offer_for_sale(world: BolWorld) -> None:
    """Pitfall: on hold or in holiday mode the write is stored nevertheless."""
    offer_id = _offer_id(world)
    world.bol.desk("bol_main").shop.offers[offer_id].on_hold = True
    sink = world.stock()
    assert sink.push_stock(offer_id, 7).state == "confirmed"
    shown = sink.read_stock(offer_id)
    assert (shown.stock_set, shown.is_for_sale) == (7, False)


def test_a_write_that_had_no_effect_is_seen_by_reading_back(world: BolWorld) -> None:
    sink, offer_id = world.stock(), _offer_id(world)
    before = world.offer("KEU-1001")["amount"]
    world.fault("silent_reject", method="PATCH")
    assert sink.push_stock(offer_id, 7).state == "confirmed"
    assert sink.read_stock(offer_id).stock_set == before


@pytest.mark.parametrize("api", ["v11", "v10"])
def test_an_unknown_offer(world: BolWorld, api: str) -> None:
    sink = world.stock(offers_api=api)
    with pytest.raises(PermanentConnectorError) as caught:
        sink.read_stock(UNKNOWN_OFFER)
    assert caught.value.status == 404


def test_a_refused_number_is_rejected_with_bols_reason(world: BolWorld) -> None:
    sink = world.stock()
    unknown = sink.push_stock(UNKNOWN_OFFER, 7)
    assert unknown.state == "rejected"
    assert f"Offer with id {UNKNOWN_OFFER} not found." in str(unknown.reason)
    by_bol = sink.push_stock(_offer_id(world, "THE-2004"), 7)
    assert by_bol.state == "rejected"
    assert "stock.amount: Stock of an offer that is fulfilled by bol cannot be set." in str(by_bol.reason)
    assert [write["status"] for write in world.state()["writes"]] == [404, 400]


def test_a_forbidden_account_is_no_refused_number(world: BolWorld) -> None:
    world.fault("403", method="PATCH")
    with pytest.raises(PermanentConnectorError) as caught:
        world.stock().push_stock(_offer_id(world), 7)
    assert caught.value.status == 403


@pytest.mark.parametrize("kind", ["500", "503"])
def test_an_error_of_bol_leaves_a_write_in_doubt(world: BolWorld, kind: str) -> None:
    world.fault(kind, method="PATCH")
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stock(_offer_id(world), 7)
    assert (caught.value.status, caught.value.maybe_acted) == (int(kind), True)


def test_a_refusal_by_the_limit_leaves_no_doubt(world: BolWorld) -> None:
    before = world.offer("KEU-1001")["amount"]
    world.fault("429", method="PATCH", seconds=2)
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stock(_offer_id(world), 7)
    assert (caught.value.retry_after_s, caught.value.maybe_acted) == (2.0, False)
    assert world.offer("KEU-1001")["amount"] == before


def test_a_lost_reply_leaves_a_write_in_doubt_although_it_was_done(world: BolWorld) -> None:
    world.fault("drop_reply_after_acting", method="PATCH")
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stock(_offer_id(world), 7)
    assert (caught.value.status, caught.value.maybe_acted) == (None, True)
    assert world.offer("KEU-1001")["amount"] == 7


def test_a_cursor_that_comes_twice_ends_in_an_error() -> None:
    page = {"offers": [{"offerId": "a"}], "page": {"pageSize": 100, "nextCursor": "again"}}
    with scripted_server(lambda request: Reply(page)) as server:
        with pytest.raises(PermanentConnectorError, match="a cursor came twice"):
            list(_v11(server).list_offers())
        assert [request.query.get("cursor") for request in server.asked("/retailer/offers")] == [
            None,
            "again",
        ]


def test_cursors_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bol_stock, "MAX_PAGES", 2)

    def script(request: Request) -> Reply:
        cursor = f"{request.query.get('cursor', '')}x"
        return Reply({"offers": [], "page": {"nextCursor": cursor}})

    with (
        scripted_server(script) as server,
        pytest.raises(PermanentConnectorError, match="more than 2 pages"),
    ):
        list(_v11(server).list_offers())


def test_a_page_without_offers_is_no_empty_page() -> None:
    with (
        scripted_server(lambda request: Reply({"items": []})) as server,
        pytest.raises(PermanentConnectorError, match="must have a list 'offers'"),
    ):
        list(_v11(server).list_offers())


def test_an_offer_without_id_is_skipped_and_told(caplog: pytest.LogCaptureFixture) -> None:
    page = {"offers": [{"ean": "1"}, 5, {"offerId": "a"}], "page": {"nextCursor": None}}
    with scripted_server(lambda request: Reply(page)) as server:
        offers = list(_v11(server).list_offers())
    assert offers == [
        ListedOffer("a", None, None, None, None, is_own_fulfilment=True, manages_open_orders=False)
    ]
    assert len(caplog.records) == 2


def test_an_answer_that_is_no_offer_is_an_error() -> None:
    with (
        scripted_server(lambda request: Reply({"id": "a"})) as server,
        pytest.raises(PermanentConnectorError, match="no offerId"),
    ):
        _v11(server).read_stock("a")


# ------------------------------------------------------------------------------------------------ v10


def test_a_v10_write_is_done_when_its_status_says_so(strict_world: BolWorld) -> None:
    world = strict_world
    sink = world.stock(offers_api="v10")
    accepted = sink.push_stock(_offer_id(world), 7)
    assert (accepted.state, accepted.reason) == ("accepted", None)
    assert accepted.reference is not None
    assert sink.poll_write(accepted.reference).state == "accepted"
    assert world.offer("KEU-1001")["amount"] != 7
    world.pass_time(1)
    done = sink.poll_write(accepted.reference)
    assert (done.state, done.reference) == ("confirmed", accepted.reference)
    assert sink.read_stock(_offer_id(world)).stock_set == 7
    assert world.state()["writes"][0]["body"] == {"amount": 7, "managedByRetailer": True}


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("process_failure", "rejected", "Something went wrong at bol."),
        ("process_failure_without_message", "rejected", "bol gave no reason"),
        ("process_timeout", "in_doubt", "bol did not finish it in time; read back"),
        ("process_vanish", "in_doubt", "status gone; read back"),
    ],
)
def test_every_end_of_a_process_has_a_meaning(world: BolWorld, kind: str, state: str, reason: str) -> None:
    sink = world.stock(offers_api="v10")
    world.fault(kind, match="/stock")
    accepted = sink.push_stock(_offer_id(world), 7)
    assert accepted.reference is not None
    world.pass_time(1)
    result = sink.poll_write(accepted.reference)
    assert (result.state, result.reason, result.reference) == (state, reason, accepted.reference)


def test_an_unknown_state_of_a_process_is_in_doubt() -> None:
    script: Script = lambda request: Reply({"processStatusId": "1", "status": "PAUSED"})  # noqa: E731
    with scripted_server(script) as server:
        result = _v11(server).poll_write("1")
    assert (result.state, result.reason) == ("in_doubt", "bol's answer names no state we know; read back")


@pytest.mark.parametrize(
    "content", [b"", b"<html>", [], {}, {"processStatusId": True}, {"processStatusId": ""}]
)
def test_an_accepted_write_without_a_status_is_in_doubt(content: object) -> None:
    with scripted_server(lambda request: Reply(content, 202)) as server:
        result = OffersV10(_client(server), BolOptions()).push_stock("a", 1)
    assert (result.state, result.reference) == ("in_doubt", None)


def test_a_status_id_may_be_a_number() -> None:
    with scripted_server(lambda request: Reply({"processStatusId": 17}, 202)) as server:
        result = OffersV10(_client(server), BolOptions()).push_stock("a", 1)
    assert (result.state, result.reference) == ("accepted", "17")


def test_the_v10_list_is_an_export_read_by_column_name(strict_world: BolWorld) -> None:
    """The stand-in shuffles the columns; EANs keep their leading zeros."""
    world = strict_world
    client = BolClient(world.account(), world.house())
    offers = {
        offer.offer_id: offer for offer in OffersV10(client, BolOptions(), sleep=world.sleep).list_offers()
    }
    state = {offer["offer_id"]: offer for offer in world.state()["offers"]}
    assert offers.keys() == state.keys()
    stone = offers[_offer_id(world, "KEU-1011")]
    assert (stone.ean, stone.stock_set) == ("0001234500113", world.offer("KEU-1011")["amount"])
    assert (stone.is_own_fulfilment, stone.stock_shown) == (True, None)
    assert offers[_offer_id(world, "THE-2004")].is_own_fulfilment is False
    assert world.slept_s == [5.0]


def _export(csv: bytes, *, status: str = "SUCCESS", entity: object = "8") -> Script:
    def script(request: Request) -> Reply:
        if request.path == "/retailer/offers/export":
            return Reply({"processStatusId": "1", "status": "PENDING"}, 202)
        if request.path == "/shared/process-status/1":
            return Reply({"processStatusId": "1", "status": status, "entityId": entity})
        assert request.path == "/retailer/offers/export/8"
        assert request.headers["Accept"] == "application/vnd.retailer.v10+csv"
        return Reply(csv)

    return script


def test_columns_that_an_export_has_more_are_used() -> None:
    csv = (
        b"\xef\xbb\xbfreferenceCode,correctedStock,offerId,ean,stockAmount,managedByRetailer,onHoldByRetailer,"
        b"fulfilmentMethod\r\n"
        b"SKU-1,-1,a,0000007740404,4,false,true,FBR\r\n"
        b",,,,,,,\r\n"
        b",,b,,x,,false,FBB\r\n"
    )
    with scripted_server(_export(csv)) as server:
        offers = list(OffersV10(_client(server), BolOptions()).list_offers())
    assert offers == [
        ListedOffer("a", "0000007740404", "SKU-1", 4, -1, True, True, False),
        ListedOffer("b", None, None, None, None, False, False, None),
    ]


@pytest.mark.parametrize("csv", [b"", b"id,ean\n1,2\n", b"\xff\xfeo"])
def test_an_export_that_is_no_export_is_an_error(csv: bytes) -> None:
    with scripted_server(_export(csv)) as server, pytest.raises(PermanentConnectorError):
        list(OffersV10(_client(server), BolOptions()).list_offers())


@pytest.mark.parametrize("status", ["FAILURE", "TIMEOUT"])
def test_an_export_that_failed_may_be_asked_again(status: str) -> None:
    with (
        scripted_server(_export(b"", status=status)) as server,
        pytest.raises(TransientConnectorError, match=status),
    ):
        list(OffersV10(_client(server), BolOptions()).list_offers())


def test_an_export_that_never_comes_is_given_up() -> None:
    slept: list[float] = []
    with (
        scripted_server(_export(b"", status="PENDING")) as server,
        pytest.raises(TransientConnectorError, match="not ready in time"),
    ):
        list(OffersV10(_client(server), BolOptions(), sleep=slept.append).list_offers())
    assert slept == [5.0] * 60


def test_a_finished_export_without_its_id_is_an_error() -> None:
    with (
        scripted_server(_export(b"", entity=None)) as server,
        pytest.raises(PermanentConnectorError, match="no entityId"),
    ):
        list(OffersV10(_client(server), BolOptions()).list_offers())


def test_the_write_limit_is_kept_by_waiting(strict_world: BolWorld) -> None:
    """50 writes a second: the 51st waits instead of being refused."""
    sink, offer_id = strict_world.stock(), _offer_id(strict_world)
    for quantity in range(60):
        assert sink.push_stock(offer_id, quantity).state == "confirmed"
    assert strict_world.state()["refused_by_limit"] == {}
