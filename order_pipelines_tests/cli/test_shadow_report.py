"""Whether an account is ready to go live, and who decided what, as a person at a terminal asks it."""

import json
import re

import pytest

from order_pipelines import clock
from order_pipelines.operations.tables import shadow_days
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.cli.person import Typing

_MOMENT = r"\d{2}-\d{2}-\d{4} \d{2}:\d{2}"


@pytest.fixture
def observing(shop: Typing) -> Typing:
    """The merchant only observes; products, counts and orders are read, and what follows from them is planned."""
    text = shop.settings.read_text(encoding="utf-8")
    shop.settings.write_text(text.replace('mode = "live"', 'mode = "observe"'), encoding="utf-8")
    for command in ("import-products", "take-in", "sweep", "plan"):
        assert shop.run(command).exit_code == 0
    return shop


def _go_live(shop: Typing) -> None:
    text = shop.settings.read_text(encoding="utf-8")
    shop.settings.write_text(text.replace('mode = "observe"', 'mode = "live"'), encoding="utf-8")


def test_an_account_that_is_not_ready_says_why_and_ends_with_one(observing: Typing) -> None:
    shop = observing
    answer = shop.run("shadow-report", "--account", "bol_main")
    assert answer.exit_code == 1
    lines = [" ".join(line.split()) for line in answer.stdout.splitlines() if line.strip(" ─")]
    assert re.fullmatch(
        rf"bol_main: observes since {_MOMENT}; 0 of 7 clean days in a row: not ready", lines[0]
    )
    assert lines[1] == "compared offers or orders equal not settled differing that day when"
    assert re.fullmatch(rf"stock \d+ \d+ \d+ 0 {_MOMENT}", lines[2])
    assert [line.split()[0] for line in lines[3:5]] == ["tracking", "cancellation"]
    assert any(line.startswith("bol_main: 2 offers without a product: ") for line in lines)
    assert answer.stderr == "Error: bol_main is not ready to go live: 0 of 7 clean days\n"
    assert "bol_outlet" not in answer.output
    for account in ("bol_main", "bol_outlet"):
        assert shop.sandbox.bol.state(account)["writes"] == []
    assert shop.sandbox.exact_online.state("exact")["writes"] == []


def test_json_holds_everything_and_nothing_else(observing: Typing) -> None:
    shop = observing
    answer = shop.run("shadow-report", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert told["clean_days_wanted"] == 7
    accounts = {each["account"]: each for each in told["accounts"]}
    assert accounts["bol_main"]["verdict"] == "not_ready"
    assert accounts["bol_main"]["reasons"] == [
        {"code": "too_few_days", "count": 0, "kind": "", "detail": "", "sentence": "0 of 7 clean days"}
    ]
    (day,) = accounts["bol_main"]["days"]
    assert {kind["kind"]: kind["comparisons"] for kind in day["kinds"]} == {
        "stock": 1,
        "tracking": 1,
        "cancellation": 1,
    }
    assert accounts["exact"]["verdict"] == accounts["wholesale"]["verdict"] == "nothing_to_compare"
    differing = accounts["bol_main"]["differences"]
    assert {each["is_counted"] for each in differing} <= {False}


def test_what_was_compared_is_shown_again_without_reading_the_channel(observing: Typing) -> None:
    shop = observing
    first = json.loads(shop.run("shadow-report", "--json").stdout)["accounts"]
    shop.sandbox.bol.faults.add(Fault("403", count=None, rate=1.0))
    stored = shop.run("shadow-report", "--stored", "--json")
    assert stored.exit_code == 1
    assert json.loads(stored.stdout)["accounts"] == first
    assert shop.rows_of(shadow_days) == 6

    shop.sandbox.bol.faults.clear()
    shop.sandbox.bol.faults.add(Fault("403", count=None, rate=1.0, match="/retailer/offers"))
    clock.follow(600)
    shop.sandbox.clock.set_offset(600)
    broken = shop.run("shadow-report", "--account", "bol_main")
    assert "bol_main is not ready to go live: stock could not be compared: bol GET" in broken.stderr


def test_the_page_is_dutch_and_asks_for_nothing_outside(observing: Typing) -> None:
    shop = observing
    page = shop.settings.parent / "pages" / "overstap.html"
    answer = shop.run("shadow-report", "--html", str(page))
    assert f"wrote {page}" in answer.stdout
    text = page.read_text(encoding="utf-8")
    assert '<html lang="nl">' in text
    for words in ("Klaar om over te stappen?", "Nog niet klaar", "0 van 7 schone dagen", "Voorraad"):
        assert words in text
    assert re.search(rf"Neemt alleen waar sinds {_MOMENT}", text)
    assert "aanbiedingen zonder artikel" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_when_nothing_observes_it_ends_with_zero(shop: Typing) -> None:
    answer = shop.run("shadow-report")
    assert (answer.exit_code, answer.stderr) == (0, "")
    accounts = [line.split(":")[0] for line in answer.stdout.splitlines()]
    assert accounts == ["bol_main", "bol_outlet", "wholesale", "exact"]
    assert all(re.search(rf": live since {_MOMENT}$", line) for line in answer.stdout.splitlines())
    assert shop.run("shadow-report", "--account", "nobody").exit_code == 1


def test_the_log_shows_the_switch_and_who_decided(observing: Typing) -> None:
    shop = observing
    _go_live(shop)
    assert shop.run("release-stock", "bol_main", "--by", "TICKET-42").exit_code == 0
    refused = shop.run("release-stock", "bol_main", "--by", "Jan Jansen")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: --by: one word of at most 40 letters")
    lines = shop.says("audit", "list", "--account", "bol_main")
    assert lines[0] == "number when what account subject before after by"
    switch = [line for line in lines if "accounts.bol_main.mode" in line]
    assert [line.split("accounts.bol_main.mode ")[1] for line in switch] == [
        "observe settings",
        "observe live settings",
    ]
    assert lines[-2].endswith("release_stock bol_main bol_main 0 quantities command: TICKET-42")
    assert lines[-1] == "6 entries"
    assert shop.says("audit", "list", "--since", "2100-01-01") == ["0 entries"]
