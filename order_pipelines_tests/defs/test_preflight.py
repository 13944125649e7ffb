"""The four checks before go-live in Dagster: counts and rows at the product master, and nothing waits for them."""

from collections.abc import Iterator

import dagster as dg
import pytest

from order_pipelines_tests.defs.shop_world import ShopWorld, check_metadata, checks_of, shop_world

_PRODUCTS = [dg.AssetKey(["intake", "products"])]
_HEAD = "sku;naam;leverancier;e-mail leverancier;besteleenheid"
_EMAIL = "piet.de.boer@leverancier.example"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with shop_world(tmp_path_factory.mktemp("preflight") / "shop", has_orders=False) as world:
        yield world


def _swept(shop: ShopWorld, *rows: str) -> dg.ExecuteInProcessResult:
    (shop.folder / "products.csv").write_text("\n".join((_HEAD, *rows)) + "\n", encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        result = shop.run("sweep_shop", instance, asset_selection=_PRODUCTS)
        assert result.success
        assert _EMAIL not in " ".join(dg.serialize_value(entry) for entry in instance.all_logs(result.run_id))
    return result


def test_gaps_warn_with_their_count_and_the_first_rows(shop: ShopWorld) -> None:
    result = _swept(
        shop,
        f"KEU-1001;Koekenpan;De Linde;{_EMAIL};6",
        "KEU-1002;Braadpan;Makkum;;0",
        "KEU-1003;Deksel;;;2",
    )
    assert {name.partition(":")[2]: passed for name, passed in checks_of(result).items()} == {
        "every_product_has_a_supplier": False,
        "every_supplier_has_an_email": False,
        "every_product_has_an_order_multiple": False,
        # Nothing was counted yet: not a gap, but not kept.
        "stock_is_correct": True,
    }
    assert {check.severity for check in result.get_asset_check_evaluations()} == {dg.AssetCheckSeverity.WARN}
    said = check_metadata(result, "every_supplier_has_an_email")
    assert (said["looked_at"], said["order_pipelines/offending_rows"], said["is_kept"]) == (2, 1, True)
    assert said["sample"].splitlines() == [
        "| supplier | products | sku |",
        "| --- | --- | --- |",
        "| Makkum | 1 | KEU-1002 |",
    ]
    assert check_metadata(result, "stock_is_correct")["is_kept"] is False


def test_a_master_that_has_it_all_passes(shop: ShopWorld) -> None:
    result = _swept(shop, f"KEU-1001;Koekenpan;De Linde;{_EMAIL};6", "KEU-1002;Braadpan;De Linde;;12")
    assert set(checks_of(result).values()) == {True}
    assert check_metadata(result, "every_supplier_has_an_email")["looked_at"] == 1


def test_what_the_settings_leave_out_is_no_check(shop: ShopWorld) -> None:
    settings = shop.settings
    products = settings.products.model_copy(update={"checks": ()})
    changed = settings.model_copy(update={"products": products})
    graph = shop.definitions(changed).resolve_asset_graph()
    names = {key.name for key in graph.asset_check_keys}
    assert "orders_schema" in names
    assert names.isdisjoint(settings.products.checks)
