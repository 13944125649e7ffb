"""Writes ``docs/tables/``: one page per table and an index, from the declarations and the check files.

Run ``python -m order_pipelines.warehouse.docs docs/tables`` after a change; a test compares.
"""

import sys
from pathlib import Path

from order_pipelines.warehouse.checks import Check, checks
from order_pipelines.warehouse.tables import ALL_TABLES, BOOKKEEPING_TABLES, CORE_TABLES, MART_TABLES, Table

_HEAD = "<!-- Made from order_pipelines/warehouse: change the declaration and run the command, not this page. -->\n"
_GROUPS = (
    ("mart: for people", MART_TABLES),
    ("core: one truth", CORE_TABLES),
    ("core: bookkeeping of the load", BOOKKEEPING_TABLES),
)


def pages() -> dict[str, str]:
    """Return file name and text of every page, the index ``README.md`` among them."""
    by_table: dict[str, list[Check]] = {}
    for check in checks():
        for name in dict.fromkeys((check.table, *check.reads)):
            by_table.setdefault(name, []).append(check)
    written = {
        f"{table.full_name}.md": _page(table, by_table.get(table.full_name, [])) for table in ALL_TABLES
    }
    written["README.md"] = _index()
    return written


def write(folder: Path) -> list[Path]:
    """Write all pages to ``folder``, remove pages of tables that are gone, and return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    paths = []
    for name, text in wanted.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _index() -> str:
    lines = [_HEAD, "# Tables of the warehouse", ""]
    for title, tables in _GROUPS:
        lines += [f"## {title}", "", "| table | one row | what it holds |", "|---|---|---|"]
        lines += [
            f"| [{table.full_name}]({table.full_name}.md) | {table.grain} | {table.description} |"
            for table in tables
        ]
        lines.append("")
    return "\n".join(lines)


def _page(table: Table, guards: list[Check]) -> str:
    lines = [
        _HEAD,
        f"# {table.full_name}",
        "",
        table.description,
        "",
        f"- One row: {table.grain}",
        f"- Key: {', '.join(f'`{name}`' for name in table.key)}",
        f"- Made from: {table.source}",
        "",
        "| column | type | null | meaning |",
        "|---|---|---|---|",
    ]
    for column in table.columns:
        values = (
            ""
            if column.allowed is None
            else f" One of: {', '.join(f'`{value}`' for value in column.allowed)}."
        )
        origin = "" if column.source is None else f" From {column.source}."
        lines.append(
            f"| `{column.name}` | {column.sql_type} | {'yes' if column.nullable else 'no'} "
            f"| {column.meaning}{values}{origin} |"
        )
    lines.append("")
    if guards:
        lines += ["Checks that read it:", ""]
        lines += [f"- `{check.name}`: {check.claim}" for check in guards]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/tables"))
