"""Positions of types that Shopware itself does not have: those of plugins, and those that say none."""

from typing import Any

from order_pipelines_tests.connectors.shopware.recordings import changed, read

PROMOTION = "order_promotion_and_free_shipping"


def _of_type(position: str, kind: str | None) -> Any:
    def change(order: dict[str, Any]) -> None:
        (item,) = [item for item in order["lineItems"] if item["label"].startswith(position)]
        if kind is None:
            del item["type"]
        else:
            item["type"] = kind

    return change


def test_goods_of_a_plugin_are_read_and_shown_to_a_person() -> None:
    order = read(changed(PROMOTION, _of_type("Koekenpan", "customized-products")))
    assert order.problems == ()
    assert order.must_flag == ("unknown_line_type",)
    assert order.stock_effect() == {"KEU-1001": -2, "BOEK-7": -1}


def test_what_takes_money_off_in_a_way_nobody_knows_keeps_its_order_waiting() -> None:
    order = read(changed(PROMOTION, _of_type("Welkom", "loyalty-points")))
    assert [(problem.code, problem.value) for problem in order.problems] == [
        ("unknown_state", "loyalty-points")
    ]
    assert order.order_discounts is None
    assert order.stock_effect() == {"KEU-1001": -2, "BOEK-7": -1}


def test_without_its_type_a_promotion_is_no_discount_of_nothing() -> None:
    order = read(changed(PROMOTION, _of_type("Welkom", None)))
    assert [problem.code for problem in order.problems] == ["missing_field"]
    assert order.order_discounts is None
