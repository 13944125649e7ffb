"""Finding the merchant's article: one unique hit or a problem, never a guess."""

import pytest

from order_pipelines.domain.matching import Article, Catalogue, resolve_line
from order_pipelines.domain.orders import OrderLine, Problem

_CATALOGUE = Catalogue(
    [
        Article("PAN-28", "high", ("8720999001018", "8720999101039")),
        Article("MOK-1", "high", ("012345678905",)),
        Article("00123", "low"),
        Article("456", "low"),
        Article("0456", "low"),
    ]
)


@pytest.mark.parametrize(
    ("sku", "ean", "found"),
    [
        ("PAN-28", None, "PAN-28"),
        ("PAN-28", "8720999001018", "PAN-28"),
        (None, "8720999101039", "PAN-28"),
        ("an old text", "8720999001018", "PAN-28"),
        ("PAN-28", "9999999999999", "PAN-28"),
        (None, "0012345678905", "MOK-1"),
        (None, "12345678905", "MOK-1"),
        ("123", None, "00123"),
        ("00123", None, "00123"),
        ("456", None, "456"),
        ("0456", None, "0456"),
    ],
)
def test_an_article_is_found_by_sku_or_ean(sku: str | None, ean: str | None, found: str) -> None:
    assert _CATALOGUE.find(sku, ean) == found


@pytest.mark.parametrize(
    ("sku", "ean", "code"),
    [
        (None, "8720999001025", "unknown_ean"),
        ("PAN-29", None, "unknown_sku"),
        ("PAN-29", "8720999001025", "unknown_ean"),
        (None, None, "unknown_sku"),
        ("PAN-28", "012345678905", "ambiguous_ean"),
        ("00456", None, "unknown_sku"),
        ("pan-28", None, "unknown_sku"),
        ("0", None, "unknown_sku"),
    ],
)
def test_what_is_not_one_article_is_a_problem(sku: str | None, ean: str | None, code: str) -> None:
    found = _CATALOGUE.find(sku, ean)
    assert isinstance(found, Problem)
    assert found.code == code


def test_a_problem_names_its_line_and_what_to_do() -> None:
    found = resolve_line(_CATALOGUE, OrderLine("7", ean="8720999001025"))
    assert found == Problem(
        "unknown_ean",
        "EAN 8720999001025 is in no product; add it to the product master and retry the quarantine",
        value="8720999001025",
        line_id="7",
    )


@pytest.mark.parametrize("kind", ["shipping", "fee", "discount", "manual", "rounding"])
def test_lines_that_are_no_goods_have_no_article(kind: str) -> None:
    assert resolve_line(_CATALOGUE, OrderLine("7", sku="PAN-28", line_kind=kind)) is None


def test_an_article_that_comes_later_is_known_from_then_on() -> None:
    catalogue = Catalogue([])
    assert catalogue.article("A") is None
    catalogue.add(Article("A", None, ("8720999001018",)))
    assert catalogue.find(None, "08720999001018") == "A"
    assert catalogue.article("A") == Article("A", None, ("8720999001018",))
