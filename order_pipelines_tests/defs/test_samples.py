"""Small tables and pictures in metadata: readable, small, the same for the same numbers."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.defs.samples import markdown_table


def test_rows_become_a_table_with_every_column_that_any_row_has() -> None:
    rows: list[dict[str, object]] = [
        {"account": "bol_main", "new": 3},
        {"account": "bol_outlet", "problem": "answered 503"},
    ]
    assert markdown_table(rows) == (
        "| account | new | problem |\n"
        "| --- | --- | --- |\n"
        "| bol_main | 3 |  |\n"
        "| bol_outlet |  | answered 503 |"
    )


def test_no_rows_say_so() -> None:
    assert markdown_table([]) == "no rows"


def test_instants_are_utc_and_long_text_is_cut() -> None:
    at = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
    lines = markdown_table([{"at": at, "reason": "x" * 100}]).splitlines()
    assert lines[2] == f"| 2026-11-21T17:00:00Z | {'x' * 59}… |"


@given(st.text())
def test_a_cell_never_breaks_its_table(text: str) -> None:
    lines = markdown_table([{"a": text, "b": "end"}]).split("\n")
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3
