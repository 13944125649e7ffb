"""What a benchmark hands back, and how it is printed: as text for a terminal, as Markdown for the documentation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap


@dataclass
class Result:
    """Figures of one benchmark.

    Args:
        title: what was measured.
        method: sentences: how, on what, beside what.
        headings: of the table.
        rows: cells as text, the first a name, the rest numbers.
        remarks: what a reader should know of the figures: targets met or missed, and why.
        wrong: what came out other than it must; any makes the run fail.
    """

    title: str
    method: str
    headings: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Note a wrong result when two values differ."""
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")

    def target(self, what: str, is_met: bool) -> None:
        """Note whether a figure is reached. A missed one is no failure: machines differ."""
        self.remarks.append(f"Target {'met' if is_met else 'MISSED'}: {what}.")


def as_text(result: Result) -> str:
    """Return a result for a terminal."""
    widths = [max(map(len, column)) for column in zip(result.headings, *result.rows, strict=True)]
    lines = [result.title, *wrap(result.method, 110, initial_indent="  ", subsequent_indent="  ")]
    lines += [f"  {_aligned(row, widths)}" for row in (result.headings, *result.rows)]
    lines += [f"  {remark}" for remark in result.remarks]
    lines += [f"  WRONG: {one}" for one in result.wrong]
    return "\n".join(lines)


def as_markdown(result: Result) -> str:
    """Return a result as a section of a document."""
    lines = [f"## {result.title}", "", result.method, ""]
    lines.append(_row(result.headings))
    lines.append(_row(["---", *("---:" for _ in result.headings[1:])]))
    lines += [_row(row) for row in result.rows]
    if result.remarks:
        lines += ["", *(f"- {remark}" for remark in result.remarks)]
    return "\n".join(lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if index == 0 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
