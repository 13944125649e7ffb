"""``explain-stock`` and ``stock check`` at the terminal: for people, for programs, and for scripts by exit code."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.stock import Departure
from order_pipelines.operations.ledger import Ledger, LineTarget
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import channel_offers
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.settings import load_settings
from order_pipelines_tests.cli.person import Typing
from order_pipelines_tests.operations.moments import at

_SETTINGS = """
[merchant]
name = "De Vries Wonen"
[[locations]]
name = "main"
[accounts.bol_main]
system = "bol"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
"""


@pytest.fixture
def counted(tmp_path: Path) -> Typing:
    """Seven mugs counted on Monday at midnight, known at one; two of them left at eleven."""
    path = tmp_path / "settings.toml"
    path.write_text(_SETTINGS, encoding="utf-8")
    settings = load_settings(path)
    store = open_store(settings.operations_url())
    offer = {
        "account": "bol_main",
        "offer_id": "offer-1",
        "ean": None,
        "reference": "MUG",
        "sku": "MUG",
        "is_own_fulfilment": True,
        "subtracts_open_orders": False,
        "max_quantity": 999,
        "is_for_sale": True,
        "stock_set": 0,
        "stock_shown": 0,
        "is_listed": True,
        "seen_at": at(0),
    }
    gone = Departure("parcel", 2, at(11), None)
    target = LineTarget("bol_main:1", "1", "bol_main", "MUG", "main", 0, at(8), (gone,))
    with clock.frozen(at(1)), store.transaction() as connection:
        upsert(connection, channel_offers, [offer])
        ledger = Ledger(connection)
        ledger.count(("MUG", "main"), 7, at(0), cause="count")
        refresh_desired(connection, settings, ledger.flush(next_values(connection, CHANGE)))
    with clock.frozen(at(12)), store.transaction() as connection:
        ledger = Ledger(connection)
        ledger.settle_lines({("bol_main:1", "1"): target}, ["bol_main:1"])
        refresh_desired(connection, settings, ledger.flush(next_values(connection, CHANGE)))
    store.close()
    return Typing(path, {}, None)  # type: ignore[arg-type]


def test_a_person_reads_the_way_of_a_number(counted: Typing) -> None:
    said = counted.says("explain-stock", "--account", "bol_main", "--sku", "MUG")
    assert said[:2] == [
        "MUG at bol_main, now",
        "offer offer-1: 5 is desired since 2026-11-16 12:00:00 UTC and not sent: the account observes",
    ]
    assert "MUG main 5 0 0 5 2026-11-16 01:00:00 yes" in said
    assert "available 5, shown exact" in said
    assert "offer-1 5 0 0 5 5 (2026-11-16 13:00:00)" in said
    assert "2026-11-16 12:00:00 2026-11-16 13:00:00 shipped MUG main -2 order bol_main:1 line 1" in said


def test_a_program_gets_one_json_object_with_every_instant_in_utc(counted: Typing) -> None:
    said = counted.run(
        "explain-stock", "--account", "bol_main", "--sku", "MUG", "--at", "2026-11-16T12:30:00", "--json"
    )
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    # Half past twelve in Amsterdam is half past eleven in UTC: the parcel had left and nobody had said so.
    assert answer["at"] == "2026-11-16T12:30:00+01:00"
    assert [(place["on_hand"], place["counted_at"]) for place in answer["places"]] == [
        (7, "2026-11-16T00:00:00+00:00")
    ]
    assert [offer["offer"]["desired"]["quantity"] for offer in answer["offers"]] == [7]
    (difference,) = answer["differences"]
    assert (difference["known"]["on_hand"], difference["happened"]["on_hand"]) == (7, 5)
    assert [(row["kind"], row["on_hand"]) for row in answer["late"]] == [("shipped", -2)]

    happened = counted.run(
        "explain-stock", "--account", "bol_main", "--sku", "MUG", "--at", "2026-11-16T11:30:00Z",
        "--as-happened", "--json",
    )  # fmt: skip
    assert [place["on_hand"] for place in json.loads(happened.stdout)["places"]] == [5]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--account", "nobody", "--sku", "MUG"),
            "no account is called 'nobody'; the settings have: bol_main",
        ),
        (("--account", "bol_main", "--sku", "GHOST"), "nothing is known of GHOST: no stock, no movement"),
        (
            ("--account", "bol_main", "--sku", "MUG", "--at", "yesterday"),
            "--at 'yesterday' is no moment; write it",
        ),
        (
            ("--account", "bol_main", "--sku", "MUG", "--at", "2999-01-01T00:00"),
            "--at 2999-01-01T00:00 is in the",
        ),
    ],
)
def test_a_question_that_has_no_answer_ends_in_one_line(
    counted: Typing, options: tuple[str, ...], reason: str
) -> None:
    said = counted.run("explain-stock", *options)
    assert said.exit_code == 1
    assert said.stdout == ""
    assert said.stderr.startswith(f"Error: {reason}")
    assert said.stderr.count("\n") == 1


def test_questions_follow_the_clock_of_a_sandbox_and_need_none(shop: Typing) -> None:
    shop.says("import-products")
    shop.says("take-in")
    asked = ("explain-stock", "--account", "bol_main", "--sku", "KEU-1001", "--at")
    tomorrow = (clock.now() + timedelta(days=1)).isoformat(timespec="seconds")
    assert "is in the future" in shop.run(*asked, tomorrow).stderr

    shop.sandbox.clock.set_offset(timedelta(days=2).total_seconds())
    assert shop.run(*asked, tomorrow).exit_code == 0
    shop.sandbox.stop()
    assert shop.run("stock", "check").exit_code == 0


def test_stock_check_lists_what_disagrees_and_ends_with_1(counted: Typing) -> None:
    good = counted.run("stock", "check")
    # The line was written straight into the books: there is no order behind it, and nothing of it is open.
    assert (good.exit_code, good.stderr) == (0, "")
    assert good.stdout.count("holds: ") == 7

    store = open_store(load_settings(counted.settings).operations_url())
    with store.transaction() as connection:
        connection.execute(sa.text("update stock_positions set on_hand = -3"))
    store.close()
    said = counted.run("stock", "check")
    assert said.exit_code == 1
    assert said.stderr == "Error: 1 law of the books of stock broken\n"
    lines = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert lines[0] == (
        "BROKEN: The movements of the ledger add up to every position: on hand, open demand, reserved. 1 row"
    )
    assert "MUG main 8 0 0" in lines
    assert any(line.startswith("look at: No place holds less than nothing.") for line in lines)
