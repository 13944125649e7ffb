"""The brakes: what falls for many offers without being sold waits for a person, what was sold never does."""

from decimal import Decimal

import pytest

from order_pipelines.services import audit
from order_pipelines.services.approvals import approvals
from order_pipelines.services.reservations import Item, reserve
from order_pipelines.services.stock_push import push_account, read_back, release_stock
from order_pipelines_tests.services.pushed_stock import offer_row, patches, read_everything
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

pytestmark = pytest.mark.long_on_postgresql

TEN = tuple(f"KEU-10{number:02}" for number in range(1, 11))
"""Ten of the articles that both accounts sell."""


@pytest.fixture
def kitchen(world: ShopWorld) -> ShopWorld:
    """A shop of kitchen goods on either store, listed once; nothing was pushed yet."""
    for account in (MAIN, OUTLET):
        offers = world.sandbox.bol.desk(account).shop.offers
        for offer_id in [key for key, offer in offers.items() if not (offer.sku or "").startswith("KEU-")]:
            del offers[offer_id]
    read_everything(world)
    return world


def _shows(world: ShopWorld, pieces: int) -> int:
    """Let both channels show so many of each of the ten; returns how many numbers reached the first by then."""
    for sku in TEN:
        world.count(sku, pieces, ago_h=24)
    for account in (MAIN, OUTLET):
        release_after_a_look(world, account)
    assert [world.bol_offer(sku)["amount"] for sku in TEN] == [pieces] * 10
    return len(patches(world))


def release_after_a_look(world: ShopWorld, account: str) -> None:
    push_account(world.shop, account)
    release_stock(world.shop, account)
    assert push_account(world.shop, account).problem is None


def _told(world: ShopWorld, since: int) -> list[int]:
    return [amount for _, amount in patches(world)[since:]]


def _count_all(world: ShopWorld, pieces: int, *, ago_h: float = 2) -> None:
    for sku in TEN:
        world.count(sku, pieces, ago_h=ago_h)


def test_a_flash_sale_of_last_pieces_waits_for_nobody(kitchen: ShopWorld) -> None:
    """Ten articles of one piece each are bought at the outlet between two sweeps: zero, at once, without a word."""
    world = kitchen
    writes = _shows(world, 1)
    world.buy(*((sku, 1) for sku in TEN), account=OUTLET)
    world.sweep(OUTLET)

    push = push_account(world.shop, MAIN)

    assert (push.problem, push.held, push.waiting, push.confirmed) == (None, 0, 0, 10)
    assert _told(world, writes) == [0] * 10
    assert offer_row(world, "KEU-1001").state == "confirmed"
    assert push_account(world.shop, MAIN).due == 0
    assert len(_told(world, writes)) == 10


def test_the_last_pieces_sold_at_the_account_itself_wait_for_nobody(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 1)
    world.buy(*((sku, 1) for sku in TEN))
    world.sweep(MAIN)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held, push.confirmed) == (None, 0, 10)
    assert _told(world, writes) == [0] * 10


def test_last_pieces_in_carts_wait_for_nobody(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 1)
    policy = world.shop.settings.accounts[OUTLET].reservations
    wide = policy.model_copy(update={"enabled": True, "max_share_of_sku": 100, "anonymous_last_piece": True})
    outlet = world.shop.settings.accounts[OUTLET].model_copy(update={"reservations": wide})
    accounts = {**world.shop.settings.accounts, OUTLET: outlet}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    reserve(world.shop, OUTLET, "cart", [Item(sku, 1) for sku in TEN], shopper="anna")

    push = push_account(world.shop, MAIN)

    assert (push.problem, push.held) == (None, 0)
    assert _told(world, writes) == [0] * 10


