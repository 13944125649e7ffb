"""Every mapping and every reader of files, fed with spoiled copies of recorded payloads.

Nothing but an error of our own may leave them, what they return must fit the tables of both stores, and no input may
take longer than a few seconds. See :mod:`order_pipelines_tests.fuzz.loop` for longer runs.
"""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from order_pipelines.cli import cli
from order_pipelines.connectors.b2b_files import CONNECTOR as FILES
from order_pipelines.connectors.bol import orders as bol_orders
from order_pipelines.connectors.exact_online import odata
from order_pipelines.connectors.mirakl import orders as mirakl_orders
from order_pipelines.connectors.ports import Interpreter, Listed
from order_pipelines.connectors.registry import connector_of
from order_pipelines.connectors.shopware import orders as shopware_orders
from order_pipelines.domain.orders import Order
from order_pipelines.domain.products import check_master
from order_pipelines.errors import ConfigurationError, DataContractError
from order_pipelines.operations.tables import fetch_backlog, product_eans, products
from order_pipelines.services.product_file import read_product_file
from order_pipelines.settings import load_settings
from order_pipelines_tests.fuzz.loop import fuzz
from order_pipelines_tests.fuzz.mutations import spoil_bytes, spoil_cells, spoil_json, write_json
from order_pipelines_tests.fuzz.rows import NOW, assert_can_be_validated, assert_storable
from order_pipelines_tests.fuzz.storable import misfits
from order_pipelines_tests.operations.memory_folder import memory_folder

pytestmark = pytest.mark.endurance

RECORDED = Path(__file__).parents[1] / "recorded"
CHANNELS = ("bol", "mirakl", "shopware")
ORDERS = {system: sorted((RECORDED / system / "orders").glob("*.json")) for system in CHANNELS}
# How an entry of a listing is written down, and what a page calls its entries.
ENTRIES: dict[str, tuple[Callable[[Any, str], Listed], str]] = {
    "bol": (bol_orders.read_entry, "orders"),
    "mirakl": (mirakl_orders.read_entry, "orders"),
    "shopware": (shopware_orders.read_entry, "data"),
}
CSVS = {
    "orders": (
        (RECORDED / "b2b_files" / "orders" / "order_with_number.csv").read_text("utf-8-sig"),
        "po_number,sku,ean,aantal,prijs,korting,land,datum\nPO-1,KOP,8710000000017,6,10.00,5,NL,3-3-2026\n",
    ),
    "stock_counts": (
        "locatie,sku,ean,aantal,geteld op\nmain,KOP,8710000000017,12,9-3-2026 17:30\n"
        "main,JAS-1,,0,2026-03-09T16:45:00Z\n",
    ),
    "shipments": (
        "Ordernummer,Regel,SKU,EAN,Verzonden,Vervoerder,Track & Trace,Verzonden op,Account,Locatie\n"
        "A1,L1,KOP,8710000000017,1,TNT,3S1,9-3-2026 15:00,bol_main,main\n",
    ),
    "goods_movements": (
        "mutatie,pakbon,regel,sku,ean,aantal,locatie,van,naar,mutatiedatum\n"
        "ontvangst,PB-1,1,KOP,8710000000017,12,main,,,9-3-2026 17:30\n"
        "overboeking,T-1,,JAS-1,,2,,main,store,2026-03-09T16:45:00Z\n",
    ),
    "purchase_orders": (
        "inkooporder,regel,sku,ean,besteld,ontvangen,magazijn,verwacht op,leverancier,inkoopprijs,stand per\n"
        "IO-1,1,KOP,8710000000017,40,12,main,1-4-2026,Jansen,4.10,9-3-2026\n",
    ),
    "supplier_stock": (
        "leverancier,sku,ean,voorraad,levertijd,inkoopprijs,stand per\nJansen,KOP,8710000000017,20,3,4.10,9-3-2026\n",
    ),
    "bundles": (
        "bundel,onderdeel,ean,aantal,stand per\n1,KOP,8710000000017,2,9-3-2026\n1,JAS-1,,1,9-3-2026\n",
    ),
}
MASTER = "sku,ean,naam,btw,eenheid,gewicht kg,kostprijs,leverancier\nKOP,8710000000017,Kop,high,stuk,0.35,4.10,Jansen\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with memory_folder() as found:
        yield found


def _table(text: str) -> list[list[Any]]:
    return [line.split(",") for line in text.splitlines()]


def _csv(rows: list[list[Any]]) -> bytes:
    lines = (";".join(_quoted(str(cell)) for cell in row) for row in rows)
    return "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(sign in cell for sign in ';"\n\r') else cell


