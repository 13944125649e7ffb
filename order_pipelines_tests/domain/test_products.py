"""The product master: contradictions are listed, and what can be used of an article stays usable."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.domain.products import MasterConflict, Product, check_master

CLASSES = {"high", "low"}
JACKET = Product("JAS-1", "Jas", ("8712345000011",), "high", "stuk", 900, Decimal("17.50"), "De Linde", row=2)
SCARF = Product("SJAAL-1", "Sjaal", ("8712345000042",), "high", row=3)


def test_a_master_without_contradictions_is_accepted_as_it_is() -> None:
    assert check_master([JACKET, SCARF], CLASSES) == ([JACKET, SCARF], [])


def test_an_ean_of_two_articles_belongs_to_neither() -> None:
    other = Product("JAS-2", "Jas 2", ("8712345000011", "8712345000059"), "high", row=4)
    accepted, conflicts = check_master([JACKET, SCARF, other], CLASSES)
    assert [(product.sku, product.eans) for product in accepted] == [
        ("JAS-1", ()),
        ("SJAAL-1", ("8712345000042",)),
        ("JAS-2", ("8712345000059",)),
    ]
    assert conflicts == [
        MasterConflict(
            "ambiguous_ean",
            "EAN 8712345000011 is on JAS-1, JAS-2; until one keeps it, orders that name only this EAN wait",
            None,
            "8712345000011",
            (2, 4),
        )
    ]


def test_the_same_ean_in_two_notations_is_one_ean() -> None:
    twelve = Product("A", "a", ("036000291452",), "high", row=2)
    thirteen = Product("B", "b", ("0036000291452",), "high", row=3)
    accepted, conflicts = check_master([twelve, thirteen], CLASSES)
    assert [product.eans for product in accepted] == [(), ()]
    assert [(conflict.code, conflict.ean) for conflict in conflicts] == [("ambiguous_ean", "0036000291452")]
    twice = Product("A", "a", ("036000291452", "0036000291452"), "high", row=2)
    assert check_master([twice], CLASSES)[0][0].eans == ("0036000291452",)


def test_an_ean_whose_check_digit_does_not_fit_is_dropped_and_its_article_stays() -> None:
    accepted, conflicts = check_master([Product("A", "a", ("8712345000012",), "high", row=7)], CLASSES)
    assert accepted == [Product("A", "a", (), "high", row=7)]
    assert conflicts == [
        MasterConflict(
            "unknown_ean",
            "A: '8712345000012' is no EAN, its check digit does not fit",
            "A",
            "8712345000012",
            (7,),
        )
    ]


def test_an_unknown_vat_class_is_unknown_and_never_the_high_one() -> None:
    accepted, conflicts = check_master([Product("A", "a", vat_class="21", row=7)], CLASSES)
    assert accepted[0].vat_class is None
    assert conflicts == [
        MasterConflict(
            "unknown_vat", "A: VAT class '21' is not in the settings; known are high, low", "A", None, (7,)
        )
    ]
    assert check_master([Product("A", "a", row=7)], CLASSES) == ([Product("A", "a", row=7)], [])


def test_one_sku_with_two_contents_is_left_out_and_a_repeated_row_changes_nothing() -> None:
    dearer = Product("JAS-1", "Jas", ("8712345000011",), "low", row=9)
    accepted, conflicts = check_master([JACKET, dearer, SCARF], CLASSES)
    assert accepted == [SCARF]
    assert conflicts == [
        MasterConflict(
            "duplicate_sku",
            "JAS-1 stands in the master 2 times with different contents; keep one",
            "JAS-1",
            None,
            (2, 9),
            is_left_out=True,
        )
    ]
    again = Product("SJAAL-1", "Sjaal", ("8712345000042",), "high", row=5)
    assert check_master([SCARF, again], CLASSES) == ([SCARF], [])


def test_skus_that_differ_only_in_case_are_two_articles() -> None:
    products = [Product("15056BL", "a", row=2), Product("15056bl", "b", row=3)]
    assert check_master(products, CLASSES) == (products, [])


def test_an_article_without_name_is_listed_and_stays() -> None:
    accepted, conflicts = check_master([Product("A", row=7)], CLASSES)
    assert accepted == [Product("A", row=7)]
    assert conflicts == [MasterConflict("missing_field", "A has no name", "A", None, (7,))]


PRODUCTS = st.builds(
    Product,
    sku=st.sampled_from(["A", "B", "C"]),
    name=st.sampled_from([None, "x"]),
    eans=st.lists(st.sampled_from(["8712345000011", "8712345000042", "8712345000012"]), max_size=3).map(
        tuple
    ),
    vat_class=st.sampled_from([None, "high", "odd"]),
)


@given(st.lists(PRODUCTS, max_size=6))
def test_what_is_accepted_has_no_contradiction_left(products: list[Product]) -> None:
    accepted, conflicts = check_master(products, CLASSES)
    skus = [product.sku for product in accepted]
    eans = [ean for product in accepted for ean in product.eans]
    left_out = {conflict.sku for conflict in conflicts if conflict.is_left_out}
    assert len(set(skus)) == len(skus)
    assert len(set(eans)) == len(eans)
    assert {product.sku for product in products} == {*skus, *left_out}
    again, remaining = check_master(accepted, CLASSES)
    assert again == accepted
    assert {conflict.code for conflict in remaining} <= {"missing_field"}
