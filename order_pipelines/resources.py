"""Finds the SQL files, in a checkout and in an installed wheel alike. Reads files only; runs no SQL."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _sql_root() -> Path:
    """Return the folder ``sql/``: carried inside the package by a wheel, beside it in a checkout."""
    carried = _PACKAGE / "_sql"
    return carried if carried.is_dir() else _PACKAGE.parent / "sql"


def sql_path(relative: str) -> Path:
    """Return the path of a file or folder under ``sql/``, as in ``sql_path("core/orders.sql")``.

    Raises:
        FileNotFoundError: there is no such file or folder under ``sql/``.
    """
    root = _sql_root()
    path = (root / relative).resolve()
    if not path.exists() or not path.is_relative_to(root):
        raise FileNotFoundError(f"sql/{relative} does not exist (looked in {root})")
    return path


def read_sql(relative: str) -> str:
    """Return the text of one file under ``sql/``, as in ``read_sql("core/orders.sql")``.

    Raises:
        FileNotFoundError: there is no such file under ``sql/``.
    """
    return sql_path(relative).read_text(encoding="utf-8")
