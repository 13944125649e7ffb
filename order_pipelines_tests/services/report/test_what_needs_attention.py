"""The parts of the report beside revenue: quarantine, invoices, stock and the latest orders."""

from datetime import date, timedelta

from order_pipelines.operations import tables
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.services.report.written_report import NOW, load, written
from order_pipelines_tests.warehouse.rows import Shop, utc


def test_quarantine_is_counted_by_reason_with_age_and_money(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    """Two reasons of one order are one order, and its money waits once."""
    for number, total in (("A1", "12.50"), ("A2", "7.50"), ("A3", None)):
        shop.order(number, account="bol_main", at=NOW, total=total, is_quarantined=True)
    for number, code, hours in (
        ("A1", "unknown_ean", 80),
        ("A1", "total_differs", 5),
        ("A2", "unknown_ean", 30),
        ("A3", "unknown_ean", 1),
    ):
        shop.put(
            tables.quarantine,
            quarantine_key=f"{number}/{code}",
            account="bol_main",
            entity="orders",
            entity_key=f"bol_main:{number}",
            receipt_seq=1,
            reason_code=code,
            reason="a reason",
            first_seen_at=NOW - timedelta(hours=hours),
        )
    load(shop, warehouse)
    result, page = written(warehouse, settings)
    assert page.sections["quarantaine"].rows[1:] == [
        ["bol_main", "Orders", "EAN staat niet in de artikellijst unknown_ean", "3", "3 dagen"],
        ["bol_main", "Orders", "Totaal wijkt af van de regels total_differs", "1", "5 uur"],
    ]
    assert "Samen 3, waarvan € 20,00; van 1 is geen bedrag bekend." in page.said("quarantaine")
    assert result.quarantined == 3
    assert "3 in quarantaine" in page.text


def test_invoices_are_shown_by_state_and_what_is_due_without_one(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    shipped = {"account": "bol_main", "at": utc("2026-11-19T09:00:00"), "completed_at": NOW}
    booked = shop.order("A1", total="121.00", **shipped)  # type: ignore[arg-type]
    planned = shop.order("A2", total="10.00", **shipped)  # type: ignore[arg-type]
    failed = shop.order("A3", total="20.00", **shipped)  # type: ignore[arg-type]
    shop.order("A4", total="30.00", **shipped)  # type: ignore[arg-type]
    shop.order("A5", total="40.00", account="bol_main", at=NOW)  # not shipped: not due
    shop.order("A6", total="50.00", account="wholesale", at=NOW, completed_at=NOW)  # never invoiced
    shop.order("A7", total="60.00", order_status="cancelled", **shipped)  # type: ignore[arg-type]
    for reference, key, gross, vat, state in (
        ("BOL-A1", booked, "121.00", "21.00", "booked"),
        ("BOL-A2", planned, "10.00", "1.74", "planned"),
        ("BOL-A3", failed, "20.00", "3.47", "failed"),
    ):
        shop.invoice(
            reference, [key], gross, vat, account="bol_main", state=state, invoice_date=date(2026, 11, 20)
        )
    shop.invoice("OLD", [], "99.00", "0.00", account="bol_main", invoice_date=date(2026, 10, 16))
    shop.invoice("SEEN", [], "5.00", "0.87", account="bol_main", state="planned")
    shop.put(
        tables.outbox,
        effect_key="sales_entry:exact:SEEN",
        account="exact",
        kind="sales_entry",
        subject_key="exact:SEEN",
        mode="observe",
        payload={},
        payload_hash="0" * 64,
        state="on_hold",
        attempts=0,
        planned_at=NOW,
    )
    load(shop, warehouse)
    _, page = written(warehouse, settings)
    rows = page.sections["facturen"].rows
    assert rows[1:5] == [
        ["bol_main", "exact", "Geboekt", "1", "1", "€ 121,00", "€ 100,00", "€ 21,00"],
        ["bol_main", "exact", "Mislukt", "1", "1", "€ 20,00", "€ 16,53", "€ 3,47"],
        [
            "bol_main",
            "exact",
            "Alleen waargenomen, wordt nooit verzonden",
            "1",
            "0",
            "€ 5,00",
            "€ 4,13",
            "€ 0,87",
        ],
        ["bol_main", "exact", "Gepland", "1", "1", "€ 10,00", "€ 8,26", "€ 1,74"],
    ]
    assert rows[6:] == [["bol_main", "1", "€ 30,00", "19-11-2026"]]
    assert "1 factuur mislukt of onzeker" in page.text


def test_stock_agrees_only_when_desired_confirmed_and_read_back_are_one(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    shop.order("A1", account="bol_main", at=NOW)
    later = utc("2026-11-20T10:00:00")
    shop.offer("OK-1", account="bol_main")
    shop.offer("OK-2", account="bol_main", desired_quantity=0, confirmed_quantity=0, read_back_quantity=0)
    shop.offer("UNREAD", account="bol_main", read_back_quantity=None, read_back_at=None)
    shop.offer("STALE", account="bol_main", confirmed_at=later)
    shop.offer("OTHER", account="bol_main", read_back_quantity=9)
    shop.offer("DUE", account="bol_main", state="pending", desired_quantity=0, desired_version=2)
    shop.offer("HELD", account="bol_main", state="on_hold", desired_quantity=0, desired_version=2)
    shop.offer("SEEN", account="wholesale", state="pending", desired_version=2, sent_quantity=None)
    load(shop, warehouse)
    _, page = written(warehouse, settings)
    rows = page.sections["voorraad"].rows
    assert rows[1:3] == [
        ["bol_main", "Aandacht nodig", "7", "2", "2", "2 1 wacht op een mens", "1"],
        ["wholesale", "Alleen waarnemen", "1", "0", "0", "1", "0"],
    ]
    assert rows[4:] == [
        ["bol_main", "DUE", "-", "Te versturen", "0", "5", "5", "5"],
        ["bol_main", "HELD", "-", "Wacht op een mens", "0", "5", "5", "5"],
        ["bol_main", "OTHER", "-", "Bevestigd", "5", "5", "5", "9"],
        ["wholesale", "SEEN", "-", "Te versturen", "5", "-", "5", "5"],
    ]
    assert "1 aanbieding toont andere voorraad dan gewenst" in page.text
    assert "1 aanbieding wacht op vrijgave" in page.text


def test_the_latest_fifty_orders_are_listed_newest_first_without_the_buyer(
    shop: Shop, duck: Warehouse, settings: Settings
) -> None:
    for number in range(51):
        shop.order(
            f"A{number:02d}",
            account="bol_main",
            at=NOW - timedelta(minutes=number),
            customer_reference="Mevrouw Jansen",
        )
    shop.order("TOMORROW", account="bol_main", at=NOW + timedelta(days=1), is_quarantined=True)
    load(shop, duck)
    result, page = written(duck, settings)
    rows = page.sections["orders"].rows
    assert rows[0] == ["Order", "Account", "Aantal", "Totaal", "Status", "Besteldatum", "Acties"]
    assert rows[1][:6] == ["A00", "bol_main", "1", "€ 10,00", "Open", "20-11-2026 15:40"]
    assert rows[1][6].startswith("Details Kanaal bol, land Nederland")
    assert [row[0] for row in rows[1:]] == [f"A{number:02d}" for number in range(50)]
    assert "Jansen" not in result.path.read_text(encoding="utf-8")
