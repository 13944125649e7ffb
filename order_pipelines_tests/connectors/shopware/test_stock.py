"""Stock in batches, in both models: against the stand-in's shops of 6.6 and 6.5."""

import orjson
import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, StockBatchSink, StockWrite
from order_pipelines.connectors.shopware.stock import MAX_BATCH, ShopwareStock
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    scripted_server,
)
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.shopware.shopware_world import OLD, ShopwareWorld

UNKNOWN = "f" * 32


def offer_id(world: ShopwareWorld, sku: str, account: str = "webshop") -> str:
    return str(world.offer(sku, account)["offer_id"])


def sink_of(server: ScriptedServer) -> ShopwareStock:
    secrets = {"client_id": "an-id", "client_secret": "a-secret"}
    account = Account("webshop", server.url, f"{server.url}/token", {}, secrets)
    return ShopwareStock(account, House(MemoryTokenStore(), MemoryBudget(sleep=lambda _: None)))


def test_products_that_can_be_bought_are_listed_and_parents_of_variants_are_not(world: ShopwareWorld) -> None:
    offers = {offer.reference: offer for offer in world.stock(page_size=3).list_offers()}
    assert "KEU-PANNEN" not in offers
    assert {"KEU-1001", "KEU-1002", "OUD-0001"} <= offers.keys()
    assert len(offers) == len(world.state()["offers"])
    pan = offers["KEU-1001"]
    assert (pan.offer_id, pan.ean) == (offer_id(world, "KEU-1001"), "8720999001018")
    assert (pan.stock_set, pan.stock_shown, pan.is_for_sale) == (42, 42, True)
    assert (pan.is_own_fulfilment, pan.manages_open_orders) == (True, False)


def test_many_stocks_are_written_in_one_call_with_the_index_rebuilt_later(world: ShopwareWorld) -> None:
    pan, board = offer_id(world, "KEU-1001"), offer_id(world, "KEU-1004")
    results = world.stock().push_stocks([StockWrite(pan, 7), StockWrite(board, 0)])
    assert {offer: result.state for offer, result in results.items()} == {
        pan: "confirmed",
        board: "confirmed",
    }
    assert (world.offer("KEU-1001")["stock"], world.offer("KEU-1004")["stock"]) == (7, 0)
    (write,) = world.state()["writes"]
    assert write["path"] == "/api/_action/sync"
    assert write["body"] == [
        {
            "action": "upsert",
            "entity": "product",
            "payload": [{"id": pan, "stock": 7}, {"id": board, "stock": 0}],
        }
    ]
    assert world.stock().read_stock(board).is_for_sale is False, "a closeout that has run out"


def test_one_bad_row_stops_no_other(world: ShopwareWorld) -> None:
    """A batch is one transaction at the shop, and an id that it does not have is an attempt to make a product."""
    known = [offer.offer_id for offer in world.stock().list_offers()][:6]
    writes = [StockWrite(each, 3) for each in known]
    writes.insert(2, StockWrite(UNKNOWN, 5))
    results = world.stock().push_stocks(writes)
    assert {each: results[each].state for each in known} == dict.fromkeys(known, "confirmed")
    assert results[UNKNOWN].state == "rejected"
    assert "is the product still in the shop?" in (results[UNKNOWN].reason or "")
    stocks = {offer["offer_id"]: offer["stock"] for offer in world.state()["offers"]}
    assert [stocks[each] for each in known] == [3] * 6
    assert UNKNOWN not in stocks, "no product was made of it"


def test_what_is_no_id_is_not_sent(world: ShopwareWorld) -> None:
    results = world.stock().push_stocks([StockWrite("KEU-1001", 5)])
    assert results["KEU-1001"].state == "rejected"
    assert world.state()["writes"] == []


def test_a_lost_reply_is_in_doubt_and_holds(world: ShopwareWorld) -> None:
    pan = offer_id(world, "KEU-1001")
    world.fault("drop_reply_after_acting", match="/api/_action/sync")
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stocks([StockWrite(pan, 9)])
    assert caught.value.maybe_acted is True
    assert world.stock().read_stock(pan).stock_set == 9


