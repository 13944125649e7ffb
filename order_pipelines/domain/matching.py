"""Finding the merchant's article behind what a channel calls it. Never a guess: one unique hit or a problem."""

from collections.abc import Iterable
from dataclasses import dataclass

from order_pipelines.domain.orders import OrderLine, Problem
from order_pipelines.identifiers import normalise_ean


@dataclass(frozen=True, slots=True)
class Article:
    """What matching and money need of a product."""

    sku: str
    vat_class: str | None
    eans: tuple[str, ...] = ()


class Catalogue:
    """The product master as matching sees it."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._by_sku: dict[str, Article] = {}
        self._by_ean: dict[str, str] = {}
        self._by_bare_digits: dict[str, set[str]] = {}
        for article in articles:
            self.add(article)

    def add(self, article: Article) -> None:
        """Take in one more article; the EANs of accepted products are unique."""
        self._by_sku[article.sku] = article
        self._remember_digits(article.sku, article.sku)
        for ean in article.eans:
            normal = normalise_ean(ean)
            if normal is not None:
                self._by_ean[normal] = article.sku
                self._remember_digits(normal, article.sku)

    def _remember_digits(self, text: str, sku: str) -> None:
        if text.isascii() and text.isdigit():
            self._by_bare_digits.setdefault(text.lstrip("0"), set()).add(sku)

    def article(self, sku: str) -> Article | None:
        """Return the article of a SKU, exactly as written."""
        return self._by_sku.get(sku)

    def find(self, said_sku: str | None, said_ean: str | None) -> str | Problem:
        """Return the SKU meant, or why none can be named.

        The merchant's own SKU text wins when it is in the master; a different article under the EAN is a problem.
        Leading zeros that a spreadsheet dropped are forgiven when exactly one article fits.
        """
        by_sku = said_sku if said_sku is not None and said_sku in self._by_sku else None
        ean = normalise_ean(said_ean)
        by_ean = self._by_ean.get(ean) if ean is not None else None
        if by_sku is not None and by_ean is not None and by_sku != by_ean:
            return Problem(
                "ambiguous_ean",
                f"SKU {said_sku} and EAN {said_ean} are two different products in the master; correct one of them",
                value=said_ean,
            )
        found = by_sku or by_ean
        if found is not None:
            return found
        for text in (said_sku, ean):
            if text is not None and text.isascii() and text.isdigit():
                candidates = self._by_bare_digits.get(text.lstrip("0"), set())
                if len(candidates) == 1:
                    return next(iter(candidates))
        if ean is not None:
            return Problem(
                "unknown_ean",
                f"EAN {ean} is in no product; add it to the product master and retry the quarantine",
                value=ean,
            )
        if said_sku is not None:
            return Problem(
                "unknown_sku",
                f"SKU {said_sku} is in no product; add it to the product master and retry the quarantine",
                value=said_sku,
            )
        return Problem("unknown_sku", "the line names neither SKU nor EAN")


def resolve_line(catalogue: Catalogue, line: OrderLine) -> str | Problem | None:
    """Return the SKU of a goods line, a problem that names the line, or ``None`` for lines that are no goods."""
    if line.line_kind != "goods":
        return None
    found = catalogue.find(line.sku, line.ean)
    if isinstance(found, Problem):
        return Problem(
            found.code, found.reason, field=found.field, value=found.value, line_id=line.external_line_id
        )
    return found
