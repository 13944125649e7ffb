"""What the pages point at and tell people to type exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from order_pipelines.cli import cli
from order_pipelines_tests.docs.pages import DOCS, ROOT, anchors, code_blocks, commands_in, links

PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "deploy").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    )
    if "data" not in path.parts
)
READ_FIRST = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", DOCS / "operations.md", DOCS / "commands.md"]
PICTURES = sorted((DOCS / "pictures").glob("*.png"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


def _make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def _refusal(words: list[str]) -> str | None:
    """Return what the command line would say of these words, without running anything."""
    group: click.Command = cli
    context = click.Context(cli)
    rest = list(words)
    while isinstance(group, click.Group):
        while rest and rest[0].startswith("-"):
            if rest[0] in {"--help", "-h", "--version"}:
                return None
            rest = rest[2:]
        if not rest:
            return "no command"
        found = group.get_command(context, rest[0])
        if found is None:
            return f"no command {rest[0]}"
        group, rest = found, rest[1:]
    if "--help" in rest:
        return None
    known = {name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"unknown {unknown}" if unknown else None


@pytest.mark.parametrize("page", READ_FIRST, ids=_name)
def test_every_command_a_page_prints_exists(page: Path) -> None:
    targets = _make_targets()
    wrong = []
    for command in commands_in(page):
        words = shlex.split(command)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words[:1] == ["make"]:
            wrong += [command for word in words[1:] if "=" not in word and word not in targets]
        elif words and words[0].rpartition("/")[2] == "order-pipelines":
            refusal = _refusal(words[1:])
            wrong += [f"{command}: {refusal}"] if refusal else []
    assert wrong == []


def test_the_readme_begins_with_the_two_commands() -> None:
    assert commands_in(ROOT / "README.md")[:2] == ["make demo", "make test"]


def test_what_the_readme_shows_of_the_demo_is_what_the_demo_is_tested_for() -> None:
    tested = (ROOT / "order_pipelines_tests" / "cli" / "test_demo.py").read_text(encoding="utf-8")
    shown = [" ".join(line.split()) for line in code_blocks(ROOT / "README.md", "text")[0].splitlines()]
    figures = [line for line in shown if re.search(r"€ \d|: \d|\d of \d", line)]
    assert len(figures) >= 6
    assert [line for line in figures if line not in tested] == []


def test_the_pictures_are_small_and_shown() -> None:
    shown = {link for link in links(ROOT / "README.md") if link.endswith(".png")}
    assert shown == {_name(path) for path in PICTURES}
    for path in PICTURES:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 300_000
