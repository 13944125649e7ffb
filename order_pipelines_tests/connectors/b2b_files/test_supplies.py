"""Goods movements, purchase orders, suppliers' stock and bundles: how their files are told apart and read."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from order_pipelines.domain.supply import BundlePart, GoodsMovement, PurchaseLine, SupplierOffer
from order_pipelines_tests.connectors.b2b_files.files import read, refusal, sheet, table

AT = datetime(2026, 11, 9, 16, 30, tzinfo=UTC)


def test_goods_movements_in_dutch() -> None:
    meaning = read(
        table(
            "Soort mutatie;Pakbonnummer;Regel;Artikelnr;EAN;Aantal;Magazijn;Van;Naar;Mutatiedatum",
            "Ontvangst;PB-1;10;JAS-1;8712345000011;12;main;;;9-11-2026 17:30",
            "Retour;RMA-4;;JAS-1;;1 st;main;;;9-11-2026 17:30",
            "Verplaatst;TR-2;1;JAS-1;;4;;main;store;9-11-2026 17:30",
        )
    )
    assert meaning.goods_movements == [
        GoodsMovement("received", "PB-1", 12, AT, "main", None, "10", "JAS-1", "8712345000011", 2),
        GoodsMovement("returned", "RMA-4", 1, AT, "main", None, None, "JAS-1", None, 3),
        GoodsMovement("transferred", "TR-2", 4, AT, "main", "store", "1", "JAS-1", None, 4),
    ]
    assert (meaning.rows_read, meaning.rejects, meaning.orders) == (3, [], [])


def test_a_delivery_note_as_a_sheet_says_once_what_holds_for_all_of_it() -> None:
    body = sheet(
        ("Ontvangen goederen",),
        ("Pakbon", "PB-9"),
        ("Locatie", "main"),
        ("Ontvangen op", datetime(2026, 11, 9, 17, 30)),  # noqa: DTZ001 - cells have no zone
        (),
        ("EAN", "Ontvangen"),
        (8712345000011, 4),
        ("Totaal", 4),
    )
    meaning = read(body, "bon.xlsx", kind="goods_movements")
    assert meaning.goods_movements == [
        GoodsMovement("received", "PB-9", 4, AT, "main", None, None, None, "8712345000011", 7)
    ]


def test_a_list_with_two_places_is_one_of_transfers() -> None:
    meaning = read(
        table("document,from,to,sku,qty,date", "T1,main,store,JAS-1,2,2026-11-09T16:30:00Z"), "x.csv"
    )
    assert meaning.goods_movements == [
        GoodsMovement("transferred", "T1", 2, AT, "main", "store", None, "JAS-1", None, 2)
    ]


def test_movements_without_any_time_are_refused() -> None:
    assert refusal(
        table("pakbon;artikel;ontvangen;locatie", "PB-1;JAS-1;3;main"), kind="goods_movements"
    ) == (
        "bestelling.csv: does not say when the goods moved (ontvangen op, mutatiedatum, moved_at); add a column or a "
        "row above the table"
    )


def test_a_movement_of_no_kind_is_rejected() -> None:
    meaning = read(
        table("pakbon;artikel;aantal;locatie;datum", "PB-1;JAS-1;3;main;9-11-2026"), kind="goods_movements"
    )
    assert meaning.goods_movements == []
    assert [(reject.row, reject.problem.code, reject.problem.field) for reject in meaning.rejects] == [
        (2, "missing_field", "movement")
    ]


def test_purchase_orders_have_pieces_ordered_and_received_and_a_day() -> None:
    meaning = read(
        table(
            "Inkoopordernummer;Regel;Artikelnr;Besteld;Ontvangen;Verwachte leverdatum;Leverancier;Inkoopprijs;Magazijn",
            "IO-7;1;JAS-1;40;15;20-11-2026;Jansen;12,3456;main",
            "IO-7;2;JAS-2;8;;;;;",
        )
    )
    assert meaning.purchase_lines == [
        PurchaseLine(
            "IO-7",
            40,
            15,
            "main",
            date(2026, 11, 20),
            "Jansen",
            Decimal("12.3456"),
            None,
            "1",
            "JAS-1",
            None,
            2,
        ),
        PurchaseLine("IO-7", 8, line_id="2", sku="JAS-2", row=3),
    ]
    assert meaning.orders == []


def test_what_names_a_customer_is_an_order_of_that_customer() -> None:
    """Their own purchase order, with their columns: taken for ours it would never be delivered."""
    meaning = read(
        table("PO number;Customer no;SKU;Qty;Received;Price", "PO-1;DEB-1;JAS-1;6;0;10.00"), currency="EUR"
    )
    assert [order.external_order_id for order in meaning.orders] == ["PO-1"]
    assert meaning.purchase_lines == []


def test_the_stock_of_a_supplier() -> None:
    meaning = read(
        table(
            "Supplier,SKU,EAN,Stock,Lead time (days),Unit cost,As of",
            "Jansen,JAS-1,,20,3,4.10,2026-11-09T16:30:00Z",
            "Jansen,,8712345000011,0,,,2026-11-09T16:30:00Z",
        )
    )
    assert meaning.supplier_offers == [
        SupplierOffer("Jansen", 20, 3, Decimal("4.1000"), AT, "JAS-1", None, 2),
        SupplierOffer("Jansen", 0, None, None, AT, None, "8712345000011", 3),
    ]


def test_a_supplier_whose_files_do_not_name_it_is_named_in_the_settings() -> None:
    body = table("artikel;voorraad", "JAS-1;20")
    (offer,) = read(body, kind="supplier_stock", supplier="Jansen").supplier_offers
    assert (offer.supplier, offer.quantity, offer.stated_at) == ("Jansen", 20, None)
    (reject,) = read(body, kind="supplier_stock").rejects
    assert (reject.problem.code, reject.problem.field) == ("missing_field", "supplier")


@pytest.mark.parametrize(
    "headings", ["Bundel;Onderdeel;Aantal", "bundle sku;part sku;quantity", "Kit;Component;Qty"]
)
def test_the_parts_of_bundles(headings: str) -> None:
    meaning = read(table(headings, "SET-1;JAS-1;2", "SET-1;JAS-2;1"))
    assert meaning.bundle_parts == [
        BundlePart("SET-1", 2, None, "JAS-1", None, 2),
        BundlePart("SET-1", 1, None, "JAS-2", None, 3),
    ]
    assert (meaning.rows_read, meaning.rejects) == (2, [])


@pytest.mark.parametrize(
    ("heading", "values", "kind"),
    [
        ("artikel;aantal;leverancier", "JAS-1;3;Jansen", "supplier_offers"),
        ("artikel;aantal;levertijd", "JAS-1;3;2", "rejects"),
        ("artikel;geteld;locatie;geteld op;leverancier", "JAS-1;3;main;9-11-2026;Jansen", "stock_counts"),
        (
            "ordernummer;artikel;aantal;prijs;leverancier;verwacht",
            "1;JAS-1;3;2,50;Jansen;9-11-2026",
            "orders",
        ),
        ("ordernummer;artikel;aantal;vervoerder;verzonden op", "1;JAS-1;3;TNT;9-11-2026", "shipments"),
    ],
)
def test_a_file_of_no_folder_is_told_by_its_columns(heading: str, values: str, kind: str) -> None:
    meaning = read(table(heading, values), currency="EUR", prices="excl_vat")
    lists = ("orders", "stock_counts", "shipments", "goods_movements", "purchase_lines", "supplier_offers")
    found = {name: len(getattr(meaning, name)) for name in (*lists, "bundle_parts", "rejects")}
    assert {name: count for name, count in found.items() if count} == {kind: 1}