def test_last_pieces_at_the_first_push_of_all_wait_for_nobody(listed: ShopWorld) -> None:
    """Nothing was ever confirmed; the former program showed one piece each, and customers wait for all of them."""
    world = listed
    for sku in TEN:
        world.sandbox.bol.desk(MAIN).shop.offers[world.bol_offer(sku)["offer_id"]].amount = 1
    _count_all(world, 1)
    world.buy(*((sku, 1) for sku in TEN), account=OUTLET)
    read_everything(world)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held) == (None, 0)
    assert [world.bol_offer(sku)["amount"] for sku in TEN] == [0] * 10


def test_articles_counted_away_one_by_one_wait_once_they_are_too_many(kitchen: ShopWorld) -> None:
    """The fast lane tells each number by itself: thirty per cent of the offers may go, the others wait for a person."""
    world = kitchen
    writes = _shows(world, 5)
    offers = len(world.rows("channel_stock", account=MAIN))
    # Of so few offers ten would be most: here four may go and the fifth asks.
    account = world.shop.settings.accounts[MAIN]
    stock = account.stock.model_copy(
        update={"min_offers_for_brake": 5, "max_share_to_zero": Decimal(400) / offers}
    )
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": stock})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})

    pushes = []
    for sku in TEN[:7]:
        world.count(sku, 0, ago_h=0)
        pushes.append(push_account(world.shop, MAIN))
    assert ([push.held for push in pushes], _told(world, writes)) == ([0, 0, 0, 0, 1, 1, 1], [0] * 4)
    said = f"counts and corrections of the last hour bring 7 of {offers} offers to zero"
    assert (pushes[-1].problem or "").startswith(said)
    assert [world.bol_offer(sku)["amount"] for sku in TEN] == [0] * 4 + [5] * 6
    with world.shop.store.reading() as connection:
        (found,) = approvals(connection, world.shop.settings, [MAIN])
    assert sorted(number.sku for number in found.numbers) == list(TEN[4:7])

    # What is sold of the others goes on at once, and what a person lets go no longer counts.
    world.buy((TEN[9], 5), account=OUTLET)
    world.sweep(OUTLET)
    assert (push_account(world.shop, MAIN).held, _told(world, writes)) == (0, [0] * 5)
    release_stock(world.shop, MAIN)
    assert push_account(world.shop, MAIN).problem is None
    world.count(TEN[7], 0, ago_h=0)
    assert (push_account(world.shop, MAIN).held, len(_told(world, writes))) == (1, 8)


def test_an_hour_later_what_was_counted_away_is_another_matter(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 5)
    account = world.shop.settings.accounts[MAIN]
    stock = account.stock.model_copy(update={"min_offers_for_brake": 2, "max_share_to_zero": Decimal(1)})
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": stock})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    for sku in TEN[:3]:
        world.count(sku, 0, ago_h=0)
        assert push_account(world.shop, MAIN).held == 0
        world.pass_time(minutes=61)
    assert _told(world, writes) == [0] * 3


def test_a_count_that_takes_most_of_the_stock_waits_and_nothing_of_it_is_sent(kitchen: ShopWorld) -> None:
    """Ten articles of 40 are counted as 10: 300 of the 429 pieces shown, and none of it was sold."""
    world = kitchen
    writes = _shows(world, 40)
    _count_all(world, 10)

    push = push_account(world.shop, MAIN)

    assert push.problem == (
        "300 of 429 pieces shown would vanish at once without a sale, more than 50 %; look at the stock "
        "('order-pipelines approvals bol_main'), then run 'order-pipelines release-stock bol_main'"
    )
    assert (push.due, push.held, push.waiting, push.confirmed) == (10, 10, 10, 0)
    push = push_account(world.shop, MAIN)
    assert (push.due, push.held, push.waiting) == (0, 0, 10)
    assert _told(world, writes) == []
    assert [row.kind for row in world.rows("channel_stock_events", account=MAIN, sku=TEN[0])][-2:] == [
        "desired",
        "held",
    ]

    assert release_stock(world.shop, MAIN, by=audit.decided_by("TICKET-7")) == 10
    assert push_account(world.shop, MAIN).confirmed == 10
    assert push_account(world.shop, MAIN).due == 0
    assert _told(world, writes) == [10] * 10
    last = world.rows("audit_log", kind="release_stock")[-1]
    assert (last.account, last.value_after, last.decided_by) == (
        MAIN,
        "10 quantities, 300 pieces less",
        "command: TICKET-7",
    )


