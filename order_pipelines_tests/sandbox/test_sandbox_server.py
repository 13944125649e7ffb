"""The sandbox as a whole: ports, the control API, the clock, and how it ends."""

import contextlib
import json
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from order_pipelines.sandbox import server
from order_pipelines.sandbox.bol import BolStandIn
from order_pipelines.sandbox.bol.control_verbs import ACTIONS
from order_pipelines.sandbox.bol.wish import LINE_MEMBERS, ORDER_MEMBERS
from order_pipelines.sandbox.server import Sandbox, SandboxStartError, greeting
from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock

README = Path(server.__file__).with_name("README.md")


def free_ports(count: int) -> int:
    """Return the first of neighbouring ports that nobody uses, below those that the machine hands out by itself."""
    # Not the seeded generator of the tests: those that run at once would all try the same ports.
    for first in random.SystemRandom().sample(range(20_000, 30_000), 200):
        with contextlib.ExitStack() as taken, contextlib.suppress(OSError):
            for port in range(first, first + count):
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError(f"no {count} neighbouring ports are free")


def test_it_starts_within_a_second_and_a_start_is_no_traffic() -> None:
    began = time.monotonic()
    with Sandbox(0) as sandbox:
        assert time.monotonic() - began < 1.0
        state = sandbox.bol.state("bol_main")
        assert (state["calls"], state["token_requests"], state["writes"]) == ({}, [], [])


def test_each_system_has_a_port_of_its_own_after_the_control_port() -> None:
    port = free_ports(len(Sandbox(0).standins) + 1)
    with Sandbox(port) as sandbox:
        assert sandbox.control_url == f"http://127.0.0.1:{port}"
        urls = {row["system"]: row["base_url"] for row in sandbox.systems()}
        assert urls["bol"] == f"http://127.0.0.1:{port + 1}"
        assert urls["exact_online"].startswith(f"http://127.0.0.1:{port + 2}")
        assert urls["mirakl"] == f"http://127.0.0.1:{port + 3}"
        assert urls["shopware"] == f"http://127.0.0.1:{port + 4}"


def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    port = free_ports(2) + 1
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SandboxStartError, match=f"port {port} for bol cannot be opened"),
    ):
        Sandbox(port - 1).start()
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{port - 1}/health", timeout=1)


def test_a_stopped_sandbox_answers_no_more_and_can_be_started_again() -> None:
    sandbox = Sandbox(0).start()
    url = sandbox.control_url
    assert requests.get(f"{url}/health", timeout=5).status_code == 200
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"{url}/health", timeout=1)
    with pytest.raises(SandboxStartError):
        _ = sandbox.control_url
    with sandbox:
        assert requests.get(f"{sandbox.control_url}/health", timeout=5).status_code == 200


def test_systems_tell_everything_a_client_must_know(main: BolCaller) -> None:
    rows = main.control("GET", "/systems").json()
    assert [(row["system"], row["account"]) for row in rows] == [
        ("bol", "bol_main"),
        ("bol", "bol_outlet"),
        ("exact_online", "exact"),
        ("mirakl", "blokker"),
        ("mirakl", "mirakl_two"),
        ("shopware", "webshop"),
        ("shopware", "webshop_65"),
    ]
    assert rows[0]["credentials"] == {"client_id": "bol_main-client", "client_secret": "bol_main-secret"}
    assert rows[0]["token_url"] == f"{rows[0]['base_url']}/token"


def test_the_greeting_names_address_and_credentials(sandbox: Sandbox) -> None:
    lines = greeting(sandbox)
    assert lines[0] == f"sandbox control   {sandbox.control_url}"
    url = sandbox.systems()[0]["base_url"]
    assert (
        f"bol            bol_main     {url}  client_id=bol_main-client  client_secret=bol_main-secret"
        in lines
    )


def test_the_clock_moves_by_offset_and_by_advance(main: BolCaller) -> None:
    assert main.control("GET", "/clock").json() == {"offset_s": 0.0, "now": "2026-11-18T09:30:15+00:00"}
    assert main.control("POST", "/clock", {"offset_s": 3600}).json()["now"] == "2026-11-18T10:30:15+00:00"
    assert main.control("POST", "/clock", {"advance_s": 60}).json()["offset_s"] == 3660.0
    assert main.control("POST", "/clock", {}).status_code == 400
    assert main.control("POST", "/clock", {"offset_s": "later"}).status_code == 400


def test_the_real_clock_follows_the_offset() -> None:
    with Sandbox(0) as sandbox:
        before = sandbox.clock.now()
        requests.post(f"{sandbox.control_url}/clock", json={"offset_s": 86400}, timeout=5)
        assert 86400 <= (sandbox.clock.now() - before).total_seconds() < 86410


def test_a_reset_begins_a_new_world(main: BolCaller) -> None:
    main.buy(("KEU-1001", 5))
    main.fault("500")
    main.control("POST", "/clock", {"offset_s": 60})
    assert main.control("POST", "/reset").json() == {"reset": True}
    state = main.control("GET", "/state/bol_main").json()
    assert state["orders"] == []
    assert main.offer_of("KEU-1001")["corrected_stock"] == 42
    assert main.control("GET", "/faults").json() == []
    assert main.control("GET", "/clock").json()["offset_s"] == 0.0


