"""Accounts of the stand-in of Exact Online as the control port shows them, and the life of their tokens."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.standin import StandIn
from order_pipelines_tests.sandbox.exact_online_server import (
    ExactUser,
    StandingClock,
    Switchboard,
    connected,
    refusal_text,
)

# ---------------------------------------------------------------- what the control port sees


def test_it_is_a_stand_in_whose_description_tells_a_client_everything() -> None:
    stand_in: StandIn = ExactStandIn(StandingClock(), accounts=("exact", "exact_be"))

    first, second = stand_in.describe("http://127.0.0.1:8703/")

    assert stand_in.accounts() == ["exact", "exact_be"]
    assert {
        name: first[name] for name in ("system", "account", "base_url", "auth_url", "token_url", "division")
    } == {
        "system": "exact_online",
        "account": "exact",
        "base_url": "http://127.0.0.1:8703",
        "auth_url": "http://127.0.0.1:8703/api/oauth2/auth",
        "token_url": "http://127.0.0.1:8703/api/oauth2/token",
        "division": 3456700,
    }
    assert first["customers"] == {
        "bol_main": "0e0a0001-0000-4000-8000-000000000100",
        "bol_outlet": "0e0a0001-0000-4000-8000-000000000101",
        "b2b": "0e0a0001-0000-4000-8000-000000000102",
        "blokker": "0e0a0001-0000-4000-8000-000000000103",
        "webshop": "0e0a0001-0000-4000-8000-000000000104",
    }
    assert first["gl_accounts"]["revenue_high"] == "0e0a0001-0000-4000-8000-000000008000"
    assert first["gl_accounts"]["rounding"] == "0e0a0001-0000-4000-8000-000000008900"
    assert first["journals"]["sales"] == "70"
    assert [first["vat_codes"][name] for name in ("nl_21_excl", "nl_9_excl", "nl_21_incl", "nl_9_incl")] == [
        "2",
        "1",
        "4",
        "3",
    ]
    assert (second["account"], second["division"]) == ("exact_be", 3456710)
    assert second["customers"]["b2b"] == "0e0a0002-0000-4000-8000-000000000102"
    assert first["credentials"]["client_id"] != second["credentials"]["client_id"]
    assert json.loads(json.dumps(stand_in.state("exact"))) == stand_in.state("exact")


def test_describing_twice_gives_the_same_unused_refresh_token_and_a_new_one_after_use(
    exact: ExactUser,
) -> None:
    unused = exact.described["credentials"]["refresh_token"]

    assert exact.described["credentials"]["refresh_token"] == unused
    assert exact.refresh(unused).status_code == 200
    assert exact.described["credentials"]["refresh_token"] != unused


def test_two_accounts_on_one_host_do_not_see_each_other(switchboard: tuple[Switchboard, str]) -> None:
    stand_in = ExactStandIn(clock := StandingClock(), accounts=("exact", "exact_be"))
    for user in connected(switchboard, stand_in, clock):
        assert user.post_entry().status_code == 201
        assert user.call("GET", "3456710/salesentry/SalesEntries").status_code == 403
    assert len(stand_in.state("exact")["entries"]) == 1
    assert stand_in.state("exact_be")["entries"] == []


def test_an_account_that_does_not_live_here_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="exact_online has no account 'exact_de'; it has exact"):
        ExactStandIn(StandingClock()).state("exact_de")


def test_the_same_seed_gives_the_same_secrets_and_another_seed_others() -> None:
    first, same, other = (
        ExactStandIn(StandingClock(), seed=seed).describe("http://127.0.0.1:1")[0]["credentials"]
        for seed in (7, 7, 8)
    )

    assert first == same
    assert first["refresh_token"] != other["refresh_token"]


# ---------------------------------------------------------------- tokens


def test_a_refresh_answers_with_a_string_lifetime_and_a_new_refresh_token(exact: ExactUser) -> None:
    old = exact.stand_in.consent("exact")

    answer = exact.refresh(old)

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", "600")
    assert body["refresh_token"] != old


def test_a_refresh_before_second_570_is_refused_and_costs_nothing(exact: ExactUser) -> None:
    token = exact.refresh(exact.stand_in.consent("exact")).json()["refresh_token"]

    exact.clock.advance(569.9)
    early = exact.refresh(token)
    exact.clock.advance(0.1)
    in_time = exact.refresh(token)

    assert early.status_code == 400
    assert early.headers["Reason"] == "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"
    assert early.json() == {
        "error": "access_denied",
        "error_description": "Rate limit exceeded: access_token not expired",
    }
    assert in_time.status_code == 200


def test_a_used_refresh_token_kills_its_chain_until_a_person_consents_again(exact: ExactUser) -> None:
    first = exact.stand_in.consent("exact")
    second = exact.refresh(first).json()["refresh_token"]
    exact.clock.advance(580)

    again = exact.refresh(first)
    heir = exact.refresh(second)

    assert (again.status_code, again.json()) == (
        401,
        {"error": "unauthorized_client", "error_description": "Old refresh token used."},
    )
    assert (heir.status_code, heir.json()["error"]) == (401, "unauthorized_client")
    assert exact.refresh(exact.stand_in.consent("exact")).status_code == 200
    assert [chain["is_dead"] for chain in exact.state["chains"]] == [False, True, False]
    assert exact.state["consent_needed"] is False
    assert [refusal["status"] for refusal in exact.state["token_refusals"]] == [401, 401]


def test_of_four_refreshes_at_once_exactly_one_wins(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")
    form = exact.client | {"grant_type": "refresh_token", "refresh_token": token}

    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: (
                    requests.post(f"{exact.base_url}/api/oauth2/token", data=form, timeout=5).status_code
                ),
                range(4),
            )
        )

    assert sorted(answers) == [200, 401, 401, 401]


def test_a_refresh_token_unused_for_thirty_days_is_gone(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")
    exact.clock.advance(1, days=30)

    answer = exact.refresh(token)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "The refresh token expired at 13-08-2026 10:31:00 and it is now 13-08-2026 10:31:01",
    }
    assert exact.state["consent_needed"] is True


def test_the_two_hundred_and_first_token_call_of_a_day_is_refused(exact: ExactUser) -> None:
    for _ in range(199):
        assert exact.refresh("stampNL001.nobody").status_code == 400

    token = exact.stand_in.consent("exact")
    refused = exact.refresh(token)
    exact.clock.advance(days=1)

    assert refused.status_code == 429
    assert exact.state["token_requests"] == 201
    assert exact.refresh(token).status_code == 200


def test_a_wrong_client_or_secret_or_an_unencoded_form_gets_no_token(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")

    stranger = exact.token_call(grant_type="refresh_token", refresh_token=token, client_id="somebody")
    guess = exact.token_call(grant_type="refresh_token", refresh_token=token, client_secret="guess")
    raw = exact.session.post(
        f"{exact.base_url}/api/oauth2/token",
        data=f"grant_type=refresh_token&refresh_token={token}&client_id={exact.client['client_id']}"
        f"&client_secret={exact.client['client_secret']}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=5,
    )
    as_json = exact.session.post(
        f"{exact.base_url}/api/oauth2/token", json={"refresh_token": token}, timeout=5
    )

    assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_client")
    assert (guess.status_code, guess.json()["error"]) == (400, "invalid_client")
    assert (raw.status_code, raw.json()["error"]) == (400, "invalid_grant")
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    assert exact.refresh(token).status_code == 200


def test_a_consent_in_the_browser_gives_a_code_that_works_once_at_its_own_address(exact: ExactUser) -> None:
    def consent() -> str:
        page = exact.session.get(
            f"{exact.base_url}/api/oauth2/auth",
            params={
                "client_id": exact.client["client_id"],
                "redirect_uri": "http://127.0.0.1:9/back?shop=1",
                "response_type": "code",
                "state": "x/y",
                "force_login": "0",
            },
            allow_redirects=False,
            timeout=5,
        )
        assert page.status_code == 302
        target = urlsplit(page.headers["location"])
        answer = parse_qs(target.query)
        assert (target.netloc, answer["state"], answer["shop"]) == ("127.0.0.1:9", ["x/y"], ["1"])
        return answer["code"][0]

    def exchange(code: str, redirect_uri: str) -> requests.Response:
        return exact.token_call(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)

    code = consent()
    tokens = exchange(code, "http://127.0.0.1:9/back?shop=1")
    again = exchange(code, "http://127.0.0.1:9/back?shop=1")
    elsewhere = exchange(consent(), "http://127.0.0.1:9/other")

    assert (tokens.status_code, tokens.json()["expires_in"]) == (200, "600")
    # This consent came with an access token, so the 570 seconds count from here.
    assert exact.refresh(tokens.json()["refresh_token"]).status_code == 400
    assert (again.status_code, elsewhere.status_code) == (400, 400)


def test_an_access_token_lives_600_seconds_also_beside_its_successor(exact: ExactUser) -> None:
    first = exact.refresh(exact.stand_in.consent("exact")).json()
    exact.clock.advance(575)
    assert exact.refresh(first["refresh_token"]).status_code == 200
    exact.access_token = first["access_token"]

    exact.clock.advance(24.9)
    alive = exact.get("vat/VATCodes")
    exact.clock.advance(0.1)
    gone = exact.get("vat/VATCodes")

    assert alive.status_code == 200
    assert (gone.status_code, refusal_text(gone)) == (401, "Unauthorized")
