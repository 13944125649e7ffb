"""Why is this number so: every step from the shelf to the shopper, and the first one that does not follow."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import DomainRuleError
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import stock_positions
from order_pipelines.services.explain_stock import Answer, explain_stock
from order_pipelines.services.stock_push import push_account, read_back
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order, shipped
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop, cart_settings
from order_pipelines_tests.services.pushed_stock import offer_row
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

SKU = "KEU-1005"


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def _asked(shop: CartShop, account: str, sku: str, **how: Any) -> Answer:
    with shop.store.reading() as connection:
        return explain_stock(connection, shop.settings, account, sku, **how)


def _world(world: ShopWorld, account: str = MAIN, **how: Any) -> Answer:
    with world.shop.store.reading() as connection:
        return explain_stock(connection, world.shop.settings, account, SKU, **how)


def test_the_first_step_that_disagrees_is_named_whichever_it_is(world: ShopWorld) -> None:
    from order_pipelines_tests.services.pushed_stock import read_everything

    read_everything(world)
    world.count(SKU, 10)
    offer_id = offer_row(world, SKU).offer_id
    assert _world(world).verdict.startswith(f"offer {offer_id}: 10 is desired since ")
    assert _world(world).verdict.endswith("and not sent: it goes with the next push")

    push_account(world.shop, MAIN)
    read_back(world.shop, MAIN, limit=1000)
    assert _world(world).verdict == "what is computed, desired, sent, confirmed and read back agree"
    (answer,) = _world(world).offers
    told = answer.offer
    assert [
        number and number.quantity for number in (told.desired, told.sent, told.confirmed, told.read_back)
    ] == [10, 10, 10, 10]

    world.sandbox.bol.desk(MAIN).shop.offers[offer_id].amount = 25
    with world.shop.store.transaction() as connection:
        from order_pipelines.operations.tables import channel_stock

        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.offer_id == offer_id)
            .values(read_back_quantity=25, read_back_at=clock.now())
        )
    assert f"offer {offer_id}: 10 was confirmed at " in _world(world).verdict
    assert " and it showed 25 at " in _world(world).verdict

    world.count(SKU, 9, ago_h=1)
    world.fault("404", method="PATCH", match=offer_id)
    push_account(world.shop, MAIN)
    verdict = _world(world).verdict
    assert verdict.startswith(f"offer {offer_id}: 9 was sent at ")
    assert "and is not confirmed: rejected (" in verdict

    with world.shop.store.transaction() as connection:
        connection.execute(sa.update(stock_positions).where(stock_positions.c.sku == SKU).values(on_hand=77))
    assert _world(world).verdict == (
        f"the position of {SKU} at main (on hand, reserved, owed: (77, 0, 0)) is not the sum of its movements "
        "(9, 0, 0): run 'order-pipelines stock check'"
    )


def test_what_was_told_at_a_past_second_is_what_was_true_then(listed: ShopWorld) -> None:
    world = listed
    world.count(SKU, 10)
    push_account(world.shop, MAIN)
    world.pass_time(minutes=10)
    world.buy((SKU, 4), account=OUTLET)
    world.pass_time(minutes=10)
    before = clock.now()
    world.pass_time(minutes=10)
    world.sweep(OUTLET)
    between = clock.now()
    world.pass_time(minutes=10)
    push_account(world.shop, MAIN)

    (then,) = _world(world, at=before).offers
    assert (then.told, then.problem) == (10, None)
    assert then.offer.confirmed is not None
    assert then.offer.confirmed.quantity == 10
    (unsent,) = _world(world, at=between).offers
    assert unsent.offer.desired is not None
    assert (unsent.told, unsent.offer.desired.quantity) == (6, 6)
    assert (unsent.problem or "").endswith("and not sent: it goes with the next push")
    (now,) = _world(world).offers
    assert (now.told, now.problem) == (6, None)

    late = _world(world, at=before)
    assert [(row.kind, row.open_demand) for row in late.late] == [("sold", 4)]
    (difference,) = late.differences
    assert (difference.known.open_demand, difference.happened.open_demand) == (0, 4)
    (happened,) = _world(world, at=before, as_happened=True).offers
    assert happened.told == 6
    assert "should be told 6 by today's settings and its desired number is 10" in (happened.problem or "")


def test_every_term_is_shown_with_its_sign_and_bundles_by_their_parts(store: OperationsStore) -> None:
    shop = CartShop(store, cart_settings(buffer=1))
    with clock.frozen(at(1)):
        shop.stock("A", 9)
        shop.stock("B", 2)
        shop.bundle("SET", A=2, B=1)
        shop.products(("SET", "high", ()))
        shop.offer("SET")
    with clock.frozen(at(9)):
        shop.book(order("1", line("A", 3)), account=BOL)
        shop.reserve(("A", 1))
    with clock.frozen(at(10)):
        answer = _asked(shop, WEB, "A")
        (part,) = answer.parts
        assert (part.on_hand, part.reserved, part.open_demand, part.buffer, part.available) == (9, 1, 3, 1, 4)
        (offer,) = answer.offers
        # The piece in a cart of this very shop is in the number that it checks at checkout.
        assert (answer.available, offer.own_reserved, offer.promised, offer.told) == (4, 1, 5, 5)
        assert [offer.told for offer in _asked(shop, BOL, "A").offers] == [5]

        bundle = _asked(shop, WEB, "SET")
        assert {part.sku: (part.pieces_each, part.available) for part in bundle.parts} == {
            "A": (2, 4),
            "B": (1, 1),
        }
        assert bundle.available == 1
        again = _asked(shop, WEB, "SET", at=at(9.5))
        assert (again.available, again.parts) == (1, bundle.parts)
        assert "the bundle is taken to be made of what it is made of today" in again.notes


@pytest.mark.parametrize("as_happened", [False, True])
def test_own_orders_and_carts_of_a_past_second_are_those_of_then(
    store: OperationsStore, as_happened: bool
) -> None:
    shop = CartShop(store)
    with clock.frozen(at(1)):
        shop.stock("A", 9)
        shop.stock("B", 9)
        shop.bundle("SET", A=2, B=1)
        shop.products(("SET", "high", ()))
        shop.offer("SET")
    bought = order("1", line("SET", 2), ordered_at=at(8), changed_at=at(8))
    with clock.frozen(at(8)):
        shop.book(bought, account=BOL)
        shop.reserve(("SET", 1))
    with clock.frozen(at(12)):
        shop.book(shipped(bought, at(12)), account=BOL)

    from order_pipelines.services.past_stock import room_at

    with store.reading() as connection:

        def own(moment: datetime) -> tuple[Any, Any]:
            room = room_at(connection, shop.settings, ["SET"], moment, as_happened=as_happened)
            return room.own_open.get((BOL, "SET")), room.own_reserved.get((WEB, "SET"))

        assert own(at(7)) == (None, None)
        assert own(at(9)) == ({"main": 2}, 1)
        assert own(at(13)) == (None, 1)


def test_an_offer_without_a_number_says_why(store: OperationsStore) -> None:
    shop = CartShop(store)
    shop.products(("A", "high", ()))
    shop.offer("A")
    assert _asked(shop, BOL, "A").verdict == (
        "offer bol_main-A has no number: the article was never counted at a place that serves the account"
    )
    silent = CartShop(store, cart_settings(push=False))
    assert _asked(silent, WEB, "A").verdict == (
        "offer webshop-A has no number: the settings send this account no stock"
    )


def test_nothing_is_made_up_about_an_article_nobody_knows(store: OperationsStore) -> None:
    shop = CartShop(store)
    with pytest.raises(DomainRuleError, match="nothing is known of GHOST"):
        _asked(shop, WEB, "GHOST")


def test_the_history_is_bounded_and_newest_first(store: OperationsStore) -> None:
    shop = CartShop(store)
    with clock.frozen(at(1)):
        shop.stock("A", 50)
    for number in range(6):
        with clock.frozen(at(9) + timedelta(minutes=number)):
            placed = at(8) + timedelta(minutes=number)
            shop.book(order(str(number), line("A", 1), ordered_at=placed, changed_at=placed), account=BOL)
    answer = _asked(shop, WEB, "A", events=4)
    assert [(row.kind, row.quantity, row.open_demand) for row in answer.history] == [
        ("desired", 44, None),
        ("sold", None, 1),
        ("desired", 45, None),
        ("sold", None, 1),
    ]
    assert [row.known_at for row in answer.history] == sorted(
        (row.known_at for row in answer.history), reverse=True
    )
