"""A listing of offers is believed within bounds: one that shrank waits for a person, one bad entry stops no other."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.services.stock_push import push_account, refresh_offers, release_stock
from order_pipelines_tests.services.pushed_stock import offer_row, patches
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

pytestmark = pytest.mark.long_on_postgresql


def _listed(world: ShopWorld) -> int:
    return len([row for row in world.rows("channel_offers", account=MAIN) if row.is_listed])


def _vanish(world: ShopWorld, count: int) -> list[Any]:
    """Take offers out of bol's list and return them."""
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    keys = sorted(key for key, offer in offers.items() if (offer.sku or "") not in {"KEU-1004", "KEU-1005"})
    return [offers.pop(key) for key in keys[:count]]


def _open_alerts(world: ShopWorld) -> dict[str, str]:
    return {row.alert_key: row.message for row in world.rows("alerts") if row.resolved_at is None}


@pytest.fixture
def fifty(world: ShopWorld) -> ShopWorld:
    """A shop of exactly fifty offers at the main account, listed and pushed once."""
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    keep = ["KEU-1004", "KEU-1005"]
    others = sorted(key for key, offer in offers.items() if (offer.sku or "") not in keep)
    for key in others[48:]:
        del offers[key]
    world.sweep()
    world.sweep("bol_outlet")
    assert refresh_offers(world.shop, MAIN).problem is None
    assert push_account(world.shop, MAIN).problem is None
    assert _listed(world) == 50
    return world


def test_a_listing_that_lacks_more_than_a_fifth_is_refused_and_the_last_one_stays(fifty: ShopWorld) -> None:
    world = fifty
    before = world.rows("channel_offers", account=MAIN)
    _vanish(world, 11)

    push = refresh_offers(world.shop, MAIN)

    assert push.problem == (
        "bol_main: 11 of 50 offers are not listed any more, more than 20 %; the last listing is kept. If it is true, "
        "run 'order-pipelines release-stock bol_main'"
    )
    assert not push.retryable
    assert world.rows("channel_offers", account=MAIN) == before
    assert _open_alerts(world) == {f"offers_shrank:{MAIN}": push.problem}


def test_while_a_listing_is_refused_stock_goes_on_from_the_last_one(fifty: ShopWorld) -> None:
    world = fifty
    _vanish(world, 11)
    refresh_offers(world.shop, MAIN)
    before = len(patches(world))
    world.count("KEU-1004", 2, ago_h=1)

    push = push_account(world.shop, MAIN)

    assert push.confirmed == 1
    assert [amount for _, amount in patches(world)[before:]] == [2]


@pytest.mark.parametrize(("vanished", "is_believed"), [(9, True), (10, True), (11, False)])
def test_up_to_a_fifth_and_fewer_than_ten_may_go(fifty: ShopWorld, vanished: int, is_believed: bool) -> None:
    world = fifty
    _vanish(world, vanished)
    push = refresh_offers(world.shop, MAIN)
    assert (push.problem is None) == is_believed
    assert _listed(world) == (50 - vanished if is_believed else 50)


def test_a_small_shop_may_lose_nine_of_ten(fifty: ShopWorld) -> None:
    world = fifty
    _vanish(world, 39)
    assert refresh_offers(world.shop, MAIN).problem is not None
    release_stock(world.shop, MAIN)
    assert refresh_offers(world.shop, MAIN).problem is None
    assert _listed(world) == 11
    _vanish(world, 9)
    assert refresh_offers(world.shop, MAIN).problem is None
    assert _listed(world) == 2


def test_new_offers_do_not_hide_that_others_vanished(fifty: ShopWorld) -> None:
    world = fifty
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    gone = _vanish(world, 20)
    for number, offer in enumerate(gone):
        offer.offer_id = str(uuid.UUID(int=number))
        offers[offer.offer_id] = offer
    push = refresh_offers(world.shop, MAIN)
    assert push.problem is not None
    assert "20 of 50" in push.problem


def test_released_by_a_person_the_next_listing_is_believed_once(fifty: ShopWorld) -> None:
    world = fifty
    _vanish(world, 11)
    refresh_offers(world.shop, MAIN)
    assert release_stock(world.shop, MAIN) == 0

    assert refresh_offers(world.shop, MAIN).problem is None

    assert _listed(world) == 39
    assert _open_alerts(world) == {}
    _vanish(world, 11)
    assert refresh_offers(world.shop, MAIN).problem is not None
    assert _listed(world) == 39


