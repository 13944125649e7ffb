"""The packing table of ``up``: what it takes, and what it leaves for a person."""

from pathlib import Path

from order_pipelines.demo import merchant
from order_pipelines.demo.packing import packed
from order_pipelines_tests.cli.person import Typing


def test_it_packs_the_oldest_orders_that_nothing_speaks_against(shop: Typing) -> None:
    shop.says("import-products")
    shop.says("take-in")
    shop.says("sweep")
    store = shop.store()
    parcels = packed(store, "NL")
    store.close()
    numbers = [parcel.order_number for parcel in parcels]
    assert len(numbers) == 25
    # Two lines are one parcel; the cancelled olive oil stays where it is.
    by_number = {parcel.order_number: sorted(parcel.contents) for parcel in parcels}
    assert by_number["A4K8290LP1"] == [("KEU-1004", 1), ("KEU-1005", 1)]
    assert by_number["1043210019"] == [("KEU-1003", 1)]
    # In quarantine, asks to cancel, a business abroad, shipped already, fulfilled by bol.
    left = {"1043210015", "1043210017", "GH-2043", "D9R3307WB5", "G5W2093CM7", "1043210001", "1043210008"}
    assert left.isdisjoint(numbers)


def test_tracking_numbers_of_two_lists_differ(shop: Typing, tmp_path: Path) -> None:
    """The same number in two files would be the same parcel."""
    shop.says("import-products")
    shop.says("sweep")
    store = shop.store()
    parcels = packed(store, "NL")[:3]
    store.close()
    first = merchant.drop_shipments(tmp_path, "a.csv", parcels[:2]).read_text(encoding="utf-8")
    second = merchant.drop_shipments(tmp_path, "b.csv", parcels[2:], first_number=3).read_text(
        encoding="utf-8"
    )
    assert "3SDEMO0000001" in first
    assert "3SDEMO0000002" in first
    assert "3SDEMO0000003" in second
    assert "3SDEMO0000001" not in second
