"""Returns in: booked by version, held against what was sold, and never moving goods or money."""

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from order_pipelines import clock
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.tables import channel_return_lines, channel_returns
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.again import retry_quarantine
from order_pipelines.services.returns import RETURN, sweep_returns
from order_pipelines_tests.services.aftersales_house import MARKET, House, aftersales_house, bol_return
from order_pipelines_tests.services.shop_world import MAIN, OUTLET


def _shipped_at_bol(house: House, pieces: int = 2) -> str:
    order_id = house.world.buy(("KEU-1001", pieces))
    house.world.act(order_id, "ship")
    house.world.sweep()
    return order_id


def _receive(house: House, *bodies: bytes, account: str = MAIN) -> None:
    """Put bodies into the inbox as a listing would, each read a second after the one before."""
    for body in bodies:
        name = str(orjson.loads(body)["returnId"])
        house.world.pass_time(1)
        with house.shop.store.transaction() as connection:
            incoming = Incoming(
                account, "bol", RETURN, name, body, clock.now(), "listing", "GET /retailer/returns"
            )
            inbox.receive(connection, [incoming])


def test_a_return_is_a_wish_that_moves_neither_stock_nor_money(house: House) -> None:
    order_id = _shipped_at_bol(house)
    market_order = house.buy_at_market(("KEU-1001", 2))
    before = house.goods_and_money()
    house.world.act(order_id, "return", quantity=1, comments="Groeten van Joke Testers")
    house.world.sandbox.mirakl.act(MARKET, market_order, "return", {"quantity": 2})

    at_bol, at_market = house.read_returns(), house.read_returns(MARKET)

    assert (at_bol.problem, at_bol.changed, at_market.problem, at_market.changed) == (None, 1, None, 1)
    rows = list(house.lines().values())
    item = house.world.row("order_lines", order_key=f"{MAIN}:{order_id}").line_id
    assert sorted(rows) == [
        (f"{MARKET}:{market_order}", f"{market_order}-1", "KEU-1001", 2, "accepted", ()),
        (f"{MAIN}:{order_id}", item, "KEU-1001", 1, "announced", ()),
    ]
    assert house.goods_and_money() == before
    house.world.assert_ledger_adds_up()
    reasons = {(row.reason_code, row.reason_label) for row in house.world.rows("channel_return_lines")}
    assert reasons == {("RETURN_CHANGED_MIND", None), (None, "Niet naar verwachting")}
    # What the customer wrote stays in the body.
    assert "Joke" not in house.all_texts("channel_returns", "channel_return_lines", "quarantine", "cursors")


def test_a_return_that_was_handled_is_received_and_stays_one_return(house: House) -> None:
    order_id = _shipped_at_bol(house)
    house.world.act(order_id, "return", quantity=1)
    assert house.read_returns().changed == 1
    (before,) = house.world.rows("channel_returns")
    assert house.read_returns().changed == 0, "nothing is received again that did not change"
    house.world.act(order_id, "return", quantity=1, handled=True)
    assert house.read_returns().changed == 1
    assert sorted(row[4] for row in house.lines().values()) == ["announced", "received"]
    assert len(house.world.rows("receipts", kind=RETURN)) == 2
    assert before.external_return_id in {
        row.external_return_id for row in house.world.rows("channel_returns")
    }


def test_returns_are_read_once_an_hour_and_in_a_deep_sweep(sqlite_house: House) -> None:
    assert sqlite_house.read_returns().is_read is True
    assert sweep_returns(sqlite_house.shop, MAIN).is_read is False
    sqlite_house.world.pass_time(minutes=6)
    assert sweep_returns(sqlite_house.shop, MAIN).is_read is False
    assert sweep_returns(sqlite_house.shop, MAIN, deep=True).is_read is True


def test_the_newest_version_wins_in_whatever_order_they_come(sqlite_house: House) -> None:
    """Two results in three bodies, read in every order: the newest time of processing stands."""
    order_id = _shipped_at_bol(sqlite_house)
    ean = _ean_of(sqlite_house, order_id)
    versions = [
        bol_return(1, order_id, ean),
        bol_return(
            1, order_id, ean, handled=True, processingResults=[_result("RETURN_DOES_NOT_MEET_CONDITIONS", 3)]
        ),
        bol_return(1, order_id, ean, handled=True, processingResults=[_result("RETURN_RECEIVED", 5)]),
    ]
    seen = set()
    for order in itertools.permutations(versions):
        with sqlite_house.shop.store.transaction() as connection:
            connection.execute(channel_returns.delete())
            connection.execute(channel_return_lines.delete())
        _receive(sqlite_house, *order)
        sqlite_house.read_returns()
        row = sqlite_house.world.row("channel_returns")
        (line,) = sqlite_house.lines().values()
        seen.add((row.changed_at, row.content_hash, line[4], line[5]))
    assert seen == {
        (
            datetime(2026, 11, 20, 8, 5, tzinfo=UTC),
            inbox.content_hash(versions[2]),
            "received",
            (),
        )
    }


