"""Stops and approvals as a person types them."""

import json

from order_pipelines import clock
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.settings import load_settings
from order_pipelines_tests.cli.person import Typing


def _recount(shop: Typing, pieces: int) -> list[str]:
    """Count every article that bol_main sells anew; returns the articles."""
    from order_pipelines.operations.tables import channel_stock

    store = shop.store()
    with store.transaction() as connection:
        skus = sorted(connection.execute(channel_stock.select()).mappings(), key=lambda row: row["sku"])
        names = sorted(
            {row["sku"] for row in skus if row["account"] == "bol_main" and row["desired_quantity"] > 30}
        )
        ledger = Ledger(connection)
        for sku in names:
            ledger.count((sku, "main"), pieces, clock.now(), cause="count")
        changed = ledger.flush(next_values(connection, CHANGE))
        refresh_desired(connection, load_settings(shop.settings), changed)
    store.close()
    return names


def test_an_account_is_stopped_and_let_go(shop: Typing) -> None:
    assert shop.says("account", "stop", "bol_main", "--what", "all", "--reason", "a   check") == [
        "bol_main: stopped (stock, effects, orders); 'order-pipelines account go bol_main' ends it"
    ]
    assert shop.says("account", "stop", "bol_main", "--reason", "again") == [
        "bol_main: was stopped already, nothing changed"
    ]
    stopped = [line for line in shop.says("account", "list") if line.startswith("bol_main")]
    assert [line.split()[:3] for line in stopped] == [
        ["bol_main", "live", "effects"],
        ["bol_main", "live", "orders"],
        ["bol_main", "live", "stock"],
    ]
    assert all(line.endswith("a check") for line in stopped)
    refused = shop.run("push-stock", "--account", "bol_main")
    assert refused.exit_code == 1
    assert "bol_main was stopped by a person" in refused.stderr
    assert shop.run("sweep", "--account", "bol_main").exit_code == 1
    assert any("bol_main was stopped by a person" in line for line in shop.says("stock", "check"))
    assert shop.says("account", "go", "bol_main", "--what", "orders") == ["bol_main: goes on (orders)"]
    assert shop.says("account", "go", "bol_main") == ["bol_main: goes on (stock, effects)"]
    assert shop.says("account", "go", "bol_main") == ["bol_main: was not stopped, nothing changed"]
    assert shop.run("push-stock", "--account", "bol_main").exit_code == 0


def test_what_no_stop_can_be_is_refused(shop: Typing) -> None:
    assert "no account is called 'nobody'" in shop.run("account", "stop", "nobody", "--reason", "x").stderr
    assert shop.run("account", "stop", "bol_main").exit_code == 2
    assert "--reason" in shop.run("account", "stop", "bol_main", "--reason", " ").stderr
    assert shop.run("account", "stop", "bol_main", "--what", "everything", "--reason", "x").exit_code == 2
    assert "--by" in shop.run("account", "stop", "bol_main", "--reason", "x", "--by", "Jan Jansen").stderr
    assert not [line for line in shop.says("account", "list") if line.rstrip().endswith("x")]


def test_approvals_show_the_difference_until_they_are_released(shop: Typing) -> None:
    for command in ("import-products", "sweep", "take-in", "push-stock"):
        shop.run(command)
    shop.run("push-stock")
    assert shop.says("approvals", "bol_main")[-1] == "nothing waits for a person"
    counted = _recount(shop, 2)
    assert shop.run("push-stock", "--account", "bol_main").exit_code == 1

    page = json.loads("\n".join(shop.says("approvals", "bol_main", "--json")))["bol_main"]

    assert [row["sku"] for row in sorted(page["numbers"], key=lambda row: row["sku"])] == counted
    assert max(row["would_be"] for row in page["numbers"]) == 2
    assert {row["cause"] for row in page["numbers"]} == {"count"}
    assert all(row["difference"] == row["would_be"] - row["shown"] < 0 for row in page["numbers"])
    assert page["pieces"] == sum(row["difference"] for row in page["numbers"])
    said = shop.says("approvals", "bol_main")
    assert said[0].startswith(f"bol_main: {len(counted)} numbers held, {page['pieces']} pieces in all")
    assert any("pieces shown would vanish at once without a sale" in line for line in said)

    assert shop.says("release-stock", "bol_main", "--sku", counted[0], "--by", "TICKET-1") == [
        "bol_main: 1 quantity released; the next push sends them"
    ]
    left = json.loads("\n".join(shop.says("approvals", "bol_main", "--json")))["bol_main"]
    assert len(left["numbers"]) == len(counted) - 1
    shop.says("release-stock", "bol_main")
    assert shop.run("push-stock", "--account", "bol_main").exit_code == 0
    assert json.loads("\n".join(shop.says("approvals", "bol_main", "--json"))) == {}
