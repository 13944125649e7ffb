"""The product master from its file: what is accepted, what contradicts itself, and what waits until it is mended."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from order_pipelines.errors import DataContractError
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.planning import plan_all
from order_pipelines.services.product_master import import_products
from order_pipelines.services.stock_push import refresh_offers
from order_pipelines.settings import Products
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld, opened_world

HEADER = "sku;ean;naam;btw;eenheid;gewicht;kostprijs;leverancier\n"


@pytest.fixture
def shop_with_master(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop whose master is the file products.csv; a test writes it."""
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch) as world:
        products = Products(file=Path("products.csv"))
        world.shop.settings = world.shop.settings.model_copy(update={"products": products})
        yield world


def _write(world: ShopWorld, *rows: str) -> None:
    (world.path.parent / "products.csv").write_text(
        HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8"
    )


def test_the_master_is_what_its_file_says(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    _write(
        world,
        "A-1;8717418510749|0000007740404;Lamp;high;stuk;450;12,50;Licht BV",
        "A-2;;Boek;low;;;;",
    )

    imported = import_products(world.shop)

    assert (imported.products, imported.conflicts) == (2, 0)
    lamp = world.row("products", sku="A-1")
    assert (lamp.name, lamp.vat_class, lamp.unit, lamp.weight_grams) == ("Lamp", "high", "stuk", 450)
    assert (lamp.cost, lamp.supplier) == (Decimal("12.5000"), "Licht BV")
    assert {row.ean for row in world.rows("product_eans", sku="A-1")} == {"8717418510749", "0000007740404"}
    assert [row.sku for row in world.rows("products")] == ["A-1", "A-2"], "what left the file left the master"


def test_importing_twice_changes_nothing(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    _write(world, "A-1;8717418510749;Lamp;high;stuk;450;12,50;Licht BV")
    import_products(world.shop)
    before = world.change_seq()

    assert import_products(world.shop).changed == 0
    assert world.change_seq() == before


def test_contradictions_are_listed_and_guess_nothing(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    _write(
        world,
        "A-1;8717418510749;Lamp;high;;;;",
        "A-2;8717418510749;Lamp wit;high;;;;",
        "A-3;;Boek;boeken;;;;",
        "A-4;8717418510740;Vaas;high;;;;",
    )

    imported = import_products(world.shop)

    assert imported.reasons == {"ambiguous_ean": 1, "unknown_vat": 1, "unknown_ean": 1}
    assert world.rows("product_eans") == []
    assert world.row("products", sku="A-3").vat_class is None
    rows = {row.reason_code: row for row in world.rows("product_conflicts")}
    assert set(rows) == {"ambiguous_ean", "unknown_vat", "unknown_ean"}
    assert "A-1" in rows["ambiguous_ean"].reason
    assert "A-2" in rows["ambiguous_ean"].reason


def test_an_unreadable_master_leaves_the_products_as_they_were(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    before = {row.sku for row in world.rows("products")}
    (world.path.parent / "products.csv").write_text("niets;hier\n1;2\n")

    with pytest.raises(DataContractError, match=r"products\.csv"):
        import_products(world.shop)

    assert {row.sku for row in world.rows("products")} == before


def test_a_mended_master_frees_the_orders_that_waited_for_it(shop_with_master: ShopWorld) -> None:
    """The unknown EAN's order takes no stock and is not invoiced; with the article in the master it does both."""
    world = shop_with_master
    _write(world, "A-1;8717418510749;Lamp;high;;;;")
    import_products(world.shop)
    order_id = world.buy(("KEU-1001", 2), ago_h=3)
    world.act(order_id, "ship")
    world.sweep()
    assert set(world.reasons(order_id)) == {"unknown_ean"}
    assert plan_all(world.shop).orders_invoiced == 0

    ean = world.bol_offer("KEU-1001")["ean"]
    _write(world, "A-1;8717418510749;Lamp;high;;;;", f"KEU-1001;{ean};Pan;high;;;;")
    imported = import_products(world.shop)

    assert imported.orders_judged_again == 1
    assert world.reasons(order_id) == {}
    assert world.order(order_id).is_quarantined is False
    assert plan_all(world.shop).orders_invoiced == 1
    world.assert_ledger_adds_up()


def test_a_changed_mapping_moves_demand_to_the_other_article(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    ean = world.bol_offer("KEU-1001")["ean"]
    _write(world, f"OUD;{ean};Pan;high;;;;")
    import_products(world.shop)
    world.buy((ean, 2), ago_h=3)
    world.sweep()
    assert world.demand("OUD") == 2

    _write(world, f"NIEUW;{ean};Pan;high;;;;")
    import_products(world.shop)

    assert (world.demand("OUD"), world.demand("NIEUW")) == (0, 2)
    world.assert_ledger_adds_up()


def test_offers_follow_the_master(shop_with_master: ShopWorld) -> None:
    world = shop_with_master
    _write(world, "A-1;8717418510749;Lamp;high;;;;")
    import_products(world.shop)
    refresh_offers(world.shop, MAIN)
    ean = world.bol_offer("KEU-1001")["ean"]
    assert all(row.sku is None for row in world.rows("channel_offers", account=MAIN, ean=ean))

    _write(world, f"KEU-1001;{ean};Pan;high;;;;")
    import_products(world.shop)

    assert {row.sku for row in world.rows("channel_offers", account=MAIN, ean=ean)} == {"KEU-1001"}


def test_a_quarantined_file_is_read_again_from_its_original(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order, a count and a shipment of one unknown article: all three are booked once the article is known."""
    wholesale = """
[accounts.wholesale]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
[accounts.wholesale.options]
folder = "in"
prices = "excl_vat"
"""
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, exact=wholesale) as world:
        products = Products(file=Path("products.csv"))
        world.shop.settings = world.shop.settings.model_copy(update={"products": products})
        _write(world, "A-1;8717418510749;Lamp;high;;;;")
        import_products(world.shop)
        for name, text in {
            "orders/po.csv": "po_number;sku;aantal;prijs;land\nPO-1;B-2;3;10,00;NL\n",
            "stock_counts/t.csv": "locatie;artikelnr;aantal;geteld op\nmain;B-2;9;2026-11-01 10:00\n",
        }.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
        take_in(world.shop, "wholesale", settle=timedelta(0))
        assert {row.entity for row in world.rows("quarantine", account="wholesale")} == {
            "order",
            "stock_statement",
        }

        _write(world, "A-1;8717418510749;Lamp;high;;;;", "B-2;;Vaas;high;;;;")
        import_products(world.shop)

        assert all(row.resolved_at is not None for row in world.rows("quarantine", account="wholesale"))
        assert world.position("B-2") == (9, 3)
        assert world.row("orders", account="wholesale").is_quarantined is False
        world.assert_ledger_adds_up()