def test_what_is_known_of_one_half_is_not_lost_with_the_other() -> None:
    first, second = "a" * 32, "b" * 32

    def script(request: Request) -> Reply:
        rows = orjson.loads(request.body)[0]["payload"]
        if len(rows) > 1:
            return Reply({"errors": [{"status": "400", "detail": "no"}]}, status=400)
        if rows[0]["id"] == first:
            return Reply({"data": {"product": [first]}})
        return Reply(status=500)

    with scripted_server(script) as server:
        results = sink_of(server).push_stocks([StockWrite(first, 1), StockWrite(second, 2)])
    assert {each: result.state for each, result in results.items()} == {
        first: "confirmed",
        second: "in_doubt",
    }


@pytest.mark.parametrize("content", [{}, {"data": []}, {"data": {"product": []}}, [], b"<html>login</html>"])
def test_an_answer_that_does_not_name_the_product_is_in_doubt(content: object) -> None:
    with scripted_server(lambda _: Reply(content)) as server:
        results = sink_of(server).push_stocks([StockWrite("a" * 32, 1)])
    assert results["a" * 32].state == "in_doubt"


def test_an_account_that_may_not_write_is_an_error_that_names_the_right() -> None:
    detail = '{"message":"Missing privilege","missingPrivileges":["product:update"]}'
    error = {"code": "FRAMEWORK__MISSING_PRIVILEGE_ERROR", "status": "403", "detail": detail}
    with scripted_server(lambda _: Reply({"errors": [error]}, status=403)) as server:
        with pytest.raises(PermanentConnectorError, match="missing privilege product:update") as caught:
            sink_of(server).push_stocks([StockWrite("a" * 32, 1), StockWrite("b" * 32, 1)])
        assert len(server.asked("/api/_action/sync")) == 1
    assert caught.value.status == 403


def test_the_index_is_told_to_wait_and_the_plain_shape_is_asked_for() -> None:
    with scripted_server(lambda _: Reply({"data": {"product": ["a" * 32]}})) as server:
        sink_of(server).push_stocks([StockWrite("a" * 32, 1)])
        (request,) = server.asked("/api/_action/sync")
    assert request.headers["indexing-behavior"] == "use-queue-indexing"
    assert request.headers["Accept"] == "application/json"


def test_a_product_that_is_gone_is_a_404(world: ShopwareWorld) -> None:
    for gone in (UNKNOWN, "KEU-1001"):
        with pytest.raises(PermanentConnectorError) as caught:
            world.stock().read_stock(gone)
        assert caught.value.status == 404


def test_a_shop_of_6_6_shows_what_it_was_told_and_6_5_subtracts_its_open_orders(world: ShopwareWorld) -> None:
    """What hardest truths say: available to a live shop, available and its open orders to an old one."""
    new, old = world.stock(), world.stock(OLD, stock_model="6.5")
    assert (new.subtracts_open_orders, old.subtracts_open_orders) == (False, True)
    for account, sink in (("webshop", new), (OLD, old)):
        world.buy(("KEU-1001", 3), account=account)
        sink.push_stocks([StockWrite(offer_id(world, "KEU-1001", account), 10)])
    shown = new.read_stock(offer_id(world, "KEU-1001"))
    assert (shown.stock_set, shown.stock_shown, shown.manages_open_orders) == (10, 10, False)
    shown = old.read_stock(offer_id(world, "KEU-1001", OLD))
    assert (shown.stock_set, shown.stock_shown, shown.manages_open_orders) == (10, 7, True)


def test_it_takes_batches_and_has_none_to_ask_for(world: ShopwareWorld) -> None:
    sink = world.stock()
    assert isinstance(sink, StockBatchSink)
    assert (sink.max_batch, MAX_BATCH) == (100, 100)
    assert {each: result.state for each, result in sink.poll_stocks("r", ["a"]).items()} == {"a": "in_doubt"}
