"""A hostile bol while stock goes out: no false confirmation, no row that cannot be, the other account goes on."""

import json
from contextlib import suppress

import pytest

from order_pipelines.errors import OrderPipelinesError
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.hostile.conftest import Besieged
from order_pipelines_tests.hostile.tricks import MEGABYTE, NO_ANSWERS, SLOW, TELLING, redirect, says
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

pytestmark = pytest.mark.endurance


def confirmed(world: ShopWorld, account: str) -> int:
    return sum(row.state == "confirmed" for row in world.rows("channel_stock", account=account))


@pytest.fixture
def stocked(besieged: Besieged) -> Besieged:
    """Two offers an account, both known and matched; nothing was pushed yet."""
    world = besieged.world
    for account in (MAIN, OUTLET):
        offers = world.sandbox.bol.desk(account).shop.offers
        for offer_id in list(offers)[2:]:
            del offers[offer_id]
        assert world.sweep(account).problem is None
        assert refresh_offers(world.shop, account).problem is None
    besieged.calm()
    return besieged


@pytest.mark.parametrize(
    "name", ["html_login_page", "slow_bytes", "body_without_end", "a_million_elements", "hangs_up"]
)
def test_a_list_of_offers_that_is_none_changes_no_offer(stocked: Besieged, name: str) -> None:
    world = stocked.world
    before = world.rows("channel_offers")
    stocked.patience(0.6 if name in SLOW else 60)
    stocked.bol.play("GET", "/retailer/offers", NO_ANSWERS[name])

    listed = refresh_offers(world.shop, MAIN)

    assert listed.problem is not None
    assert listed.problem.startswith("bol GET /retailer/offers for bol_main")
    assert world.rows("channel_offers") == before
    assert max(stocked.bol.sent, default=0) < 16 * MEGABYTE
    stocked.patience(60)
    assert refresh_offers(world.shop, OUTLET).problem is None


def test_cursors_without_end_are_left(stocked: Besieged) -> None:
    world = stocked.world
    before = world.rows("channel_offers")
    offer = {"offerId": "o1", "stock": {"amount": 1, "managedByRetailer": True}}
    page = json.dumps({"offers": [offer], "page": {"nextCursor": "again"}}).encode()
    stocked.bol.play("GET", "/retailer/offers", says(page))
    listed = refresh_offers(world.shop, MAIN)
    assert listed.problem is not None
    assert "a cursor came twice; the list does not end" in listed.problem
    assert len(stocked.bol.asked("GET", "/retailer/offers")) == 2
    assert world.rows("channel_offers") == before


@pytest.mark.parametrize(
    "offer",
    [
        {"offerId": "a\u0000b"},
        {"offerId": "x" * 5000},
        {"offerId": ".."},
        {"offerId": "good-2", "ean": "8\u0000", "reference": "r\u0000"},
        {"offerId": "good-2", "ean": "9" * 5000, "reference": "r" * 5000},
        {"offerId": "good-2", "stock": {"amount": 2**63, "correctedStock": -(2**70)}},
        {"offerId": "good-2", "stock": {"amount": 1e308, "correctedStock": True}},
        {"offerId": "good-2", "stock": [], "fulfilment": "FBR", "countryAvailabilities": {"NL": 1}},
        {"offerId": "good-1", "ean": "8719999000017"},
    ],
)
def test_an_offer_that_no_row_can_hold_keeps_the_others_in(
    stocked: Besieged, offer: dict[str, object]
) -> None:
    """The good one is there afterwards, and what was unbelievable of the other one is unknown."""
    world = stocked.world
    good = {"offerId": "good-1", "ean": "8719999000017", "stock": {"amount": 3, "managedByRetailer": True}}
    stocked.bol.play("GET", "/retailer/offers", says(json.dumps({"offers": [good, offer]}).encode()))

    listed = refresh_offers(world.shop, MAIN)

    assert listed.problem is None
    rows = {row.offer_id: row for row in world.rows("channel_offers", account=MAIN) if row.is_listed}
    assert set(rows) == {"good-1", *({"good-2"} & {str(offer["offerId"])})}
    if "good-2" in rows:
        other = rows["good-2"]
        assert (other.ean, other.reference, other.stock_set, other.stock_shown) == (None, None, None, None)


@pytest.mark.parametrize("name", TELLING)
def test_a_write_without_a_real_answer_is_never_confirmed(stocked: Besieged, name: str) -> None:
    """bol says 204 and nothing else when it has stored a number; everything else is sent again later."""
    world = stocked.world
    stocked.patience(0.8 if name in SLOW else 60)
    stocked.bol.play("PATCH", "/retailer/offers", NO_ANSWERS[name])

    push = push_account(world.shop, MAIN)

    assert push.due == 2
    if name == "no_content":
        assert push.confirmed == confirmed(world, MAIN) == 2
        return
    assert push.confirmed == confirmed(world, MAIN) == 0
    assert {row.state for row in world.rows("channel_stock", account=MAIN)} <= {"in_doubt", "pending", "sent"}
    stocked.patience(60)
    assert push_account(world.shop, OUTLET).confirmed == 2
    stocked.calm()
    world.pass_time(minutes=10)
    world.sweep(MAIN)
    world.sweep(OUTLET)
    assert push_account(world.shop, MAIN).problem is None
    assert confirmed(world, MAIN) == 2


