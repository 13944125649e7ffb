"""What changed, whole: against the stand-in, and against a scripted server for what it never answers."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
import requests

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House, Since
from order_pipelines.connectors.shopware.mapping import interpret
from order_pipelines.connectors.shopware.orders import ASSOCIATIONS, ShopwareOrders
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    scripted_server,
)
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.shopware.recordings import read
from order_pipelines_tests.connectors.shopware.shopware_world import ShopwareWorld

HOUR = timedelta(hours=1)


def ids(world: ShopwareWorld, *args: Any, **kwargs: Any) -> list[str]:
    return [listed.external_id for listed in world.listed(*args, **kwargs)]


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"{number:032x}", "autoIncrement": number, "orderNumber": str(number), **more}


def orders_of(server: ScriptedServer, **options: Any) -> ShopwareOrders:
    account = Account(
        "webshop",
        server.url,
        f"{server.url}/token",
        options,
        {"client_id": "an-id", "client_secret": "a-secret"},
    )
    return ShopwareOrders(account, House(MemoryTokenStore(), MemoryBudget(sleep=lambda _: None)))


def searches(server: ScriptedServer, entity: str = "order") -> list[dict[str, Any]]:
    return [orjson.loads(request.body) for request in server.asked(f"/api/search/{entity}")]


def test_the_first_reading_has_every_order_once_and_whole(world: ShopwareWorld) -> None:
    bought = [world.buy(("KEU-1001", pieces)) for pieces in (1, 2, 3)]
    listed = world.listed(page_size=2)
    assert [each.external_id for each in listed] == bought
    assert all(each.is_complete for each in listed)
    assert [read(each.body).lines[0].quantity for each in listed] == [1, 2, 3]
    assert all(read(each.body).problems == () for each in listed)
    assert world.state()["calls"]["POST /api/search/order"] == 3, (
        "two pages of the history, one of what is open"
    )


def test_a_new_order_whose_updated_at_is_null_is_seen(world: ShopwareWorld) -> None:
    world.buy(ago=3 * HOUR)
    new = world.buy()
    assert ids(world, clock.now() - HOUR) == [new]


def test_an_order_that_was_written_while_the_last_listing_ran_is_seen_again(world: ShopwareWorld) -> None:
    bought = world.buy(ago=timedelta(minutes=5))
    assert ids(world, clock.now()) == [bought]


@pytest.mark.parametrize("action", ["ship", "refund"])
def test_a_changed_delivery_or_payment_betrays_its_order(world: ShopwareWorld, action: str) -> None:
    """The stand-in leaves updatedAt of the order as it was, as some versions of Shopware do."""
    bought = world.buy(ago=24 * HOUR)
    world.buy(ago=24 * HOUR)
    world.pass_time(3600)
    world.act(bought, action)
    (listed,) = world.listed(clock.now() - HOUR)
    assert listed.external_id == bought
    assert world.order(bought)["updated_at"] is None
    order = read(listed.body)
    assert (order.fulfilment_status, order.payment_status) in {
        ("shipped", "paid"),
        ("not_shipped", "refunded"),
    }


def test_a_changed_quantity_betrays_its_order(world: ShopwareWorld) -> None:
    bought = world.buy(("KEU-1001", 1), ago=24 * HOUR)
    world.pass_time(3600)
    world.act(bought, "change_quantity", sku="KEU-1001", quantity=4)
    (listed,) = world.listed(clock.now() - HOUR)
    assert read(listed.body).lines[0].quantity == 4


def test_what_was_left_open_for_more_than_a_year_is_nobodys_any_more(world: ShopwareWorld) -> None:
    world.buy(ago=24 * 400 * HOUR)
    world.pass_time(24 * 3600 * 5)
    assert ids(world, clock.now() - HOUR, deep=True) == []
    assert ids(world) == []


def test_a_deep_reading_has_what_is_still_open(world: ShopwareWorld) -> None:
    still_open = world.buy(ago=24 * 200 * HOUR)
    done = world.buy(ago=24 * 200 * HOUR)
    for action in ("process", "complete"):
        world.act(done, action)
    world.pass_time(24 * 3600 * 5)
    since = clock.now() - HOUR
    assert ids(world, since) == []
    assert ids(world, since, deep=True) == [still_open]


def test_the_first_reading_goes_so_far_back_and_takes_what_is_open(world: ShopwareWorld) -> None:
    still_open = world.buy(ago=24 * 200 * HOUR)
    done = world.buy(ago=24 * 200 * HOUR)
    for action in ("process", "complete"):
        world.act(done, action)
    recent = world.buy()
    assert ids(world) == [recent, still_open]
    assert ids(world, history_days=400) == [still_open, done, recent]


def test_only_the_sales_channels_that_are_named_are_read(world: ShopwareWorld) -> None:
    world.buy()
    wanted = world.buy(sales_channel="B2B")
    channels = world.row()["sales_channels"]
    assert ids(world, sales_channel_ids=[channels["B2B"]]) == [wanted]
    assert ids(world, clock.now() - HOUR, sales_channel_ids=[channels["B2B"]]) == [wanted]


def test_a_draft_of_an_admin_is_no_other_order(world: ShopwareWorld) -> None:
    bought = world.buy()
    world.act(bought, "draft")
    assert ids(world) == [bought]


def test_one_order_is_read_in_full(world: ShopwareWorld) -> None:
    bought = world.buy(("KEU-1001", 2), promotion="5.00")
    fetched = world.orders().fetch_order(bought)
    order = read(fetched.body)
    assert (fetched.kind, fetched.external_id, order.external_order_id) == ("order", bought, bought)
    assert (str(order.order_discounts), order.problems) == ("5.00", ())


@pytest.mark.parametrize("order_id", ["0" * 32, "10001", "../product"])
def test_an_order_that_the_shop_does_not_have_is_a_404(world: ShopwareWorld, order_id: str) -> None:
    with pytest.raises(PermanentConnectorError) as caught:
        world.orders().fetch_order(order_id)
    assert caught.value.status == 404


def test_what_an_order_refers_to_changes_nothing_of_its_body(world: ShopwareWorld) -> None:
    """Else each sale of an article would make new versions of all orders that have it."""
    bought = world.buy(("KEU-1001", 1))
    before = world.orders().fetch_order(bought).body
    world.buy(("KEU-1001", 3))
    assert world.orders().fetch_order(bought).body == before


def test_both_answer_shapes_of_the_same_order_mean_the_same(world: ShopwareWorld) -> None:
    bundle = {"type": "container", "children": [{"sku": "KEU-1004", "quantity": 2}]}
    bought = world.buy(("KEU-1001", 1), bundle, promotion="3.00", shipping_discount="4.95", business=True)
    plain = read(world.orders().fetch_order(bought).body)
    row = world.row()
    reply = requests.post(
        f"{row['base_url']}/api/search/order",
        json={"ids": [bought], "associations": ASSOCIATIONS},
        headers={
            "Authorization": f"Bearer {world.tokens.tokens['shopware:webshop'].access_token}",
            "Accept": "application/vnd.api+json",
        },
        timeout=20,
    )
    assert reply.json()["included"], "the other shape"
    (order,) = interpret(reply.content, kind="order").orders
    assert order == plain
    assert [(line.sku, line.quantity) for line in order.lines] == [("KEU-1001", 1), ("KEU-1004", 2)]


def test_a_shop_that_allows_fewer_rows_is_obeyed() -> None:
    def script(request: Request) -> Reply:
        asked = orjson.loads(request.body)
        if asked["limit"] > 2:
            error = {
                "code": "FRAMEWORK__QUERY_LIMIT_EXCEEDED",
                "status": "400",
                "meta": {"parameters": {"maxLimit": 2}},
            }
            return Reply({"errors": [error]}, status=400)
        last = next((f["parameters"]["gt"] for f in asked["filter"] if f.get("field") == "autoIncrement"), 0)
        return Reply({"total": 3 - last, "data": [row(n) for n in range(last + 1, min(last + 3, 4))]})

    with scripted_server(script) as server:
        listed = [each.external_id for each in orders_of(server).list_orders(Since(None))]
        assert listed == [f"{n:032x}" for n in (1, 2, 3)]
        assert [each["limit"] for each in searches(server)][:3] == [100, 2, 2]
        assert all(each["total-count-mode"] == 1 for each in searches(server))


def test_a_page_that_is_too_heavy_is_asked_for_with_half_the_rows() -> None:
    def script(request: Request) -> Reply:
        return (
            Reply(status=504)
            if orjson.loads(request.body)["limit"] > 25
            else Reply({"total": 1, "data": [row(1)]})
        )

    with scripted_server(script) as server:
        assert len(list(orders_of(server).list_orders(Since(None)))) == 1
        assert [each["limit"] for each in searches(server)][:3] == [100, 50, 25]


def test_a_page_that_is_too_large_to_be_read_is_asked_for_with_half_the_rows() -> None:
    def script(request: Request) -> Reply:
        is_large = orjson.loads(request.body)["limit"] > 50
        return Reply(b" " * (9 * 1024 * 1024)) if is_large else Reply({"total": 1, "data": [row(1)]})

    with scripted_server(script) as server:
        assert len(list(orders_of(server).list_orders(Since(None)))) == 1
        assert [each["limit"] for each in searches(server)][:2] == [100, 50]


def test_a_total_that_counts_the_page_alone_ends_nothing() -> None:
    """Pitfall: mode 0 answers the number of rows on the page, whatever was asked."""

    def script(request: Request) -> Reply:
        asked = orjson.loads(request.body)
        last = next((f["parameters"]["gt"] for f in asked["filter"] if f.get("field") == "autoIncrement"), 0)
        rows = [row(n) for n in range(last + 1, min(last + 3, 6))]
        return Reply({"total": len(rows), "data": rows})

    with scripted_server(script) as server:
        found = [each.external_id for each in orders_of(server, page_size=2).list_orders(Since(None))]
        assert found == [f"{n:032x}" for n in (1, 2, 3, 4, 5)]


def test_pages_that_do_not_end_are_an_error() -> None:
    with scripted_server(lambda _: Reply({"total": 9, "data": [row(1), row(2)]})) as server:
        listing = orders_of(server, page_size=2).list_orders(Since(None))
        assert [next(listing).external_id for _ in range(2)] == [f"{n:032x}" for n in (1, 2)]
        with pytest.raises(PermanentConnectorError, match="does not end"):
            next(listing)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(b"<html>onderhoud</html>"), TransientConnectorError, "not JSON"),
        (Reply([1]), PermanentConnectorError, "not a JSON object"),
        (Reply({"data": None}), PermanentConnectorError, "must have a list 'data'"),
        (Reply({"total": 1, "data": [{"id": "x"}]}), PermanentConnectorError, "names no autoIncrement"),
        (Reply(status=503), TransientConnectorError, "answered 503"),
    ],
)
def test_an_answer_that_is_no_page_ends_the_listing(reply: Reply, kind: type[Exception], words: str) -> None:
    with scripted_server(lambda _: reply) as server, pytest.raises(kind, match=words) as caught:
        list(orders_of(server).list_orders(Since(None)))
    assert getattr(caught.value, "maybe_acted", None) is False, "a search changes nothing"


def test_a_row_without_an_id_is_kept_for_a_person() -> None:
    with scripted_server(lambda _: Reply({"total": 1, "data": [{"autoIncrement": 1}]})) as server:
        (listed,) = orders_of(server).list_orders(Since(None))
        assert listed.external_id.startswith("unnamed-")
        assert listed.is_complete is True
