"""Where there is no Chromium, a person reads what to do; nothing is installed where somebody would have to be asked."""

import os
from pathlib import Path

import pytest

from order_pipelines_tests.browser import chromium


@pytest.fixture(autouse=True)
def _no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)


def test_a_missing_chromium_is_explained() -> None:
    assert chromium.find() is None
    with pytest.raises(
        SystemExit, match=r"no Chromium was found: install it \(Debian: apt-get install chromium;"
    ):
        chromium.find_or_explain()


def test_a_name_that_is_no_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(SystemExit, match="CHROMIUM=/nowhere/chromium is no program"):
        chromium.find()


def test_the_one_that_is_named_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("CHROMIUM", str(program))
    assert chromium.find_or_explain() == str(program)


@pytest.mark.parametrize("user", [0, 1000])
def test_nothing_is_installed_without_root_or_without_apt(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root there is no apt-get in the path of this test either; had it tried, it would have failed."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    chromium.install()
    assert chromium.find() is None


def test_a_refusal_of_apt_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: no space left' >&2\nexit 100\n", encoding="utf-8")
    apt.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit, match=r"(?s)apt-get update -qq' failed.*E: no space left"):
        chromium.install()
