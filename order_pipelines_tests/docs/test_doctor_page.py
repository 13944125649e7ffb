"""docs/doctor.md and the Dutch words against the code: every finding, field, reason and check, and no other."""

import ast
import re
from functools import cache

from order_pipelines.domain.product_quality import RULES
from order_pipelines.services import doctor_labels as labels
from order_pipelines.services.doctor_offers import _SAID
from order_pipelines.services.doctor_preflight import CLAIMS
from order_pipelines_tests.docs.pages import DOCS, ROOT, sections, text_of

PAGE = DOCS / "doctor.md"
_WORD = re.compile(r"[a-z]+(_[a-z]+)+")


@cache
def _constants(path: str) -> tuple[str, ...]:
    tree = ast.parse((ROOT / "order_pipelines" / path).read_text(encoding="utf-8"))
    return tuple(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def finding_codes() -> set[str]:
    """The first word of everything that makes a finding."""
    found = set(_SAID)
    files = [
        *(ROOT / "order_pipelines" / "services").glob("doctor*.py"),
        *(ROOT / "order_pipelines" / "connectors").glob("*/probe.py"),
        ROOT / "order_pipelines" / "connectors" / "visiting.py",
    ]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0]
            if name in {"Finding", "note", "_counted"}:
                choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                found |= {
                    each.value
                    for each in choices
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    # Chosen by a variable where it is made.
    return found | {"budget_used_up", "no_answer"}


def _rows(title: str) -> list[list[str]]:
    (section,) = [section for section in sections(PAGE) if section.title == title]
    return section.rows


def test_every_finding_is_described_and_has_dutch_words() -> None:
    codes = finding_codes()
    assert {"clock_skew", "right_missing", "mapping_missing", "master_conflict", "other_shop"} <= codes
    assert sorted(row[0].strip("`") for row in _rows("Findings")) == sorted(codes)
    assert sorted(labels.FINDINGS) == sorted(codes)


def test_every_field_is_described_with_its_weight_and_has_a_dutch_name() -> None:
    described = {row[0].strip("`"): int(row[1]) for row in _rows("Quality of the product master")}
    assert described == {name: weight for name, weight, _ in RULES}
    assert labels.FIELDS.keys() == described.keys()


def test_every_reason_has_dutch_words_and_no_other() -> None:
    written = {
        text
        for text in _constants("domain/product_quality.py")
        if _WORD.fullmatch(text) and text not in {name for name, _, _ in RULES}
    }
    known = {"in_stock", "out_of_stock"}
    assert labels.REASONS.keys() == (written - known) | {"empty"}


def test_every_check_is_described_and_has_dutch_words() -> None:
    assert labels.CHECKS.keys() == CLAIMS.keys()
    assert all(f"`{name}`" in text_of(PAGE) for name in CLAIMS)
