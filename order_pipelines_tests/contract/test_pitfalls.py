"""Each warning of a document or a user has a test that proves what becomes of it here."""

import inspect
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
PITFALLS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "pitfalls.toml").read_text(encoding="utf-8")
)["pitfall"]
NUMBER_BY_SOURCE = {
    "bol: what a stand-in must do": 10,
    "bol: pitfalls reported by users": 8,
    "mirakl: what a stand-in must do": 10,
    "mirakl: pitfalls reported by users": 9,
    "shopware: what a stand-in must do": 10,
    "shopware: pitfalls reported by users": 11,
    "hardest truths of the channels": 18,
    "hardest truths of the books": 7,
}


def is_collected(proof: str) -> bool:
    """Tell whether pytest finds a test: a function of that name in a module that can be imported."""
    file, _, name = proof.partition("::")
    module = import_module(f"{TESTS.name}.{file.removesuffix('.py').replace('/', '.')}")
    return name.startswith("test_") and inspect.isfunction(getattr(module, name, None))


def test_every_warning_of_every_source_is_in_the_table_once() -> None:
    counted: dict[str, int] = {}
    for pitfall in PITFALLS:
        counted[pitfall["source"]] = counted.get(pitfall["source"], 0) + 1
    assert counted == NUMBER_BY_SOURCE
    assert len({(pitfall["source"], pitfall["warns"]) for pitfall in PITFALLS}) == len(PITFALLS)


def test_what_is_not_to_be_proven_here_is_one_thing_with_its_reason() -> None:
    without = [pitfall for pitfall in PITFALLS if not pitfall.get("proven_by")]
    assert [pitfall["warns"] for pitfall in without] == ["documents with accents in their names are rejected"]
    assert all(pitfall["not_here"] for pitfall in without)


@pytest.mark.parametrize(
    "pitfall", PITFALLS, ids=lambda pitfall: f"{pitfall['source']}: {pitfall['warns']}"[:90]
)
def test_the_tests_that_prove_it_are_there(pitfall: dict[str, Any]) -> None:
    assert [proof for proof in pitfall.get("proven_by", ()) if not is_collected(proof)] == []
