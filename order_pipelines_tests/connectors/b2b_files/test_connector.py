"""The connector as the rest of the house uses it: options, batches, files that change, and anything at all as input."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.b2b_files import CONNECTOR
from order_pipelines.domain.orders import Interpretation, order_facts
from order_pipelines.errors import ConfigurationError, DataContractError
from order_pipelines_tests.connectors.b2b_files.files import codes, read, refusal, sheet, table

RECORDED = Path(__file__).parents[2] / "recorded" / "b2b_files" / "orders"


def _batches(path: Path, kind: str | None = None, **options: Any) -> list[Interpretation]:
    assert CONNECTOR.file_interpreter is not None
    return list(CONNECTOR.file_interpreter(options)(path, kind=kind))


@pytest.mark.parametrize(
    ("name", "order_id", "rows"),
    [
        ("order_with_number.csv", "PO-2026-0712", (2, 3)),
        ("order_dutch.csv", "order_dutch-cfd2a83d", (2, 3)),
        ("order_sheet.xlsx", "PO-2026-0711", (6, 7)),
    ],
)
def test_recorded_files_are_read_without_any_settings(
    name: str, order_id: str, rows: tuple[int, int]
) -> None:
    meaning = read((RECORDED / name).read_bytes(), name)
    (order,) = meaning.orders
    facts = order_facts(order)
    assert facts["external_order_id"] == order_id
    assert [
        (
            line["row"],
            line["sku"],
            line["ean"],
            line["quantity"],
            line["unit_price_excl_vat"],
            line["line_total_excl_vat"],
        )
        for line in facts["lines"]
    ] == [
        (rows[0], "TAS-014-BL", "8712345000059", 4, "32.50", "130.00"),
        (rows[1], "PET-RD", "8712345000066", 10, "7.95", "79.50"),
    ]
    assert (facts["must_flag"], facts["currency"], facts["stock_effect"]) == (
        [],
        None,
        {"TAS-014-BL": -4, "PET-RD": -10},
    )
    assert (meaning.rows_read, meaning.rejects) == (2, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": "red"}, "options.colour: Extra inputs are not permitted"),
        (
            {"columns": {"artikel": "SKU"}},
            "options.columns: 'artikel' is no column of ours; known are order_id, ",
        ),
        ({"decimal": "dot"}, "options.decimal: Input should be 'auto', 'comma' or 'point'"),
        ({"timezone": "Amsterdam"}, "options.timezone: a time zone name such as Europe/Amsterdam"),
        ({"encoding": "utf-9"}, "options.encoding: an encoding such as utf-8, cp1252 or utf-16"),
        ({"encoding": "base64"}, "options.encoding: an encoding of text such as utf-8, cp1252 or utf-16"),
        ({"country_names": {"EIRE": "Ireland"}}, "options.country_names: 'EIRE': two capital letters"),
        (
            {"line_kinds": [{"pattern": "(", "kind": "fee"}]},
            "options.line_kinds.0.pattern: a regular expression (",
        ),
        ({"size_sku": "{sku}"}, "options.size_sku: a text with {sku} and {size}"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_key_and_what_is_expected(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CONNECTOR.check_options(options)
    assert str(refused.value).startswith(message)


def test_orders_come_in_batches_of_500_and_each_order_once(tmp_path: Path) -> None:
    # Every order has a row in the first half and one in the second: none is complete before the first half is read.
    numbers = list(range(1200))
    rows = [f"PO-{number};A;1" for number in numbers] + [f"PO-{number};B;2" for number in numbers]
    path = tmp_path / "orders.csv"
    path.write_bytes(table("po;sku;aantal", *rows))
    batches = _batches(path)
    assert [len(batch.orders) for batch in batches] == [500, 500, 200]
    counted = Counter(order.external_order_id for batch in batches for order in batch.orders)
    assert (len(counted), set(counted.values())) == (1200, {1})
    assert {len(order.lines) for batch in batches for order in batch.orders} == {2}
    assert sum(batch.rows_read for batch in batches) == 2400


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(table("po;sku;aantal", *(f"PO-{number};A;1" for number in range(600))))
    assert CONNECTOR.file_interpreter is not None
    batches = CONNECTOR.file_interpreter({})(path)
    next(batches)
    with path.open("ab") as stream:
        stream.write(b"PO-999;A;1\n")
    with pytest.raises(DataContractError, match=r"orders\.csv: changed while it was read; drop it again"):
        list(batches)


def test_a_file_that_vanishes_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match=r"gone\.csv: cannot be opened \(No such file or directory\)"):
        _batches(tmp_path / "gone.csv")
    with pytest.raises(DataContractError, match="cannot be opened"):
        _batches(tmp_path)


def test_a_file_closes_all_that_it_opened(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    path = tmp_path / "orders.xlsx"
    path.write_bytes(sheet(("sku", "aantal"), ("A", "=1+1"), ("B", 2)))
    assert [codes(order) for batch in _batches(path) for order in batch.orders] == [["formula_cell"]]
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataContractError):
        _batches(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@given(st.binary(max_size=3000))
def test_any_bytes_give_rows_or_one_reason(body: bytes) -> None:
    meaning = read(body, "anything")
    assert meaning.rows_read >= 1
    assert meaning.orders or meaning.rejects or meaning.stock_counts or meaning.shipments


CELLS = st.one_of(
    st.sampled_from(
        [
            "sku",
            "aantal",
            "prijs",
            "totaal",
            "Totaal",
            "po",
            "datum",
            "land",
            "ean",
            "Bestelling",
            "S",
            "M",
            "",
            "1",
            "2",
        ]
    ),
    st.text(max_size=12),
    st.from_regex(r"-?[0-9]{1,15}([.,][0-9]{1,4})?", fullmatch=True),
)


@given(
    st.lists(st.lists(CELLS, max_size=7), max_size=12),
    st.sampled_from(["", "orders", "stock_counts", "shipments"]),
)
def test_any_table_gives_rows_or_one_reason_and_counts_each_row_once(
    rows: list[list[str]], kind: str
) -> None:
    quoted = [";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    meaning = read(table("sku;aantal;prijs;totaal;datum", *quoted), kind=kind, size_sku="{sku}-{size}")
    lines = sum(len(order.lines) for order in meaning.orders)
    records = len(meaning.stock_counts) + len(meaning.shipments) + len(meaning.stock_corrections)
    assert lines + records + len(meaning.rejects) == meaning.rows_read


@given(st.data())
def test_a_damaged_workbook_gives_rows_or_one_reason(data: st.DataObject) -> None:
    body = bytearray(WORKBOOK)
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    meaning = read(bytes(body), "order.xlsx")
    assert meaning.orders or meaning.rejects


WORKBOOK = sheet(("Bestelling", "PO-1"), ("sku", "ean", "aantal", "prijs"), ("JAS-1", 8712345000011, 2, 4.5))


def test_an_empty_name_still_has_a_label() -> None:
    assert refusal(b"", "").endswith("is empty")
