"""Logging in at a shop: grants, ten minutes, and how often."""

import pytest
import requests

from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller, error


def test_a_token_comes_for_json_a_form_and_basic_and_has_no_refresh_token(webshop: ShopwareCaller) -> None:
    grant = webshop.grant()
    pair = (grant["client_id"], grant["client_secret"])
    replies = [
        webshop.ask_for_token(json=grant),
        webshop.ask_for_token(data=grant),
        webshop.ask_for_token(json={"grant_type": "client_credentials"}, auth=pair),
        webshop.ask_for_token(data={"grant_type": "client_credentials"}, auth=pair),
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200]
    assert {tuple(sorted(reply.json())) for reply in replies} == {
        ("access_token", "expires_in", "token_type")
    }
    assert [(reply.json()["token_type"], reply.json()["expires_in"]) for reply in replies] == [
        ("Bearer", 600)
    ] * 4
    assert len(webshop.state()["token_requests"]) == 4


def test_wrong_credentials_and_grants_are_refused(webshop: ShopwareCaller) -> None:
    wrong = webshop.ask_for_token(json=webshop.grant(client_secret="wrong"))
    nobody = webshop.ask_for_token(json=webshop.grant(client_id="SWIANOBODY"))
    password = webshop.ask_for_token(json=webshop.grant(grant_type="password"))
    broken = webshop.ask_for_token(data="{", headers={"Content-Type": "application/json"})
    odd = webshop.ask_for_token(
        json={"grant_type": "client_credentials"}, headers={"Authorization": "Basic ?"}
    )
    got = requests.get(webshop.row["token_url"], timeout=20)
    assert [
        (reply.status_code, error(reply)["code"]) for reply in (wrong, nobody, password, broken, odd)
    ] == [
        (401, "4"),
        (401, "4"),
        (400, "2"),
        (400, "2"),
        (401, "4"),
    ]
    assert got.status_code == 405


def test_a_token_lives_ten_minutes_and_its_end_is_code_9(
    webshop: ShopwareCaller, clock: StandingClock
) -> None:
    clock_at_start = webshop.token()
    clock.advance(599)
    assert webshop.search("order", limit=1).status_code == 200
    clock.advance(1)
    late = webshop.search("order", limit=1)
    assert (late.status_code, error(late)["code"], error(late)["status"]) == (401, "9", "401")
    webshop.forget_token()
    assert webshop.token() != clock_at_start
    assert webshop.search("order", limit=1).status_code == 200


@pytest.mark.parametrize("header", [None, "Bearer nothing", "Basic Og=="])
def test_without_a_good_token_nothing_is_answered(webshop: ShopwareCaller, header: str | None) -> None:
    reply = webshop.call("GET", "/api/_info/version", headers={"Authorization": header})
    assert (reply.status_code, error(reply)["code"]) == (401, "9")


def test_the_eleventh_token_of_a_minute_is_refused_until_the_minute_is_over(
    webshop: ShopwareCaller, clock: StandingClock
) -> None:
    replies = [webshop.ask_for_token(json=webshop.grant()) for _ in range(11)]
    assert [reply.status_code for reply in replies] == [200] * 10 + [429]
    assert replies[-1].headers["Retry-After"] == "60"
    assert error(replies[-1])["code"] == "FRAMEWORK__RATE_LIMIT_EXCEEDED"
    clock.advance(60)
    assert webshop.ask_for_token(json=webshop.grant()).status_code == 200


def test_the_credentials_tell_which_shop_is_meant(
    webshop: ShopwareCaller, webshop_65: ShopwareCaller
) -> None:
    assert webshop.base_url == webshop_65.base_url
    versions = [one.call("GET", "/api/_info/version").json() for one in (webshop, webshop_65)]
    assert versions == [{"version": "6.6.10.2"}, {"version": "6.5.8.18"}]
    order_id = webshop.buy(("KEU-1003", 1))
    assert [row["id"] for row in webshop.found("order")] == [order_id]
    assert webshop_65.found("order") == []
    assert webshop_65.call("GET", f"/api/order/{order_id}").status_code == 404
