"""Every connector that lists orders or offers does so to the end, whatever happens on the way."""

import itertools
import threading

import pytest

from order_pipelines_tests.contract import rules_reading as rules
from order_pipelines_tests.contract.conftest import MakeOutside, OpenHouse
from order_pipelines_tests.contract.data import Listing
from order_pipelines_tests.contract.subject import able, subject_of
from order_pipelines_tests.hostile.server import Call, Line, hostile_server

LISTING = able(lambda connector: connector.order_source)
OFFERING = able(lambda connector: connector.stock_sink)
BOOKS = able(lambda connector: connector.invoice_sink)
REFUSALS = ("429", "429_without_retry_after")


def listing_of(system: str) -> Listing:
    listing = subject_of(system).data.listing
    assert listing is not None
    return listing


RENEWING = [system for system in LISTING if listing_of(system).renews_tokens]


@pytest.mark.parametrize("pages", [1, 2], ids=["one_full_page", "two_full_pages_and_one_order"])
@pytest.mark.parametrize("system", LISTING)
def test_orders_are_listed_to_the_end(outside: MakeOutside, system: str, pages: int) -> None:
    size = listing_of(system).order_page
    rules.orders_are_listed_to_the_end(outside(system), size if pages == 1 else 2 * size + 1)


@pytest.mark.parametrize("system", LISTING)
def test_an_account_without_orders_lists_none(outside: MakeOutside, system: str) -> None:
    rules.an_account_without_orders_lists_none(outside(system))


@pytest.mark.parametrize("pages", [0, 2], ids=["none", "more_than_two_pages"])
@pytest.mark.parametrize("system", OFFERING)
def test_offers_are_listed_to_the_end(outside: MakeOutside, system: str, pages: int) -> None:
    size = listing_of(system).offer_page
    rules.offers_are_listed_to_the_end(outside(system), 0 if pages == 0 else 4 * size + 1)


@pytest.mark.parametrize("system", LISTING)
def test_nothing_is_lost_at_the_edges_of_windows_and_pages(outside: MakeOutside, system: str) -> None:
    size = listing_of(system).order_page
    rules.nothing_is_lost_at_the_edges_of_windows_and_pages(outside(system), 2 * size + 1)


@pytest.mark.parametrize("system", LISTING)
def test_late_and_shuffled_versions_end_in_the_newest_state(
    outside: MakeOutside, house_on_each: OpenHouse, system: str
) -> None:
    world_outside = outside(system)
    with house_on_each(world_outside) as world:
        for order in itertools.permutations(range(3)):
            order_id, versions = rules.versions_of(world_outside)
            rules.versions_end_in_the_newest(
                world_outside, world, order, order_id=order_id, versions=versions
            )


@pytest.mark.parametrize("system", RENEWING)
def test_a_listing_goes_on_with_a_new_token(outside: MakeOutside, system: str) -> None:
    rules.a_listing_goes_on_with_a_new_token(outside(system))


@pytest.mark.parametrize("system", LISTING)
def test_a_refusal_that_stays_is_said_and_moves_nothing(
    outside: MakeOutside, house: OpenHouse, system: str
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.a_refusal_that_stays_is_said_and_moves_nothing(world_outside, world)


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("system", LISTING)
def test_a_listing_obeys_too_many_calls(outside: MakeOutside, system: str, kind: str) -> None:
    rules.a_listing_obeys_too_many_calls(outside(system), kind)


@pytest.mark.parametrize("system", LISTING)
def test_a_hanging_account_delays_no_other(outside: MakeOutside, house: OpenHouse, system: str) -> None:
    world_outside = outside(system)
    accounts = world_outside.subject.stand_in.accounts
    release = threading.Event()

    def never_answers(line: Line, call: Call) -> None:
        release.wait(120)

    with hostile_server() as silent:
        for method in ("GET", "POST"):
            silent.play(method, "", never_answers)
        with house(world_outside, accounts=accounts, base_urls={accounts[0]: silent.url}) as world:
            rules.shop_deadline(world.shop, 1.5)
            rules.a_hanging_account_delays_no_other(world_outside, world, release, longest_s=60)
        assert silent.calls, "the account's server was never asked"


@pytest.mark.parametrize("system", BOOKS)
def test_a_search_in_the_books_goes_on_with_a_new_token(outside: MakeOutside, system: str) -> None:
    rules.books_go_on_with_a_new_token(outside(system), "KIT-1")


@pytest.mark.parametrize("system", BOOKS)
def test_a_refusal_of_the_books_that_stays_is_said(outside: MakeOutside, system: str) -> None:
    rules.books_say_a_refusal_that_stays(outside(system), "KIT-1")
