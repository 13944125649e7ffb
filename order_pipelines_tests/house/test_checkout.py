"""What must hold for every file of the checkout, whoever writes it."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from order_pipelines_tests.house.checkout import ROOT, files, modules, text

# One letter of each stands in brackets, so that this file does not find itself.
FORBIDDEN = {
    "the path of one machine": r"/w[o]rk/|/tmp/o[p]\b|/h[o]me/[a-z]+/|/r[o]ot/",
    "the address of a package registry": r"\bpypi\.o[r]g|pythonho[s]ted\.org|npm[j]s\.org|deb\.deb[i]an\.org",
    "the address of a package": r"https?://[^\s\"']+\.(w[h]l|tar\.g[z]|tg[z])\b",
    "the choice of an index": r"(?<![-\w])--(extra-)?ind[e]x-url\b|--find-l[i]nks",
    "a private key": r"-----BEGIN [A-Z ]*PRIV[A]TE",
    "unfinished work": r"#\s*(TO[D]O|FIX[M]E|XX[X])\b|\bNotImplementedErr[o]r\b",
    "a test that does not run": r"pytest\.mark\.(sk[i]p|xf[a]il)|pytest\.(sk[i]p|xf[a]il)\(",
}
LONGEST_MODULE = 450


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in files()
        for number, line in enumerate(text(path).splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_lock_with_addresses_is_not_tracked() -> None:
    assert [path for path in files() if path.name == "uv.lock"] == []


def test_dagster_finds_its_workspace_in_workspace_yaml() -> None:
    """[tool.dagster] or [tool.dg] in pyproject.toml makes `dagster dev` ignore workspace.yaml without a word."""
    tools = tomllib.loads(text(Path("pyproject.toml")))["tool"]
    assert sorted({"dagster", "dg"} & tools.keys()) == []
    assert not (ROOT / "dg.toml").exists()


def test_dagster_can_read_the_annotations_in_defs() -> None:
    """Dagster reads annotations at run time; postponed ones are strings to it."""
    postponed = re.compile(r"^from __future__ import .*\bannotations\b", re.MULTILINE)
    readable = [path for path in modules("order_pipelines") if {"defs", "definitions.py"} & set(path.parts)]
    assert [str(path) for path in readable if postponed.search(text(path))] == []


def test_every_module_says_what_belongs_in_it() -> None:
    """Folders need no words of their own: an empty __init__.py is fine, except the package's."""
    silent = [
        str(path)
        for path in modules("order_pipelines", "order_pipelines_tests", "benchmarks")
        if text(path).strip() and not ast.get_docstring(ast.parse(text(path)))
    ]
    assert silent == []


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    long = {
        str(path): lines
        for path in modules("order_pipelines", "order_pipelines_tests", "benchmarks")
        if (lines := len(text(path).splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_no_loose_module_at_the_top_can_shadow_a_library() -> None:
    """Dagster's web server starts with the current folder first in its path: a file gql.py there breaks it."""
    assert [str(path) for path in files() if path.suffix == ".py" and len(path.parts) == 1] == []
