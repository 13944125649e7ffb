"""Envelopes, literals, padded codes and the Dutch clock of Exact Online."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.exact_online import odata


@pytest.mark.parametrize(
    ("body", "following"),
    [
        (b'{"d":{"results":[{"AmountFC":29.99}]}}', None),
        (b'{"d":[{"AmountFC":29.99}]}', None),
        (
            b'{"d":{"results":[{"AmountFC":29.99}],"__next":"https://start.exactonline.nl/x"}}',
            "https://start.exactonline.nl/x",
        ),
    ],
)
def test_both_shapes_of_a_list_are_read(body: bytes, following: str | None) -> None:
    """VATCodes with $top=50 came as a bare list, SalesInvoices with $top=60 did not (recordings of June 2026)."""
    assert odata.read_rows(body) == ([{"AmountFC": Decimal("29.99")}], following)


@pytest.mark.parametrize("body", [b'{"d":{"results":[]}}', b'{"d":[]}'])
def test_an_empty_list_is_empty(body: bytes) -> None:
    assert odata.read_rows(body) == ([], None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"{}",
        b'{"d":null}',
        b'{"d":{"ID":"x"}}',
        b'{"d":["x"]}',
        b'{"d":{"results"',
    ],
)
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message, the caller words it
        odata.read_rows(body)


def test_one_row_is_read_exactly() -> None:
    row = odata.read_row(b'{"d":{"EntryID":"e","AmountFC":29.990000000000002,"EntryNumber":26700001}}')
    assert row == {"EntryID": "e", "AmountFC": Decimal("29.990000000000002"), "EntryNumber": 26700001}
    with pytest.raises(ValueError, match="one row was expected"):
        odata.read_row(b'{"d":{"results":[]}}')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"error":{"code":"","message":{"lang":"","value":"Gegeven bestaat reeds."}}}',
            "Gegeven bestaat reeds.",
        ),
        (
            b'{"error":{"code":"","message":{"lang":"","value":" Factuurnummer\\r\\nverplicht "}}}',
            "Factuurnummer verplicht",
        ),
        (b'{"error":{"message":"plain"}}', "plain"),
        (b'{"error":"access_denied"}', None),
        (b'{"error":{"message":{"value":null}}}', None),
        (b"<html>Server Error</html>", None),
        (b"", None),
        (b"null", None),
    ],
)
def test_the_vendors_words_are_found_in_its_own_error_json_only(body: bytes, words: str | None) -> None:
    assert odata.error_text(body) == words


def test_times_are_dutch_wall_clock_posing_as_utc() -> None:
    """Created 1782405060220 reads 16:31 while the answer's Date header said 14:31 GMT (recording of 2026-06-25)."""
    assert odata.read_instant("/Date(1782405060220)/") == datetime(
        2026, 6, 25, 14, 31, 0, 220_000, tzinfo=UTC
    )
    winter = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
    assert odata.read_instant("/Date(1768471200000)/") == winter
    assert odata.datetime_literal(winter) == "datetime'2026-01-15T10:00:00'"


def test_the_doubled_hour_of_october_reads_as_the_earlier_one() -> None:
    """02:30 on 25 October 2026 happens twice; reading on from the earlier repeats an hour and loses none."""
    assert odata.read_instant("/Date(1792895400000)/") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_is_never_shifted() -> None:
    assert odata.read_day("/Date(1795132800000)/") == date(2026, 11, 20)
    assert odata.write_day(date(2026, 11, 20)) == "2026-11-20"


@pytest.mark.parametrize("value", [None, "", "2026-11-20", 1795132800000, "/Date(x)/"])
def test_what_is_no_date_is_unknown(value: object) -> None:
    assert odata.read_instant(value) is None
    assert odata.read_day(value) is None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_written_for_a_filter_is_the_one_read_back(instant: datetime) -> None:
    whole = instant.replace(microsecond=0)
    text = odata.datetime_literal(whole)
    wall_clock = datetime.fromisoformat(text.removeprefix("datetime'").removesuffix("'")).replace(tzinfo=UTC)
    read = odata.read_instant(f"/Date({int(wall_clock.timestamp()) * 1000})/")
    assert read is not None
    # In the doubled hour only, the earlier of two instants with the same wall clock comes back.
    assert (whole - read).total_seconds() in {0, 3600}


@pytest.mark.parametrize(
    ("value", "code"),
    [("                25", "25"), ("VN ", "VN"), ("NL ", "NL"), ("  ", None), (None, None), (7, None)],
)
def test_padding_is_no_part_of_a_code(value: object, code: str | None) -> None:
    assert odata.trimmed(value) == code


def test_literals_cannot_be_broken_out_of() -> None:
    assert odata.text_literal("O'Neil") == "'O''Neil'"
    assert (
        odata.guid_literal("0e0a0001-0000-4000-8000-000000008000")
        == "guid'0e0a0001-0000-4000-8000-000000008000'"
    )
    with pytest.raises(ValueError, match="is no guid"):
        odata.guid_literal("x' or ID ne guid'y")


@pytest.mark.parametrize(
    ("value", "amount"),
    [(Decimal("1.10"), Decimal("1.10")), (30, Decimal(30)), (True, None), ("1.10", None), (None, None)],
)
def test_amounts_are_numbers_or_unknown(value: object, amount: Decimal | None) -> None:
    assert odata.read_amount(value) == amount
