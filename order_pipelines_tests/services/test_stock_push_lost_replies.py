"""A push in which answers get lost: the others go on in the same round, and what is in doubt is looked at."""

import socket
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.leases import try_acquire
from order_pipelines.operations.tables import leases
from order_pipelines.services.stock_push import Push, push_account, read_back
from order_pipelines_tests.services.pushed_stock import offer_row, patches
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

_WANTED = {"KEU-1004": 4, "KEU-1005": 5, "KEU-1006": 6, "KEU-1007": 7, "KEU-1008": 8}


def _five_due(world: ShopWorld) -> None:
    push_account(world.shop, MAIN)
    read_back(world.shop, MAIN, limit=200)
    for sku, quantity in _WANTED.items():
        world.count(sku, quantity)


def test_one_lost_answer_does_not_stop_the_others_of_the_round(listed: ShopWorld) -> None:
    world = listed
    _five_due(world)
    world.fault("drop_reply_after_acting", match=world.bol_offer("KEU-1005")["offer_id"], method="PATCH")

    push = push_account(world.shop, MAIN)

    assert (push.due, push.confirmed, push.in_doubt, push.problem) == (5, 4, 1, None)
    assert {sku: offer_row(world, sku).state for sku in _WANTED} == {
        "KEU-1004": "confirmed",
        "KEU-1005": "in_doubt",
        "KEU-1006": "confirmed",
        "KEU-1007": "confirmed",
        "KEU-1008": "confirmed",
    }


def test_what_is_in_doubt_is_read_back_and_not_sent_again_when_it_is_there(world: ShopWorld) -> None:
    _listed_here(world)
    _five_due(world)
    world.fault("drop_reply_after_acting", match=world.bol_offer("KEU-1005")["offer_id"], method="PATCH")
    before = len(patches(world))
    push_account(world.shop, MAIN)

    assert read_back(world.shop, MAIN) == 0

    row = offer_row(world, "KEU-1005")
    assert (row.state, row.confirmed_quantity, row.read_back_quantity) == ("confirmed", 5, 5)
    assert (row.confirmed_version == row.desired_version, row.attempts, row.not_before) == (True, 0, None)
    world.pass_time(minutes=10)
    assert push_account(world.shop, MAIN).due == 0
    assert len(patches(world)) - before == 5


def test_what_is_in_doubt_and_not_there_is_sent_again(listed: ShopWorld) -> None:
    world = listed
    _five_due(world)
    world.fault("500", match=world.bol_offer("KEU-1005")["offer_id"], method="PATCH")
    push_account(world.shop, MAIN)

    assert read_back(world.shop, MAIN) == 0
    assert offer_row(world, "KEU-1005").state == "in_doubt"
    world.pass_time(seconds=6)
    push = push_account(world.shop, MAIN)
    assert (push.due, push.confirmed) == (1, 1)
    assert world.bol_offer("KEU-1005")["amount"] == 5


def test_the_same_number_said_again_is_not_taken_for_heard_because_it_stands_there(listed: ShopWorld) -> None:
    """bol subtracts the orders after our last write: the number alone does not tell whether the second write came."""
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    push_account(world.shop, MAIN)
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql(
            "update channel_stock set desired_version = desired_version + 1, state = 'pending' "
            "where account = 'bol_main' and sku = 'KEU-1004'"
        )
    world.fault("500", method="PATCH")
    assert push_account(world.shop, MAIN).in_doubt == 1

    read_back(world.shop, MAIN)

    assert offer_row(world, "KEU-1004").state == "in_doubt"
    world.pass_time(seconds=6)
    assert push_account(world.shop, MAIN).confirmed == 1


def test_after_three_calls_in_a_row_without_an_answer_the_round_ends(listed: ShopWorld) -> None:
    world = listed
    _five_due(world)
    before = len(patches(world))
    world.fault("drop_reply_after_acting", rate=1.0, method="PATCH")

    push = push_account(world.shop, MAIN)

    assert push.problem is not None
    assert "no connection or it broke off" in push.problem
    assert (push.retryable, push.in_doubt, push.confirmed) == (True, 3, 0)
    assert len(patches(world)) - before == 3
    states = [offer_row(world, sku).state for sku in _WANTED]
    assert (states.count("in_doubt"), states.count("pending")) == (3, 2)


