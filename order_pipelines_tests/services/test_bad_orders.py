"""Orders that cannot be right: a reason for a person, stock for the known lines, no money, and the rest goes on."""

from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines.operations.tables import product_eans
from order_pipelines.services.again import retry_quarantine
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

UNKNOWN_EAN = "8719999770017"


def _nothing_was_invoiced_or_sent(world: ShopWorld) -> None:
    plan_all(world.shop)
    dispatch_all(world.shop)
    assert world.rows("invoice_orders") == []
    assert world.rows("outbox") == []
    assert world.entries() == []
    assert world.writes() == []


def _spoiled(**malform: Any) -> dict[str, Any]:
    return {"malform": malform}


_BAD = {
    "missing field": (_spoiled(missing=["orderItems.0.quantity"]), "missing_field", "orderItems[0].quantity"),
    "renamed field": (
        _spoiled(renamed={"orderItems.0.unitPrice": "pricePerUnit"}),
        "missing_field",
        "orderItems[0].unitPrice",
    ),
    "negative quantity": (
        _spoiled(replaced={"orderItems.0.quantity": -3}),
        "negative_quantity",
        "orderItems[0].quantity",
    ),
    "absurd quantity": (
        _spoiled(replaced={"orderItems.0.quantity": 40_000}),
        "absurd_quantity",
        "higher than any believable order",
    ),
    "total differs from its line": (
        _spoiled(replaced={"orderItems.0.totalPrice": 1.0}),
        "total_differs",
        "quantity times price",
    ),
    "order of tomorrow": (
        _spoiled(replaced={"orderPlacedDateTime": "2031-01-01T10:00:00+01:00"}),
        "future_order",
        "dated in the future",
    ),
    "no date": (_spoiled(missing=["orderPlacedDateTime"]), "missing_field", "orderPlacedDateTime"),
    "unknown country": (
        _spoiled(replaced={"shipmentDetails.countryCode": "XX"}),
        "unknown_country",
        "country is no ISO 3166 code",
    ),
    "country in words": (
        _spoiled(replaced={"shipmentDetails.countryCode": "Nederland"}),
        "unknown_country",
        "country is no ISO 3166 code",
    ),
    "number as text": (
        _spoiled(replaced={"orderItems.0.unitPrice": "39,95"}),
        "wrong_type",
        "orderItems[0].unitPrice",
    ),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_order_waits_with_a_reason_and_its_good_line_takes_stock(
    sqlite_world: ShopWorld, name: str
) -> None:
    world = sqlite_world
    wish, code, sentence = _BAD[name]
    bad = world.buy(("KEU-1002", 2), ("KEU-1004", 3), **wish)
    good = world.buy(("KEU-1001", 1))
    world.act(bad, "ship")

    sweep = world.sweep()

    assert (sweep.problem, sweep.failed) == (None, 0)
    assert world.order(bad).is_quarantined
    reasons = world.reasons(bad)
    assert sentence in reasons[code], reasons
    assert code in world.order(bad).quarantine_reasons
    assert not world.order(good).is_quarantined
    assert world.demand("KEU-1001") == 1
    # The known line: sold, then shipped by the merchant at bol.
    assert world.position("KEU-1004") == (51, 0)
    _nothing_was_invoiced_or_sent(world)
    world.assert_ledger_adds_up()


def test_an_unknown_article_keeps_its_order_waiting_until_the_master_knows_it(world: ShopWorld) -> None:
    order_id = world.buy((UNKNOWN_EAN, 1), ("KEU-1004", 2))
    world.sweep()

    assert list(world.reasons(order_id)) == ["unknown_ean"]
    assert UNKNOWN_EAN in world.reasons(order_id)["unknown_ean"]
    assert world.position("KEU-1004") == (54, 2)
    _nothing_was_invoiced_or_sent(world)

    world.add_products([("TROMMEL", "high", [UNKNOWN_EAN])])
    booked = retry_quarantine(world.shop)

    assert booked.orders_changed == 1
    assert not world.order(order_id).is_quarantined
    assert world.reasons(order_id) == {}
    assert world.position("TROMMEL") == (0, 1)
    assert world.position("KEU-1004") == (54, 2)


def test_a_retry_looks_at_the_newest_version_of_a_quarantined_order(world: ShopWorld) -> None:
    """The order changed twice while it waited; the row in quarantine still names the first body."""
    order_id = world.buy((UNKNOWN_EAN, 3), ("KEU-1004", 2))
    world.sweep()
    world.pass_time(minutes=2)
    world.act(order_id, "request_cancel")
    world.sweep()
    first_seen = world.row("quarantine").first_seen_at
    world.pass_time(minutes=2)
    world.act(order_id, "cancel", sku="KEU-1004")
    world.sweep()
    assert world.row("quarantine").first_seen_at == first_seen

    world.add_products([("TROMMEL", "high", [UNKNOWN_EAN])])
    retry_quarantine(world.shop, MAIN)

    assert not world.order(order_id).is_quarantined
    assert world.position("TROMMEL") == (0, 3)
    assert world.position("KEU-1004") == (54, 0)


def test_a_retry_that_changes_nothing_leaves_the_age_of_what_waits(world: ShopWorld) -> None:
    order_id = world.buy((UNKNOWN_EAN, 1))
    world.sweep()
    before = (world.rows("quarantine"), world.change_seq())
    world.pass_time(hours=2)
    retry_quarantine(world.shop)

    assert (world.rows("quarantine"), world.change_seq()) == before
    assert world.order(order_id).is_quarantined


def test_an_article_with_two_names_is_not_guessed(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 1))
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(product_eans).where(product_eans.c.sku == "KEU-1001").values(sku="KEU-1002")
        )
        connection.exec_driver_sql("update products set change_seq = change_seq + 1000")
    world.sweep()

    assert list(world.reasons(order_id)) == ["ambiguous_ean"]
    assert world.demand("KEU-1001") == world.demand("KEU-1002") == 0


