"""The product master from the leading shop: the rules of a file, VAT classes by the settings, nothing guessed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from order_pipelines.errors import ConfigurationError, ConnectorError, DataContractError
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.product_master import import_products
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.aftersales_house import WEB, House, aftersales_house
from order_pipelines_tests.services.shop_world import MAIN

LEADING = f"""
[products]
from_account = "{WEB}"
[products.tax_classes]
21 = "high"
"9.0" = "low"
"""


@pytest.fixture
def house(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Return a house whose web shop leads, on each of the two databases."""
    with aftersales_house(running_sandbox, store_url, tmp_path, monkeypatch, more=LEADING) as opened:
        yield opened


@pytest.fixture
def sqlite_house(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Return a house whose web shop leads, on SQLite."""
    with aftersales_house(running_sandbox, sqlite_url, tmp_path, monkeypatch, more=LEADING) as opened:
        yield opened


def _store(house: House) -> Any:
    return house.world.sandbox.shopware.shop(WEB).store


def _article(house: House, sku: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in _store(house).rows("product") if row["productNumber"] == sku)
    return found


def _master(house: House) -> dict[str, Any]:
    return {row.sku: row for row in house.world.rows("products")}


def test_the_articles_of_the_shop_become_the_master(house: House) -> None:
    there = [row for row in _store(house).rows("product") if not row["childCount"]]
    imported = import_products(house.shop)
    master = _master(house)
    assert (imported.products, imported.removed, imported.is_read) == (len(there), 0, True)
    assert sorted(master) == sorted(row["productNumber"] for row in there)
    assert {row.source for row in master.values()} == {"account"}
    assert (master["OUD-0001"].name, master["OUD-0001"].vat_class) == ("Onderzetter leisteen", "high")
    assert {row.ean for row in house.world.rows("product_eans", sku="OUD-0001")} == {"8719999770031"}
    assert master["KEU-1001"].vat_class == "high"
    # A variant has its parent's name and tax, and the parent is no article.
    assert {row.vat_class for row in master.values()} == {"high", "low"}
    assert all(row.name for row in master.values())
    assert import_products(house.shop).changed == 0


def test_a_rate_that_the_settings_do_not_name_is_a_conflict_and_no_guess(sqlite_house: House) -> None:
    article = _article(sqlite_house, "KEU-1001")
    article["taxId"] = _store(sqlite_house).id_of("tax", "0")
    imported = import_products(sqlite_house.shop)
    assert imported.reasons == {"unknown_vat": 1}
    assert _master(sqlite_house)["KEU-1001"].vat_class is None
    (conflict,) = sqlite_house.world.rows("product_conflicts")
    assert (conflict.reason_code, conflict.skus) == ("unknown_vat", ["KEU-1001"])
    assert conflict.reason == (
        "KEU-1001: the shop states 0 % tax, not in [products.tax_classes]; its VAT class is unknown"
    )


def test_an_article_without_a_number_stays_out_and_two_with_one_ean_share_it_with_nobody(
    sqlite_house: House,
) -> None:
    ean = _article(sqlite_house, "KEU-1001")["ean"]
    _article(sqlite_house, "OUD-0001")["ean"] = ean
    _article(sqlite_house, "KEU-1002")["productNumber"] = ""
    imported = import_products(sqlite_house.shop)
    assert imported.reasons == {"missing_field": 1, "ambiguous_ean": 1}
    assert "KEU-1002" not in _master(sqlite_house)
    assert sqlite_house.world.rows("product_eans", ean=ean) == []


def test_a_list_that_shrank_is_not_believed(house: House) -> None:
    import_products(house.shop)
    before = _master(house).keys()
    for row in list(_store(house).rows("product"))[:15]:
        row["childCount"] = 1
    with pytest.raises(DataContractError, match=r"webshop lists \d+ articles and lacks 1\d of the \d+"):
        import_products(house.shop)
    assert _master(house).keys() == before


def test_a_shop_that_does_not_answer_leaves_the_master_as_it_was(sqlite_house: House) -> None:
    before = _master(sqlite_house)
    sqlite_house.world.sandbox.shopware.faults.add(_fault("503"))
    with pytest.raises(ConnectorError):
        import_products(sqlite_house.shop)
    assert _master(sqlite_house) == before
    assert sqlite_house.world.rows("cursors", account=WEB, stream="products") == []


def _fault(kind: str) -> Any:
    from order_pipelines.sandbox.standin import Fault

    return Fault(kind, count=None, rate=1.0)


def test_the_shop_is_read_once_a_day_unless_a_person_asks(sqlite_house: House) -> None:
    assert import_products(sqlite_house.shop, always=False).is_read is True
    sqlite_house.world.pass_time(hours=20)
    assert import_products(sqlite_house.shop, always=False).is_read is False
    assert import_products(sqlite_house.shop).is_read is True
    sqlite_house.world.pass_time(hours=24)
    assert import_products(sqlite_house.shop, always=False).is_read is True


def test_orders_that_waited_for_an_article_are_judged_again(sqlite_house: House) -> None:
    order_id = sqlite_house.world.buy(("8719999770031", 1))
    sqlite_house.world.sweep()
    assert sqlite_house.world.order(order_id).is_quarantined is True
    assert import_products(sqlite_house.shop).orders_judged_again == 1
    assert sqlite_house.world.order(order_id).is_quarantined is False
    assert sqlite_house.world.demand("OUD-0001") == 1


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ('from_account = "nobody"', "'nobody' is no account"),
        ('tax_classes = { "21 %" = "high" }', "a percentage such as"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, section: str, says: str) -> None:
    path = tmp_path / "settings.toml"
    text = f"""
[merchant]
name = "De Vries Wonen"
[products]
{section}
[accounts.webshop]
system = "shopware"
effective_from = 2026-01-01
"""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says):
        load_settings(path)


def test_a_file_goes_before_the_account(sqlite_house: House) -> None:
    settings = sqlite_house.shop.settings
    file = sqlite_house.world.path.parent / "products.csv"
    file.write_text("sku;naam;btw\nA-1;Lamp;high\n", encoding="utf-8")
    products = settings.products.model_copy(update={"file": file})
    sqlite_house.shop.settings = settings.model_copy(update={"products": products})
    import_products(sqlite_house.shop)
    assert {sku: row.source for sku, row in _master(sqlite_house).items()} == {"A-1": "file"}
    assert sqlite_house.world.rows("cursors", account=WEB, stream="products") == []


def test_a_system_without_articles_cannot_lead(sqlite_house: House) -> None:
    settings = sqlite_house.shop.settings
    products = settings.products.model_copy(update={"from_account": MAIN})
    sqlite_house.shop.settings = settings.model_copy(update={"products": products})
    before = _master(sqlite_house)
    with pytest.raises(ConfigurationError, match="bol cannot do that"):
        import_products(sqlite_house.shop)
    assert _master(sqlite_house) == before