def test_a_corrected_count_ends_the_hold_without_a_person(kitchen: ShopWorld) -> None:
    world = kitchen
    writes = _shows(world, 40)
    _count_all(world, 10)
    assert push_account(world.shop, MAIN).held == 10
    _count_all(world, 40, ago_h=1)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held, push.waiting) == (None, 0, 0)
    # Whatever was said meanwhile, no lower number was.
    assert set(_told(world, writes)) == {40}


def test_as_many_pieces_sold_as_a_count_took_go_at_once(listed: ShopWorld) -> None:
    """The same fall as above, sold: nobody is asked."""
    world = listed
    writes = _shows(world, 40)
    world.buy(*((sku, 30) for sku in TEN), account=OUTLET)
    world.sweep(OUTLET)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held, push.confirmed) == (None, 0, 10)
    assert _told(world, writes) == [10] * 10


def test_what_was_sold_goes_out_while_the_rest_waits(kitchen: ShopWorld) -> None:
    """A wrong count holds ten numbers; four pieces of one are sold. 36 is told at once, the count's 6 waits on."""
    world = kitchen
    writes = _shows(world, 40)
    _count_all(world, 10)
    push_account(world.shop, MAIN)
    world.buy((TEN[0], 4), account=OUTLET)
    world.sweep(OUTLET)

    push = push_account(world.shop, MAIN)

    assert (push.held, push.waiting) == (0, 10)
    assert _told(world, writes) == [36]
    assert world.bol_offer(TEN[0])["amount"] == 36
    row = offer_row(world, TEN[0])
    assert (row.state, row.desired_quantity, row.confirmed_quantity) == ("on_hold", 6, 36)
    assert row.confirmed_version < row.desired_version
    # Said once: until something is sold again there is nothing to say.
    push_account(world.shop, MAIN)
    assert _told(world, writes) == [36]
    assert read_back(world.shop, MAIN) == 0

    world.buy((TEN[0], 1))
    world.sweep(MAIN)
    push_account(world.shop, MAIN)
    assert _told(world, writes) == [36, 35]

    assert release_stock(world.shop, MAIN) == 10
    push_account(world.shop, MAIN)
    assert _told(world, writes) == [36, 35, 5, *([10] * 9)]


def test_a_held_number_goes_as_soon_as_sales_alone_bring_it_there(kitchen: ShopWorld) -> None:
    """Three pieces each, counted as none by mistake. All three of one are sold while people look: zero, now."""
    world = kitchen
    writes = _shows(world, 3)
    _count_all(world, 0)
    assert push_account(world.shop, MAIN).held == 10
    assert _told(world, writes) == []
    world.buy((TEN[0], 3), account=OUTLET)
    world.sweep(OUTLET)

    push = push_account(world.shop, MAIN)

    assert _told(world, writes) == [0]
    assert (push.waiting, offer_row(world, TEN[0]).state) == (9, "confirmed")
    assert world.bol_offer(TEN[1])["amount"] == 3


def test_a_sale_beside_a_wrong_count_is_told_in_the_very_push_that_holds(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 40)
    _count_all(world, 10)
    world.buy((TEN[3], 2), account=OUTLET)
    world.sweep(OUTLET)
    push = push_account(world.shop, MAIN)
    assert (push.held, _told(world, writes)) == (10, [38])