def test_a_redirected_write_goes_nowhere(stocked: Besieged) -> None:
    world = stocked.world
    stocked.bol.play("PATCH", "/retailer/offers", redirect(stocked.elsewhere.url, "307 Temporary Redirect"))
    assert push_account(world.shop, MAIN).confirmed == 0
    assert stocked.elsewhere.calls == []
    assert confirmed(world, MAIN) == 0


@pytest.mark.parametrize("name", ["html_login_page", "numbers_beyond_all", "a_million_elements", "gzip_bomb"])
def test_what_cannot_be_read_back_is_no_difference(stocked: Besieged, name: str) -> None:
    """Confirmed numbers stay so: an answer that is none says nothing of the channel's stock."""
    world = stocked.world
    assert push_account(world.shop, MAIN).confirmed == 2
    versions = [row.desired_version for row in world.rows("channel_stock", account=MAIN)]
    stocked.bol.play("GET", "/retailer/offers/", NO_ANSWERS[name])
    with suppress(OrderPipelinesError):
        read_back(world.shop, MAIN)
    assert [row.desired_version for row in world.rows("channel_stock", account=MAIN)] == versions
    assert confirmed(world, MAIN) == 2


@pytest.mark.parametrize(
    ("token", "what"),
    [
        (b'{"access_token": "t"}', "the answer has no access_token with expires_in"),
        (b'{"access_token": "t", "expires_in": -5}', "the answer has no access_token with expires_in"),
        (b'{"access_token": "t", "expires_in": null}', "the answer has no access_token with expires_in"),
        (b'{"access_token": "t", "expires_in": 1e400}', "the answer"),
        (
            b'{"access_token": "t", "expires_in": "\xc2\xb2"}',
            "the answer has no access_token with expires_in",
        ),
        (b'{"access_token": "t\\r\\nX-Evil: 1", "expires_in": 300}', "the answer has no access_token"),
        (b'{"access_token": "t\\u20ac", "expires_in": 300}', "the answer has no access_token"),
        (b'{"access_token": "", "expires_in": 300}', "the answer has no access_token"),
        (b'{"access_token": ["t"], "expires_in": 300}', "the answer has no access_token"),
        (
            b'{"access_token": "' + b"t" * 1_000_000 + b'", "expires_in": 300}',
            "the answer has no access_token",
        ),
        (b'{"access_token": "' + b"t" * 10_000_000 + b'", "expires_in": 300}', "larger than 8388608 bytes"),
        (b"<html>login</html>", "the answer is not JSON"),
        (b"", "the answer is not JSON"),
    ],
)
def test_a_token_answer_that_holds_none_is_never_used(stocked: Besieged, token: bytes, what: str) -> None:
    world = stocked.world
    world.pass_time(hours=2)
    before = world.rows("tokens")
    stocked.bol.play("POST", "/token", says(token))

    push = push_account(world.shop, MAIN)
    swept = world.sweep(MAIN)

    assert swept.problem is not None
    assert "bol POST /token for bol_main" in swept.problem
    assert what in swept.problem
    assert push.confirmed == 0
    assert [call for call in stocked.bol.calls if call.path.startswith("/retailer")] == []
    assert world.rows("tokens") == before
    assert world.sweep(OUTLET).problem is None


def test_a_redirected_token_request_sends_no_secret_elsewhere(stocked: Besieged) -> None:
    world = stocked.world
    world.pass_time(hours=2)
    for status in ("302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
        stocked.bol.play("POST", "/token", redirect(f"{stocked.elsewhere.url}/token", status))
        problem = world.sweep(MAIN).problem
        assert problem is not None
        assert f"bol POST /token for bol_main answered {status[:3]}" in problem
    assert stocked.elsewhere.calls == []


def test_endless_tokens_of_no_time_do_not_mean_endless_requests_for_tokens(stocked: Besieged) -> None:
    """bol blocks who asks a token per call: a second's life is lived, and a 401 on each call ends the sweep."""
    world = stocked.world
    world.pass_time(hours=2)
    stocked.bol.play("POST", "/token", says(b'{"access_token": "abcdef", "expires_in": 300}'))
    stocked.bol.play("GET", "/retailer", says(b"{}", status="401 Unauthorized"))
    assert world.sweep(MAIN).problem is not None
    assert len(stocked.bol.asked("POST", "/token")) <= 2
