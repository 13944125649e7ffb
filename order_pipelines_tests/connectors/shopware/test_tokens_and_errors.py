"""The token of an integration, and what an error says: never a secret, never a person."""

from datetime import timedelta

import pytest

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, Since, StockWrite
from order_pipelines.connectors.shopware.orders import ShopwareOrders
from order_pipelines.connectors.shopware.stock import ShopwareStock
from order_pipelines.errors import ConfigurationError, PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.shopware.shopware_world import ShopwareWorld, shopware_world


def asked(world: ShopwareWorld) -> int:
    return len(world.state()["token_requests"])


def test_one_token_serves_all_abilities_for_570_seconds(world: ShopwareWorld) -> None:
    world.listed()
    list(world.stock().list_offers())
    assert asked(world) == 1
    world.pass_time(565)
    world.listed()
    assert asked(world) == 1
    world.pass_time(10)
    world.listed()
    assert asked(world) == 2
    assert "shopware:webshop" in world.tokens.tokens


def test_a_token_that_ends_early_is_renewed_and_the_call_repeated_once(world: ShopwareWorld) -> None:
    pan = world.offer("KEU-1001")["offer_id"]
    sink = world.stock()
    sink.push_stocks([StockWrite(pan, 5)])
    world.fault("expire_token", match="/api/_action/sync")
    assert sink.push_stocks([StockWrite(pan, 6)])[pan].state == "confirmed"
    assert (world.offer("KEU-1001")["stock"], asked(world)) == (6, 2)


def test_a_shop_that_rejects_new_tokens_too_is_not_asked_on_and_on(world: ShopwareWorld) -> None:
    source = world.orders()
    world.fault("401", count=100, match="/api/search")
    for _ in range(3):
        with pytest.raises((PermanentConnectorError, TransientConnectorError)) as caught:
            list(source.list_orders(Since(None)))
        assert caught.value.status == 401
    assert asked(world) == 2


def test_wrong_credentials_are_permanent_and_asked_once(world: ShopwareWorld) -> None:
    source = ShopwareOrders(world.account(secret="not-the-secret-of-this-shop"), world.house())
    for _ in range(2):
        with pytest.raises(PermanentConnectorError, match="client id or secret is wrong") as caught:
            list(source.list_orders(Since(None)))
        assert "not-the-secret" not in str(caught.value)
    assert len(world.state()["token_requests"]) == 1


def test_the_throttle_of_the_token_end_point_is_not_run_into() -> None:
    with shopware_world(relaxed=False) as world:
        for _ in range(15):
            world.listed()
        assert asked(world) == 1


@pytest.mark.parametrize("secret", ["client_id", "client_secret"])
def test_a_missing_secret_is_named(secret: str) -> None:
    secrets = {"client_id": "x", "client_secret": "y"}
    del secrets[secret]
    account = Account("webshop", "https://shop.example", None, {}, secrets)
    with pytest.raises(ConfigurationError, match=rf"accounts\.webshop\.secrets\.{secret}"):
        ShopwareStock(account, House(MemoryTokenStore(), MemoryBudget()))


def test_a_shop_without_an_address_is_named() -> None:
    account = Account("webshop", None, None, {}, {"client_id": "x", "client_secret": "y"})
    with pytest.raises(ConfigurationError, match=r"accounts\.webshop\.base_url"):
        ShopwareStock(account, House(MemoryTokenStore(), MemoryBudget()))


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/"])
def test_the_address_may_end_in_api(world: ShopwareWorld, ending: str) -> None:
    bought = world.buy()
    row = world.row()
    account = Account("webshop", row["base_url"] + ending, None, {}, row["credentials"])
    (listed,) = ShopwareOrders(account, world.house()).list_orders(Since(None))
    assert listed.external_id == bought


def test_too_many_calls_wait_as_long_as_the_shop_says(world: ShopwareWorld) -> None:
    world.buy()
    world.fault("429", seconds=7.0, match="/api/search")
    source = world.orders()
    with pytest.raises(TransientConnectorError) as caught:
        list(source.list_orders(Since(None)))
    assert (caught.value.status, caught.value.retry_after_s) == (429, 7.0)
    assert len(list(source.list_orders(Since(None)))) == 1
    assert 5 < sum(world.slept_s) <= 7


def test_without_a_word_the_pauses_grow(world: ShopwareWorld) -> None:
    world.fault("429_without_retry_after", count=3, match="/api/search")
    source = world.orders()
    waits = []
    for _ in range(3):
        with pytest.raises(TransientConnectorError) as caught:
            list(source.list_orders(Since(clock.now() - timedelta(hours=1))))
        waits.append(caught.value.retry_after_s)
    assert waits == [5.0, 15.0, 60.0]


def test_a_missing_right_is_named(world: ShopwareWorld) -> None:
    world.fault("403", match="/api/search/order")
    with pytest.raises(PermanentConnectorError, match=r"missing privilege order:read") as caught:
        world.listed()
    assert (caught.value.status, caught.value.vendor_code) == (403, "FRAMEWORK__MISSING_PRIVILEGE_ERROR")


def test_an_error_says_code_and_place_and_no_value() -> None:
    errors = {
        "errors": [
            {
                "code": "FRAMEWORK__WRITE_CONSTRAINT_VIOLATION",
                "status": "400",
                "detail": "This value should not be blank, said noor@voorbeeld.example.",
                "meta": {"parameters": {"{{ value }}": "Noor Bedacht"}},
                "source": {"pointer": "/0/stock"},
            }
        ]
    }
    with scripted_server(lambda _: Reply(errors, status=400)) as server:
        secrets = {"client_id": "an-id", "client_secret": "a-secret"}
        account = Account("webshop", server.url, f"{server.url}/token", {}, secrets)
        sink = ShopwareStock(account, House(MemoryTokenStore(), MemoryBudget()))
        reason = sink.push_stocks([StockWrite("a" * 32, 1)])["a" * 32].reason or ""
    assert "FRAMEWORK__WRITE_CONSTRAINT_VIOLATION /0/stock" in reason
    assert "This value should not be blank" in reason
    assert "Noor" not in reason
    assert "voorbeeld" not in reason


@pytest.mark.parametrize(
    "content", [b"", b"<html>", [], {"errors": None}, {"errors": ["x"]}, {"errors": [{}]}]
)
def test_an_error_without_words_is_an_error_all_the_same(content: object) -> None:
    with scripted_server(lambda _: Reply(content, status=418)) as server:
        secrets = {"client_id": "an-id", "client_secret": "a-secret"}
        account = Account("webshop", server.url, f"{server.url}/token", {}, secrets)
        source = ShopwareOrders(account, House(MemoryTokenStore(), MemoryBudget()))
        with pytest.raises(PermanentConnectorError, match="answered 418"):
            list(source.list_orders(Since(None)))
