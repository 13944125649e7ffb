"""The pages of the documentation as tests read them: headings, tables, code blocks and links of one Markdown file."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with what stands under it, up to the next heading of any level."""

    title: str
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The words in backticks in the heading."""
        return tuple(re.findall(r"`([^`]+)`", self.title))

    @property
    def rows(self) -> list[list[str]]:
        """The cells of all table rows, headings and rulers left out."""
        lines = [line for line in self.text.splitlines() if line.startswith("|")]
        tables = [
            line for index, line in enumerate(lines) if not _is_ruler(line) and not _is_head(lines, index)
        ]
        return [
            [cell.replace(r"\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            for line in tables
        ]


def _is_ruler(line: str) -> bool:
    return re.fullmatch(r"\|[-:| ]+\|", line) is not None


def _is_head(lines: list[str], index: int) -> bool:
    return index + 1 < len(lines) and _is_ruler(lines[index + 1])


@cache
def text_of(path: Path) -> str:
    """Return a page's text."""
    return path.read_text(encoding="utf-8")


def sections(path: Path) -> list[Section]:
    """Return the sections of a page, the words before the first heading left out."""
    found: list[Section] = []
    title: str | None = None
    lines: list[str] = []
    is_code = False
    for line in text_of(path).splitlines():
        is_code ^= line.startswith("```")
        heading = None if is_code else re.match(r"#+ (.+)", line)
        if heading is None:
            lines.append(line)
            continue
        if title is not None:
            found.append(Section(title, "\n".join(lines)))
        title, lines = heading.group(1), []
    if title is not None:
        found.append(Section(title, "\n".join(lines)))
    return found


def first_cells(path: Path) -> list[str]:
    """Return the words in backticks in the first cell of every table row of a page."""
    return [
        name
        for section in sections(path)
        for row in section.rows
        for name in re.findall(r"`([^`]+)`", row[0])
    ]


def code_blocks(path: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^[ ]*```{language}\n(.+?)\n[ ]*```", text_of(path), re.DOTALL | re.MULTILINE)


def commands_in(path: Path) -> list[str]:
    """Return the commands of the shell blocks of a page, one a line, comments and continuations joined away."""
    found = []
    for block in code_blocks(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s+)#.*$", "", line).strip()
            if command:
                found.append(command)
    return found


def links(path: Path) -> list[str]:
    """Return the targets of links and pictures, code left out."""
    without_code = re.sub(r"```.*?```|`[^`]*`", "", text_of(path), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", without_code) + re.findall(r'src="([^"]+)"', without_code)


def anchors(path: Path) -> set[str]:
    """Return the anchors that headings of a page get."""
    return {re.sub(r"[^\w\- ]", "", section.title.lower()).replace(" ", "-") for section in sections(path)}
