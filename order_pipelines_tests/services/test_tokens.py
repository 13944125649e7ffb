"""One token for all: processes that need it at the same moment ask once, and the newest refresh token survives."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from order_pipelines.connectors.ports import Token
from order_pipelines.errors import LeaseLostError, TransientConnectorError
from order_pipelines.operations.leases import try_acquire
from order_pipelines.operations.tables import leases, tokens
from order_pipelines.services.tokens import StoredTokens
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld
from order_pipelines_tests.services.token_worker import read_something

_SPAWN = multiprocessing.get_context("spawn")


def _token(name: str, hour: float = 9, refresh: str | None = None) -> Token:
    return Token(name, at(hour), at(hour) + timedelta(minutes=5), refresh)


def test_four_processes_ask_bol_and_exact_for_one_token_each(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    with _SPAWN.Manager() as manager, ProcessPoolExecutor(4, mp_context=_SPAWN) as pool:
        barrier = manager.Barrier(4)
        for account, answers in ((MAIN, 62), ("exact", 0)):
            futures = [pool.submit(read_something, str(world.path), account, barrier) for _ in range(4)]
            assert [future.result(90) for future in futures] == [answers] * 4

    assert [row["status"] for row in world.bol()["token_requests"]] == [200]
    assert world.sandbox.exact_online.state("exact")["token_requests"] == 1


def test_a_token_is_there_for_everybody_after_it_was_written(world: ShopWorld) -> None:
    store = StoredTokens(world.shop.store)
    assert store.peek("bol:x") is None
    with store.locked("bol:x") as slot:
        assert slot.read() is None
        slot.write(_token("first", refresh="r1"))
        assert slot.read() == _token("first", refresh="r1")
    assert store.peek("bol:x") == _token("first", refresh="r1")
    assert store.peek("bol:y") is None


def test_the_newer_token_stays_when_an_older_one_comes_late(world: ShopWorld) -> None:
    store = StoredTokens(world.shop.store)
    with store.locked("bol:x") as slot:
        slot.write(_token("newer", 10, "r2"))
        with pytest.raises(LeaseLostError, match="a newer token bol:x is stored already"):
            slot.write(_token("older", 9, "r1"))
    assert store.peek("bol:x") == _token("newer", 10, "r2")


def test_a_refresh_that_lost_its_lease_is_kept_but_not_used(world: ShopWorld) -> None:
    """The single-use refresh token came in after another process took over: losing it would end the consent."""
    store = StoredTokens(world.shop.store)
    with store.locked("exact_online:exact") as slot:
        with world.shop.store.small_transaction() as connection:
            connection.execute(
                sa.update(leases)
                .where(leases.c.name == "token:exact_online:exact")
                .values(expires_at=at(0), holder="another", fence=leases.c.fence + 1)
            )
        with pytest.raises(LeaseLostError):
            slot.write(_token("new", refresh="r2"))
    assert store.peek("exact_online:exact") == _token("new", refresh="r2")


def test_waiting_for_another_holder_ends_with_an_error_that_can_be_repeated(world: ShopWorld) -> None:
    assert try_acquire(world.shop.store, "token:bol:x", ttl_s=60) is not None
    store = StoredTokens(world.shop.store, wait_s=0.1)
    said = "is being refreshed by another process"
    with pytest.raises(TransientConnectorError, match=said), store.locked("bol:x"):
        raise AssertionError
    assert store.peek("bol:x") is None


def test_a_dead_grant_is_remembered_until_a_new_consent(world: ShopWorld) -> None:
    store = StoredTokens(world.shop.store)
    with store.locked("exact_online:exact") as slot:
        slot.mark_dead("the refresh token was used before")
        assert slot.dead_reason() == "the refresh token was used before"
        slot.write(_token("new", refresh="r1"))
        assert slot.dead_reason() is None


def test_a_token_does_not_show_itself(world: ShopWorld) -> None:
    store = StoredTokens(world.shop.store)
    with store.locked("bol:x") as slot:
        slot.write(_token("top-secret"))
    assert "top-secret" not in repr(store.peek("bol:x"))
    with world.shop.store.reading() as connection:
        assert connection.execute(sa.select(tokens.c.version)).scalar() == 1
