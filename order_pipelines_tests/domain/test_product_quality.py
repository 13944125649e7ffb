"""The score of the product master: each rule by typed-in cases, and what must hold for every master."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_pipelines.domain.product_quality import RULES, FieldScore, Quality, judge_master
from order_pipelines.domain.products import Details, Product

GOOD_DETAILS = Details(
    short_description="Warme winterjas van katoen",
    long_description="Een jas van gewassen katoen met een uitneembare voering, vier zakken en een ritssluiting.",
    weight_unit="g",
    attributes=(("kleur", "rood"),),
    category="jassen",
    related_skus=("ANDER",),
    photo_urls=("https://foto.example/1.jpg", "https://foto.example/2.jpg"),
    stock_status="Op voorraad",
    supplier_email="inkoop@delinde.example",
    order_multiple=6,
)
GOOD = Product(
    "JAS-1", "Winterjas rood", ("8712345000011",), "high", "stuk", 900, None, "De Linde", details=GOOD_DETAILS
)
OTHER = Product("ANDER")
FIELDS = [name for name, _, _ in RULES]


def _field(quality: Quality, name: str) -> FieldScore:
    (found,) = [one for one in quality.fields if one.name == name]
    return found


def _why(product: Product, name: str, **required: tuple[str, ...]) -> str:
    """Why a product's field is not good; ``good`` when it is."""
    score = _field(judge_master([product], required_attributes=required), name)
    return score.examples[0].why if score.examples else "good"


def _with(**details: object) -> Product:
    return replace(GOOD, details=replace(GOOD_DETAILS, related_skus=(), **details))  # type: ignore[arg-type]


def test_a_product_that_has_everything_scores_a_hundred_in_every_field() -> None:
    quality = judge_master(
        [
            GOOD,
            replace(
                GOOD,
                sku="ANDER",
                eans=("8712345000042",),
                details=replace(GOOD_DETAILS, related_skus=("JAS-1",)),
            ),
        ]
    )
    assert {one.name: one.score for one in quality.fields} == {name: Decimal("100.0") for name in FIELDS}
    assert quality.score == Decimal("100.0")


def test_the_weights_are_a_hundred_together() -> None:
    assert sum(weight for _, weight, _ in RULES) == 100


def test_a_product_of_which_nothing_is_said_scores_nothing() -> None:
    quality = judge_master([Product("LEEG-1")])
    assert {one.name: (one.filled, one.good) for one in quality.fields} == dict.fromkeys(FIELDS, (0, 0))
    assert quality.score == Decimal("0.0")


def test_no_products_have_no_score() -> None:
    quality = judge_master([])
    assert quality.score is None
    assert {one.score for one in quality.fields} == {None}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Winterjas rood", "good"),
        ("Bosch accuboormachine GSR 12V", "good"),
        ("jas-1", "name_is_sku"),
        ("JAS 1", "name_is_sku"),
        ("8712345000011", "name_is_ean"),
        ("8712345000042", "name_is_ean"),
        ("Jas", "name_too_short"),
        ("J" + "a" * 255, "name_too_long"),
        ("J" + "a" * 254, "good"),
        ("WJ-2201 RD XL", "name_like_code"),
        ("WINTERJAS ROOD", "good"),
        ("Xyz bdf-ghj", "good"),
        ("bdfg hjkl", "name_without_word"),
        ("12 34 56", "name_like_code"),
        ("", "empty"),
        ("   ", "empty"),
    ],
)
def test_a_name_is_judged_as_a_shopper_reads_it(name: str, why: str) -> None:
    assert _why(replace(GOOD, name=name), "name") == why


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"short_description": "Winterjas  ROOD"}, "short_description", "text_is_name"),
        ({"short_description": "Warme jas"}, "short_description", "text_too_short"),
        ({"short_description": None}, "short_description", "empty"),
        ({"long_description": "Winterjas rood"}, "long_description", "text_is_name"),
        ({"long_description": "Een jas van katoen."}, "long_description", "text_too_short"),
        ({"short_description": "x" * 300}, "long_description", "text_shorter_than_short"),
        ({"weight_unit": None}, "weight", "weight_unit_unknown"),
        ({"attributes": (("kleur", ""),)}, "attributes", "attribute_without_value"),
        ({"attributes": ()}, "attributes", "empty"),
        ({"photo_urls": ("https://foto.example/1.jpg",)}, "photos", "photos_too_few"),
        ({"photo_urls": ("https://foto.example/1.jpg", "foto2.jpg")}, "photos", "photo_address_wrong"),
        ({"photo_urls": ("ftp://foto.example/1", "http://[half")}, "photos", "photo_address_wrong"),
        ({"stock_status": "misschien"}, "stock_status", "stock_status_unknown"),
        ({"stock_status": "OUT-OF-STOCK"}, "stock_status", "good"),
        ({"supplier_email": "inkoop@linde"}, "supplier_email", "email_wrong"),
        ({"supplier_email": "a b@linde.example"}, "supplier_email", "email_wrong"),
        ({"order_multiple": 0}, "order_multiple", "multiple_zero"),
        ({"order_multiple": 1}, "order_multiple", "good"),
    ],
)
def test_a_detail_that_helps_nobody_is_bad(changes: dict[str, object], field: str, why: str) -> None:
    assert _why(_with(**changes), field) == why


@pytest.mark.parametrize(
    ("grams", "why"), [(None, "empty"), (0, "weight_zero"), (200_001, "weight_implausible"), (1, "good")]
)
def test_a_weight_is_above_zero_and_believable(grams: int | None, why: str) -> None:
    assert _why(replace(GOOD, weight_grams=grams), "weight") == why


