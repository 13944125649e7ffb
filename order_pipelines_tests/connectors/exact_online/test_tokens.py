"""Refresh tokens that work once: who renews, when, and what happens when it goes wrong."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from order_pipelines import clock
from order_pipelines.connectors.exact_online.tokens import authorize_url, exchange_code, keep_alive
from order_pipelines.connectors.ports import Token
from order_pipelines.errors import (
    ConfigurationError,
    ConsentNeededError,
    LeaseLostError,
    PermanentConnectorError,
    TransientConnectorError,
)
from order_pipelines_tests.connectors.exact_online.exact_world import REDIRECT_URI, TOKEN_KEY, ExactWorld
from order_pipelines_tests.connectors.exact_online.file_tokens import FileTokenSlot, FileTokenStore
from order_pipelines_tests.connectors.exact_online.token_worker import Task, prepare, search_once

WORKERS = 4


def stored(world: ExactWorld) -> Token:
    token = world.tokens.peek(TOKEN_KEY)
    assert token is not None
    return token


def test_the_consents_first_token_is_used_once_and_the_store_afterwards(world: ExactWorld) -> None:
    assert world.client().find_entries("BOL-1") == []
    assert world.token_calls == 1
    first = stored(world)
    assert first.refresh_token != world.account.secrets["refresh_token"]
    assert timedelta(seconds=598) < first.expires_at - clock.now() <= timedelta(seconds=600)

    world.advance(575)
    assert world.client(account=world.with_secrets(refresh_token="worn out")).find_entries("BOL-1") == []
    assert world.state["token_refusals"] == []
    assert stored(world).refresh_token != first.refresh_token


def test_nothing_is_renewed_before_second_570(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    world.advance(568)
    client.find_entries("BOL-1")
    world.client().find_entries("BOL-1")
    assert world.token_calls == 1
    world.advance(3)
    client.find_entries("BOL-1")
    assert world.token_calls == 2
    assert world.state["token_refusals"] == []


def test_an_expired_token_is_renewed_without_costing_a_wrong_call(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    world.advance(3600)
    client.find_entries("BOL-1")
    assert (world.token_calls, world.data_calls, world.state["token_refusals"]) == (2, 2, [])


def test_four_threads_renew_once(world: ExactWorld) -> None:
    clients = [world.client() for _ in range(WORKERS)]
    clients[0].find_entries("BOL-RACE")
    world.advance(580)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(lambda client: client.find_entries("BOL-RACE"), clients))
    assert found == [[]] * WORKERS
    assert world.token_calls == 2
    assert world.state["token_refusals"] == []
    assert world.state["chains"][0]["is_dead"] is False


def test_four_processes_renew_once(world: ExactWorld) -> None:
    """The race that ends consents in practice: several workers of one app, each finding the token too old."""
    world.client().find_entries("BOL-RACE")
    world.advance(580)
    before = stored(world)
    spawning = multiprocessing.get_context("spawn")
    task = Task(
        world.base_url,
        dict(world.account.options),
        dict(world.account.secrets),
        world.folder,
        world.world_clock.offset_s,
    )
    with ProcessPoolExecutor(
        WORKERS, mp_context=spawning, initializer=prepare, initargs=(spawning.Barrier(WORKERS),)
    ) as pool:
        results = list(pool.map(search_once, [task] * WORKERS))
    assert [found for found, _ in results] == [0] * WORKERS
    assert {obtained_at for _, obtained_at in results} == {stored(world).obtained_at}
    assert stored(world).obtained_at > before.obtained_at
    assert world.token_calls == 2
    assert world.state["token_refusals"] == []
    assert world.data_calls == 1 + WORKERS


def test_a_refusal_because_it_is_too_early_keeps_the_present_token(world: ExactWorld) -> None:
    """Our clock runs 20 s ahead of the vendor's: we see second 575, there it is 555."""
    client = world.client()
    client.find_entries("BOL-1")
    before = stored(world)
    world.advance(555)
    clock.follow(world.world_clock.offset_s + 20)
    assert client.find_entries("BOL-1") == []
    assert client.find_entries("BOL-1") == []
    assert [refusal["error"] for refusal in world.state["token_refusals"]] == ["access_denied"]
    assert world.token_calls == 2
    assert stored(world) == before

    world.advance(20)
    clock.follow(world.world_clock.offset_s + 20)
    assert client.find_entries("BOL-1") == []
    assert world.token_calls == 3
    assert stored(world).refresh_token != before.refresh_token


