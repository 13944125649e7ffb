"""What may be promised of an article: every term, every policy, bundles, and what is never promised."""

from datetime import date

import hypothesis.strategies as st
import pytest
from hypothesis import given

from order_pipelines.domain.availability import (
    Incoming,
    LocationStock,
    Policy,
    Terms,
    buildable,
    explain,
)
from order_pipelines.errors import DomainRuleError

_FRIDAY, _MONDAY, _TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)


def _at(location: str, on_hand: int, reserved: int = 0, open_demand: int = 0) -> LocationStock:
    return LocationStock(location, on_hand, reserved, open_demand)


def test_available_is_on_hand_less_reserved_demand_and_buffer() -> None:
    terms = Terms((_at("main", 10, reserved=2, open_demand=3), _at("store", 4)), buffer=1)
    assert (terms.on_hand, terms.reserved, terms.open_demand, terms.buffer) == (14, 2, 3, 1)
    assert terms.available == 8


def test_every_source_of_stock_is_a_term_of_its_own() -> None:  # R086
    terms = Terms(
        (_at("main", 2, open_demand=1), _at("fulfilment", 5)),
        external=frozenset({"fulfilment"}),
        supplier_direct=20,
        incoming=(Incoming(6, _MONDAY), Incoming(8, None), Incoming(9, _TUESDAY)),
        counts_supplier=True,
        counts_incoming_until=_MONDAY,
    )
    assert (terms.on_hand, terms.external_on_hand, terms.supplier_counted, terms.incoming_counted) == (
        2,
        5,
        20,
        6,
    )
    assert terms.available == 32


def test_suppliers_and_purchase_orders_are_shown_and_not_promised_unless_told_so() -> None:
    terms = Terms((_at("main", 2),), supplier_direct=20, incoming=(Incoming(6, _FRIDAY),))
    assert terms.available == 2
    assert (terms.supplier_direct, terms.incoming[0].quantity) == (20, 6)


def test_a_place_below_zero_takes_nothing_from_another_and_is_named() -> None:
    terms = Terms((_at("store", -3), _at("main", 5)))
    assert (terms.on_hand, terms.missing, terms.available) == (5, 3, 5)


def test_what_is_owed_beyond_the_stock_is_never_promised_and_stays_visible() -> None:
    terms = Terms((_at("main", 1, open_demand=4),))
    assert (terms.balance, terms.available) == (-3, 0)


def test_incoming_covers_what_is_owed_before_any_of_it_is_promised() -> None:
    terms = Terms(
        (_at("main", 0, open_demand=4),), incoming=(Incoming(6, _FRIDAY),), counts_incoming_until=_FRIDAY
    )
    assert terms.available == 2


def test_what_nobody_ever_counted_is_not_known() -> None:
    assert not Terms().is_known
    assert not Terms((LocationStock("main", 3, is_counted=False),)).is_known
    assert Terms((LocationStock("main", 0),)).is_known


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        (Policy(), [0, 1, 4, 5, 90]),
        (Policy("capped", cap=5), [0, 1, 4, 5, 5]),
        (Policy("capped", cap=0), [0, 0, 0, 0, 0]),
        (Policy("hidden", shown=5), [0, 0, 0, 5, 5]),
        (Policy("always", shown=99), [99, 99, 99, 99, 99]),
    ],
)
def test_each_policy_shows_what_it_says(policy: Policy, seen: list[int]) -> None:  # R087
    assert [policy.promise(available) for available in (0, 1, 4, 5, 90)] == seen


@pytest.mark.parametrize(
    "wrong", [("capped", None, 1), ("capped", -1, 1), ("hidden", None, 0), ("always", None, 0)]
)
def test_a_policy_without_its_number_is_refused(wrong: tuple[str, int | None, int]) -> None:
    with pytest.raises(DomainRuleError):
        Policy(wrong[0], wrong[1], wrong[2])  # type: ignore[arg-type]