def test_state_shows_offers_orders_and_writes(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 2))
    state = main.control("GET", "/state/bol_main").json()
    offer = next(offer for offer in state["offers"] if offer["sku"] == "KEU-1001")
    assert {name: offer[name] for name in offer if name != "offer_id"} == {
        "ean": "8720999001018",
        "sku": "KEU-1001",
        "reference": "KEU-1001",
        "title": "Koekenpan 28 cm gietijzer",
        "unit_price": "39.95",
        "amount": 42,
        "corrected_stock": 40,
        "managed_by_retailer": True,
        "for_sale": True,
        "countries": ["NL", "BE"],
        "fulfilment_method": "FBR",
        "stock_written_at": "2026-10-19T09:30:15.000Z",
    }
    (order,) = state["orders"]
    assert (order["order_id"], order["placed_at"], order["ship_country"]) == (
        order_id,
        "2026-11-18T09:30:15.000Z",
        "NL",
    )
    (item,) = order["items"]
    assert (item["sku"], item["quantity"], item["unit_price"], item["total_price"]) == (
        "KEU-1001",
        2,
        "39.95",
        "79.90",
    )
    expected = {
        "shipments",
        "cancellations",
        "returns",
        "process_statuses",
        "token_requests",
        "token_violations",
    }
    assert expected | {"writes", "oversold", "calls", "webhooks"} <= set(state)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/orders", {"lines": [{"sku": "KEU-1001"}]}, 400),
        ("/orders", {"account": "nobody", "lines": [{"sku": "KEU-1001"}]}, 404),
        ("/orders", {"account": "exact", "lines": [{"sku": "KEU-1001"}]}, 404),
        ("/orders", {"account": "bol_main", "lines": []}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"quantity": 1}]}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "NOPE-1"}]}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001", "quantity": 0}]}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001", "quantity": 43}]}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001", "amount": 1}]}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001"}], "placed_at": "yesterday"}, 409),
        ("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001"}], "malform": {"lost": 1}}, 409),
        ("/orders/bol_main/1/ship", {}, 404),
        ("/world", {"action": "dance"}, 400),
        ("/world", {"action": "start", "rate_per_minute": 0}, 400),
        ("/consent/bol_main", {}, 404),
    ],
)
def test_a_wrong_control_call_is_refused_with_a_sentence_and_changes_nothing(
    main: BolCaller, path: str, body: dict[str, object], status: int
) -> None:
    reply = main.control("POST", path, body)
    assert reply.status_code == status
    assert reply.json()["error"]
    assert main.state()["orders"] == []


def test_actions_that_do_not_fit_the_order_are_refused(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    base = f"/orders/bol_main/{order_id}"
    assert main.control("POST", f"{base}/dance", {}).status_code == 404
    assert main.control("POST", f"{base}/cancel", {"sku": "VOE-3001"}).status_code == 404
    assert main.control("POST", f"{base}/ship", {"quantity": 2}).status_code == 409
    main.act(order_id, "cancel")
    assert main.control("POST", f"{base}/ship", {}).status_code == 409
    assert main.act(order_id, "pay")["done"] is False


def test_goods_nobody_offers_can_be_bought_by_force_only(main: BolCaller) -> None:
    body = {"account": "bol_main", "lines": [{"ean": "8711111111115", "quantity": 2}]}
    assert main.control("POST", "/orders", body).status_code == 409
    order_id = main.buy(("8711111111115", 2), force=True)
    (item,) = main.detail(order_id)["orderItems"]
    assert "offer" not in item
    assert item["product"]["ean"] == "8711111111115"
    assert main.state()["oversold"] == 2


def test_a_refresh_token_of_exact_comes_from_a_new_consent(main: BolCaller) -> None:
    before = main.control("GET", "/systems").json()[2]["credentials"]["refresh_token"]
    after = main.control("POST", "/consent/exact").json()["refresh_token"]
    assert after
    assert after != before


def test_no_route_is_reachable_from_outside_loopback(sandbox: Sandbox) -> None:
    assert {row["base_url"].split(":")[1] for row in sandbox.systems()} == {"//127.0.0.1"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_where_everything_is_and_ends_cleanly(number: signal.Signals) -> None:
    code = "from order_pipelines.sandbox.server import serve_forever; serve_forever(0, relaxed=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        lines = [run.stdout.readline() for _ in range(9)]
        run.send_signal(number)
        rest, errors = run.communicate(timeout=10)
    assert lines[0].startswith("sandbox control   http://127.0.0.1:")
    assert lines[1].startswith("RELAXED")
    assert [line.split()[:2] for line in lines[2:]] == [
        ["bol", "bol_main"],
        ["bol", "bol_outlet"],
        ["exact_online", "exact"],
        ["mirakl", "blokker"],
        ["mirakl", "mirakl_two"],
        ["shopware", "webshop"],
        ["shopware", "webshop_65"],
    ]
    assert (rest, errors, run.returncode) == ("sandbox stopped\n", "", 0)


def test_a_hanging_call_does_not_keep_the_sandbox_from_stopping() -> None:
    sandbox = Sandbox(0, clock=StandingClock()).start()
    caller = BolCaller(sandbox, "bol_main")
    caller.token()
    caller.fault("hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(
            f"{caller.base_url}/retailer/orders",
            headers={"Authorization": f"Bearer {caller.token()}"},
            timeout=0.1,
        )
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 3


def test_the_readme_names_every_fault_and_every_order_member() -> None:
    text = README.read_text(encoding="utf-8")
    words = BolStandIn.fault_kinds | ORDER_MEMBERS | LINE_MEMBERS | set(ACTIONS)
    assert sorted(word for word in words if f"`{word}`" not in text) == []


def test_every_example_of_the_readme_works(main: BolCaller) -> None:
    block = next(part for part in README.read_text(encoding="utf-8").split("```") if "curl localhost" in part)
    calls: list[list[str]] = []
    for word in shlex.split(block, comments=True):
        if word == "curl":
            calls.append([])
        else:
            calls[-1].append(word)
    for words in calls:
        url = next(word for word in words if word.startswith("localhost:8700"))
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        reply = main.control(method, url.removeprefix("localhost:8700"), body)
        assert reply.status_code == 200, (words, reply.text)
    assert len(calls) == 23
