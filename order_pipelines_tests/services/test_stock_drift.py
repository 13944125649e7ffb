"""An offer that keeps another number than it is told: repaired a few times, then seldom, named, and never forgotten."""

from typing import Any

import pytest

from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.services.pushed_stock import offer_row, patches
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

pytestmark = pytest.mark.long_on_postgresql

_SKU = "KEU-1004"


@pytest.fixture
def stubborn(world: ShopWorld) -> ShopWorld:
    """A shop of one offer of which bol keeps 7 whatever it is told, and answers that it was stored."""
    offers = world.sandbox.bol.desk(MAIN).shop.offers
    for offer_id in [key for key, offer in offers.items() if offer.sku != _SKU]:
        del offers[offer_id]
    world.sweep()
    world.sweep("bol_outlet")
    assert refresh_offers(world.shop, MAIN).problem is None
    world.count(_SKU, 7)
    push_account(world.shop, MAIN)
    assert read_back(world.shop, MAIN) == 0
    world.fault("silent_reject", rate=1.0, method="PATCH", account=MAIN)
    return world


def _round(world: ShopWorld, minutes: float = 5) -> None:
    """What the stock asset does in every sweep."""
    world.pass_time(minutes=minutes)
    world.sweep()
    world.sweep("bol_outlet")
    push_account(world.shop, MAIN)
    if read_back(world.shop, MAIN):
        push_account(world.shop, MAIN)


def _sent(world: ShopWorld) -> list[int]:
    return [amount for _, amount in patches(world)]


def _alert(world: ShopWorld) -> Any:
    return world.row("alerts", alert_key=f"stock_drift:{MAIN}")


def test_a_number_that_does_not_stick_is_repaired_three_times_and_then_once_a_day(
    stubborn: ShopWorld,
) -> None:
    world = stubborn
    world.count(_SKU, 12, ago_h=1)
    before = len(_sent(world))

    for _ in range(12):
        _round(world)
    assert _sent(world)[before:] == [12, 12, 12, 12]
    for _ in range(11):
        _round(world, minutes=120)
    assert len(_sent(world)) - before == 4
    for _ in range(3):
        _round(world, minutes=60)
    assert _sent(world)[before:] == [12, 12, 12, 12, 12]

    row = offer_row(world, _SKU)
    assert (row.state, row.confirmed_quantity, row.read_back_quantity) == ("confirmed", 12, 7)
    assert (row.drift_ours, row.drift_theirs, row.drift_repairs) == (12, 7, 4)
    assert world.bol_offer(_SKU)["amount"] == 7


def test_the_alert_names_offer_both_numbers_and_since_when_and_ends_with_the_drift(
    stubborn: ShopWorld,
) -> None:
    world = stubborn
    world.count(_SKU, 12, ago_h=1)
    _round(world)
    assert world.rows("alerts") == []
    for _ in range(4):
        _round(world)

    alert = _alert(world)
    row = offer_row(world, _SKU)
    assert (alert.severity, alert.resolved_at) == ("warning", None)
    assert alert.message == (
        f"bol_main: 1 offer keeps another number than it is told: offer {row.offer_id} of KEU-1004 shows 7 where 12 "
        f"was confirmed, since {row.drift_since:%Y-%m-%d %H:%M} UTC; look at the offer in the channel's own pages"
    )
    world.clear_faults()
    _round(world, minutes=25 * 60)
    _round(world)
    assert world.bol_offer(_SKU)["amount"] == 12
    assert _alert(world).resolved_at is not None
    row = offer_row(world, _SKU)
    assert (row.drift_ours, row.drift_theirs, row.drift_repairs, row.drift_since) == (None, None, None, None)


def test_a_channel_that_shows_more_than_we_have_is_told_every_quarter_of_an_hour_and_the_alert_is_louder(
    stubborn: ShopWorld,
) -> None:
    world = stubborn
    world.count(_SKU, 3, ago_h=1)
    before = len(_sent(world))

    for _ in range(4):
        _round(world)
    assert len(_sent(world)) - before == 4
    for _ in range(24):
        _round(world)

    sent = _sent(world)[before:]
    assert set(sent) == {3}
    assert 4 + 6 <= len(sent) <= 4 + 8
    alert = _alert(world)
    assert alert.severity == "error"
    assert "shows 7 where 3 was confirmed" in alert.message
    assert "more than there is" in alert.message
    world.clear_faults()
    _round(world, minutes=16)
    assert world.bol_offer(_SKU)["amount"] == 3


def test_another_number_of_ours_is_sent_at_once(stubborn: ShopWorld) -> None:
    world = stubborn
    world.count(_SKU, 12, ago_h=1)
    for _ in range(6):
        _round(world)
    before = len(_sent(world))
    world.count(_SKU, 2, ago_h=0.01)

    push_account(world.shop, MAIN)

    assert _sent(world)[before:] == [2]


def test_another_number_of_theirs_starts_the_repairs_anew(stubborn: ShopWorld) -> None:
    world = stubborn
    world.count(_SKU, 12, ago_h=1)
    for _ in range(6):
        _round(world)
    since = offer_row(world, _SKU).drift_since
    before = len(_sent(world))
    (offer,) = world.sandbox.bol.desk(MAIN).shop.offers.values()
    offer.amount = 9
    assert refresh_offers(world.shop, MAIN).problem is None
    for _ in range(6):
        _round(world)

    assert _sent(world)[before:] == [12, 12, 12]
    row = offer_row(world, _SKU)
    assert (row.drift_theirs, row.drift_repairs, row.drift_since) == (9, 3, since)


def test_a_listing_that_was_read_before_a_number_was_sent_is_no_drift(stubborn: ShopWorld) -> None:
    """Listing takes a minute with many offers; what goes out meanwhile cannot be in it."""
    from order_pipelines import clock
    from order_pipelines.connectors.ports import ListedOffer
    from order_pipelines.services.stock_read_back import note_read_back

    world = stubborn
    world.clear_faults()
    row = offer_row(world, _SKU)
    began_at = clock.now()
    old = ListedOffer(row.offer_id, None, None, 7, 7, True, False)
    world.count(_SKU, 12, ago_h=1)
    push_account(world.shop, MAIN)
    with world.shop.store.transaction() as connection:
        note_read_back(connection, MAIN, [old], began_at, lowers_by_itself=False)

    row = offer_row(world, _SKU)
    assert (row.state, row.confirmed_quantity, row.drift_since) == ("confirmed", 12, None)