def test_a_cap_does_not_make_a_lost_count_look_sold(listed: ShopWorld) -> None:
    """Of 40 the channel sees 10; twelve were sold since, unseen there. They do not explain a count of zero."""
    world = listed
    account = world.shop.settings.accounts[MAIN]
    capped = account.stock.model_copy(update={"policy": "capped", "cap": 10})
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": capped})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    for sku in TEN:
        world.count(sku, 40, ago_h=24)
    for name in (MAIN, OUTLET):
        release_after_a_look(world, name)
    world.buy(*((sku, 12) for sku in TEN), account=OUTLET)
    world.sweep(OUTLET)
    assert push_account(world.shop, MAIN).due == 0
    writes = len(patches(world))
    _count_all(world, 0)

    push = push_account(world.shop, MAIN)

    assert (push.held, _told(world, writes)) == (10, [])


def test_fewer_offers_than_the_brake_is_for_go_out(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 40)
    for sku in TEN[:9]:
        world.count(sku, 1, ago_h=2)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held) == (None, 0)
    assert _told(world, writes) == [1] * 9


def test_what_a_person_released_is_not_held_again_when_its_first_try_fails(listed: ShopWorld) -> None:
    """bol answers 503 to the released numbers; they are tried again and nobody is asked twice."""
    world = listed
    writes = _shows(world, 40)
    _count_all(world, 0)
    push_account(world.shop, MAIN)
    assert release_stock(world.shop, MAIN) == 10
    world.fault("503", rate=1.0, account=MAIN)
    push_account(world.shop, MAIN)
    assert _told(world, writes) == []
    world.clear_faults()
    world.pass_time(minutes=5)

    push = push_account(world.shop, MAIN)

    assert (push.problem, push.held) == (None, 0)
    assert _told(world, writes) == [0] * 10


def test_one_article_is_released_and_the_others_wait_on(kitchen: ShopWorld) -> None:
    world = kitchen
    writes = _shows(world, 40)
    _count_all(world, 10)
    push_account(world.shop, MAIN)
    assert release_stock(world.shop, MAIN, skus=[TEN[4]]) == 1
    push = push_account(world.shop, MAIN)
    assert (push.confirmed, push.waiting) == (1, 9)
    assert _told(world, writes) == [10]
    assert world.rows("audit_log", kind="release_stock")[-1].value_after == "1 quantities, 30 pieces less"


def test_approvals_name_what_waits_with_both_numbers_and_why(kitchen: ShopWorld) -> None:
    world = kitchen
    _shows(world, 40)
    _count_all(world, 10)
    push_account(world.shop, MAIN)
    world.buy((TEN[0], 4), account=OUTLET)
    world.sweep(OUTLET)
    with world.shop.store.reading() as connection:
        (found,) = approvals(connection, world.shop.settings, [MAIN, OUTLET])
    assert (found.account, len(found.numbers), found.pieces) == (MAIN, 10, -304)
    first = found.numbers[0]
    assert (first.sku, first.shown, first.would_be, first.difference) == ("KEU-1001", 40, 6, -34)
    assert (first.sales_leave, first.cause, found.numbers[1].cause) == (36, "count", "count")
    assert first.since is not None
    assert "300 of 429 pieces shown would vanish" in first.reason

    account = world.shop.settings.accounts[MAIN]
    careful = account.stock.model_copy(update={"buffer": 39})
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": careful})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    release_stock(world.shop, MAIN)
    push_account(world.shop, MAIN)
    with world.shop.store.reading() as connection:
        assert approvals(connection, world.shop.settings, [MAIN]) == []


def test_a_buffer_set_too_high_waits_as_policy(listed: ShopWorld) -> None:
    world = listed
    writes = _shows(world, 40)
    account = world.shop.settings.accounts[MAIN]
    careful = account.stock.model_copy(update={"buffer": 400})
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"stock": careful})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    read_everything(world)
    push = push_account(world.shop, MAIN)
    assert (push.held, _told(world, writes)) == (11, [])
    with world.shop.store.reading() as connection:
        (found,) = approvals(connection, world.shop.settings, [MAIN])
    assert {number.cause for number in found.numbers} == {"policy"}
    assert found.pieces == -429