def _xlsx(rows: list[list[Any]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row[:40], start=1):
            text = str(cell)
            value = float(text) if text.replace(".", "", 1).isdecimal() and len(text) < 300 else text
            try:
                sheet.cell(number, column).value = value if value != float("inf") else text
            except (IllegalCharacterError, UnicodeEncodeError):
                sheet.cell(number, column).value = "?"
    stream = io.BytesIO()
    try:
        workbook.save(stream)
    except UnicodeEncodeError:
        return b"PK\x03\x04"
    return stream.getvalue()


# ------------------------------------------------------------------------------------------------ channels


@pytest.mark.parametrize("system", ORDERS)
def test_orders_of_a_channel_become_rows_or_rejects(system: str) -> None:
    seeds = [orjson.loads(path.read_bytes()) for path in ORDERS[system]]
    interpret = _interpreter(system)
    orders: list[Order] = []

    def target(payload: Any) -> None:
        meaning = interpret(write_json(payload), kind="order")
        assert meaning.orders or meaning.rejects or meaning.rows_read == 0
        assert_storable(meaning)
        orders.extend(meaning.orders)

    run = fuzz(f"{system} orders", seeds, spoil_json, target, executions=400)
    assert run.executions >= 400
    assert_can_be_validated(orders)


@pytest.mark.parametrize("system", ORDERS)
def test_bytes_that_were_an_order_of_a_channel_become_rows_or_a_reject(system: str) -> None:
    interpret = _interpreter(system)

    def target(body: bytes) -> None:
        assert_storable(interpret(body, kind="order"))

    fuzz(
        f"{system} bytes", [path.read_bytes() for path in ORDERS[system]], spoil_bytes, target, executions=300
    )


@pytest.mark.parametrize("system", ENTRIES)
def test_entries_of_a_channels_lists_can_be_written_down(system: str) -> None:
    read_entry, member = ENTRIES[system]
    pages = [orjson.loads(path.read_bytes()) for path in ORDERS[system]]
    seeds = [entry for page in pages if isinstance(page, dict) for entry in page.get(member) or ()]

    def target(entry: Any) -> None:
        try:
            value = orjson.loads(write_json(entry))
        except orjson.JSONDecodeError:
            return
        listed = read_entry(value, "GET /orders")
        row = {
            "account": "shop",
            "external_id": listed.external_id,
            "changed_at": listed.changed_at,
            "listed_at": NOW,
            "attempts": 0,
        }
        assert misfits(fetch_backlog, row) == []

    fuzz(f"{system} entries", seeds, spoil_json, target, executions=400)


def _interpreter(system: str) -> Interpreter:
    make = connector_of(system).interpreter
    assert make is not None
    return make({})


# ------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("kind", CSVS)
def test_text_files_become_rows_rejects_or_one_refusal(kind: str) -> None:
    assert FILES.interpreter is not None
    read = FILES.interpreter({"currency": "EUR", "prices": "excl_vat"})
    orders: list[Order] = []

    def target(rows: list[list[Any]]) -> None:
        meaning = read(_csv(rows), kind=kind, name="bestand.csv")
        assert_storable(meaning, "wholesale")
        orders.extend(meaning.orders)

    fuzz(f"csv {kind}", [_table(text) for text in CSVS[kind]], spoil_cells, target, executions=200)
    assert_can_be_validated(orders)


@pytest.mark.parametrize("kind", CSVS)
def test_bytes_that_were_a_text_file_become_rows_rejects_or_one_refusal(kind: str) -> None:
    assert FILES.interpreter is not None
    read = FILES.interpreter({})
    seeds = [_csv(_table(text)) for text in CSVS[kind]]
    seeds += [
        _csv(_table(text)).decode().encode(encoding)
        for text in CSVS[kind]
        for encoding in ("utf-16", "cp1252")
    ]

    def target(body: bytes) -> None:
        assert_storable(read(body, kind=kind, name="bestand.csv"), "wholesale")

    fuzz(f"csv bytes {kind}", seeds, spoil_bytes, target, executions=200)


def test_workbooks_become_rows_rejects_or_one_refusal() -> None:
    assert FILES.interpreter is not None
    read = FILES.interpreter({"currency": "EUR", "prices": "excl_vat"})
    seeds = [(kind, _table(text)) for kind, texts in CSVS.items() for text in texts]
    sheet = load_workbook(RECORDED / "b2b_files" / "orders" / "order_sheet.xlsx").worksheets[0]
    seeds.append(("orders", [["" if cell is None else cell for cell in row] for row in sheet.values]))

    def spoil(
        one: tuple[str, list[list[Any]]], chance: random.Random, times: int
    ) -> tuple[str, list[list[Any]]]:
        return one[0], spoil_cells(one[1], chance, times)

    def target(one: tuple[str, list[list[Any]]]) -> None:
        kind, rows = one
        assert_storable(read(_xlsx(rows), kind=kind, name="bestand.xlsx"), "wholesale")

    fuzz("xlsx", seeds, spoil, target, executions=80)


def test_bytes_that_were_a_workbook_are_read_or_refused() -> None:
    assert FILES.interpreter is not None
    read = FILES.interpreter({})
    seeds = [(RECORDED / "b2b_files" / "orders" / "order_sheet.xlsx").read_bytes()]

    def target(body: bytes) -> None:
        assert_storable(read(body, kind="orders", name="bestand.xlsx"), "wholesale")

    fuzz("xlsx bytes", seeds, spoil_bytes, target, executions=60)


@pytest.mark.parametrize("write", [_csv, _xlsx])
def test_product_masters_become_products_conflicts_or_one_refusal(
    folder: Path, write: Callable[[list[list[Any]]], bytes]
) -> None:
    path = folder / f"master{write.__name__}.{write.__name__[1:]}"

    def target(rows: list[list[Any]]) -> None:
        path.write_bytes(write(rows))
        try:
            found = read_product_file(path)
        except DataContractError:
            return
        accepted, _ = check_master(found.products, ("high", "low"))
        for product in accepted:
            row = {
                "sku": product.sku,
                "name": product.name,
                "vat_class": product.vat_class,
                "unit": product.unit,
                "weight_grams": product.weight_grams,
                "cost": product.cost,
                "supplier": product.supplier,
                "source": "file",
                "updated_at": NOW,
                "change_seq": 1,
            }
            assert misfits(products, row) == []
            for ean in product.eans:
                assert misfits(product_eans, {"ean": ean, "sku": product.sku}) == []

    fuzz(
        f"master {path.suffix}",
        [_table(MASTER)],
        spoil_cells,
        target,
        executions=150 if write is _csv else 60,
    )


# ------------------------------------------------------------------------------------------------ the rest


def test_answers_of_exact_online_are_read_or_refused() -> None:
    row = {
        "EntryID": "00000000-0000-0000-0000-000000000001",
        "EntryNumber": 2026,
        "AmountFC": 29.99,
        "YourRef": "BOL-1",
    }
    row["Created"] = "/Date(1782484267000)/"
    seeds = [
        {"d": [row]},
        {"d": {"results": [row, row], "__next": "https://x.example"}},
        {"d": row},
        {"error": {}},
    ]
    seeds.append({"error": {"code": "", "message": {"lang": "", "value": "Gegeven bestaat reeds."}}})

    def target(payload: Any) -> None:
        body = write_json(payload)
        found: list[Any] = []
        for read in (odata.read_row, odata.read_rows):
            try:
                answer = read(body)
                found += [answer] if isinstance(answer, dict) else answer[0]
            except ValueError:
                continue
        odata.error_text(body)
        for one in found:
            for value in one.values():
                for read_value in (odata.read_amount, odata.read_instant, odata.read_day, odata.trimmed):
                    try:
                        read_value(value)
                    except ValueError:
                        continue

    fuzz("exact answers", seeds, spoil_json, target, executions=400)


def test_settings_are_read_or_the_wrong_place_is_named(folder: Path) -> None:
    from order_pipelines_tests.reliability.any_order_delivery import _SETTINGS

    path = folder / "settings.toml"
    seeds = [_SETTINGS.encode(), (Path(__file__).parents[2] / "README.md").read_bytes()[:300]]

    def target(body: bytes) -> None:
        path.write_bytes(body)
        try:
            load_settings(path)
        except ConfigurationError as error:
            if str(path) not in str(error):
                raise AssertionError(f"does not name the file: {error}") from error

    fuzz("settings", seeds, spoil_bytes, target, executions=300)


def test_inspect_prints_facts_or_what_is_wrong(folder: Path) -> None:
    bodies = [path.read_bytes() for paths in ORDERS.values() for path in paths] + [
        _csv(_table(text)) for texts in CSVS.values() for text in texts
    ]
    runner = CliRunner()

    def target(body: bytes) -> None:
        system = "bol" if body.lstrip()[:1] in (b"{", b"[") else "b2b_files"
        path = folder / "inspected.csv"
        path.write_bytes(body)
        result = runner.invoke(cli, ["inspect", system, str(path)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code in (0, 1)
        assert result.exit_code == 1 or orjson.loads(result.stdout) is not None

    fuzz("inspect", bodies, spoil_bytes, target, executions=120)
