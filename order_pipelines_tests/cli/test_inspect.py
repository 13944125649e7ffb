"""``order-pipelines inspect``: what it prints, where, and how it ends; as a process where that could matter."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from order_pipelines.cli import cli

RECORDED = Path(__file__).parents[1] / "recorded"
BOL = RECORDED / "bol" / "orders"
FILES = RECORDED / "b2b_files" / "orders"


def inspect(system: str, file: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["inspect", system, str(file), *options])


def inspect_as_process(system: str, file: Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command away from any checkout, settings or store, on a machine that speaks ASCII."""
    return subprocess.run(
        [sys.executable, "-m", "order_pipelines.cli", "inspect", system, str(file)],
        cwd=cwd,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C"},
        check=False,
        capture_output=True,
    )


def facts(finished: Result) -> Any:
    assert finished.exit_code == 0, finished.stderr
    return json.loads(finished.stdout)


def test_an_order_of_bol_is_one_object_with_all_its_facts() -> None:
    order = facts(inspect("bol", BOL / "order_discount_whole_line.json"))
    assert order["channel"] == "bol"
    assert order["order_total_incl_vat"] == "118.91"
    (line,) = order["lines"]
    assert (line["quantity"], line["unit_price_incl_vat"]) == (10, "12.99")
    assert (line["line_discount_incl_vat"], line["line_total_incl_vat"]) == ("10.99", "118.91")
    assert line["vat_rate"] is None
    assert " ".join(order) == (
        "external_order_id order_number ordered_at currency ship_country bill_country channel buyer lines "
        "shipping_cost_incl_vat order_discounts order_total_incl_vat order_total_current_incl_vat "
        "refunded_total_incl_vat commission_total cancelled_quantity_total refunded_quantity_total payment_status "
        "order_status fulfilment_status stock_effect counts_in_revenue own_fulfilment must_flag"
    )


def test_a_process_needs_no_settings_writes_no_file_and_prints_utf_8(tmp_path: Path) -> None:
    payload = (BOL / "order_discount_whole_line.json").read_text(encoding="utf-8").replace("Marijke", "Zoë")
    (tmp_path / "order.json").write_text(payload, encoding="utf-8")
    finished = inspect_as_process("bol", tmp_path / "order.json", tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.decode("utf-8"))["buyer"]["name"] == "Zoë Oldenkamp"
    assert [path.name for path in tmp_path.iterdir()] == ["order.json"]
    (tmp_path / "order.json").write_text("{", encoding="utf-8")
    refused = inspect_as_process("bol", tmp_path / "order.json", tmp_path)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"Traceback" not in refused.stderr


def test_a_page_of_orders_is_a_list() -> None:
    page = json.loads((BOL / "orders_list_fbr.json").read_text(encoding="utf-8"))
    orders = facts(inspect("bol", BOL / "orders_list_fbr.json"))
    assert [order["external_order_id"] for order in orders] == [entry["orderId"] for entry in page["orders"]]


def test_pretty_is_the_same_on_many_lines() -> None:
    plain = inspect("bol", BOL / "order_fbr_id_with_letters.json")
    pretty = inspect("bol", BOL / "order_fbr_id_with_letters.json", "--pretty")
    assert facts(plain) == facts(pretty)
    assert plain.stdout.count("\n") == 1
    assert pretty.stdout.startswith('{\n  "external_order_id"')


@pytest.mark.parametrize("name", ["order_with_number.csv", "order_dutch.csv", "order_sheet.xlsx"])
def test_wholesale_files_need_no_settings(name: str) -> None:
    order = facts(inspect("b2b_files", FILES / name))
    assert order["channel"] == "b2b"
    assert [(line["sku"], line["quantity"], line["unit_price_excl_vat"]) for line in order["lines"]] == [
        ("TAS-014-BL", 4, "32.50"),
        ("PET-RD", 10, "7.95"),
    ]
    assert order["stock_effect"] == {"TAS-014-BL": -4, "PET-RD": -10}


def test_a_compressed_file_reads_like_the_file(tmp_path: Path) -> None:
    (tmp_path / "order.csv.gz").write_bytes(gzip.compress((FILES / "order_with_number.csv").read_bytes()))
    assert facts(inspect("b2b_files", tmp_path / "order.csv.gz")) == facts(
        inspect("b2b_files", FILES / "order_with_number.csv")
    )


def test_a_stock_count_says_what_was_counted(tmp_path: Path) -> None:
    file = tmp_path / "telling.csv"
    file.write_text(
        "Artikelnr;Geteld;Locatie;Geteld op\nKEU-1001;42;main;16-11-2026 18:30\n", encoding="utf-8"
    )
    assert facts(inspect("b2b_files", file)) == {
        "stock_counts": [
            {
                "location": "main",
                "taken_at": "2026-11-16T17:30:00Z",
                "quantity": 42,
                "sku": "KEU-1001",
                "ean": None,
                "row": 2,
            }
        ]
    }


