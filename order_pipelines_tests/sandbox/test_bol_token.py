"""Tokens of the bol stand-in: three ways to ask, 299 seconds to live, and every request counted."""

import pytest
import requests

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock

GOOD = {"client_id": "bol_main-client", "client_secret": "bol_main-secret"}


def ask(sandbox: Sandbox, **more: object) -> requests.Response:
    url = sandbox.systems()[0]["token_url"]
    return requests.post(url, timeout=5, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_",
    [
        {"auth": tuple(GOOD.values()), "data": {"grant_type": "client_credentials"}},
        {"auth": tuple(GOOD.values()), "params": {"grant_type": "client_credentials"}},
        {"data": {"grant_type": "client_credentials", **GOOD}},
        {"params": {"grant_type": "client_credentials", **GOOD}},
    ],
    ids=["basic", "basic with the grant in the query", "body", "query"],
)
def test_a_token_is_given_for_each_way_of_sending_credentials(
    sandbox: Sandbox, request_: dict[str, object]
) -> None:
    reply = ask(sandbox, **request_)
    assert reply.status_code == 200
    answer = reply.json()
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 299, "RETAILER")
    assert len(answer["access_token"].split(".")) == 3


def test_wrong_credentials_get_the_oauth_error_and_no_problem(sandbox: Sandbox) -> None:
    reply = ask(sandbox, auth=("bol_main-client", "wrong"), data={"grant_type": "client_credentials"})
    assert reply.status_code == 401
    assert reply.json() == {"error": "invalid_client", "error_description": "Bad client credentials"}


def test_an_unknown_token_gets_401(main: BolCaller) -> None:
    reply = main.call("GET", "/retailer/orders", headers={"Authorization": "Bearer eyJ.no.jwt"})
    assert reply.status_code == 401
    assert set(reply.json()) == {"title", "status", "detail"}


def test_a_token_ends_after_299_seconds_and_a_new_one_works(main: BolCaller, clock: StandingClock) -> None:
    main.token()
    clock.advance(298)
    assert main.get("/retailer/orders").status_code == 200
    clock.advance(1)
    expired = main.get("/retailer/orders")
    assert (expired.status_code, expired.json()["title"]) == (401, "Expired JWT")
    main.new_token()
    assert main.get("/retailer/orders").status_code == 200


def test_a_second_request_within_a_minute_is_a_violation_and_a_later_one_is_not(
    main: BolCaller, clock: StandingClock
) -> None:
    main.new_token()
    clock.advance(60)
    main.new_token()
    assert main.state()["token_violations"] == []
    clock.advance(20)
    main.new_token()
    state = main.state()
    assert [entry["status"] for entry in state["token_requests"]] == [200, 200, 200]
    assert state["token_violations"] == [
        {"at": "2026-11-18T09:31:35.000Z", "seconds_since_previous": 20.0},
    ]


def test_the_other_pair_is_counted_apart(main: BolCaller, outlet: BolCaller) -> None:
    main.new_token()
    outlet.new_token()
    assert len(main.state()["token_requests"]) == 1
    assert main.state()["token_violations"] == []
    assert outlet.state()["token_violations"] == []


def test_a_token_that_bol_ended_itself_may_be_replaced_at_once(main: BolCaller) -> None:
    main.new_token()
    main.fault("expire_token", account="bol_main")
    expired = main.get("/retailer/orders")
    assert (expired.status_code, expired.json()["title"]) == (401, "Expired JWT")
    main.new_token()
    assert main.get("/retailer/orders").status_code == 200
    assert main.state()["token_violations"] == []


def test_a_fault_without_a_match_spares_the_token_address(main: BolCaller) -> None:
    main.fault("500")
    main.new_token()
    assert main.get("/retailer/orders").status_code == 500


def test_a_fault_that_names_it_strikes_the_token_address(main: BolCaller) -> None:
    main.fault("503", match="/token")
    credentials = (GOOD["client_id"], GOOD["client_secret"])
    reply = ask(main.sandbox, auth=credentials, data={"grant_type": "client_credentials"})
    assert reply.status_code == 503
    main.new_token()
    assert [entry["status"] for entry in main.state()["token_requests"]] == [503, 200]
    assert main.state()["token_violations"] == []
