"""Every file in ``sql/mart`` and ``sql/checks`` runs on both engines and means the same there."""

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_pipelines.resources import sql_path
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.marts import build
from order_pipelines.warehouse.merge import create_staging, delete_vanished, drop_staging, merge
from order_pipelines.warehouse.tables import BY_NAME, CORE_TABLES, ORDER_LINES, ORDER_LIST, ORDERS

FILES = sorted([*sql_path("mart").glob("*.sql"), *sql_path("checks").glob("*.sql")])
SINGLE_ENGINE = (
    r"\bqualify\b",
    r"\bexclude\b",
    r"group by all",
    r"\bmedian\s*\(",
    r"\bjsonb\b",
    r"\bto_char\b",
    r"\bfor update\b",
    r"\btry_cast\b",
    r"::",
    r"\bavg\s*\(",
    r"\bilike\b",
    r"\bfloat\b",
    r"\breal\b",
)


def code(path: Path) -> str:
    return re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_uses_only_what_both_engines_have(path: Path) -> None:
    text = code(path)
    assert [word for word in SINGLE_ENGINE if re.search(word, text)] == []
    assert text == text.lower()
    assert ";" not in text
    # A slash divides doubles or seconds, never money.
    for division in re.findall(r"[^\n]*\n?[^\n]*/[^\n]*", text):
        assert "double precision" in division or "epoch" in division
    # Ranking without a place for null is ranked differently on the two.
    for ranking in re.findall(r"over \([^)]*order by[^)]*\)", text):
        assert "nulls last" in ranking


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_first_line_names_the_table(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = re.match(r"-- ((?:core|mart)\.[a-z_]+): \S", first)
    assert named is not None
    assert named.group(1) in BY_NAME
    if path.parent.name == "mart":
        assert named.group(1) == f"mart.{path.stem}"


def test_every_mart_file_gives_exactly_the_declared_columns(warehouse: Warehouse) -> None:
    for path in sql_path("mart").glob("*.sql"):
        table = warehouse.query(path.read_text(encoding="utf-8"))
        assert tuple(table.column_names) == BY_NAME[f"mart.{path.stem}"].column_names


def test_every_merge_runs_on_both_engines(warehouse: Warehouse) -> None:
    with warehouse.write() as session:
        for table in CORE_TABLES:
            with session.transaction():
                session.execute(create_staging(table))
                session.execute(merge(table))
                session.execute(drop_staging(table))
        with session.transaction():
            session.execute(create_staging(ORDERS))
            session.execute(create_staging(ORDER_LINES))
            session.execute(delete_vanished(ORDER_LINES, ORDERS))
            session.execute(drop_staging(ORDERS))
            session.execute(drop_staging(ORDER_LINES))


amounts = st.lists(st.integers(-10_000_000_00, 10_000_000_00), min_size=1, max_size=60)


@given(cents=amounts)
@settings(max_examples=15)
def test_an_average_is_rounded_half_away_from_zero_to_the_cent(averages: Warehouse, cents: list[int]) -> None:
    """The file divides by doubles and exact remainders; ``Decimal`` says what must come out."""
    expected = (Decimal(sum(cents)).scaleb(-2) / len(cents)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assert average_of(averages, [Decimal(each).scaleb(-2) for each in cents]) == expected


def test_the_average_of_a_cent_over_two_orders_is_a_cent(averages: Warehouse) -> None:
    assert average_of(averages, [Decimal("0.01"), Decimal("0.00")]) == Decimal("0.01")
    assert average_of(averages, [Decimal("-0.01"), Decimal("0.00")]) == Decimal("-0.01")
    assert average_of(averages, [Decimal("10.00"), Decimal("0.00"), Decimal("0.00")]) == Decimal("3.33")
    assert average_of(averages, [Decimal("9999999999999.99")]) == Decimal("9999999999999.99")


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def averages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One warehouse per engine that examples empty themselves."""
    folder = tmp_path_factory.mktemp("averages")
    if request.param == "duckdb":
        yield Warehouse(f"duckdb:///{folder / 'warehouse.duckdb'}", folder)
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield Warehouse(url, folder)
    server.drop_database(url)


def average_of(warehouse: Warehouse, totals: list[Decimal]) -> Decimal:
    """Return what the day mart makes of orders with these totals."""
    values = {
        "account": "'a'",
        "system": "'s'",
        "channel": "'c'",
        "external_order_id": "'x'",
        "order_kind": "'sale'",
        "must_flag": "'[]'",
        "lines_count": "1",
        "is_counted": "true",
        "is_quarantined": "false",
        "is_test": "false",
        "is_history": "false",
        "own_fulfilment": "true",
        "order_date": "date '2026-03-02'",
        "changed_at": "timestamp with time zone '2026-03-02 10:00:00+00'",
    }
    rows = ", ".join(
        f"('{number}', {total}, {', '.join(values.values())})" for number, total in enumerate(totals)
    )
    with warehouse.write() as session:
        session.execute(
            f"delete from {ORDER_LIST.full_name}; delete from core.touched_days; "
            "insert into core.touched_days values (date '2026-03-02'); "
            f"insert into {ORDER_LIST.full_name} (order_key, order_total_current_incl_vat, {', '.join(values)}) "
            f"values {rows}"
        )
        build(session)
        ((average,),) = session.rows("select average_order_value_incl_vat from mart.revenue_per_channel_day")
    assert isinstance(average, Decimal)
    return average