def test_a_missing_quantity_is_flagged_and_named_on_standard_error(tmp_path: Path) -> None:
    payload = json.loads((BOL / "order_discount_whole_line.json").read_text(encoding="utf-8"))
    del payload["orderItems"][0]["quantity"]
    (tmp_path / "order.json").write_text(json.dumps(payload), encoding="utf-8")
    finished = inspect("bol", tmp_path / "order.json")
    assert facts(finished)["must_flag"] == ["additional_services", "missing_field"]
    assert "orderItems[0].quantity is missing (missing_field)" in finished.stderr


@pytest.mark.parametrize(
    ("system", "name", "content", "said"),
    [
        ("bol", "cut.json", b'{"orderId": "1', "(truncated)"),
        ("bol", "page.json", b"<html>busy</html>", "(not_json)"),
        ("bol", "offer.json", b'{"offerId": "x", "ean": "8712345000059"}', "orderId is missing"),
        ("bol", "none.json", b'{"orders": []}', "holds no order"),
        ("b2b_files", "prices.csv", b"Kleur;Maat\nrood;38\n", "has no header with an article"),
        ("b2b_files", "broken.xlsx", b"PK\x03\x04 no workbook", "broken.xlsx"),
    ],
)
def test_what_cannot_be_read_is_said_on_standard_error_only(
    tmp_path: Path, system: str, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    finished = inspect(system, tmp_path / name)
    assert finished.exit_code == 1
    assert finished.stdout == ""
    assert said in finished.stderr


def test_a_file_that_is_not_there_and_a_system_that_is_not_ours_are_one_line_each(tmp_path: Path) -> None:
    absent = inspect("bol", tmp_path / "no.json")
    assert (absent.exit_code, absent.stderr) == (1, f"Error: {tmp_path / 'no.json'}: there is no such file\n")
    unknown = inspect("ebay", BOL / "order_fbr_id_with_letters.json")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith(
        "Error: no connector is called 'ebay'; known are b2b_files, bol, exact_online"
    )
    # A module beside the connectors is no system.
    assert inspect("http", BOL / "order_fbr_id_with_letters.json").stderr.startswith(
        "Error: no connector is called"
    )
    books = inspect("exact_online", BOL / "order_fbr_id_with_letters.json")
    assert (books.exit_code, books.stdout) == (1, "")


def test_it_loads_neither_dagster_nor_frames_nor_other_connectors() -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from order_pipelines.cli import cli\n"
        f"result = CliRunner().invoke(cli, ['inspect', 'bol', {str(BOL / 'order_fbr_id_with_letters.json')!r}])\n"
        "assert result.exit_code == 0, result.output\n"
        "heavy = {'dagster', 'pandas', 'pandera', 'pyarrow', 'duckdb', 'sqlalchemy', 'openpyxl', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert finished.stdout == "[]\n"


def test_it_loads_no_store_no_frames_and_no_dagster(tmp_path: Path) -> None:
    """A person waits for it: what takes seconds to import and is not needed stays out."""
    code = (
        "import sys; from order_pipelines.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'dagster', 'duckdb', 'matplotlib', 'numpy', 'pandas', 'pandera', 'psycopg', 'pyarrow'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, "inspect", "bol", str(BOL / "order_fbr_id_with_letters.json")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert finished.stdout.startswith("{")
    assert finished.stderr == "[]\n"


def test_a_purchase_order_says_what_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "inkoop.csv"
    file.write_text(
        "Inkooporder;Regel;Artikelnr;Besteld;Ontvangen;Verwacht op;Inkoopprijs\n"
        "IO-88;1;KEU-1001;40;12;1-12-2026;4,10\n",
        encoding="utf-8",
    )
    assert facts(inspect("b2b_files", file)) == {
        "purchase_orders": [
            {
                "purchase_order": "IO-88",
                "quantity_ordered": 40,
                "quantity_received": 12,
                "location": None,
                "expected_on": "2026-12-01",
                "supplier": None,
                "unit_cost": "4.1000",
                "stated_at": None,
                "line_id": "1",
                "sku": "KEU-1001",
                "ean": None,
                "row": 2,
            }
        ]
    }


@pytest.mark.parametrize(
    ("content", "kind", "rows"),
    [
        (
            "pakbon;artikel;ontvangen;locatie;ontvangen op\nPB-1;KEU-1001;12;main;20-11-2026\n",
            "goods_movements",
            1,
        ),
        ("leverancier;artikel;voorraad\nJansen;KEU-1001;250\nJansen;KEU-1002;0\n", "supplier_stock", 2),
        ("bundel;onderdeel;aantal\nSET-1;KEU-1001;2\n", "bundles", 1),
    ],
)
def test_supplies_are_shown_row_by_row(tmp_path: Path, content: str, kind: str, rows: int) -> None:
    file = tmp_path / "levering.csv"
    file.write_text(content, encoding="utf-8")
    found = facts(inspect("b2b_files", file))
    assert {name: len(each) for name, each in found.items()} == {kind: rows}
    assert found[kind][0]["sku"] == "KEU-1001"
