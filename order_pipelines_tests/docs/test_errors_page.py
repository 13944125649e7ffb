"""docs/errors.md against the code: every class of error, every code of a problem, hold or flag, and no other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from order_pipelines.connectors.b2b_files import draft
from order_pipelines.domain import validation
from order_pipelines_tests.docs.pages import DOCS, ROOT, sections

PAGE = DOCS / "errors.md"
FIRST_ARGUMENT = {"Problem", "Flaw", "MasterConflict", "_conflict", "describe", "bad", "report"}
SECOND_ARGUMENT = {"Hold", "_hold"}


@cache
def _trees() -> tuple[ast.Module, ...]:
    files = [path for path in (ROOT / "order_pipelines").rglob("*.py") if "sandbox" not in path.parts]
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in files)


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name):
                    yield node.func.id, node
                elif isinstance(node.func, ast.Attribute):
                    yield node.func.attr, node


def _word(call: ast.Call, position: int) -> str | None:
    if len(call.args) <= position:
        return None
    argument = call.args[position]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value if re.fullmatch(r"[a-z]+(_[a-z]+)*", argument.value) else None
    return None


def problem_codes() -> set[str]:
    """Codes written at the place where a problem is made, and those that come out of a table of rules."""
    written = {_word(call, 0) for name, call in _calls() if name in FIRST_ARGUMENT} - {None}
    ruled = {validation._CODES.get(rule, rule) for rule in validation._REASONS}
    return {code for code in written if code is not None} | ruled | set(draft.REASONS)


def hold_codes() -> set[str]:
    found = {_word(call, 1) for name, call in _calls() if name in SECOND_ARGUMENT}
    return {code for code in found if code is not None}


def flag_words() -> set[str]:
    """What is put into a collection called flags, or written into ``must_flag`` itself."""
    parts: list[ast.AST] = []
    for name, call in _calls():
        if name in {"add", "append"} and isinstance(call.func, ast.Attribute):
            owner = call.func.value
            if (owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")) == "flags":
                parts += call.args
        for keyword in call.keywords:
            if keyword.arg == "must_flag" and isinstance(keyword.value, ast.IfExp | ast.Tuple):
                parts.append(keyword.value)
    words = set()
    for part in parts:
        # Of a choice between two words, the condition is none of them.
        chosen = [part.body, part.orelse] if isinstance(part, ast.IfExp) else [part]
        for node in (inner for each in chosen for inner in ast.walk(each)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    return words


def error_classes() -> set[str]:
    """Every class of error of the product that can reach a person; what starts with _ never leaves its module."""
    bases = {"OrderPipelinesError"}
    classes = [node for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    grown = True
    while grown:
        more = {
            each.name
            for each in classes
            if any(isinstance(base, ast.Name) and base.id in bases for base in each.bases)
        }
        grown = not more <= bases
        bases |= more
    return bases


def _described(title: str) -> list[str]:
    (section,) = [section for section in sections(PAGE) if section.title == title]
    return [row[0].strip("`") for row in section.rows]


@pytest.mark.parametrize(
    ("title", "in_code"),
    [
        ("Classes of errors", error_classes()),
        ("Reasons for quarantine", problem_codes()),
        ("Reasons why an order is not booked yet", hold_codes()),
        ("Remarks on an order", flag_words()),
    ],
)
def test_the_page_describes_what_the_code_says_and_nothing_else(title: str, in_code: set[str]) -> None:
    described = _described(title)
    assert sorted(described) == sorted(in_code)


def test_the_collection_finds_what_is_known_to_be_there() -> None:
    """Guards the reading of the sources above: an empty collection would pass too."""
    assert {"unknown_ean", "unknown_sku", "not_json", "unknown_order", "adjustment_entry"} <= problem_codes()
    assert "no_ledger_account" in hold_codes()
    assert "cancellation_requested" in flag_words()
    assert {"ConsentNeededError", "WarehouseBusyError"} <= error_classes()


def test_no_source_was_left_out() -> None:
    assert len(_trees()) > 100
    assert Path(validation.__file__).is_relative_to(ROOT)