def test_a_release_without_a_refusal_lets_no_later_listing_through(fifty: ShopWorld) -> None:
    world = fifty
    release_stock(world.shop, MAIN)
    _vanish(world, 11)
    assert refresh_offers(world.shop, MAIN).problem is not None
    assert _listed(world) == 50


def test_offers_that_come_back_end_the_alert(fifty: ShopWorld) -> None:
    world = fifty
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    gone = _vanish(world, 30)
    refresh_offers(world.shop, MAIN)
    offers.update({offer.offer_id: offer for offer in gone})
    assert refresh_offers(world.shop, MAIN).problem is None
    assert (_listed(world), _open_alerts(world)) == (50, {})


def test_an_empty_listing_is_refused_also_in_a_small_shop_and_can_be_released(fifty: ShopWorld) -> None:
    world = fifty
    _vanish(world, 48)
    refresh_offers(world.shop, MAIN)
    release_stock(world.shop, MAIN)
    refresh_offers(world.shop, MAIN)
    assert _listed(world) == 2
    world.sandbox.bol.desk(MAIN).shop.offers.clear()

    push = refresh_offers(world.shop, MAIN)
    assert push.problem is not None
    assert "lists no offers where 2 were known" in push.problem
    assert _listed(world) == 2
    release_stock(world.shop, MAIN)
    assert refresh_offers(world.shop, MAIN).problem is None
    assert _listed(world) == 0


def test_the_share_is_a_setting(fifty: ShopWorld) -> None:
    world = fifty
    account = world.shop.settings.accounts[MAIN]
    generous = account.stock.model_copy(update={"max_share_to_vanish": 60})
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": generous})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    _vanish(world, 30)
    assert refresh_offers(world.shop, MAIN).problem is None
    assert _listed(world) == 20


class _Sink:
    subtracts_open_orders = False
    lowers_by_itself = False
    max_quantity = 999

    def __init__(self, offers: list[ListedOffer]) -> None:
        self._offers = offers

    def list_offers(self) -> Iterator[ListedOffer]:
        yield from self._offers


def _offer(offer_id: str, reference: str | None, ean: str | None = None) -> ListedOffer:
    return ListedOffer(offer_id, ean, reference, 5, 5, True, False)


@pytest.mark.parametrize("bad", ["x" * 201, "a\u0000b", ""])
def test_an_offer_whose_id_no_row_can_hold_is_set_aside_and_the_others_are_taken(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    offers = [_offer("1", "KEU-1004"), _offer(bad, "KEU-1005"), _offer("2" * 200, "KEU-1006")]
    monkeypatch.setattr(world.shop, "connect", lambda *given: _Sink(offers))

    for _ in range(2):
        assert refresh_offers(world.shop, MAIN).problem is None

    assert {row.offer_id for row in world.rows("channel_offers", account=MAIN)} == {"1", "2" * 200}
    (row,) = world.rows("quarantine", entity="offer")
    assert (row.account, row.reason_code, row.resolved_at) == (MAIN, "unusable_id", None)
    assert row.reason == (
        f"the channel lists an offer with an id that is none ({len(bad)} characters; at most 200 printable ones); "
        "no stock is sent to it"
    )
    offers.pop(1)
    refresh_offers(world.shop, MAIN)
    (row,) = world.rows("quarantine", entity="offer")
    assert row.resolved_at is not None


@pytest.mark.parametrize("bad", ["x" * 201, "a\u0000b"])
def test_a_reference_that_no_row_can_hold_is_none_and_the_offer_is_found_by_its_ean(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    (ean,) = {row.ean for row in world.rows("product_eans", sku="KEU-1004")} or {""}
    offers = [_offer("1", bad, ean), _offer("2", bad), _offer("3", "KEU-1005")]
    monkeypatch.setattr(world.shop, "connect", lambda *given: _Sink(offers))

    push = refresh_offers(world.shop, MAIN)

    assert (push.problem, push.unmatched) == (None, 1)
    found = {row.offer_id: (row.reference, row.sku) for row in world.rows("channel_offers", account=MAIN)}
    assert found == {"1": (None, "KEU-1004"), "2": (None, None), "3": ("KEU-1005", "KEU-1005")}
    assert offer_row(world, "KEU-1004").offer_id == "1"
