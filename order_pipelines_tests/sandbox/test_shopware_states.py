"""State machines: what may follow what, what repeats without effect, and who gets a mail."""

import pytest

from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller, error

# From the contract's table. What leads where; a transition that is not named is refused, unless its end is reached.
ORDER = {
    "open": {"process": "in_progress", "cancel": "cancelled"},
    "in_progress": {"complete": "completed", "cancel": "cancelled"},
    "completed": {"reopen": "open"},
    "cancelled": {"reopen": "open"},
}
DELIVERY = {
    "open": {"ship": "shipped", "ship_partially": "shipped_partially", "cancel": "cancelled"},
    "shipped": {"retour": "returned", "retour_partially": "returned_partially", "cancel": "cancelled"},
    "shipped_partially": {
        "ship": "shipped",
        "retour": "returned",
        "retour_partially": "returned_partially",
        "cancel": "cancelled",
    },
    "returned": {"reopen": "open"},
    "cancelled": {"reopen": "open"},
}
WAY_THERE = {
    "order": {
        "open": (),
        "in_progress": ("process",),
        "completed": ("process", "complete"),
        "cancelled": ("cancel",),
    },
    "order_delivery": {
        "open": (),
        "shipped": ("ship",),
        "shipped_partially": ("ship_partially",),
        "returned": ("ship", "retour"),
        "cancelled": ("cancel",),
    },
}
ENDS = {
    "order": {"process": "in_progress", "complete": "completed", "cancel": "cancelled", "reopen": "open"},
    "order_delivery": {
        "ship": "shipped",
        "ship_partially": "shipped_partially",
        "retour": "returned",
        "retour_partially": "returned_partially",
        "cancel": "cancelled",
        "reopen": "open",
    },
}
CASES = [
    (machine, state, transition)
    for machine, table in (("order", ORDER), ("order_delivery", DELIVERY))
    for state in table
    for transition in ENDS[machine]
]


def row_of(shop: ShopwareCaller, machine: str, **wish: object) -> str:
    """The id of a fresh order, or of its delivery or payment."""
    order = shop.order(shop.buy(("KEU-1006", 1), **wish))
    if machine == "order":
        return str(order["id"])
    return str(order["deliveries" if machine == "order_delivery" else "transactions"][0]["id"])


@pytest.mark.parametrize(("machine", "state", "transition"), CASES)
def test_a_transition_leads_where_the_table_says_or_is_refused(
    webshop: ShopwareCaller, machine: str, state: str, transition: str
) -> None:
    row_id = row_of(webshop, machine)
    for step in WAY_THERE[machine][state]:
        assert webshop.move(machine, row_id, step, sendMail=False).status_code == 200
    table = ORDER if machine == "order" else DELIVERY
    reply = webshop.move(machine, row_id, transition, sendMail=False)
    if transition in table[state]:
        assert (reply.status_code, reply.json()["technicalName"]) == (200, table[state][transition])
    elif ENDS[machine][transition] == state:
        assert (reply.status_code, reply.json()["technicalName"]) == (200, state)
    else:
        told = error(reply)
        assert (reply.status_code, told["code"]) == (400, "SYSTEM__ILLEGAL_STATE_TRANSITION")
        parameters = told["meta"]["parameters"]
        assert sorted(parameters["possibleTransitions"]) == sorted(table[state])
        assert parameters["currentState"] not in ENDS[machine].values()


@pytest.mark.parametrize(
    ("state", "transition", "became"),
    [
        ("open", "paid", "paid"),
        ("open", "pay", "paid"),
        ("open", "paid_partially", "paid_partially"),
        ("open", "do_pay", "in_progress"),
        ("open", "process_unconfirmed", "unconfirmed"),
        ("open", "authorize", "authorized"),
        ("open", "remind", "reminded"),
        ("open", "fail", "failed"),
        ("reminded", "paid", "paid"),
        ("failed", "paid", "paid"),
        ("in_progress", "paid", "paid"),
        ("paid", "refund", "refunded"),
        ("paid", "refund_partially", "refunded_partially"),
        ("paid", "chargeback", "chargeback"),
        ("paid_partially", "refund", "refunded"),
        ("cancelled", "reopen", "open"),
        ("paid", "paid", "paid"),
        ("open", "refund", None),
        ("refunded", "paid", None),
    ],
)
def test_a_payment_goes_from_state_to_state(
    webshop: ShopwareCaller, state: str, transition: str, became: str | None
) -> None:
    row_id = row_of(webshop, "order_transaction", payments=[state])
    reply = webshop.move("order_transaction", row_id, transition)
    if became is None:
        assert error(reply)["code"] == "SYSTEM__ILLEGAL_STATE_TRANSITION"
        assert webshop.state()["mails"] == []
    else:
        assert (reply.status_code, reply.json()["technicalName"]) == (200, became)
    shown = webshop.state()["orders"][0]["transactions"][0]["state"]
    assert shown == (became or state)


