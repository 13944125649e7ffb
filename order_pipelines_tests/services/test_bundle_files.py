"""Bundles from files: what they are made of, what is refused, and open orders that follow a change."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.again import retry_quarantine
from order_pipelines.services.file_booking import release_files
from order_pipelines_tests.services.shop_world import opened_world
from order_pipelines_tests.services.supply_world import FILES, SupplyWorld, account

HEADINGS = "bundel;onderdeel;aantal;stand per"


@pytest.fixture
def shop(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SupplyWorld]:
    """Ten of each part are there; SET-1 and SET-2 are articles that nobody ever counted."""
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, exact=account()) as world:
        world.add_products([("SET-1", "high", ()), ("SET-2", "high", ()), ("SET-3", "high", ())])
        for sku in ("KEU-1001", "KEU-1002", "KEU-1003"):
            world.count(sku, 10)
        yield SupplyWorld(world)


def test_a_bundle_is_promised_as_often_as_its_parts_allow(shop: SupplyWorld) -> None:
    shop.offer("SET-1")
    assert shop.told("SET-1") is None

    result = shop.drop("bundles/sets.csv", "bundel;onderdeel;aantal", "SET-1;KEU-1001;2", "SET-1;KEU-1002;1")

    assert (result.state, result.counts) == ("processed", {"bundle_parts": 2})
    assert shop.bundles() == [("SET-1", "KEU-1001", 2), ("SET-1", "KEU-1002", 1)]
    assert shop.told("SET-1") == 5


def _order(shop: SupplyWorld, pieces: int) -> None:
    shop.drop("orders/po.csv", "po_number;sku;aantal;prijs;land", f"PO-1;SET-1;{pieces};50,00;NL")


def _owed(shop: SupplyWorld) -> dict[str, int]:
    return {row.sku: row.open_quantity for row in shop.world.rows("line_demand")}


def test_open_orders_of_a_changed_bundle_wait_for_its_new_parts(shop: SupplyWorld) -> None:
    shop.offer("KEU-1001", "KEU-1002", "KEU-1003", "SET-1")
    _order(shop, 2)
    assert _owed(shop) == {"SET-1": 2}

    shop.drop(
        "bundles/a.csv",
        HEADINGS,
        f"SET-1;KEU-1001;2;{shop.moment(-3)}",
        f"SET-1;KEU-1002;1;{shop.moment(-3)}",
    )
    assert _owed(shop) == {"KEU-1001": 4, "KEU-1002": 2}
    assert (shop.told("KEU-1001"), shop.told("KEU-1002"), shop.told("SET-1")) == (6, 8, 3)

    shop.drop(
        "bundles/b.csv",
        HEADINGS,
        f"SET-1;KEU-1001;1;{shop.moment(-2)}",
        f"SET-1;KEU-1003;3;{shop.moment(-2)}",
    )
    assert _owed(shop) == {"KEU-1001": 2, "KEU-1003": 6}
    assert [shop.told(sku) for sku in ("KEU-1001", "KEU-1002", "KEU-1003", "SET-1")] == [8, 10, 4, 1]
    shop.world.assert_ledger_adds_up()


def test_a_bundle_that_is_named_no_more_is_an_article_again(shop: SupplyWorld) -> None:
    at, later = shop.moment(-3), shop.moment(-2)
    shop.drop("bundles/a.csv", HEADINGS, f"SET-1;KEU-1001;2;{at}", f"SET-2;KEU-1002;1;{at}")
    _order(shop, 2)
    assert _owed(shop) == {"KEU-1001": 4}
    shop.drop("bundles/b.csv", HEADINGS, f"SET-2;KEU-1002;1;{later}")
    assert shop.bundles() == [("SET-2", "KEU-1002", 1)]
    assert _owed(shop) == {"SET-1": 2}


def test_most_bundles_gone_waits_for_a_person(shop: SupplyWorld) -> None:
    at, later = shop.moment(-3), shop.moment(-2)
    shop.drop("bundles/a.csv", HEADINGS, *(f"SET-{n};KEU-1001;2;{at}" for n in (1, 2, 3)))
    result = shop.drop("bundles/b.csv", HEADINGS, f"SET-1;KEU-1001;1;{later}")
    assert result.reason is not None
    assert "the list of bundles lacks 2 of 3 known articles" in result.reason
    assert len(shop.bundles()) == 3
    assert release_files(shop.shop, FILES) == 1
    assert shop.bundles() == [("SET-1", "KEU-1001", 1)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("SET-1;NIET-9;1;", "unknown_sku"),
        ("SET-9;KEU-1001;1;", "unknown_sku"),
        ("SET-1;KEU-1002;0;", "negative_quantity"),
        ("SET-1;KEU-1002;-1;", "negative_quantity"),
        ("SET-1;KEU-1002;0,5;", "fractional_quantity"),
        ("SET-1;;3;", "missing_field"),
        ("SET-1;KEU-1001;7;", "conflicting_values"),
        ("SET-1;KEU-1002;1;{later}", "future_order"),
    ],
)
def test_a_bundle_with_a_bad_part_stays_as_it_was(shop: SupplyWorld, row: str, code: str) -> None:
    """Short of a part it would be promised too often."""
    shop.drop("bundles/a.csv", "bundel;onderdeel;aantal", "SET-1;KEU-1001;2", "SET-1;KEU-1003;5")
    before = [("SET-1", "KEU-1001", 2), ("SET-1", "KEU-1003", 5)]
    assert shop.bundles() == before
    shop.world.pass_time(60)

    shop.drop(
        "bundles/b.csv",
        HEADINGS,
        "SET-1;KEU-1001;1;",
        row.format(later=shop.moment(30)),
        "SET-2;KEU-1002;1;",
    )

    assert shop.open_reasons() == [(3, code)]
    if row.startswith("SET-9"):
        before = [("SET-1", "KEU-1001", 1)]
    assert shop.bundles() == [*before, ("SET-2", "KEU-1002", 1)]


def test_a_bundle_in_a_bundle_is_refused(shop: SupplyWorld) -> None:
    shop.drop(
        "bundles/a.csv",
        "bundel;onderdeel;aantal",
        "SET-1;SET-2;1",
        "SET-1;KEU-1001;1",
        "SET-2;KEU-1002;1",
        "SET-3;SET-3;1",
    )
    assert shop.bundles() == [("SET-2", "KEU-1002", 1)]
    assert shop.open_reasons() == [(2, "bundle_in_bundle"), (3, "bundle_in_bundle"), (5, "bundle_in_bundle")]


def test_a_bundle_that_stays_as_it_was_lets_none_of_its_parts_become_a_bundle(shop: SupplyWorld) -> None:
    shop.drop("bundles/a.csv", "bundel;onderdeel;aantal", "SET-1;KEU-1001;2")
    shop.world.pass_time(60)
    shop.drop("bundles/b.csv", "bundel;onderdeel;aantal", "SET-1;NIET-9;2", "KEU-1001;KEU-1002;4")
    assert shop.bundles() == [("SET-1", "KEU-1001", 2)]
    assert shop.open_reasons() == [(2, "unknown_sku"), (3, "bundle_in_bundle")]


def test_a_row_of_no_bundle_refuses_the_file(shop: SupplyWorld) -> None:
    result = shop.drop("bundles/a.csv", "bundel;onderdeel;aantal", "SET-1;KEU-1001;2", ";KEU-1002;1")
    assert (result.state, result.reason) == (
        "rejected",
        "bundles/a.csv, row 3: does not say which bundle this part is of; a bundle without one of its parts would "
        "promise too much",
    )
    assert shop.bundles() == []


def test_a_part_that_is_known_later_completes_the_bundle(shop: SupplyWorld) -> None:
    shop.drop("bundles/a.csv", "bundel;onderdeel;aantal", "SET-1;KEU-1001;2", "SET-1;NIEUW-1;1")
    assert shop.bundles() == []
    shop.world.add_products([("NIEUW-1", "high", ())])
    retry_quarantine(shop.shop, FILES)
    assert shop.bundles() == [("SET-1", "KEU-1001", 2), ("SET-1", "NIEUW-1", 1)]
    assert shop.open_reasons() == []


def test_lists_in_any_order_and_again_end_in_the_newest(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = set()
    for number, order in enumerate(permutations(range(3))):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = sqlite_url.replace(".sqlite", f"{number}.sqlite")
        with opened_world(running_sandbox, url, folder, monkeypatch, exact=account()) as world:
            world.add_products([("SET-1", "high", ()), ("SET-2", "high", ())])
            shop = SupplyWorld(world)
            _order(shop, 2)
            files = (
                (f"SET-1;KEU-1001;2;{shop.day(-3)}", f"SET-2;KEU-1001;2;{shop.day(-3)}"),
                (f"SET-1;KEU-1002;1;{shop.day(-2)}",),
                (f"SET-1;KEU-1003;4;{shop.day(-1)}", f"SET-1;KEU-1002;1;{shop.day(-1)}"),
            )
            for index in (*order, *order):
                shop.drop(f"bundles/{index}.csv", HEADINGS, *files[index])
            ends.add((tuple(shop.bundles()), tuple(sorted(_owed(shop).items()))))
            world.assert_ledger_adds_up()
    assert ends == {
        ((("SET-1", "KEU-1002", 1), ("SET-1", "KEU-1003", 4)), (("KEU-1002", 2), ("KEU-1003", 8)))
    }
