"""The facts that people ask of an order."""

from datetime import UTC, datetime
from decimal import Decimal

from order_pipelines.domain.orders import Buyer, Order, OrderLine, Problem, order_facts

_ORDER = Order(
    "A2K8290LP8",
    "bol",
    order_number="A2K8290LP8",
    ordered_at=datetime(2026, 11, 16, 8, tzinfo=UTC),
    currency="EUR",
    ship_country="NL",
    buyer=Buyer(name="Joke de Vries"),
    lines=(
        OrderLine(
            "1",
            sku="PAN",
            ean="8720999001018",
            quantity=3,
            quantity_cancelled=1,
            unit_price_incl_vat=Decimal("12.1"),
            line_total_incl_vat=Decimal("36.3"),
            vat_rate=Decimal("21.00"),
        ),
        OrderLine("2", ean="8720999001025", quantity=1, own_fulfilment=False),
        OrderLine("3", ean="8720999001032", quantity=2),
        OrderLine("4", quantity=1, line_kind="shipping", quantity_cancelled=1),
    ),
    shipping_cost_incl_vat=Decimal(0),
    must_flag=("cancellation_requested",),
    problems=(Problem("unknown_ean", "…"),),
)


def test_the_facts_are_ready_for_json_with_money_as_text() -> None:
    facts = order_facts(_ORDER)
    assert facts["ordered_at"] == "2026-11-16T08:00:00Z"
    assert facts["shipping_cost_incl_vat"] == "0.00"
    assert facts["order_total_incl_vat"] is None
    assert facts["must_flag"] == ["cancellation_requested", "unknown_ean"]
    assert facts["buyer"]["name"] == "Joke de Vries"
    assert facts["buyer"]["email"] is None
    first = facts["lines"][0]
    assert (first["unit_price_incl_vat"], first["line_total_incl_vat"], first["vat_rate"]) == (
        "12.10",
        "36.30",
        "21",
    )
    assert "row" not in first


def test_stock_moves_for_own_goods_that_are_not_cancelled() -> None:
    assert _ORDER.stock_effect() == {"PAN": -2, "ean:8720999001032": -2}


def test_an_order_that_names_no_article_has_no_known_effect() -> None:
    assert Order("1", "bol", lines=(OrderLine("1", quantity=2),)).stock_effect() is None
    assert Order("1", "bol").stock_effect() is None
    bols = Order("1", "bol", lines=(OrderLine("1", sku="A", quantity=2, own_fulfilment=False),))
    assert bols.stock_effect() == {}


def test_sums_count_goods_and_stay_unknown_where_nothing_is_said() -> None:
    assert _ORDER.cancelled_quantity_total() == 1
    assert _ORDER.refunded_quantity_total() is None


def test_prices_keep_the_decimals_that_are_there() -> None:
    line = OrderLine("1", unit_price_excl_vat=Decimal("0.12340"), vat_rate=Decimal("5.5"), row=3)
    (facts,) = order_facts(Order("1", "b2b", lines=(line,)))["lines"]
    assert (facts["unit_price_excl_vat"], facts["vat_rate"], facts["row"]) == ("0.1234", "5.5", 3)
