"""Tokens: kept, shared, renewed in time, and never asked for more often than needed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from order_pipelines import clock
from order_pipelines.connectors.bol.orders import BolOrders
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, Since
from order_pipelines.errors import (
    ConfigurationError,
    PermanentConnectorError,
    TransientConnectorError,
)
from order_pipelines_tests.connectors.bol.bol_world import MAIN, OUTLET, BolWorld
from order_pipelines_tests.connectors.bol.scripted_server import Reply, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore


def _minute_ago() -> Since:
    return Since(clock.now() - timedelta(minutes=1))


def test_every_part_of_an_account_shares_one_token(world: BolWorld) -> None:
    order_id = world.buy()
    list(world.orders().list_orders(_minute_ago()))
    world.orders().fetch_order(order_id)
    list(world.stock().list_offers())
    world.shipments().shipped_quantities(order_id)
    assert world.requests_for_a_token() == 1
    assert list(world.tokens.tokens) == ["bol:bol_main"]


def test_each_account_has_a_token_of_its_own(world: BolWorld) -> None:
    list(world.orders(MAIN).list_orders(_minute_ago()))
    list(world.orders(OUTLET).list_orders(_minute_ago()))
    assert sorted(world.tokens.tokens) == ["bol:bol_main", "bol:bol_outlet"]
    assert world.requests_for_a_token(MAIN) == world.requests_for_a_token(OUTLET) == 1


def test_a_token_is_used_until_thirty_seconds_before_its_end(world: BolWorld) -> None:
    """The stand-in's live 299 s, as those of bol once did."""
    source = world.orders()
    list(source.list_orders(_minute_ago()))
    world.pass_time(265)
    list(source.list_orders(_minute_ago()))
    assert world.requests_for_a_token() == 1
    world.pass_time(5)
    list(source.list_orders(_minute_ago()))
    assert world.requests_for_a_token() == 2
    assert world.state()["token_violations"] == []


@pytest.mark.parametrize("life_s", [599, "599"])
def test_the_life_is_what_the_answer_says(life_s: object) -> None:
    began = datetime(2026, 11, 21, 12, tzinfo=UTC)
    tokens = MemoryTokenStore()
    with scripted_server(lambda request: Reply({"orderId": "A1"}), token_life_s=life_s) as server:
        source = BolOrders(server.account(), House(tokens, MemoryBudget()))
        for after_s, asked in ((0, 1), (568, 1), (570, 2)):
            with clock.frozen(began + timedelta(seconds=after_s)):
                source.fetch_order("A1")
            assert server.tokens == asked
    assert tokens.tokens["bol:bol_main"].expires_at == began + timedelta(seconds=570 + 599)


def test_a_very_short_life_is_used_for_half_of_it() -> None:
    began = datetime(2026, 11, 21, 12, tzinfo=UTC)
    with scripted_server(lambda request: Reply({"orderId": "A1"}), token_life_s=20) as server:
        source = BolOrders(server.account(), House(MemoryTokenStore(), MemoryBudget()))
        for after_s, asked in ((0, 1), (9, 1), (10, 2)):
            with clock.frozen(began + timedelta(seconds=after_s)):
                source.fetch_order("A1")
            assert server.tokens == asked


def test_a_token_that_expires_between_two_pages_repeats_the_page_once(world: BolWorld) -> None:
    """Pitfall: who starts over at page one never ends, who goes on loses a page."""
    placed = {world.buy() for _ in range(120)}
    world.fault("expire_token", match="page=2")
    listed = list(world.orders().list_orders(_minute_ago()))
    assert len(listed) == 120
    assert {entry.external_id for entry in listed} == placed
    assert world.requests_for_a_token() == 2
    assert world.state()["token_violations"] == []


def test_a_write_with_an_expired_token_is_repeated_once(world: BolWorld) -> None:
    offer_id = world.offer("KEU-1001")["offer_id"]
    world.fault("expire_token", method="PATCH")
    assert world.stock().push_stock(offer_id, 7).state == "confirmed"
    assert [write["status"] for write in world.state()["writes"]] == [204]


def test_a_renewed_token_is_found_in_the_store_by_the_others(world: BolWorld) -> None:
    order_id = world.buy()
    first, second = world.orders(), world.orders()
    first.fetch_order(order_id)
    second.fetch_order(order_id)
    world.fault("expire_token", match=order_id)
    first.fetch_order(order_id)
    second.fetch_order(order_id)
    assert world.requests_for_a_token() == 2