def test_open_cannot_become_completed_at_once_and_the_refusal_names_the_state_by_id(
    webshop: ShopwareCaller,
) -> None:
    order = webshop.order(webshop.buy(("KEU-1006", 1)))
    told = error(webshop.move("order", order["id"], "complete"))
    assert told == {
        "status": "400",
        "code": "SYSTEM__ILLEGAL_STATE_TRANSITION",
        "title": "Bad Request",
        "detail": f'Illegal transition "complete" from state "{order["stateId"]}". '
        "Possible transitions are: process, cancel",
        "meta": {
            "parameters": {
                "transition": "complete",
                "currentState": order["stateId"],
                "possibleTransitionsString": "process, cancel",
                "possibleTransitions": ["process", "cancel"],
            }
        },
    }


def test_the_customer_gets_a_mail_unless_told_otherwise(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1006", 1)))
    webshop.move("order", order["id"], "process")
    webshop.move("order", order["id"], "complete", sendMail=False)
    webshop.move("order_delivery", order["deliveries"][0]["id"], "ship", sendMail=True)
    path = f"/api/_action/order_delivery/{order['deliveries'][0]['id']}/state/retour"
    webshop.call("POST", path, headers={"sw-skip-trigger-flow": "1"})
    # A repetition changes nothing, and nobody hears of it.
    webshop.move("order_delivery", order["deliveries"][0]["id"], "retour")
    mails = webshop.state()["mails"]
    assert [(mail["kind"], mail["order_id"]) for mail in mails] == [
        ("order.in_progress", order["id"]),
        ("order_delivery.shipped", order["id"]),
    ]
    assert mails[0]["to"] == order["orderCustomer"]["email"]


def test_cancelling_an_order_leaves_its_payment_and_its_delivery(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    webshop.move("order", order_id, "cancel")
    (shown,) = webshop.state()["orders"]
    assert (shown["state"], shown["deliveries"][0]["state"], shown["transactions"][0]["state"]) == (
        "cancelled",
        "open",
        "paid",
    )


def test_what_may_follow_can_be_asked(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    reply = webshop.call("GET", f"/api/_action/state-machine/order/{order_id}/state")
    listed = [
        (row["actionName"], row["fromStateName"], row["toStateName"]) for row in reply.json()["transitions"]
    ]
    assert listed == [("process", "open", "in_progress"), ("cancel", "open", "cancelled")]
    assert reply.json()["transitions"][0]["url"].endswith(
        f"/api/_action/state-machine/order/{order_id}/state/process"
    )
    assert webshop.call("GET", f"/api/_action/state-machine/order/{'0' * 32}/state").status_code == 400
    assert webshop.call("GET", f"/api/_action/state-machine/nothing/{order_id}/state").status_code == 404


def test_nothing_to_move_is_refused(webshop: ShopwareCaller) -> None:
    for machine in ("order", "order_delivery", "order_transaction"):
        reply = webshop.move(machine, "0" * 32, "cancel")
        assert (reply.status_code, error(reply)["code"]) == (400, "SYSTEM__STATE_MACHINE_INVALID_ENTITY_ID")


def test_a_change_of_a_delivery_or_payment_leaves_the_orders_own_time(
    webshop: ShopwareCaller, clock: StandingClock
) -> None:
    order = webshop.order(webshop.buy(("KEU-1006", 1), payments=["open"]))
    clock.advance(60)
    webshop.move("order_delivery", order["deliveries"][0]["id"], "ship")
    webshop.move("order_transaction", order["transactions"][0]["id"], "paid")
    after = webshop.order(order["id"])
    assert after["updatedAt"] is None
    assert after["deliveries"][0]["updatedAt"] == "2026-11-18T09:31:15.000+00:00"
    assert after["transactions"][0]["updatedAt"] == "2026-11-18T09:31:15.000+00:00"
    # Other versions of Shopware do touch it.
    webshop.sandbox.shopware.shop("webshop").child_changes_touch_the_order = True
    clock.advance(60)
    webshop.move("order_delivery", order["deliveries"][0]["id"], "retour")
    assert webshop.order(order["id"])["updatedAt"] == "2026-11-18T09:32:15.000+00:00"


def test_an_orders_own_transition_moves_its_time(webshop: ShopwareCaller, clock: StandingClock) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    clock.advance(60)
    webshop.move("order", order_id, "process")
    assert webshop.order(order_id)["updatedAt"] == "2026-11-18T09:31:15.000+00:00"


def test_the_administration_can_do_the_same(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1), payments=["failed", "open"], shipping_discount="4.95")
    done = [
        webshop.act(order_id, action) for action in ("pay", "process", "ship", "return", "refund", "complete")
    ]
    assert [one["state"] for one in done] == [
        "paid",
        "in_progress",
        "shipped",
        "returned",
        "refunded",
        "completed",
    ]
    (order,) = webshop.state()["orders"]
    # The newest payment, and the delivery with goods in it.
    assert [row["state"] for row in order["transactions"]] == ["failed", "refunded"]
    assert {row["shipping_costs"]: row["state"] for row in order["deliveries"]} == {
        4.95: "returned",
        -4.95: "open",
    }
    assert webshop.act(order_id, "reopen") == {"done": True, "state": "open"}
    assert webshop.act(order_id, "cancel", send_mail=False) == {"done": True, "state": "cancelled"}