def test_a_bundle_is_as_many_as_its_scarcest_part_allows() -> None:
    assert buildable({"candle": 2, "holder": 1}, {"candle": 7, "holder": 9}) == 3
    assert buildable({"candle": 2, "holder": 1}, {"candle": 7}) == 0
    assert buildable({"candle": 2}, {"candle": -4}) == 0


@pytest.mark.parametrize("parts", [{}, {"candle": 0}])
def test_a_bundle_of_nothing_is_refused(parts: dict[str, int]) -> None:
    with pytest.raises(DomainRuleError):
        buildable(parts, {"candle": 7})


@pytest.mark.parametrize(
    ("available", "own_open", "told"),
    [(5, 0, 5), (5, 3, 8), (0, 3, 3), (0, 0, 0), (1_200, 0, 999), (998, 5, 999)],
)
def test_a_channel_that_subtracts_its_own_orders_hears_them_on_top(
    available: int, own_open: int, told: int
) -> None:
    """bol shows 5 in the first two cases: it subtracts its own three open pieces, or does not."""
    terms = Terms((_at("main", available + own_open, open_demand=own_open),))
    found = explain(terms, Policy(), own_open=own_open, max_quantity=999)
    assert (found.available, found.told) == (available, told)


def test_a_shop_hears_the_pieces_of_its_own_carts_and_no_other_channel_does() -> None:
    terms = Terms((_at("main", 3, reserved=2),))
    assert explain(terms, Policy(), own_open=0, own_reserved=2, max_quantity=999).told == 3
    assert explain(terms, Policy(), own_open=0, own_reserved=0, max_quantity=999).told == 1


def test_a_cart_is_not_promised_what_is_missing() -> None:
    terms = Terms((_at("main", 3, reserved=2, open_demand=3),))
    assert (terms.balance, explain(terms, Policy(), own_open=0, own_reserved=2, max_quantity=999).told) == (
        -2,
        0,
    )


def test_no_channel_hears_more_than_it_takes() -> None:
    assert explain(Terms((_at("main", 5000),)), Policy(), own_open=0, max_quantity=999).told == 999


@pytest.mark.parametrize(
    "terms", [{"buffer": -1}, {"supplier_direct": -1}, {"locations": (_at("main", 1, -1),)}]
)
def test_a_term_that_cannot_be_negative_is_refused(terms: dict[str, object]) -> None:
    with pytest.raises(DomainRuleError):
        Terms(**terms)  # type: ignore[arg-type]


_PIECES = st.integers(0, 500)
_PLACES = st.lists(
    st.builds(_at, st.sampled_from(["main", "store", "shed"]), st.integers(-50, 500), _PIECES, _PIECES),
    max_size=4,
)
_POLICIES = st.one_of(
    st.just(Policy()),
    st.builds(Policy, st.just("capped"), cap=_PIECES),
    st.builds(Policy, st.just("hidden"), shown=st.integers(1, 50)),
)


@given(_PLACES, _PIECES, _POLICIES)
def test_no_policy_but_always_promises_more_than_lies_there(
    places: list[LocationStock], buffer: int, policy: Policy
) -> None:
    promised = explain(Terms(tuple(places), buffer=buffer), policy, own_open=0, max_quantity=10_000).promised
    lies_there = sum(place.on_hand for place in places if place.on_hand > 0)
    owed = sum(place.reserved + place.open_demand for place in places)
    assert 0 <= promised <= max(0, lies_there - owed - buffer)


@given(_PLACES, st.integers(1, 50), _POLICIES)
def test_one_more_reservation_never_raises_a_promise(
    places: list[LocationStock], more: int, policy: Policy
) -> None:
    before = explain(Terms(tuple(places)), policy, own_open=0, max_quantity=10_000)
    after = explain(Terms((*places, _at("main", 0, more))), policy, own_open=0, max_quantity=10_000)
    assert after.promised <= before.promised
