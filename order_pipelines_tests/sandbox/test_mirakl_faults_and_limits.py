"""Misbehaviour of the Mirakl stand-in, ordered through the control port, and how often each operation may be called."""

import json
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from order_pipelines.sandbox import server
from order_pipelines.sandbox.mirakl.routes import ROUTES
from order_pipelines.sandbox.mirakl.standin import MiraklStandIn
from order_pipelines.sandbox.mirakl.verbs import ACTIONS
from order_pipelines.sandbox.mirakl.wish import LINE_MEMBERS, ORDER_MEMBERS
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.mirakl_caller import MiraklCaller

SKU = "KEU-1001"
README = Path(server.__file__).with_name("README.md")
CALLS = [(route.code, route.method, route.path.replace("{", "").replace("}", "")) for route in ROUTES]


@pytest.mark.parametrize(("code", "method", "path"), CALLS, ids=[code for code, *_ in CALLS])
def test_no_call_is_answered_without_a_good_key_and_each_fault_strikes_each_call(
    blokker: MiraklCaller, code: str, method: str, path: str
) -> None:
    path = path.removeprefix("/api")
    for header in (None, "Bearer x"):
        assert blokker.call(method, path, headers={"Authorization": header}).status_code == 401
    for kind in ("401", "403", "404", "429", "500", "502", "503", "504"):
        blokker.fault(kind, match=path, method=method)
        reply = blokker.call(method, path)
        assert (reply.status_code, reply.json()["status"]) == (int(kind), int(kind))
    assert blokker.state()["calls"] == {}


def test_unknown_paths_and_methods_are_refused(blokker: MiraklCaller) -> None:
    assert blokker.get("/nothing").status_code == 404
    assert blokker.call("DELETE", "/orders").status_code == 405


def test_a_suspended_shop_and_a_page_of_maintenance(blokker: MiraklCaller) -> None:
    blokker.fault("403")
    assert blokker.get("/orders").json() == {"message": "The shop is suspended", "status": 403}
    blokker.fault("html_error")
    reply = blokker.get("/orders")
    assert (reply.status_code, reply.headers["Content-Type"]) == (503, "text/html;charset=UTF-8")
    assert reply.text.startswith("<html>")


def test_a_429_comes_with_and_without_retry_after(blokker: MiraklCaller) -> None:
    blokker.fault("429", seconds=37)
    told = blokker.get("/orders")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "37")
    assert told.json() == {"message": "Too Many Requests", "status": 429}
    blokker.fault("429_without_retry_after")
    untold = blokker.get("/orders")
    assert (untold.status_code, "Retry-After" in untold.headers) == (429, False)


def test_orders_are_listed_once_a_minute_however_many_pages(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    for _ in range(3):
        blokker.buy((SKU, 1))
    assert blokker.get("/orders", max=1).status_code == 200
    assert [blokker.get("/orders", max=1, offset=offset).status_code for offset in (1, 2)] == [200, 200]
    blokker.wait(10)
    late = blokker.get("/orders", max=1)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "50")
    assert second.get("/orders").status_code == 200
    blokker.wait(50)
    assert blokker.get("/orders").status_code == 200
    assert blokker.state()["refused_by_frequency"] == {"OR11": 1}


def test_each_operation_has_a_frequency_of_its_own(blokker: MiraklCaller) -> None:
    first = blokker.push_stock(f"{SKU};1;;").json()["import_id"]
    again = blokker.push_stock(f"{SKU};2;;")
    assert (again.status_code, again.headers["Retry-After"]) == (429, "60")
    assert len(blokker.state()["imports"]) == 1
    status = f"/offers/stock/imports/{first}/status"
    assert [blokker.get(status).status_code for _ in range(2)] == [200, 429]
    blokker.wait(15)
    assert blokker.get(status).status_code == 200
    assert [blokker.get("/returns").status_code for _ in range(2)] == [200, 429]
    assert [blokker.get("/account").status_code for _ in range(25)] == [200] * 24 + [429]
    logs = [blokker.get("/sellerpayment/transactions_logs").status_code for _ in range(21)]
    assert logs == [200] * 20 + [429]


def test_relaxed_limits_are_a_thousand_times_as_wide_and_imports_are_quick() -> None:
    with Sandbox(0, relaxed=True, clock=StandingClock()) as sandbox:
        caller = MiraklCaller(sandbox, "blokker")
        assert caller.row["limits"] == "relaxed: 1000 x the real ones"
        assert [caller.get("/orders").status_code for _ in range(5)] == [200] * 5
        import_id = caller.push_stock(f"{SKU};1;;").json()["import_id"]
        caller.wait(0.5)
        assert caller.get(f"/offers/stock/imports/{import_id}/status").json()["status"] == "COMPLETE"


def test_latency_and_a_hang_do_nothing_to_the_others(blokker: MiraklCaller, second: MiraklCaller) -> None:
    blokker.fault("latency", seconds=0.2, account="blokker")
    reply = blokker.get("/orders")
    assert (reply.status_code, reply.elapsed >= timedelta(seconds=0.2)) == (200, True)
    order_id = blokker.buy((SKU, 1))
    blokker.fault("hang", method="PUT", account="blokker")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.put(
            f"{blokker.base_url}/api/orders/{order_id}/cancel",
            headers={"Authorization": blokker.key},
            timeout=0.3,
        )
    assert second.get("/orders").status_code == 200
    assert blokker.order_state(order_id) == "WAITING_ACCEPTANCE"