def test_many_threads_ask_once(world: BolWorld) -> None:
    order_id = world.buy()
    sources = [world.orders() for _ in range(8)]
    start = threading.Barrier(8)

    def fetch(number: int) -> str:
        start.wait()
        return sources[number].fetch_order(order_id).external_id

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(fetch, range(8))) == {order_id}
    assert world.requests_for_a_token() == 1


def test_a_wrong_secret_is_told_and_not_tried_again(world: BolWorld) -> None:
    order_id = world.buy()
    source = BolOrders(world.account(secret="not-the-secret"), world.house())
    for _ in range(2):
        with pytest.raises(PermanentConnectorError) as caught:
            source.fetch_order(order_id)
        assert (caught.value.status, caught.value.vendor_code) == (401, "invalid_client")
        assert "client id or secret" in str(caught.value)
        assert "not-the-secret" not in repr(caught.value) + str(caught.value.__dict__)
    assert world.tokens.tokens == {}
    assert world.state()["calls"] == {}


def test_a_wrong_secret_asks_the_token_service_once() -> None:
    asked = []

    with scripted_server(lambda request: Reply({"error": "invalid_client"}, 401)) as server:
        account = Account("a", server.url, f"{server.url}/login", {}, server.account().secrets)
        source = BolOrders(account, House(MemoryTokenStore(), MemoryBudget()))
        for _ in range(3):
            with pytest.raises(PermanentConnectorError):
                source.fetch_order("A1")
        asked = [request.path for request in server.requests]
    assert asked == ["/login"]


def test_new_tokens_that_are_rejected_too_are_not_asked_for_on_and_on(world: BolWorld) -> None:
    order_id = world.buy()
    world.fault("401", count=None, rate=1.0, match="/retailer/")
    source = world.orders()
    with pytest.raises(PermanentConnectorError) as first:
        source.fetch_order(order_id)
    assert first.value.status == 401
    for _ in range(3):
        with pytest.raises(TransientConnectorError) as caught:
            source.fetch_order(order_id)
        assert caught.value.retry_after_s is not None
        assert 50 < caught.value.retry_after_s <= 60
    assert world.requests_for_a_token() == 2


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("429", 429)])
def test_a_token_that_cannot_be_had_leaves_a_write_undone(world: BolWorld, kind: str, status: int) -> None:
    offer_id = world.offer("KEU-1001")["offer_id"]
    world.fault(kind, match="/token")
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stock(offer_id, 7)
    assert (caught.value.status, caught.value.maybe_acted) == (status, False)
    assert world.state()["writes"] == []


def test_a_lost_answer_of_the_token_service_leaves_a_write_undone(world: BolWorld) -> None:
    offer_id = world.offer("KEU-1001")["offer_id"]
    world.fault("drop_reply_after_acting", match="/token")
    with pytest.raises(TransientConnectorError) as caught:
        world.stock().push_stock(offer_id, 7)
    assert caught.value.maybe_acted is False
    assert world.state()["writes"] == []
    assert world.stock().push_stock(offer_id, 7).state == "confirmed"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>", TransientConnectorError),
        ([], PermanentConnectorError),
        ({"access_token": "x"}, PermanentConnectorError),
        ({"access_token": "", "expires_in": 299}, PermanentConnectorError),
        ({"access_token": "x", "expires_in": -1}, PermanentConnectorError),
        ({"access_token": "x", "expires_in": None}, PermanentConnectorError),
    ],
)
def test_an_answer_without_a_usable_token_is_an_error(content: object, kind: type[Exception]) -> None:
    tokens = MemoryTokenStore()
    with scripted_server(lambda request: Reply(content)) as server:
        account = Account("a", server.url, f"{server.url}/login", {}, server.account().secrets)
        with pytest.raises(kind):
            BolOrders(account, House(tokens, MemoryBudget())).fetch_order("A1")
        assert [request.path for request in server.requests] == ["/login"]
    assert tokens.tokens == {}


def test_the_request_for_a_token_has_bols_form() -> None:
    with scripted_server(lambda request: Reply({"orderId": "A1"})) as server:
        BolOrders(server.account(), House(MemoryTokenStore(), MemoryBudget())).fetch_order("A1")
        (ask,) = server.asked("/token")
    assert (ask.method, ask.body) == ("POST", b"grant_type=client_credentials")
    assert ask.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert ask.headers["Authorization"] == "Basic YS1jbGllbnQ6YS1zZWNyZXQ="


def test_a_missing_secret_is_a_matter_of_settings() -> None:
    account = Account("shop", "http://127.0.0.1:1", None, {}, {"client_id": "x"})
    with pytest.raises(ConfigurationError, match=r"accounts\.shop\.secrets\.client_secret"):
        BolOrders(account, House(MemoryTokenStore(), MemoryBudget()))