def test_a_401_brings_one_new_token_and_one_repetition(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    world.fault("expire_token", method="POST")
    client.post_entry(world.entry("BOL-1"))
    assert world.token_calls == 2
    assert [write["status"] for write in world.state["writes"]] == [401, 201]
    assert [entry["your_ref"] for entry in world.entries] == ["BOL-1"]


def test_a_401_while_another_worker_has_renewed_takes_that_token(world: ExactWorld) -> None:
    slow, quick = world.client(), world.client()
    slow.find_entries("BOL-1")
    world.fault("expire_token")
    quick.find_entries("BOL-1")
    slow.find_entries("BOL-1")
    assert world.token_calls == 2
    assert world.state["token_refusals"] == []


def test_a_second_401_is_the_end_of_it(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    world.fault("expire_token", method="POST")
    world.fault("401", count=2, method="POST")
    with pytest.raises(PermanentConnectorError, match="a new token did not help") as refused:
        client.post_entry(world.entry())
    assert refused.value.status == 401
    assert [write["status"] for write in world.state["writes"]] == [401, 401]
    assert world.entries == []


def test_a_401_for_a_token_that_is_not_renewable_yet_waits(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    before = stored(world)
    world.fault("401", method="POST")
    with pytest.raises(TransientConnectorError, match="gives no other before") as refused:
        client.post_entry(world.entry())
    assert refused.value.maybe_acted is False
    assert refused.value.retry_after_s == pytest.approx(570, abs=5)
    assert stored(world) == before
    assert world.entries == []


def test_a_used_token_ends_in_consent_needed_and_then_in_silence(world: ExactWorld) -> None:
    """A crash between the vendor's answer and our commit leaves the store with the old token."""
    world.client().find_entries("BOL-1")
    before = stored(world)
    world.advance(580)
    world.client().find_entries("BOL-1")
    FileTokenStore(world.folder).slot(TOKEN_KEY).write(before)
    world.advance(580)

    with pytest.raises(
        ConsentNeededError, match="CONSENT NEEDED for exact: the refresh token was used before"
    ):
        world.client().post_entry(world.entry())
    assert [refusal["description"] for refusal in world.state["token_refusals"]] == [
        "Old refresh token used."
    ]
    calls = (world.token_calls, world.data_calls)

    for _ in range(3):
        with pytest.raises(ConsentNeededError, match="order-pipelines authorize exact"):
            world.client().find_entries("BOL-1")
    with pytest.raises(ConsentNeededError):
        keep_alive(world.account, world.house())
    assert (world.token_calls, world.data_calls) == calls
    assert world.state["writes"] == []


class OvertakenStore(FileTokenStore):
    """A lock that did not hold: right after our first read another worker renews."""

    def __init__(self, world: ExactWorld) -> None:
        super().__init__(world.folder)
        self._world = world
        self._overtaken = False

    @contextmanager
    def locked(self, key: str) -> Iterator[FileTokenSlot]:
        yield self.slot(key)

    def slot(self, key: str) -> FileTokenSlot:
        slot = super().slot(key)
        read = slot.read

        def read_and_be_overtaken() -> Token | None:
            token = read()
            if not self._overtaken:
                self._overtaken = True
                self._world.client().find_entries("BOL-1")
            return token

        slot.read = read_and_be_overtaken  # type: ignore[method-assign]
        return slot


def test_old_token_used_because_another_worker_won_takes_the_winners_token(world: ExactWorld) -> None:
    world.client().find_entries("BOL-1")
    world.advance(580)
    assert world.client(tokens=OvertakenStore(world)).find_entries("BOL-1") == []
    assert [refusal["description"] for refusal in world.state["token_refusals"]] == [
        "Old refresh token used."
    ]
    assert FileTokenStore(world.folder).slot(TOKEN_KEY).dead_reason() is None


class LosingStore(FileTokenStore):
    """A store whose lock is lost before the new token is written."""

    @contextmanager
    def locked(self, key: str) -> Iterator[FileTokenSlot]:
        with super().locked(key) as slot:
            slot.write = self._refuse  # type: ignore[method-assign]
            yield slot

    def _refuse(self, token: Token) -> None:
        raise LeaseLostError("the token's lock was lost")


def test_a_token_that_could_not_be_stored_is_not_used(world: ExactWorld) -> None:
    with pytest.raises(LeaseLostError):
        world.client(tokens=LosingStore(world.folder)).post_entry(world.entry())
    assert world.token_calls == 1
    assert world.data_calls == 0
    assert world.state["writes"] == []


def test_thirty_idle_days_end_the_consent(world: ExactWorld) -> None:
    world.client().find_entries("BOL-1")
    world.advance(days=31)
    with pytest.raises(ConsentNeededError, match="the refresh token has expired"):
        world.client().find_entries("BOL-1")
    calls = world.token_calls
    with pytest.raises(ConsentNeededError):
        world.client().find_entries("BOL-1")
    assert world.token_calls == calls


def test_keep_alive_brings_an_idle_tenant_over_the_thirty_days(world: ExactWorld) -> None:
    world.client().find_entries("BOL-1")
    world.advance(days=6)
    assert keep_alive(world.account, world.house()) is False
    assert world.token_calls == 1
    world.advance(days=2)
    assert keep_alive(world.account, world.house()) is True
    world.advance(days=25)
    assert world.client().find_entries("BOL-1") == []
    assert world.state["token_refusals"] == []


def test_without_any_consent_nothing_is_sent(world: ExactWorld) -> None:
    with pytest.raises(ConsentNeededError, match="nobody has given consent yet"):
        world.client(account=world.with_secrets()).find_entries("BOL-1")
    assert (world.token_calls, world.data_calls) == (0, 0)


def test_a_consent_in_use_elsewhere_is_waited_for(world: ExactWorld, tmp_path: Path) -> None:
    """The refresh token of a consent whose first access token somebody holds already, and a store that is empty."""
    world.client().find_entries("BOL-1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    account = world.with_secrets(refresh_token=stored(world).refresh_token or "")
    with pytest.raises(TransientConnectorError, match="in use elsewhere or too fresh") as refused:
        world.client(account=account, tokens=FileTokenStore(elsewhere)).find_entries("BOL-1")
    assert refused.value.retry_after_s == 60
    assert FileTokenStore(elsewhere).slot(TOKEN_KEY).dead_reason() is None


def test_a_lost_token_answer_is_no_entry_in_doubt(world: ExactWorld) -> None:
    world.fault("drop_reply_after_acting", match="/token")
    with pytest.raises(TransientConnectorError) as lost:
        world.client().post_entry(world.entry())
    assert lost.value.maybe_acted is False
    assert lost.value.system == "exact_online"
    assert world.state["writes"] == []


@pytest.mark.parametrize("kind", ["500", "503", "not_json", "429_without_retry_after"])
def test_a_broken_token_endpoint_is_tried_again_with_the_same_token(world: ExactWorld, kind: str) -> None:
    world.fault(kind, match="/token")
    with pytest.raises(TransientConnectorError) as broken:
        world.client().post_entry(world.entry())
    assert broken.value.maybe_acted is False
    assert world.state["writes"] == []
    assert world.client().find_entries("BOL-1") == []


def test_a_refresh_does_not_wait_longer_than_its_lock_is_held(world: ExactWorld) -> None:
    """Whoever waited for an hour with a refresh token in hand would send one that another worker has used."""
    world.budget.refuse("token", retry_after_s=3600)
    with pytest.raises(TransientConnectorError) as refused:
        world.client().find_entries("BOL-1")
    assert refused.value.retry_after_s == pytest.approx(3600, abs=5)
    assert (world.slept, world.token_calls) == ([], 0)


def test_a_wrong_secret_does_not_end_the_consent(world: ExactWorld) -> None:
    account = replace(world.account, secrets={**world.account.secrets, "client_secret": "wrong-one"})
    with pytest.raises(PermanentConnectorError, match="invalid_client") as refused:
        world.client(account=account).find_entries("BOL-1")
    assert not isinstance(refused.value, ConsentNeededError)
    assert world.client().find_entries("BOL-1") == []


def test_no_message_holds_a_secret(world: ExactWorld) -> None:
    account = replace(world.account, secrets={**world.account.secrets, "client_secret": "wrong-one"})
    with pytest.raises(PermanentConnectorError) as refused:
        world.client(account=account).find_entries("BOL-1")
    text = f"{refused.value!r} {refused.value.__dict__} {account!r}"
    assert "wrong-one" not in text
    assert world.account.secrets["refresh_token"] not in text


@pytest.mark.parametrize("encoded", [True, False])
def test_a_new_consent_brings_a_dead_grant_back(world: ExactWorld, encoded: bool) -> None:
    world.client().find_entries("BOL-1")
    world.advance(days=31)
    with pytest.raises(ConsentNeededError):
        world.client().find_entries("BOL-1")

    address = authorize_url(world.account, "state-1")
    redirected = requests.get(address, allow_redirects=False, timeout=5).headers["Location"]
    asked = parse_qs(urlsplit(redirected).query)
    assert redirected.startswith(f"{REDIRECT_URI}?")
    assert asked["state"] == ["state-1"]
    code = asked["code"][0]
    exchange_code(world.account, world.house(), quote(code, safe="") if encoded else code)

    assert world.client().find_entries("BOL-1") == []
    with pytest.raises(PermanentConnectorError, match="invalid_grant"):
        exchange_code(world.account, world.house(), code)
    assert world.client().find_entries("BOL-1") == []


def test_consent_needs_a_redirect_address(world: ExactWorld) -> None:
    account = replace(world.account, options={"division": world.account.options["division"]})
    with pytest.raises(ConfigurationError, match="redirect_uri"):
        authorize_url(account, "state-1")
    with pytest.raises(ConfigurationError, match="redirect_uri"):
        exchange_code(account, world.house(), "code")
    assert world.token_calls == 0
