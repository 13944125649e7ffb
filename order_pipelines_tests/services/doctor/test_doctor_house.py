"""The house's own matters: offers against products, the master, the four checks, VAT and books, what is held back."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.domain.matching import Article, Catalogue
from order_pipelines.services.doctor import Diagnosis, examine
from order_pipelines.services.doctor_money import Combination, books_findings
from order_pipelines.services.doctor_offers import Listing, compare
from order_pipelines.services.doctor_preflight import stored_preflight
from order_pipelines.services.product_master import import_products
from order_pipelines.services.stock_push import refresh_offers
from order_pipelines_tests.services.doctor.four_channels import (
    examined,
    findings_of,
    report_of,
)
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

_HEAD = (
    "sku;naam;ean;btw;gewicht;gewichtseenheid;leverancier;e-mail leverancier;besteleenheid;categorie;kenmerken;"
    "korte omschrijving;lange omschrijving;foto's;gerelateerd;voorraadstatus"
)
_EMAIL = "inkoop@delinde.example"
_LONG = (
    "Een jas van gewassen katoen met een uitneembare voering, vier zakken en een ritssluiting van messing."
)


def with_master(world: ShopWorld, *rows: str, head: str = _HEAD, **products: object) -> None:
    """Give the shop a master file with these rows."""
    path = Path(world.path).parent / "artikelen.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    settings = world.shop.settings
    changed = settings.products.model_copy(update={"file": path, **products})
    world.shop.settings = settings.model_copy(update={"products": changed})


def offline(world: ShopWorld) -> Diagnosis:
    return examine(world.shop, is_offline=True)


def codes(found: Diagnosis) -> dict[str, str]:
    return {finding.code: finding.severity for finding in [*found.master, *found.money]}


# --- the master file and its details ---


def test_details_are_read_stored_and_removed_with_their_product(world: ShopWorld) -> None:
    with_master(
        world,
        f"JAS-1;Winterjas;8712345000011;high;0,9;kg;De Linde;{_EMAIL};6;jassen;Kleur=rood|maat: 42;"
        f"Warme jas voor de winter;{_LONG};https://foto.example/1.jpg https://foto.example/2.jpg;SJAAL-1;Op voorraad",
        "SJAAL-1;Sjaal van wol;8712345000042;high;120;;De Linde;;;;;;;;;",
    )
    assert import_products(world.shop).conflicts == 0
    row = world.row("product_details", sku="JAS-1")
    assert row.attributes == [["kleur", "rood"], ["maat", "42"]]
    assert (row.weight_unit, row.category, row.order_multiple) == ("kg", "jassen", 6)
    assert row.photo_urls == ["https://foto.example/1.jpg", "https://foto.example/2.jpg"]
    assert (row.related_skus, row.stock_status, row.supplier_email) == (["SJAAL-1"], "Op voorraad", _EMAIL)
    assert world.row("products", sku="JAS-1").weight_grams == 900
    assert world.row("product_details", sku="SJAAL-1").weight_unit is None

    changes = world.change_seq()
    with_master(world, "SJAAL-1;Sjaal van wol;8712345000042;high;120;;De Linde;;3;;;;;;;")
    import_products(world.shop)
    assert [row.sku for row in world.rows("product_details")] == ["SJAAL-1"]
    assert world.row("product_details", sku="SJAAL-1").order_multiple == 3
    # Only the article that went is a change for the warehouse: details are none.
    assert world.change_seq() >= changes


def test_changed_details_judge_no_order_again_and_change_no_product(sqlite_world: ShopWorld) -> None:
    row = "SJAAL-1;Sjaal van wol;8712345000042;high;120;g;De Linde;;3;;;;;;;"
    with_master(sqlite_world, row)
    import_products(sqlite_world.shop)
    before = sqlite_world.row("products", sku="SJAAL-1").change_seq
    with_master(sqlite_world, row.replace(";3;", ";12;"))
    assert import_products(sqlite_world.shop).changed == 0
    assert sqlite_world.row("products", sku="SJAAL-1").change_seq == before
    assert sqlite_world.row("product_details", sku="SJAAL-1").order_multiple == 12


def test_cells_that_are_none_are_left_out_and_no_address_is_repeated(sqlite_world: ShopWorld) -> None:
    long_address = "piet.de.boer" + "x" * 260 + "@persoon.example"
    with_master(
        sqlite_world,
        f"A;Artikel een;;high;2;ons;L;{long_address};2,5;;;;;;;",
        "B;Artikel twee;;high;2;kg;L;;twaalf;;;;;;;",
    )
    import_products(sqlite_world.shop)
    reasons = sorted(row.reason for row in sqlite_world.rows("product_conflicts"))
    assert [reason.split(":")[0] for reason in reasons] == [
        "row 2, order_multiple",
        "row 2, supplier_email",
        "row 2, weight_unit",
        "row 3, order_multiple",
    ]
    assert not any("piet" in reason for reason in reasons)
    assert not any("piet" in finding.message for finding in offline(sqlite_world).findings())
    assert sqlite_world.row("products", sku="A").weight_grams is None
    assert sqlite_world.row("product_details", sku="A").order_multiple is None


def test_the_master_is_judged_from_its_file_before_anything_was_imported(world: ShopWorld) -> None:
    with_master(
        world,
        "KEU-1;Gietijzeren koekenpan;8712345000011;high;900;g;De Linde;;1;pannen;kleur=zwart;;;;;",
        "BSH-GSR12;BSH-GSR12;8712345000042;high;900;g;De Linde;;1;pannen;kleur=zwart|maat=28;;;;KEU-9;",
        "KEU-2;Braadslede;8712345000011;high;0;g;De Linde;;1;;;;;;KEU-2;",
        "KEU-2;Braadslede ovaal;8712345000059;high;700;g;De Linde;;1;;;;;;;",
        "keu-1;Koekenpan klein;;onbekend;500;;De Linde;;1;;;;;;;",
        required_attributes={"Pannen": ("kleur", "maat")},
    )
    found = offline(world)
    assert found.quality is not None
    fields = {one.name: one for one in found.quality.fields}
    assert [(one.sku, one.why) for one in fields["name"].examples] == [("BSH-GSR12", "name_is_sku")]
    assert (fields["name"].filled, fields["name"].good, fields["name"].score) == (4, 3, Decimal("75.0"))
    assert [(one.sku, one.why, one.detail) for one in fields["attributes"].examples] == [
        ("KEU-1", "attribute_missing", "maat"),
        ("KEU-2", "empty", ""),
        ("keu-1", "empty", ""),
    ]
    assert [(one.sku, one.why) for one in fields["weight"].examples] == [
        ("KEU-2", "weight_zero"),
        ("keu-1", "weight_unit_unknown"),
    ]
    assert [(one.sku, one.why, one.detail) for one in fields["relations"].examples[:2]] == [
        ("BSH-GSR12", "related_unknown", "KEU-9"),
        ("KEU-2", "related_to_itself", ""),
    ]
    assert {one.sku for one in fields["ean"].examples if one.why == "ean_shared"} == {"KEU-1", "KEU-2"}
    conflicts = {
        str(finding.facts["code"]): finding.severity
        for finding in found.master
        if finding.code == "master_conflict"
    }
    assert conflicts == {"duplicate_sku": "fail", "unknown_vat": "fail"}
    assert codes(found)["products_without_vat_class"] == "fail"
    assert world.rows("product_details") == []


def test_an_ean_of_two_articles_fails(sqlite_world: ShopWorld) -> None:
    with_master(
        sqlite_world,
        "KEU-1;Gietijzeren koekenpan;8712345000011;high;;;;;;;;;;;;",
        "KEU-2;Braadslede ovaal;8712345000011;high;;;;;;;;;;;;",
    )
    (conflict,) = [finding for finding in offline(sqlite_world).master if finding.code == "master_conflict"]
    assert conflict.facts["code"] == "ambiguous_ean"
    assert "8712345000011 is on KEU-1, KEU-2" in conflict.message


def test_a_master_that_cannot_be_read_and_one_that_is_not_there_fail(sqlite_world: ShopWorld) -> None:
    with_master(sqlite_world, "9-11-2026;4,00", head="datum;bedrag")
    assert codes(offline(sqlite_world)) == {"master_unreadable": "fail"}
    with_master(sqlite_world, head="sku;naam")
    assert codes(offline(sqlite_world)) == {"master_empty": "fail"}


# --- offers ---


def _offer(offer_id: str, reference: str | None, ean: str | None) -> ListedOffer:
    return ListedOffer(offer_id, ean, reference, 1, 1, is_own_fulfilment=True, manages_open_orders=False)


def test_offers_are_held_against_articles_both_ways() -> None:
    catalogue = Catalogue(
        [Article("A-1", "high", ("8712345000011",)), Article("a-1", "high"), Article("B-2", "high")]
    )
    offers = [
        _offer("1", "A-1", "8712345000011"),
        _offer("2", "A 1", "8712345000011"),
        _offer("3", "C-3", "8712345000042"),
        _offer("4", None, None),
    ]
    found = compare("toys", Listing(offers, None), catalogue, {"A-1", "a-1", "B-2"})
    assert {one.code: (one.count, one.examples) for one in found.mismatches} == {
        "offers_without_product": (2, ("C-3 EAN 8712345000042", "4")),
        "products_without_offer": (2, ("B-2", "a-1")),
        "ean_on_several_offers": (1, ("8712345000011 (2)",)),
        "ean_on_several_skus": (1, ("8712345000011: A 1, A-1",)),
        "skus_spelled_alike": (1, ("A-1 / a-1",)),
    }


def test_a_young_stored_listing_is_used_and_an_old_one_read_again(world: ShopWorld) -> None:
    assert refresh_offers(world.shop, MAIN).problem is None
    listed = world.bol()["calls"]["GET /retailer/offers"]
    # One more: the visit looks whether offers may be read.
    found = examined(world, MAIN)
    report = report_of(found, MAIN)
    assert report.offers is not None
    assert report.offers.listed_at is not None
    assert world.bol()["calls"]["GET /retailer/offers"] == listed + 1
    stored = {one.code: one.count for one in report.offers.mismatches}

    world.pass_time(minutes=61)
    report = report_of(examined(world, MAIN), MAIN)
    assert report.offers is not None
    assert report.offers.listed_at is None
    assert {one.code: one.count for one in report.offers.mismatches} == stored
    assert findings_of(found, MAIN)["products_without_offer"].code == "products_without_offer"


# --- the four checks ---


def test_the_four_checks_count_and_show_rows_without_addresses(world: ShopWorld) -> None:
    with_master(
        world,
        f"KEU-1001;Koekenpan;;high;;;De Linde;{_EMAIL};6;;;;;;;",
        "KEU-1002;Braadpan;;high;;;De Linde;geen adres;0;;;;;;;",
        "KEU-1003;Deksel;;high;;;Makkum;onbekend;;;;;;;;",
        "NIEUW-1;Nieuw artikel;;high;;;;;2;;;;;;;",
    )
    import_products(world.shop)
    checks = {check.name: check for check in offline(world).preflight}
    assert {name: (one.looked_at, one.offending) for name, one in checks.items()} == {
        "every_product_has_a_supplier": (4, 1),
        "every_supplier_has_an_email": (2, 1),
        "stock_is_correct": (4, 1),
        "every_product_has_an_order_multiple": (4, 2),
    }
    assert checks["every_product_has_a_supplier"].rows == ({"sku": "NIEUW-1", "name": "Nieuw artikel"},)
    assert checks["every_supplier_has_an_email"].rows == (
        {"supplier": "Makkum", "products": 1, "sku": "KEU-1003"},
    )
    assert checks["stock_is_correct"].rows == (
        {"sku": "NIEUW-1", "location": None, "on_hand": None, "why": "never_counted"},
    )
    assert not any(one.has_passed for one in checks.values())
    stored = stored_preflight(world.shop.store, world.shop.settings.products.checks)
    assert [(one.name, one.offending) for one in stored] == [
        (one.name, one.offending) for one in checks.values()
    ]


def test_stock_below_zero_and_stock_that_its_movements_do_not_explain_offend(world: ShopWorld) -> None:
    with world.shop.store.transaction() as connection:
        for sku, on_hand in (("KEU-1001", -3), ("KEU-1002", 7)):
            connection.exec_driver_sql(
                f"update stock_positions set on_hand = {on_hand} where sku = '{sku}' and location = 'main'"
            )
    (check,) = [one for one in offline(world).preflight if one.name == "stock_is_correct"]
    assert check.offending == 2
    assert [(row["sku"], row["on_hand"], row["why"]) for row in check.rows] == [
        ("KEU-1001", -3, "below_zero"),
        ("KEU-1002", 7, "movements_differ"),
    ]


def test_checks_that_the_settings_leave_out_are_not_made(sqlite_world: ShopWorld) -> None:
    settings = sqlite_world.shop.settings
    products = settings.products.model_copy(update={"checks": ("stock_is_correct",)})
    sqlite_world.shop.settings = settings.model_copy(update={"products": products})
    found = offline(sqlite_world)
    assert [one.name for one in found.preflight] == ["stock_is_correct"]
    assert found.preflight[0].has_passed


# --- money ---


def test_what_was_sold_without_rate_or_ledger_account_is_named(world: ShopWorld) -> None:
    world.buy(("KEU-1001", 1), ship_country="BE")
    world.buy(("KEU-1001", 1))
    assert world.sweep().problem is None
    settings = world.shop.settings
    vat = settings.vat.model_copy(update={"rates": {"NL": settings.vat.rates["NL"]}})
    world.shop.settings = settings.model_copy(update={"vat": vat})
    found = offline(world)
    money = {finding.code: finding for finding in found.money}
    assert money["vat_rate_missing"].message.endswith("without a rate in the settings: BE high")
    assert money["mapping_missing"].message == f"{MAIN}: sold without a ledger account in exact: BE high"
    assert found.severity == "fail"


def test_what_was_charged_at_another_percentage_than_its_code_is_for_is_named(
    sqlite_world: ShopWorld,
) -> None:
    settings = sqlite_world.shop.settings
    books = settings.books["exact"]
    tax_free = {"country": "NL", "vat_class": "high", "vat_rate": "0", "ledger_account": "a", "vat_code": "0"}
    changed = type(books).model_validate(
        {**books.model_dump(), "mapping": [*(block.model_dump() for block in books.mapping), tax_free]}
    )
    settings = settings.model_copy(update={"books": {**settings.books, "exact": changed}})
    sold = [
        Combination(MAIN, "NL", "high", Decimal("21.00"), 40),
        Combination(MAIN, "NL", "high", Decimal("0.00"), 3),
        Combination(MAIN, "NL", "low", Decimal("9.00"), 2),
    ]
    assert [one.code for one in books_findings(settings, sold) if one.facts["account"] == MAIN] == [
        "mapping_complete"
    ]
    sold.append(Combination(MAIN, "NL", "low", Decimal("21.00"), 1))
    (finding,) = [one for one in books_findings(settings, sold) if one.facts["account"] == MAIN]
    assert (finding.code, finding.severity) == ("rate_contradicts", "fail")
    assert finding.message == f"{MAIN}: sold at another VAT percentage than the class has: NL low at 21 %"


def test_money_that_is_all_mapped_is_said_to_be(sqlite_world: ShopWorld) -> None:
    sqlite_world.buy(("KEU-1001", 1))
    assert sqlite_world.sweep().problem is None
    assert {name: severity for name, severity in codes(offline(sqlite_world)).items() if "m" in name} == {
        "master_read": "ok",
        "vat_rate_missing": "ok",
        "mapping_complete": "ok",
    }


# --- what is held back ---


def test_what_is_held_back_now_is_counted_by_reason(world: ShopWorld) -> None:
    order_id = world.buy(("8719999770024", 1))
    assert world.sweep().problem is None
    assert world.reasons(order_id) != {}
    (waiting,) = [one for one in offline(world).blocked if one.what == "order"]
    assert (waiting.account, waiting.reason, waiting.count) == (MAIN, "unknown_ean", 1)


@pytest.mark.parametrize("minutes", [0, 10_000])
def test_the_age_up_to_which_a_listing_counts_is_a_matter_of_choice(
    sqlite_world: ShopWorld, minutes: int
) -> None:
    assert refresh_offers(sqlite_world.shop, MAIN).problem is None
    sqlite_world.pass_time(seconds=timedelta(hours=2).total_seconds())
    found = examine(sqlite_world.shop, account=MAIN, stored_listing_minutes=minutes, timeout_s=120)
    report = report_of(found, MAIN)
    assert report.offers is not None
    assert (report.offers.listed_at is None) is (minutes == 0)
    assert clock.now() > found.made_at
