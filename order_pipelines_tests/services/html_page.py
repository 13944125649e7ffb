"""Reads a written page as a browser would: its elements, and the cells of its tables by section."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Section:
    """A section by its id: all of its text, and its table rows as lists of cell texts."""

    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """Takes in one page. ``elements`` are (tag, attributes) in order; ``sections`` go by id, cards by their heading."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, Section] = {}
        self.text = ""
        self._current = Section()
        self._in_cell = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag == "section":
            self._current = Section()
            self.sections[found.get("id") or f"card {len(self.sections)}"] = self._current
        elif tag == "tr":
            self._current.rows.append([])
        elif tag in {"td", "th"}:
            self._current.rows[-1].append("")
            self._in_cell = True
        elif tag in {"small", "p", "dt", "dd", "h2", "h3", "summary", "br", "li"}:
            self._say(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False
            self._current.rows[-1][-1] = " ".join(self._current.rows[-1][-1].split())

    def handle_data(self, data: str) -> None:
        self._say(data)

    def _say(self, data: str) -> None:
        self.text += data
        self._current.text += data
        if self._in_cell:
            self._current.rows[-1][-1] += data

    def said(self, section: str) -> str:
        """Return the text of a section with single spaces."""
        return " ".join(self.sections[section].text.split())
