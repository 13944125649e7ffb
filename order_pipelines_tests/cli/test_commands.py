"""The commands that work on a merchant's stores, against the sandbox: what they say, and what they leave undone."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from click.testing import CliRunner

from order_pipelines.cli import cli
from order_pipelines.demo import merchant
from order_pipelines.operations.tables import outbox, quarantine, receipts, tokens
from order_pipelines.services.watch import raise_alert
from order_pipelines_tests.cli.person import Typing


def _without_listed(lines: list[str]) -> list[str]:
    """How many entries are listed depends on the hour: an order is named on each day on which it changed."""
    return [re.sub(r"\d+ listed, ", "", line) for line in lines]


def test_a_day_by_hand(shop: Typing) -> None:
    assert shop.says("check")[-1] == "4 accounts ready, both stores answer: nothing is wrong"
    assert shop.says("migrate") == ["operations store: is up to date", "warehouse: is up to date"]
    assert shop.says("import-products") == [
        "62 products: 62 new or changed, 0 removed; 0 orders judged again"
    ]
    files = shop.says("take-in")
    assert "wholesale: stock_counts/opening.csv processed, 124 rows read: 124 stock counts" in files
    assert shop.says("take-in")[0].startswith("wholesale: no file waits in")
    assert _without_listed(shop.says("sweep")) == [
        "bol_main: 25 read; 25 new, 0 changed, 2 in quarantine",
        "bol_outlet: 15 read; 15 new, 0 changed, 1 in quarantine",
    ]
    assert shop.says("sweep", "--account", "bol_outlet") == [
        "bol_outlet: 0 listed, 0 read; 0 new, 0 changed, 0 in quarantine"
    ]
    assert shop.says("push-stock") == [
        "bol_main: 62 offers, 2 without a product; 56 due: 56 confirmed, 0 accepted, 0 rejected, 0 in doubt, "
        "0 held back",
        "bol_outlet: 49 offers, 2 without a product; 46 due: 46 confirmed, 0 accepted, 0 rejected, 0 in doubt, "
        "0 held back",
    ]
    # What bol has shipped by now: one order of each account from the merchant, two and one from bol's warehouse.
    assert shop.says("plan") == ["5 sales entries of 5 orders and 0 shipments planned"]
    assert (
        "sales entry: 5 confirmed, 0 accepted, 0 were there already, 0 in doubt, 0 failed, 0 left"
        in shop.says("dispatch")
    )
    assert shop.says("plan") == ["0 sales entries of 0 orders and 0 shipments planned"]
    loaded = shop.says("load-warehouse")
    assert "products: 62 changes loaded" in loaded
    assert loaded[-1] == "copied to warehouse-1.duckdb"
    assert shop.says("report") == [f"wrote {shop.settings.parent / 'data' / 'report.html'}"]
    assert shop.says("orders", "list", "--quarantined")[-1] == "4 orders"
    assert shop.says("quarantine", "list", "--account", "bol_main")[-1] == "2 rows"


def test_a_master_that_learns_an_ean_frees_the_order_that_waited(shop: Typing) -> None:
    shop.says("import-products")
    shop.says("sweep", "--account", "bol_main")
    (waiting,) = [line for line in shop.says("quarantine", "list") if "1043210015" in line]
    assert "unknown_ean" in waiting
    master = shop.settings.parent / "products.csv"
    master.write_text(
        master.read_text(encoding="utf-8")
        + "BRO-1,8719999770017,Broodtrommel,high,stuk,900,12.00,Houtwerk\n",
        encoding="utf-8",
    )
    assert shop.says("import-products") == ["63 products: 1 new or changed, 0 removed; 2 orders judged again"]
    assert [line for line in shop.says("quarantine", "list") if "1043210015" in line] == []
    assert shop.says("quarantine", "retry") == ["1 judged again: 1 still in quarantine"]


def test_an_order_by_number_shows_people_only_when_asked(shop: Typing) -> None:
    shop.says("import-products")
    shop.says("sweep", "--account", "bol_main")
    state = shop.sandbox.bol.state("bol_main")
    assert any(order["order_id"] == "1043210001" for order in state["orders"])
    plain = shop.run("orders", "show", "1043210001").stdout
    assert "€ 39,95" in plain
    assert "completed, shipped" in plain
    assert "@verkopen" not in plain
    assert "bills to" not in plain
    with_people = shop.run("orders", "show", "1043210001", "--people").stdout
    assert "@verkopen" in with_people
    assert shop.run("orders", "show", "nothing").stderr == "Error: no order nothing is known of any account\n"


def test_a_cancellation_is_planned_only_after_yes(shop: Typing) -> None:
    shop.says("import-products")
    shop.says("sweep", "--account", "bol_main")
    refused = shop.run("orders", "cancel", "1043210023", typed="n\n")
    assert refused.exit_code == 1
    assert shop.rows_of(outbox) == 0
    said = shop.says("orders", "cancel", "1043210023", typed="y\n")
    assert said[-1].endswith("1 cancellation planned; the next dispatch sends it, the channel confirms it")
    assert shop.rows_of(outbox) == 1


def test_authorize_takes_the_code_of_the_browser(shop: Typing) -> None:
    row = next(row for row in shop.sandbox.systems() if row["account"] == "exact")
    asked = {
        "client_id": row["credentials"]["client_id"],
        "redirect_uri": "http://127.0.0.1/exact",
        "response_type": "code",
        "state": "x",
    }
    answer = requests.get(row["auth_url"], params=asked, allow_redirects=False, timeout=5)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    result = shop.run("authorize", "exact", typed=f"{code}\n")
    assert result.exit_code == 0, result.output
    assert f"{row['base_url']}/api/oauth2/auth?client_id=" in result.stdout
    assert result.stdout.endswith("exact: consent stored; the next calls use it\n")
    assert row["credentials"]["client_secret"] not in result.output
    assert shop.rows_of(tokens) == 1


@pytest.mark.parametrize(
    ("pasted", "reason"),
    [
        ("http://127.0.0.1/exact?code=abc&state=other", "the address belongs to another attempt"),
        ("http://127.0.0.1/exact?error=access_denied", "no consent was given (access_denied)"),
        ("http://127.0.0.1/exact", "the address holds no code"),
    ],
)
def test_authorize_refuses_an_address_that_is_not_its_own(shop: Typing, pasted: str, reason: str) -> None:
    result = shop.run("authorize", "exact", typed=f"{pasted}\n")
    assert result.exit_code == 1
    assert f"Error: {reason}" in result.stderr
    assert shop.rows_of(tokens) == 0


def test_only_books_need_consent(shop: Typing) -> None:
    assert "is of bol, which needs no consent" in shop.run("authorize", "bol_main").stderr


def test_check_names_everything_that_is_wrong_at_once(shop: Typing) -> None:
    text = shop.settings.read_text(encoding="utf-8")
    text = text.replace('file = "products.csv"', 'file = "gone.csv"')
    text = text.replace("managed_by_retailer = true", "managed_by_retailler = true")
    shop.settings.write_text(text, encoding="utf-8")
    del shop.environment["BOL_OUTLET_CLIENT_SECRET"]
    result = shop.run("check")
    assert result.exit_code == 1
    problems = result.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in problems] == [
        "accounts.bol_main",
        "accounts.bol_outlet.secrets.client_secret",
        "products.file",
    ]
    assert "bol has no such option" in problems[0]
    assert "BOL_OUTLET_CLIENT_SECRET is not set" in problems[1]


@pytest.mark.parametrize(
    "command", ["sweep", "take-in", "plan", "check", "migrate", "load-warehouse", "report"]
)
def test_without_settings_every_command_says_so_in_one_line(tmp_path: Path, command: str) -> None:
    absent = tmp_path / "settings.toml"
    result = CliRunner().invoke(cli, ["--settings", str(absent), command])
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {absent}: cannot be read (No such file or directory); run 'order-pipelines init' to write one\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_settings_file_comes_from_the_environment_too(shop: Typing) -> None:
    result = CliRunner().invoke(
        cli, ["quarantine", "list"], env={"ORDER_PIPELINES_SETTINGS": str(shop.settings)}
    )
    assert (result.exit_code, result.stdout) == (0, "0 rows\n")


def test_an_outside_system_that_is_down_is_an_error_of_one_line_and_nothing_is_lost(shop: Typing) -> None:
    shop.says("import-products")
    requests.post(
        f"{shop.sandbox.control_url}/faults",
        json={"account": "bol_outlet", "kind": "403", "rate": 1.0},
        timeout=5,
    ).raise_for_status()
    result = shop.run("sweep")
    assert result.exit_code == 1
    assert "bol_main: 25 read; 25 new" in _without_listed(result.stdout.splitlines())[0]
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: bol_outlet: bol GET /retailer/orders")
    assert "Traceback" not in result.output
    requests.delete(f"{shop.sandbox.control_url}/faults", timeout=5).raise_for_status()
    assert _without_listed(shop.says("sweep", "--account", "bol_outlet")) == [
        "bol_outlet: 15 read; 15 new, 0 changed, 1 in quarantine"
    ]


def test_an_account_that_is_not_there_or_cannot_do_it_is_refused(shop: Typing) -> None:
    assert "no account is called 'bol_three'" in shop.run("sweep", "--account", "bol_three").stderr
    assert "has no orders that can be listed" in shop.run("sweep", "--account", "wholesale").stderr
    assert "no account is called 'nobody'" in shop.run("release-stock", "nobody").stderr
    assert "no account is called 'nobody'" in shop.run("orders", "list", "--account", "nobody").stderr
    assert shop.rows_of(receipts) == 0


def test_a_file_that_is_no_list_is_rejected_and_named(shop: Typing) -> None:
    merchant.drop(shop.settings.parent, "orders/prices.csv", "Kleur;Maat\nrood;38\n")
    result = shop.run("take-in")
    assert result.exit_code == 1
    assert "wholesale: orders/prices.csv rejected, 0 rows read" in result.stdout
    assert result.stderr.splitlines()[-1] == "Error: wholesale: orders/prices.csv was rejected"
    assert (shop.settings.parent / "inbox" / "rejected").is_dir()


def test_alerts_are_listed_until_they_are_over(shop: Typing) -> None:
    shop.says("migrate")
    assert shop.says("alerts", "list") == ["0 alerts"]
    store = shop.store()
    with store.transaction() as connection:
        raise_alert(connection, "run_failed:sweep_shop", severity="error", message="job sweep_shop failed")
    store.close()
    said = shop.says("alerts", "list")
    assert said[-1] == "1 alert"
    assert any(line.startswith("error job sweep_shop failed") for line in said)


def test_released_stock_is_counted(shop: Typing) -> None:
    assert shop.says("release-stock", "bol_main") == [
        "bol_main: 0 quantities released; the next push sends them"
    ]
    assert shop.rows_of(quarantine) == 0


def test_a_postgres_that_is_not_there_is_one_line_without_the_password(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[merchant]\nname = "x"\n[stores]\noperations_url_env = "STORE"\n', encoding="utf-8")
    result = CliRunner().invoke(
        cli,
        ["--settings", str(settings), "orders", "list"],
        env={"STORE": "postgresql://me:geheim@127.0.0.1:1/shop"},
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the operations store does not answer: ")
    assert "geheim" not in result.output
    assert result.stderr.count("\n") == 1