def test_an_order_that_bol_mends_leaves_quarantine_by_itself(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 2), malform={"missing": ["orderItems.0.quantity"]})
    world.sweep()
    assert world.reasons(order_id).keys() == {"missing_field"}
    assert world.demand("KEU-1001") == 0

    world.pass_time(minutes=2)
    world.act(order_id, "repair")
    world.sweep()
    assert world.reasons(order_id) == {}
    assert world.demand("KEU-1001") == 2


_POISON: dict[str, dict[str, Any]] = {
    "a NUL in a title": {"orderItems.0.product.title": "pan\u0000nenkoek"},
    "a NUL in a reference": {"orderItems.0.offer.reference": "KEU\u00001002"},
    "a NUL in an id": {"orderItems.0.orderItemId": "12\u000034"},
    "the last date there is": {"orderPlacedDateTime": "9999-12-31T23:59:59Z"},
    "the first date there is": {"orderPlacedDateTime": "0001-01-01T00:00:00Z"},
    "a change before time began": {"orderItems.0.latestChangedDateTime": "0001-01-01T00:00:00Z"},
    "a change after time ended": {"orderItems.0.latestChangedDateTime": "9999-12-31T23:59:59Z"},
    "more money than there is": {
        "orderItems.0.quantity": 2_147_483_647,
        "orderItems.0.unitPrice": 999_999_999,
        "orderItems.0.totalPrice": 10,
    },
    "a total beyond the column": {
        "orderItems.0.quantity": 2_147_483_647,
        "orderItems.0.unitPrice": 999_999_999,
        "orderItems.0.totalPrice": None,
    },
    "a very long reference": {"orderItems.0.offer.reference": "R" * 5_000},
    "a very long country": {"shipmentDetails.countryCode": "N" * 5_000},
    "a very long line id": {"orderItems.0.orderItemId": "9" * 5_000},
    "a price with many decimals": {"orderItems.0.unitPrice": 12.345678901},
    "another order's id": {"orderId": "X" * 5_000},
}


def test_poisonous_orders_stop_no_other(world: ShopWorld) -> None:
    """All of them in one sweep, each between good ones: what cannot be booked is found by halves and set aside."""
    good, bad = [world.buy(("KEU-1001", 1))], {}
    for name, replaced in _POISON.items():
        bad[name] = world.buy(("KEU-1002", 2), ("KEU-1004", 3), malform={"replaced": replaced})
        good.append(world.buy(("KEU-1001", 1)))

    sweep = world.sweep()

    assert sweep.problem is None
    assert all(not world.order(order_id).is_quarantined for order_id in good)
    assert world.demand("KEU-1001") == len(good) == 15
    states = {row.external_id: row.state for row in world.rows("receipts")}
    reasons = {row.receipt_seq for row in world.rows("quarantine")}
    healthy = {"a NUL in a title", "a NUL in a reference", "a very long reference"}
    for name, order_id in bad.items():
        receipt = world.row("receipts", external_id=order_id)
        assert states[order_id] in {"interpreted", "rejected"}, name
        known = world.rows("orders", receipt_seq=receipt.receipt_seq)
        assert known or receipt.receipt_seq in reasons, name
        if name in healthy:
            assert not known[0].is_quarantined, name
    assert world.sweep().problem is None
    world.assert_ledger_adds_up()


def test_what_cannot_be_booked_is_named_and_can_be_tried_again(world: ShopWorld) -> None:
    bad = world.buy(("KEU-1002", 2), malform={"replaced": {"orderId": "X" * 5_000}})
    world.sweep()
    again = [world.buy(("KEU-1001", 1))]
    retry_quarantine(world.shop)
    world.sweep()

    assert world.order(again[0]).order_status == "open"
    for row in world.rows("quarantine"):
        assert row.entity_key.startswith(f"{MAIN}:")
        assert row.resolved_at is None
    assert bad in {row.external_id for row in world.rows("receipts")}