def test_a_port_that_refuses_every_connection_is_tried_three_times_and_nothing_is_in_doubt(
    listed: ShopWorld,
) -> None:
    world = listed
    _five_due(world)
    right = world.shop.settings
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    account = right.accounts[MAIN].model_copy(update={"base_url": nowhere})
    world.shop.settings = right.model_copy(update={"accounts": {**right.accounts, MAIN: account}})

    push = push_account(world.shop, MAIN)

    assert push.problem is not None
    assert (push.in_doubt, push.confirmed) == (0, 0)
    tried = [offer_row(world, sku).attempts for sku in _WANTED]
    assert sorted(tried) == [0, 0, 1, 1, 1]
    assert {offer_row(world, sku).state for sku in _WANTED} == {"pending"}
    world.shop.settings = right
    world.pass_time(seconds=6)
    assert push_account(world.shop, MAIN).confirmed == 5


@pytest.mark.parametrize("kind", ["drop_reply_after_acting", "500"])
def test_one_lost_answer_about_an_accepted_write_does_not_stop_the_others(
    listed: ShopWorld, kind: str
) -> None:
    """The older interface: a write is accepted and asked about later."""
    world = listed
    account = world.shop.settings.accounts[MAIN]
    older = account.model_copy(update={"options": {"offers_api": "v10"}})
    accounts = {**world.shop.settings.accounts, MAIN: older}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    push_account(world.shop, MAIN)
    world.pass_time(minutes=1)
    push_account(world.shop, MAIN)
    for sku, quantity in _WANTED.items():
        world.count(sku, quantity)
    assert push_account(world.shop, MAIN).accepted == 5
    world.pass_time(minutes=1)
    world.fault(kind, match="process-status/")

    push = push_account(world.shop, MAIN)

    assert (push.problem, push.confirmed) == (None, 4)
    assert push_account(world.shop, MAIN).confirmed == 1
    assert {world.bol_offer(sku)["amount"] for sku in _WANTED} == {4, 5, 6, 7, 8}


def _listed_here(world: ShopWorld) -> None:
    from order_pipelines.services.intake import sweep_orders
    from order_pipelines.services.stock_push import refresh_offers

    offers = world.sandbox.bol.desk(MAIN).shop.offers
    for offer_id in [key for key, offer in offers.items() if not (offer.sku or "").startswith("KEU-")]:
        del offers[offer_id]
    sweep_orders(world.shop, "bol")
    assert refresh_offers(world.shop, MAIN).problem is None


def test_a_process_that_lost_its_lease_sends_no_older_number(world: ShopWorld) -> None:
    """It slept while another one took over: what it still wanted to send may be more than there is by now."""
    _listed_here(world)
    _five_due(world)
    before = len(patches(world))
    first = offer_row(world, "KEU-1004")
    world.fault("latency", match=first.offer_id, method="PATCH", seconds=1.0)
    pushes: list[Push] = []
    sleeper = threading.Thread(target=lambda: pushes.append(push_account(world.shop, MAIN)))
    sleeper.start()
    while world.sandbox.bol.faults.pending():
        time.sleep(0.01)
    with world.shop.store.small_transaction() as connection:
        connection.execute(sa.update(leases).values(expires_at=clock.now() - timedelta(seconds=1)))
    other = try_acquire(world.shop.store, f"stock:{MAIN}", ttl_s=60)
    assert other is not None
    sleeper.join(60)

    (push,) = pushes
    assert push.problem is not None
    assert "was taken over by another process" in push.problem
    assert [offer_id for offer_id, _ in patches(world)[before:]] == [first.offer_id]
    assert {offer_row(world, sku).state for sku in list(_WANTED)[1:]} == {"pending"}
