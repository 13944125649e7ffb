"""What telling weeks in any order brought to light, each in its smallest form."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines.operations.tables import metadata
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.any_order_delivery import Place, Step, place, tell
from order_pipelines_tests.reliability.any_order_world import MONDAY, File, Line, Payload, World, order_body

BOTH = b"sku;ean;naam;btw\nKOP;8710000000017;kop;high\nPAN;8710000000024;pan;high\n"
WITHOUT_PAN = b"sku;ean;naam;btw\nKOP;8710000000017;kop;high\n"
WITHOUT_EAN = b"sku;ean;naam;btw\nKOP;;kop;high\n"
EAN_OF_ANOTHER = b"sku;ean;naam;btw\nKOP;;kop;high\nPOT;8710000000017;pot;high\n"
NO_ORDER = b"<html>even geduld</html>"


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Place]:
    with memory_folder() as folder:
        server: TestPostgres | None = None
        url = f"sqlite:///{folder / 'operations.sqlite'}"
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_server")
            url = server.create_database()
        with place(Path(folder) / "shop", url) as found:
            yield found
        if server is not None:
            server.drop_database(url)


def _at(hour: int) -> datetime:
    return MONDAY + timedelta(hours=hour)


def _line(article: str = "PAN", **changes: Any) -> Line:
    values: dict[str, Any] = {"quantity": 2, "is_own": True, "has_reference": True, "changed_h": 2}
    return Line("B0-0", article, **(values | changes))


def _read(body: bytes, hour: int) -> Step:
    return Step("receive", (Payload("B0", body, _at(hour), may_be_missed=False),))


def _tell(shop: Place, masters: tuple[bytes, ...], *steps: Step) -> None:
    tell(shop, World((), (), masters), list(steps))


def _rows(shop: Place, table: str) -> list[Any]:
    with shop.store.reading() as connection:
        return list(connection.execute(sa.select(metadata.tables[table])))


def _open_reasons(shop: Place) -> list[tuple[str, str | None]]:
    return [(row.reason_code, row.value) for row in _rows(shop, "quarantine") if row.resolved_at is None]


def test_an_order_that_was_read_twice_is_judged_again_when_the_master_knows_its_article(shop: Place) -> None:
    """The second reading said the same; the order kept the first one's receipt, which then counted as stale."""
    body = order_body("B0", 2, [_line(has_reference=False)])
    _tell(shop, (WITHOUT_PAN, BOTH), Step("master"), _read(body, 3), _read(body, 4), Step("master", number=1))

    (order,) = _rows(shop, "orders")
    assert not order.is_quarantined
    assert order.receipt_seq == 2
    assert _open_reasons(shop) == []
    assert [(row.sku, row.open_quantity) for row in _rows(shop, "line_demand")] == [("PAN", 2)]


def test_an_order_waits_when_its_two_names_become_two_articles(shop: Place) -> None:
    """Found by its SKU while nothing had its EAN; then the EAN came, with another article."""
    body = order_body("B0", 2, [_line("KOP", shipped=2)])
    masters = (WITHOUT_EAN, EAN_OF_ANOTHER)
    _tell(shop, masters, Step("master"), _read(body, 3), Step("master", number=1))

    assert _open_reasons(shop) == [("ambiguous_ean", "8710000000017")]
    assert _rows(shop, "invoices") == []
    assert _rows(shop, "outbox") == []
    assert _rows(shop, "line_shipped") == []


def test_an_order_that_is_read_well_again_is_not_unreadable_any_more(shop: Place) -> None:
    body = order_body("B0", 2, [_line()])
    _tell(shop, (BOTH,), Step("master"), _read(body, 3), _read(NO_ORDER, 4), _read(body, 5))

    assert _open_reasons(shop) == []
    assert [row.reason_code for row in _rows(shop, "quarantine")] == ["not_json"]


@pytest.mark.parametrize("in_one_batch", [False, True])
def test_a_body_that_could_not_be_read_is_no_news_once_a_later_one_was(
    shop: Place, in_one_batch: bool
) -> None:
    good, bad = _read(order_body("B0", 2, [_line()]), 4), _read(NO_ORDER, 3)
    steps = [Step("receive", (*bad.payloads, *good.payloads))] if in_one_batch else [good, bad]
    _tell(shop, (BOTH,), Step("master"), *steps)

    assert _rows(shop, "quarantine") == []
    assert [row.state for row in sorted(_rows(shop, "receipts"), key=lambda row: row.content_hash)].count(
        "rejected"
    ) == 1


