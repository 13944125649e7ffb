"""docs/operations.md against what Dagster is given, and its SQL against the warehouse."""

import ast
import re
from pathlib import Path

from order_pipelines.domain.decisions import DECISIONS
from order_pipelines.domain.stock import OVERSELL_CAUSES
from order_pipelines.services.conservation import FLAGS, LAWS
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.docs.pages import DOCS, ROOT, code_blocks, sections, text_of

PAGE = DOCS / "operations.md"


def _automation() -> set[str]:
    """Names of jobs, schedules and sensors, from the sources: loading Dagster takes longer than all these tests."""
    names = set()
    for file in ("jobs.py", "sensors.py"):
        tree = ast.parse((ROOT / "order_pipelines" / "defs" / file).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                names |= {
                    keyword.value.value
                    for keyword in node.keywords
                    if keyword.arg == "name"
                    and isinstance(keyword.value, ast.Constant)
                    and isinstance(keyword.value.value, str)
                }
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
                names |= {
                    value.value
                    for value in ast.walk(node.value)
                    if isinstance(value, ast.Constant) and isinstance(value.value, str)
                }
    return {name for name in names if name.isidentifier()}


def test_every_job_schedule_and_sensor_is_described() -> None:
    names = _automation()
    assert {"sweep_shop", "purge_history", "drop_folder", "deep_sweep_nightly"} <= names
    described = set(re.findall(r"`([a-z_0-9]+)`", text_of(PAGE)))
    assert names - described == set()
    assert "sweep_every_5_minutes" in described


def test_every_law_of_stock_and_every_cause_of_an_oversell_is_described() -> None:
    described = {section.title: [row[0].strip("`") for row in section.rows] for section in sections(PAGE)}
    assert described["The laws of stock"] == [*LAWS, *FLAGS]
    assert sorted(described["Sold without stock"]) == sorted(OVERSELL_CAUSES)


def test_every_decision_of_the_log_is_described() -> None:
    (section,) = [section for section in sections(PAGE) if section.title == "Who decided what"]
    assert tuple(name for row in section.rows for name in re.findall(r"`([a-z_]+)`", row[0])) == DECISIONS


def test_its_questions_to_the_warehouse_run(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)
    warehouse.migrate()
    questions = code_blocks(PAGE, "sql")
    assert len(questions) == 3
    for question in questions:
        assert warehouse.query(question.rstrip(";")).num_rows == 0
