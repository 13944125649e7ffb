"""Refunds, reasons, returns and customers as a person types them."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from order_pipelines.cli import cli
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.services.aftersales_house import MARKET, WEB, House, aftersales_house
from order_pipelines_tests.services.shop_world import MAIN


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Return a house in a world of its own."""
    with (
        Sandbox(control_port=0, relaxed=True) as sandbox,
        aftersales_house(sandbox, sqlite_url, tmp_path, monkeypatch, web="customers = true") as opened,
    ):
        yield opened


def _type(house: House, *words: str, answer: str | None = None) -> Result:
    house.world.pass_time(61)
    return CliRunner().invoke(cli, ["--settings", str(house.world.path), *words], input=answer)


def test_a_refund_is_asked_for_confirmed_and_told(house: House) -> None:
    order_id = house.buy_at_market(("KEU-1001", 2))
    reasons = _type(house, "orders", "reasons", MARKET)
    assert reasons.exit_code == 0, reasons.output
    assert "Artikel geretourneerd" in reasons.output

    words = ("orders", "refund", order_id, "--line", f"{order_id}-1", "--amount", "12,50", "--reason", "17")
    assert _type(house, *words, answer="n\n").exit_code == 1
    assert house.effects() == []
    done = _type(house, *words, "--yes")
    assert done.exit_code == 0, done.output
    assert done.output == (
        f"refund 1 of line {order_id}-1 planned: € 12,50, Artikel geretourneerd; the next dispatch sends it, "
        "the channel confirms it\n"
    )
    sent = _type(house, "dispatch")
    assert "channel refund: 1 confirmed" in sent.output
    assert house.refunds_there() == [Decimal("12.50")]
    again = _type(house, *words, "--yes")
    assert again.exit_code == 1
    assert "--again plans another one" in again.output
    assert house.refunds_there() == [Decimal("12.50")]


@pytest.mark.parametrize("amount", ["much", "1.000,00", "NaN", ""])
def test_an_amount_that_is_none_is_refused_before_anything_is_asked(house: House, amount: str) -> None:
    done = _type(house, "orders", "refund", "1", "--line", "1", "--reason", "17", "--amount", amount, "--yes")
    assert done.exit_code == 2
    assert "an amount such as 12.50" in done.output
    assert house.effects() == []


def test_a_sweep_reads_returns_and_customers_too(house: House) -> None:
    order_id = house.world.buy(("KEU-1001", 1))
    house.world.act(order_id, "ship")
    house.world.act(order_id, "return", quantity=1)
    wish = {"lines": [{"sku": "KEU-1001", "quantity": 1}], "force": True}
    house.world.sandbox.shopware.place_order(WEB, wish)
    done = _type(house, "sweep")
    assert done.exit_code == 0, done.output
    assert f"{MAIN}: 1 return listed, 1 new or changed, 0 with a remark" in done.output
    assert f"{WEB}: 1 customer listed, 1 new or changed" in done.output
    assert "@shopper.example" not in done.output
    assert "return listed" not in _type(house, "sweep").output