def test_relations_lead_to_other_products_that_exist() -> None:
    def related(*skus: str) -> Product:
        return replace(GOOD, details=replace(GOOD_DETAILS, related_skus=skus))

    assert _why(related("JAS-1"), "relations") == "related_to_itself"
    assert _why(related("WEG-9"), "relations") == "related_unknown"
    assert _field(judge_master([related("ANDER"), OTHER]), "relations").good == 1


def test_a_category_asks_for_its_own_attributes() -> None:
    assert _why(GOOD, "attributes", Jassen=("Kleur", "Maat")) == "attribute_missing"
    assert _why(GOOD, "attributes", Jassen=("Kleur",)) == "good"
    assert _why(GOOD, "attributes", Pannen=("Maat",)) == "good"


def test_an_ean_is_valid_and_of_one_product_only() -> None:
    assert _why(replace(GOOD, eans=("8712345000012",)), "ean") == "ean_wrong"
    quality = judge_master([GOOD, replace(GOOD, sku="JAS-2")])
    assert [(one.sku, one.why) for one in _field(quality, "ean").examples] == [
        ("JAS-1", "ean_shared"),
        ("JAS-2", "ean_shared"),
    ]


def test_at_most_five_examples_are_kept_bad_ones_first() -> None:
    empty = [Product(f"LEEG-{number}") for number in range(7)]
    score = _field(judge_master([*empty, replace(GOOD, name="AB-1")]), "name")
    assert [(one.sku, one.why) for one in score.examples] == [
        ("JAS-1", "name_too_short"),
        ("LEEG-0", "empty"),
        ("LEEG-1", "empty"),
        ("LEEG-2", "empty"),
        ("LEEG-3", "empty"),
    ]
    assert (score.products, score.filled, score.good, score.bad) == (8, 1, 0, 1)


def test_no_address_of_a_supplier_is_an_example() -> None:
    score = _field(judge_master([_with(supplier_email="piet@persoon")]), "supplier_email")
    assert [(one.why, one.detail) for one in score.examples] == [("email_wrong", "")]


_texts = st.text(max_size=40) | st.none()
_details = st.builds(
    Details,
    short_description=_texts,
    long_description=_texts,
    weight_unit=st.sampled_from(["g", "kg", None]),
    attributes=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple),
    category=_texts,
    related_skus=st.lists(st.sampled_from(["P0", "P1", "P9"]), max_size=2).map(tuple),
    photo_urls=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    stock_status=_texts,
    supplier_email=_texts,
    order_multiple=st.integers(-1, 3) | st.none(),
)
_masters = st.lists(
    st.builds(
        Product,
        sku=st.just(""),
        name=_texts,
        eans=st.lists(st.sampled_from(["8712345000011", "8712345000042", "1"]), max_size=2).map(tuple),
        vat_class=st.sampled_from(["high", None]),
        weight_grams=st.integers(0, 300_000) | st.none(),
        supplier=_texts,
        details=_details,
    ),
    min_size=2,
    max_size=4,
).map(lambda rows: [replace(row, sku=f"P{number}") for number, row in enumerate(rows)])


@settings(max_examples=150)
@given(_masters)
def test_scores_stay_between_nothing_and_a_hundred(products: list[Product]) -> None:
    quality = judge_master(products)
    for one in quality.fields:
        assert 0 <= one.good <= one.filled <= one.products == len(products)
        assert one.score is not None
        assert 0 <= one.score <= 100
        assert len(one.examples) == min(5, one.products - one.good)
    assert quality.score is not None
    assert 0 <= quality.score <= 100


@settings(max_examples=150)
@given(_masters, st.integers(0, 3), st.sampled_from(FIELDS))
def test_filling_in_a_good_value_never_lowers_any_score(products: list[Product], at: int, field: str) -> None:
    at %= len(products)
    old = products[at]
    if field == "long_description" and len(old.details.short_description or "") > 40:
        return
    better = _filled(old, field, at, products[at - 1].sku)
    before = judge_master(products)
    after = judge_master([*products[:at], better, *products[at + 1 :]])
    assert _field(after, field).good >= _field(before, field).good
    assert better.sku not in {example.sku for example in _field(after, field).examples}
    assert after.score is not None
    assert before.score is not None
    if field not in {"name", "short_description"}:
        # Another name or short text may become what a description was compared with.
        assert after.score >= before.score


OWN_EANS = ("8712345000059", "8712345000066", "8712345000073", "8712345000080")


def _filled(product: Product, field: str, at: int, other: str) -> Product:
    """Return the product with a good value of its own in one field; ``other`` is a product beside it."""
    details = product.details
    own = {
        "name": lambda: replace(product, name="Winterjas rood"),
        "ean": lambda: replace(
            product, eans=(("8712345000059", "8712345000066", "8712345000073", "8712345000080")[at],)
        ),
        "vat_class": lambda: replace(product, vat_class="high"),
        "supplier": lambda: replace(product, supplier="De Linde"),
        "weight": lambda: replace(product, weight_grams=900, details=replace(details, weight_unit="g")),
        "relations": lambda: replace(product, details=replace(details, related_skus=(other,))),
    }
    if field in own:
        return own[field]()
    names = {"photos": "photo_urls"}
    name = names.get(field, field)
    return replace(product, details=replace(details, **{name: getattr(GOOD_DETAILS, name)}))