def _result(word: str, minute: int) -> dict[str, Any]:
    return {
        "quantity": 1,
        "processingResult": "ACCEPTED",
        "handlingResult": word,
        "processingDateTime": f"2026-11-20T09:{minute:02d}:00+01:00",
    }


def test_a_return_before_its_order_is_remarked_until_the_order_comes(house: House) -> None:
    order_id = house.world.buy(("KEU-1001", 2))
    house.world.act(order_id, "ship")
    house.world.act(order_id, "return", quantity=1)
    assert house.read_returns().remarkable == 1
    ((key, line, sku, *_, remarks),) = house.lines().values()
    assert (key, line, sku, remarks) == (None, None, None, ("unknown_order",))
    house.world.sweep()
    assert house.read_returns().remarkable == 0
    ((key, _, sku, *_, remarks),) = house.lines().values()
    assert (key, sku, remarks) == (f"{MAIN}:{order_id}", "KEU-1001", ())


@pytest.mark.parametrize(
    ("item", "state", "remarks"),
    [
        ({"expectedQuantity": 3}, "announced", ("more_than_sold",)),
        ({"expectedQuantity": 0}, "announced", ("negative_quantity",)),
        ({"expectedQuantity": 2_000_000}, "announced", ("absurd_quantity", "more_than_sold")),
        ({"expectedQuantity": "two"}, "announced", ("missing_quantity",)),
        ({"orderId": None}, "announced", ("missing_order",)),
        ({"orderId": "4711"}, "announced", ("unknown_order",)),
        ({"ean": "8719999770017"}, "announced", ("unknown_line",)),
        (
            {"handled": True, "processingResults": [_result("SENT_TO_THE_MOON", 1)]},
            "unknown",
            ("unknown_state",),
        ),
        ({"handled": True, "processingResults": []}, "closed", ()),
    ],
)
def test_what_cannot_be_right_is_kept_and_remarked(
    sqlite_house: House, item: dict[str, Any], state: str, remarks: tuple[str, ...]
) -> None:
    order_id = _shipped_at_bol(sqlite_house)
    before = sqlite_house.goods_and_money()
    _receive(sqlite_house, bol_return(1, order_id, _ean_of(sqlite_house, order_id), **item))
    assert sqlite_house.read_returns().problem is None
    ((*_, found_state, found_remarks),) = sqlite_house.lines().values()
    assert (found_state, found_remarks) == (state, remarks)
    assert sqlite_house.goods_and_money() == before


def _ean_of(house: House, order_id: str) -> str:
    ean: str = house.world.row("order_lines", order_key=f"{MAIN}:{order_id}").ean_said
    return ean


def test_two_returns_of_one_line_are_added_up(sqlite_house: House) -> None:
    order_id = _shipped_at_bol(sqlite_house, pieces=2)
    ean = _ean_of(sqlite_house, order_id)
    _receive(sqlite_house, bol_return(1, order_id, ean, expectedQuantity=2))
    sqlite_house.read_returns()
    assert [row[5] for row in sqlite_house.lines().values()] == [()]
    _receive(sqlite_house, bol_return(2, order_id, ean, expectedQuantity=1))
    sqlite_house.read_returns()
    assert [row[5] for row in sqlite_house.lines().values()] == [("more_than_sold",)] * 2
    refused = bol_return(
        2, order_id, ean, handled=True, processingResults=[_result("RETURN_DOES_NOT_MEET_CONDITIONS", 1)]
    )
    _receive(sqlite_house, refused)
    sqlite_house.read_returns()
    assert [row[5] for row in sqlite_house.lines().values()] == [(), ()]