def test_a_dropped_reply_leaves_the_deed_done(blokker: MiraklCaller) -> None:
    order_id = blokker.shipped_order((SKU, 1))
    blokker.fault("drop_reply_after_acting", match="/orders/refund")
    with pytest.raises(requests.exceptions.ConnectionError):
        blokker.refund(f"{order_id}-1", 5)
    (write,) = blokker.state()["writes"]
    assert (write["status"], write["reply_dropped"]) == (200, True)
    assert [one["amount"] for one in blokker.state()["refunds"]] == ["5"]


def test_a_truncated_body_breaks_off(blokker: MiraklCaller) -> None:
    blokker.fault("truncate_body")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        blokker.get("/account")
    blokker.fault("truncate_body", detail={"honest_length": True})
    with pytest.raises(requests.exceptions.JSONDecodeError):
        blokker.get("/account").json()


def test_a_page_of_html_can_come_instead_of_json(blokker: MiraklCaller) -> None:
    blokker.fault("not_json")
    reply = blokker.get("/account")
    assert (reply.status_code, reply.text.startswith("<html>")) == (200, True)


def test_new_members_and_new_words_may_come_at_any_time(blokker: MiraklCaller) -> None:
    blokker.buy((SKU, 1))
    blokker.fault("unknown_field")
    (order,) = blokker.orders()["orders"]
    assert order["brand_new_member"] == order["order_lines"][0]["brand_new_member"]
    blokker.wait(60)
    blokker.fault("unknown_enum")
    (order,) = blokker.orders()["orders"]
    assert order["order_state"] == "BRAND_NEW_WAITING_ACCEPTANCE"
    assert order["order_lines"][0]["order_line_state"] == "BRAND_NEW_WAITING_ACCEPTANCE"


def test_a_member_can_be_missing_or_renamed_once(blokker: MiraklCaller) -> None:
    blokker.buy((SKU, 1))
    shown = []
    for kind, detail in (
        ("missing_field", {"path": "orders.0.order_lines.0.offer_sku"}),
        ("renamed_field", {"path": "orders.0.total_price", "to": "grand_total"}),
    ):
        blokker.fault(kind, detail=detail)
        shown.append(blokker.orders()["orders"][0])
        blokker.wait(60)
    assert "offer_sku" not in shown[0]["order_lines"][0]
    assert (shown[1]["grand_total"], "total_price" in shown[1]) == (44.9, False)
    assert blokker.orders()["orders"][0]["total_price"] == 44.9


def test_a_write_can_be_taken_and_have_no_effect(blokker: MiraklCaller) -> None:
    order_id = blokker.paid_order((SKU, 1))
    path = f"/orders/{order_id}"
    blokker.fault("silent_reject", count=2)
    assert blokker.call("PUT", f"{path}/tracking", json={"carrier_code": "dpd"}).status_code == 204
    assert blokker.call("PUT", f"{path}/ship").status_code == 204
    (order,) = blokker.state()["orders"]
    assert (order["state"], order["carrier_code"]) == ("SHIPPING", None)


def test_a_fault_that_nobody_knows_is_refused(blokker: MiraklCaller) -> None:
    reply = blokker.control("POST", "/faults", {"system": "mirakl", "kind": "expire_token"})
    assert reply.status_code == 400
    assert blokker.control("GET", "/faults").json() == []


def test_every_write_is_kept_with_what_it_said(blokker: MiraklCaller) -> None:
    blokker.push_stock(f"{SKU};1;;")
    blokker.call("PUT", "/orders/NOPE/ship", data=b"not json")
    writes = blokker.state()["writes"]
    assert [(one["method"], one["path"], one["status"]) for one in writes] == [
        ("POST", "/api/offers/stock/imports", 201),
        ("PUT", "/api/orders/NOPE/ship", 404),
    ]
    assert writes[0]["body"] == {
        "file": f'"offer-sku";"quantity";"warehouse-code";"update-delete"\n{SKU};1;;\n'
    }
    assert writes[1]["body"] == "not json"


def test_the_readme_names_every_fault_every_action_and_every_member_of_an_order() -> None:
    text = README.read_text(encoding="utf-8")
    words = MiraklStandIn.fault_kinds | ORDER_MEMBERS | LINE_MEMBERS | set(ACTIONS)
    assert sorted(word for word in words if f"`{word}`" not in text) == []


def test_every_example_of_the_readme_works(blokker: MiraklCaller) -> None:
    block = next(part for part in README.read_text(encoding="utf-8").split("```") if "B1-A" in part)
    lines = [shlex.split(line) for line in block.splitlines() if line]
    for words in lines:
        url = next(word for word in words if word.startswith("localhost:8700"))
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        method = "POST" if body or "-X" in words else "GET"
        reply = blokker.control(method, url.removeprefix("localhost:8700"), body)
        assert reply.status_code == 200, (words, reply.text)
    assert len(lines) == 6
    assert [one["amount"] for one in blokker.state()["refunds"]] == ["5.00"]
