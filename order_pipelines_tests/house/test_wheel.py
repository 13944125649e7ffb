"""The wheel, built once and read back: it carries the SQL and all data, and finds both without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from order_pipelines.resources import read_sql, sql_path
from order_pipelines_tests.house.checkout import ROOT, files


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (only,) = folder.glob("order_pipelines-*.whl")
    return only


def test_the_wheel_carries_the_package_and_the_sql_and_nothing_else(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {path.as_posix() for path in files() if path.parts[0] == "order_pipelines"}
    sql = {f"order_pipelines/_{path.as_posix()}" for path in files() if path.parts[0] == "sql"}
    assert carried == package | sql
    assert {f"order_pipelines/_sql/{folder}" for folder in ("mart", "checks", "migrations/operations")} <= {
        name.rpartition("/")[0] for name in sql
    }


def test_an_installed_wheel_reads_its_own_sql(wheel: Path, tmp_path: Path) -> None:
    """Away from the checkout; this interpreter's libraries, the wheel's package."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from order_pipelines.resources import sql_path\n"
        "print(sql_path('mart'))"
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == str(tmp_path / "order_pipelines" / "_sql" / "mart")


def test_a_checkout_reads_the_folder_beside_the_package() -> None:
    assert sql_path("mart") == ROOT / "sql" / "mart"
    name = next(path for path in files() if path.parts[:2] == ("sql", "mart"))
    assert read_sql(name.relative_to("sql").as_posix()) == (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("relative", ["core/no_such_table.sql", "../pyproject.toml", "/etc/passwd"])
def test_what_is_no_file_of_ours_is_refused_by_name(relative: str) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sql_path(relative)
