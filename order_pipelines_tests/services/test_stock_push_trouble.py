"""A stock push that goes wrong: lost answers, refusals, what bol holds instead, and several at a time."""

import threading

import pytest

from order_pipelines.errors import TransientConnectorError
from order_pipelines.operations.leases import holding
from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.services.pushed_stock import (
    offer_row,
)
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld


@pytest.mark.parametrize("kind", ["drop_reply_after_acting", "500", "503"])
def test_a_lost_answer_is_asked_for_again_and_ends_right(listed: ShopWorld, kind: str) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    world.fault(kind, method="PATCH")

    push = push_account(world.shop, MAIN)
    assert (push.confirmed, push.in_doubt) == (0, 1)
    assert offer_row(world, "KEU-1004").state == "in_doubt"
    assert push_account(world.shop, MAIN).due == 0

    world.pass_time(seconds=6)
    push = push_account(world.shop, MAIN)
    assert push.confirmed == 1
    assert world.bol_offer("KEU-1004")["amount"] == 4
    assert (offer_row(world, "KEU-1004").state, offer_row(world, "KEU-1004").attempts) == ("confirmed", 0)


@pytest.mark.parametrize(("kind", "state"), [("401", "pending"), ("403", "pending"), ("429", "pending")])
def test_a_refusal_of_the_account_stops_the_push_and_everything_stays_due(
    listed: ShopWorld, kind: str, state: str
) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    world.count("KEU-1005", 5)
    world.fault(kind, count=2, method="PATCH")

    push = push_account(world.shop, MAIN)
    assert push.problem is not None
    assert push.confirmed == 0
    assert {offer_row(world, "KEU-1004").state, offer_row(world, "KEU-1005").state} == {state}
    world.clear_faults()
    world.pass_time(minutes=1)
    assert push_account(world.shop, MAIN).confirmed == 2


def test_an_offer_that_bol_refuses_keeps_its_reason_and_stops_no_other(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    world.count("KEU-1005", 5)
    offer_id = world.bol_offer("KEU-1004")["offer_id"]
    world.fault("404", method="PATCH", match=offer_id)

    push = push_account(world.shop, MAIN)

    assert (push.rejected, push.confirmed, push.problem) == (1, 1, None)
    row = offer_row(world, "KEU-1004")
    assert row.state == "rejected"
    assert "404" in row.reason
    world.pass_time(minutes=11)
    sweep_orders(world.shop, "bol")
    assert push_account(world.shop, MAIN).confirmed == 1


def test_what_bol_holds_instead_is_found_and_put_right(listed: ShopWorld) -> None:
    """A silent refusal: 204, and nothing changed."""
    world = listed
    push_account(world.shop, MAIN)
    assert read_back(world.shop, MAIN, limit=100) == 0
    world.count("KEU-1004", 4)
    world.fault("silent_reject", method="PATCH")
    assert push_account(world.shop, MAIN).confirmed == 1
    assert world.bol_offer("KEU-1004")["amount"] != 4

    assert read_back(world.shop, MAIN) == 1
    row = offer_row(world, "KEU-1004")
    assert row.state == "pending"
    assert "had been confirmed" in row.reason
    assert push_account(world.shop, MAIN).confirmed == 1
    assert world.bol_offer("KEU-1004")["amount"] == 4
    assert read_back(world.shop, MAIN) == 0


def test_an_offer_that_is_gone_stops_no_other_from_being_read_back(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    gone = world.rows("channel_stock", account=MAIN)[0].offer_id
    del offers[gone]
    wrong = next(offer for offer in offers.values() if offer.fulfilment_method == "FBR")
    right = wrong.amount
    wrong.amount += 1

    assert read_back(world.shop, MAIN) == 1
    row = world.row("channel_stock", account=MAIN, offer_id=gone)
    assert (row.read_back_quantity, row.read_back_at is not None) == (None, True)
    assert "404" in row.reason
    assert push_account(world.shop, MAIN).confirmed == 1
    assert wrong.amount == right


def test_what_was_read_before_a_breakdown_is_kept(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    rows = sorted(world.rows("channel_stock", account=MAIN), key=lambda row: row.confirmed_at)
    world.fault("500", match=rows[3].offer_id)
    with pytest.raises(TransientConnectorError):
        read_back(world.shop, MAIN)
    read = [row.offer_id for row in world.rows("channel_stock", account=MAIN) if row.read_back_at is not None]
    assert sorted(read) == sorted(row.offer_id for row in rows[:3])
    assert read_back(world.shop, MAIN) == 0


def test_a_new_number_during_a_push_stays_due(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    world.fault("latency", method="PATCH", seconds=0.3)
    pushing = threading.Thread(target=push_account, args=(world.shop, MAIN))
    pushing.start()
    while offer_row(world, "KEU-1004").state != "sent":
        pass
    world.count("KEU-1004", 3, ago_h=1)
    pushing.join(10)

    row = offer_row(world, "KEU-1004")
    assert (row.desired_quantity, row.confirmed_quantity) == (3, 4)
    assert row.confirmed_version < row.desired_version
    assert push_account(world.shop, MAIN).confirmed == 1
    assert world.bol_offer("KEU-1004")["amount"] == 3


def test_only_one_process_pushes_an_account_at_a_time(listed: ShopWorld) -> None:
    world = listed
    with holding(world.shop.store, f"stock:{MAIN}", ttl_s=60):
        push = push_account(world.shop, MAIN)
    assert push.problem == "another process pushes the stock of this account now"
    assert world.writes() == []


def test_a_listing_without_offers_is_not_believed(listed: ShopWorld) -> None:
    world = listed
    known = len([row for row in world.rows("channel_offers", account=MAIN) if row.is_listed])
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    offers.clear()

    push = refresh_offers(world.shop, MAIN)
    assert push.problem == (
        f"{MAIN} lists no offers where {known} were known; they were kept, look at the account. "
        f"If it is true, run 'order-pipelines release-stock {MAIN}'"
    )
    assert len([row for row in world.rows("channel_offers", account=MAIN) if row.is_listed]) == known


def test_offers_whose_listing_fails_are_kept(listed: ShopWorld) -> None:
    world = listed
    before = world.rows("channel_offers")
    world.fault("500", match="/retailer/offers?", count=3)
    push = refresh_offers(world.shop, MAIN)
    assert push.problem is not None
    assert push.retryable
    assert world.rows("channel_offers") == before


def test_a_long_wait_that_bol_asks_for_is_not_slept_through(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.fault("429", seconds=3600, match="/retailer/offers")
    assert refresh_offers(world.shop, MAIN).problem is not None

    again = refresh_offers(world.shop, MAIN)
    assert again.problem is not None
    assert "longer than this account may take" in again.problem
    world.fault("429", seconds=3600, match="/retailer/offers/")
    for _ in range(2):
        with pytest.raises(TransientConnectorError):
            read_back(world.shop, MAIN)