def test_a_body_that_cannot_be_read_now_waits_although_an_earlier_one_was_good(shop: Place) -> None:
    _tell(shop, (BOTH,), Step("master"), _read(order_body("B0", 2, [_line()]), 3), _read(NO_ORDER, 4))

    assert [code for code, _ in _open_reasons(shop)] == ["not_json"]
    assert [row.open_quantity for row in _rows(shop, "line_demand")] == [2]


def test_demand_is_dated_by_the_order_as_soon_as_it_says_when_it_was_placed(shop: Place) -> None:
    undated, dated = order_body("B0", 2, [_line()], "placed"), order_body("B0", 2, [_line()])
    _tell(shop, (BOTH,), Step("master"), _read(undated, 3), _read(dated, 4))

    assert [(row.open_quantity, row.placed_at) for row in _rows(shop, "line_demand")] == [(2, _at(2))]


def test_people_that_the_newest_version_does_not_name_are_not_kept(shop: Place) -> None:
    named, nameless = order_body("B0", 2, [_line()]), order_body("B0", 2, [_line(changed_h=5)], "address")
    _tell(shop, (BOTH,), Step("master"), _read(named, 3), _read(nameless, 6))
    assert _rows(shop, "order_people") == []

    _tell(shop, (BOTH,), Step("master"), _read(nameless, 6), _read(named, 3))
    assert _rows(shop, "order_people") == []


def test_a_parcel_of_an_article_that_a_version_lost_leaves_once_whenever_it_came(shop: Place) -> None:
    """A version names a stranger where the mug was: a parcel by SKU waits, one that was matched stays matched."""
    good, lost = order_body("B0", 2, [_line("KOP")]), order_body("B0", 2, [_line("KOP", changed_h=5)], "ean")
    again = order_body("B0", 2, [_line("KOP", changed_h=9)])
    rows = "Ordernummer;Regel;SKU;Verzonden;Vervoerder;Track & Trace;Verzonden op"
    parcel = Step(
        "file", (), File("shipments/p.csv", f"{rows}\nB0;;KOP;2;TNT;;2026-03-03T15:00:00+00:00\n".encode())
    )

    _tell(shop, (BOTH,), Step("master"), _read(good, 3), _read(lost, 6), parcel)
    assert (_rows(shop, "shipments"), len(_rows(shop, "pending_shipment_lines"))) == ([], 1)
    assert [row.quantity_departed for row in _rows(shop, "order_lines")] == [None]
    assert sorted(_open_reasons(shop)) == [("unknown_ean", "8719999770017"), ("unknown_order", "KOP")]
    _tell(shop, (BOTH,), Step("master"), _read(good, 3), _read(lost, 6), parcel, _read(again, 10))
    assert [row.quantity_departed for row in _rows(shop, "order_lines")] == [2]
    assert (len(_rows(shop, "shipments")), _open_reasons(shop)) == (1, [])

    _tell(shop, (BOTH,), Step("master"), _read(good, 3), parcel, _read(lost, 6))
    assert [row.quantity_departed for row in _rows(shop, "order_lines")] == [2]
    _tell(shop, (BOTH,), Step("master"), _read(good, 3), parcel, _read(lost, 6), _read(again, 10))
    assert [row.quantity_departed for row in _rows(shop, "order_lines")] == [2]
    assert (len(_rows(shop, "shipments")), _open_reasons(shop)) == (1, [])


def test_what_waits_says_what_is_wrong_now_and_since_when(shop: Place) -> None:
    """The line named one unknown article and then another: the reason must name the one to add."""
    first = order_body("B0", 2, [_line(has_reference=False)])
    then = order_body("B0", 2, [_line("VREEMD", has_reference=False, changed_h=5)])
    _tell(shop, (WITHOUT_PAN,), Step("master"), _read(first, 3), _read(then, 6))

    (row,) = _rows(shop, "quarantine")
    assert (row.reason_code, row.value, row.resolved_at) == ("unknown_ean", "8719999770017", None)
    assert "8719999770017" in row.reason
    assert row.receipt_seq == 1