def test_many_returns_are_judged_as_one_is(sqlite_house: House) -> None:
    """Thirty at once are judged over frames; one that comes alone is judged value by value."""
    order_id = _shipped_at_bol(sqlite_house, pieces=40)
    ean = _ean_of(sqlite_house, order_id)
    _receive(sqlite_house, *(bol_return(number, order_id, ean) for number in range(30)))
    _receive(
        sqlite_house,
        bol_return(40, "4711", ean),
        bol_return(41, order_id, ean, expectedQuantity=-1),
        bol_return(42, order_id, "8719999770017"),
        bol_return(43, order_id, ean, handled=True, processingResults=[_result("ELSEWHERE", 1)]),
    )
    sqlite_house.read_returns()
    lines = sqlite_house.lines()
    assert {key: row[5] for key, row in lines.items() if row[5]} == {
        "60200040": ("unknown_order",),
        "60200041": ("negative_quantity",),
        "60200042": ("unknown_line",),
        "60200043": ("unknown_state",),
    }
    assert len(lines) == 34


def test_a_line_that_a_newer_version_leaves_out_is_gone(sqlite_house: House) -> None:
    order_id = _shipped_at_bol(sqlite_house)
    ean = _ean_of(sqlite_house, order_id)
    two = orjson.loads(bol_return(1, order_id, ean))
    two["returnItems"] += orjson.loads(bol_return(2, order_id, ean))["returnItems"]
    _receive(sqlite_house, orjson.dumps(two))
    sqlite_house.read_returns()
    assert sorted(sqlite_house.lines()) == ["60200001", "60200002"]
    _receive(sqlite_house, bol_return(1, order_id, ean))
    sqlite_house.read_returns()
    assert sorted(sqlite_house.lines()) == ["60200001"]


def test_a_body_that_nobody_can_read_waits_in_quarantine_and_stops_no_other(sqlite_house: House) -> None:
    order_id = _shipped_at_bol(sqlite_house)
    bad = orjson.dumps({"returnId": "15800009", "returnItems": []})
    _receive(sqlite_house, bad, bol_return(1, order_id, _ean_of(sqlite_house, order_id)))
    sweep = sqlite_house.read_returns()
    assert (sweep.rejected, sweep.changed) == (1, 1)
    row = sqlite_house.world.row("quarantine", entity="return")
    assert (row.entity_key, row.reason_code, row.resolved_at) == (
        f"{MAIN}:return:15800009",
        "unreadable_return",
        None,
    )
    retry_quarantine(sqlite_house.shop)
    assert sqlite_house.world.row("quarantine", entity="return").resolved_at is None
    later = orjson.loads(bol_return(9, order_id, _ean_of(sqlite_house, order_id)))
    _receive(sqlite_house, orjson.dumps(later))
    sqlite_house.read_returns()
    assert sqlite_house.world.row("quarantine", entity="return").resolved_at is not None
    assert len(sqlite_house.lines()) == 2


def test_a_listing_that_ends_in_401_keeps_what_came_and_is_read_again(house: House) -> None:
    order_id = _shipped_at_bol(house, pieces=60)
    for _ in range(51):
        house.world.act(order_id, "return", quantity=1)
    # The first page has fifty; bol refuses the second, and the new token as well.
    house.world.fault("401", match="page=2", count=2)
    sweep = house.read_returns()
    assert sweep.problem is not None
    assert "401" in sweep.problem
    assert (sweep.listed, sweep.changed) == (50, 50)
    cursor = house.world.row("cursors", account=MAIN, stream="returns")
    assert (cursor.complete_at, cursor.reason) == (None, sweep.problem)
    house.world.clear_faults()
    again = sweep_returns(house.shop, MAIN)
    assert (again.problem, again.changed) == (None, 1)
    assert len(house.world.rows("channel_returns")) == 51


def test_an_operator_without_returns_is_no_trouble(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in running_sandbox.systems() if row["account"] == "mirakl_two")
    monkeypatch.setenv("TWO_KEY", row["credentials"]["api_key"])
    more = f"""
[accounts.mirakl_two]
system = "mirakl"
effective_from = 2026-01-01
base_url = "{row["base_url"]}"
serves = ["main"]
[accounts.mirakl_two.secrets]
api_key = "TWO_KEY"
"""
    with aftersales_house(running_sandbox, sqlite_url, tmp_path, monkeypatch, more=more) as house:
        sweep = house.read_returns("mirakl_two")
        assert (sweep.is_offered, sweep.problem, sweep.listed) == (False, None, 0)
        assert house.world.row("cursors", account="mirakl_two", stream="returns").complete_at is not None


def test_one_accounts_trouble_stops_no_other(sqlite_house: House) -> None:
    sqlite_house.world.fault("500", account=MAIN, rate=1.0, match="/returns")
    assert sqlite_house.read_returns().problem is not None
    assert sqlite_house.read_returns(OUTLET).problem is None
