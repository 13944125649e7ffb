"""Numbers as people write them; what can be read in two ways is never guessed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.b2b_files.amounts import NumberReader, Style, read_decimal, style_of
from order_pipelines.connectors.b2b_files.cells import Flaw
from order_pipelines_tests.connectors.b2b_files.files import codes, read_order, table

HEADER = "sku;aantal;prijs;totaal"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("40,5", "40.5"),
        ("40.5", "40.5"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("€ 40,00", "40.00"),
        ("40,00 EUR", "40.00"),
        ("£12.34", "12.34"),
        ("40,-", "40"),
        ("12 st", "12"),
        ("12 stuks", "12"),
        ("12st.", "12"),
        ("10%", "10"),
        ("-5", "-5"),
        ("5-", "-5"),
        ("(5,00)", "-5.00"),
        ("\u22125,00", "-5.00"),
        ("\u00a07\u00a0", "7"),
        ("+7", "7"),
        (",50", "0.50"),
    ],
)
def test_a_number_with_one_meaning_is_read_without_knowing_the_file(text: str, value: str) -> None:
    assert read_decimal(text, None) == Decimal(value)
    assert read_decimal(text, "comma") == Decimal(value)
    assert read_decimal(text, "point") == Decimal(value)


@pytest.mark.parametrize(
    ("text", "comma", "point"),
    [("1.250", "1250", "1.250"), ("1,250", "1.250", "1250"), ("-12.000", "-12000", "-12.000")],
)
def test_a_number_with_two_meanings_needs_the_style_of_its_file(text: str, comma: str, point: str) -> None:
    assert read_decimal(text, None) == Flaw("ambiguous_number", text)
    assert read_decimal(text, "comma") == Decimal(comma)
    assert read_decimal(text, "point") == Decimal(point)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "abc",
        "2 x 6",
        "1.23.4",
        "1,2,3",
        "1.234,5,6",
        "8.71E+12",
        "1e5",
        "NaN",
        "Infinity",
        "٣",
        "12 34",
        "1,.",
    ],
)
def test_what_is_no_number_is_a_flaw(text: str) -> None:
    assert read_decimal(text, None) == Flaw("wrong_type", text)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.sampled_from(["comma", "point"]))
def test_amounts_written_in_a_style_come_back(amount: Decimal, style: Style) -> None:
    english = f"{amount:,.2f}"
    text = english if style == "point" else english.replace(",", "_").replace(".", ",").replace("_", ".")
    assert read_decimal(text, style) == amount
    assert read_decimal(text, None) == amount


@given(st.text(max_size=50), st.sampled_from(["comma", "point", None]))
def test_any_text_is_a_finite_number_or_a_flaw(text: str, style: Style | None) -> None:
    value = read_decimal(text, style)
    assert isinstance(value, Flaw) or value.is_finite()


@given(st.lists(st.from_regex(r"-?[0-9]{1,4}([.,][0-9]{1,4}){0,2}", fullmatch=True), max_size=8))
def test_a_file_has_a_style_only_when_no_text_contradicts_it(texts: list[str]) -> None:
    style = style_of(texts)
    if style is None:
        return
    other: Style = "point" if style == "comma" else "comma"
    for text in texts:
        assert read_decimal(text, None) == read_decimal(text, style) or read_decimal(text, None) == Flaw(
            "ambiguous_number", text
        )
    assert style_of([*texts, "0,5" if other == "comma" else "0.5"]) is None


def test_cells_that_are_numbers_need_no_style() -> None:
    numbers = NumberReader(None)
    assert (numbers.read(1250), numbers.read(Decimal("1.25")), numbers.read(None), numbers.read(" ")) == (
        Decimal(1250),
        Decimal("1.25"),
        None,
        None,
    )


def test_one_clear_number_settles_the_doubtful_ones_of_its_file() -> None:
    order = read_order(table("sku;aantal;prijs", "A;1;1.250", "B;2;0,5"))
    assert [line.unit_price_excl_vat for line in order.lines] == [Decimal(1250), Decimal("0.5")]
    order = read_order(table("sku;aantal;prijs", "A;1;1.250", "B;2;0.5"))
    assert [line.unit_price_excl_vat for line in order.lines] == [Decimal("1.250"), Decimal("0.5")]


def test_an_ambiguous_number_alone_is_a_problem_and_the_settings_decide() -> None:
    body = table("sku;aantal;prijs", "A;1;1.250", "B;2;3")
    order = read_order(body)
    assert [(problem.code, problem.value, problem.line_id) for problem in order.problems] == [
        ("ambiguous_number", "1.250", "1")
    ]
    assert [line.unit_price_excl_vat for line in order.lines] == [None, Decimal(3)]
    order = read_order(body, decimal="comma")
    assert (order.problems, order.lines[0].unit_price_excl_vat) == ((), Decimal(1250))


def test_a_file_that_writes_both_ways_leaves_the_doubtful_number_to_a_person() -> None:
    order = read_order(table("sku;aantal;prijs", "A;1;1.250", "B;2;0,5", "C;1;0.5"))
    assert codes(order) == ["ambiguous_number"]
    assert [line.unit_price_excl_vat for line in order.lines] == [None, Decimal("0.5"), Decimal("0.5")]


def test_pieces_times_price_proves_the_decimal_sign() -> None:
    order = read_order(table(HEADER, "A;4;1.250;5", "B;1;2.500;2.500"))
    assert order.problems == ()
    assert [line.unit_price_excl_vat for line in order.lines] == [Decimal("1.250"), Decimal("2.500")]
    order = read_order(table(HEADER, "A;4;1.250;5000"))
    assert order.lines[0].unit_price_excl_vat == Decimal(1250)


def test_a_proof_that_fits_both_readings_proves_nothing() -> None:
    order = read_order(table(HEADER, "A;2;1.250;2.500"))
    assert codes(order) == ["ambiguous_number", "ambiguous_number"]
    assert order.lines[0].line_total_excl_vat is None


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ("1,5", "fractional_quantity"),
        ("-2", "negative_quantity"),
        ("2 x 6", "wrong_type"),
        ("9999999999999", "absurd_quantity"),
    ],
)
def test_pieces_that_cannot_be_ordered_are_a_problem_and_no_quantity(pieces: str, code: str) -> None:
    order = read_order(table("sku;aantal;prijs", f"A;{pieces};1,00", "B;2;1,00"))
    assert codes(order) == [code]
    assert [line.quantity for line in order.lines] == [None, 2]
    assert order.stock_effect() == {"B": -2}


@pytest.mark.parametrize("pieces", ["6", "6,0", "6.00", "6 st", " 6 "])
def test_whole_pieces_are_read_however_they_are_written(pieces: str) -> None:
    assert read_order(table("sku;aantal", f"A;{pieces}")).lines[0].quantity == 6
