"""Several processes that do the same thing at the same moment, with and without a death among them: once each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
import requests

from order_pipelines.connectors.exact_online.tokens import authorize_url, exchange_code
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.reliability import outage_worker
from order_pipelines_tests.reliability.outage_processes import FORKS, at_once
from order_pipelines_tests.reliability.outage_world import (
    ACCOUNTS,
    day,
    differences,
    load,
    result_of,
    send_out,
    settle,
    take_in,
    undisturbed,
    warehouse_of,
)
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

pytestmark = pytest.mark.endurance

EXACT_TOKEN_AGE_S = 580
TOKEN_LEASE_S = 90


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture(scope="module")
def calm(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What the day leaves when one process does everything."""
    with memory_folder() as folder:
        yield undisturbed(sandbox, folder)


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def world(
    sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    with day(sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


def _writes(world: ShopWorld, part: str) -> Counter[str]:
    """Return the successful writes to bol whose path holds ``part``, by offer or whatever comes last."""
    return Counter(
        write["path"].rsplit("/", 1)[1]
        for account in ACCOUNTS
        for write in world.writes(account)
        if part in write["path"] and write["status"] < 300
    )


def _posted(world: ShopWorld) -> list[str]:
    writes = world.sandbox.exact_online.state("exact")["writes"]
    return sorted(write["body"]["YourRef"] for write in writes if write["method"] == "POST")


def test_four_sweeps_of_one_account_read_every_order_once(world: ShopWorld, calm: dict[str, Any]) -> None:
    swept = at_once(world, outage_worker.sweep, 4, MAIN)
    assert sum(one["fetched"] for one in swept) == 5
    assert sum(one["new"] for one in swept) == 5
    read = Counter(row.external_id for row in world.rows("receipts", account=MAIN, kind="order"))
    assert read == dict.fromkeys(("A001", "A002", "A003", "A004", "A005"), 1)

    take_in(world)
    send_out(world.shop)
    settle(world, rounds=2)
    assert differences(result_of(world, None), calm) == {}


def test_four_pushers_send_every_quantity_once(world: ShopWorld, calm: dict[str, Any]) -> None:
    take_in(world)
    pushed = at_once(world, outage_worker.push, 4, *ACCOUNTS)
    assert sum(one["confirmed"] for one in pushed) == 11
    assert sorted(_writes(world, "/retailer/offers/").values()) == [1] * 11

    send_out(world.shop)
    settle(world, rounds=2)
    assert differences(result_of(world, None), calm) == {}


@pytest.mark.parametrize("count", [2, 4])
def test_dispatchers_at_once_send_every_effect_once(
    world: ShopWorld, calm: dict[str, Any], count: int
) -> None:
    take_in(world)
    sent = at_once(world, outage_worker.plan_and_dispatch, count)
    assert sum(one["channel_cancellation"] for one in sent) >= 1
    assert sum(one["sales_entry"] for one in sent) == 4

    settle(world, rounds=2)
    assert _posted(world) == ["BOL-A001", "BOL-A002", "BOL-A003", "OUT-B001"]
    assert _writes(world, "/retailer/shipments") == {"shipments": 1}
    assert _writes(world, "/retailer/orders/cancellation") == {"cancellation": 1}
    assert differences(result_of(world, None), calm) == {}


def test_four_loads_at_once_take_every_change_in_once(
    world: ShopWorld, calm: dict[str, Any], tmp_path: Path
) -> None:
    take_in(world)
    warehouse = warehouse_of(world, tmp_path)
    loaded = at_once(world, outage_worker.load, 4, warehouse.url, str(tmp_path))
    # One has read everything and the others nothing: which one is luck.
    assert sorted(bool(one["rows"]) for one in loaded) == [False, False, False, True]
    versions = warehouse.query("select order_key, count(*) as n from core.order_versions group by order_key")
    assert sorted(versions.to_pydict()["n"]) == [1] * 7
    if warehouse.path is not None:
        assert sorted(one["published"] for one in loaded) == [1, 2, 3, 4]
        assert warehouse.published_path().name == "warehouse-4.duckdb"
        assert sorted(path.name for path in warehouse.published_dir.glob("*.duckdb")) == [
            "warehouse-2.duckdb",
            "warehouse-3.duckdb",
            "warehouse-4.duckdb",
        ]

    send_out(world.shop)
    settle(world, rounds=2)
    load(world.shop, warehouse)
    assert differences(result_of(world, warehouse), calm) == {}


def test_two_that_publish_at_once_make_two_whole_copies(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live file is free again before the copy has its name: the second one took the same number and name."""
    with day(sandbox, sqlite_url, tmp_path, monkeypatch) as world:
        warehouse = warehouse_of(world, tmp_path)
        warehouse.migrate()
        made = at_once(world, outage_worker.publish_slowly, 2, warehouse.url, str(tmp_path))
    assert sorted(one["number"] for one in made) == [1, 2]
    for number in (1, 2):
        with duckdb.connect(
            str(warehouse.published_dir / f"warehouse-{number}.duckdb"), read_only=True
        ) as copy:
            assert copy.execute("select count(*) from core.orders").fetchall() == [(0,)]
    assert warehouse.published_path().name == "warehouse-2.duckdb"
    assert list(warehouse.published_dir.glob("*.partial")) == []


# ------------------------------------------------------------------------------------------------ tokens


def _exact(world: ShopWorld) -> dict[str, Any]:
    state: dict[str, Any] = world.sandbox.exact_online.state("exact")
    return state


def _with_old_tokens(world: ShopWorld) -> None:
    """Leave tokens that everybody must renew at the next call: of Exact by refresh token, of bol by a new request."""
    take_in(world)
    send_out(world.shop)
    world.pass_time(seconds=EXACT_TOKEN_AGE_S)


@pytest.mark.parametrize("account", ["exact", MAIN])
def test_of_four_processes_that_need_a_new_token_one_asks(world: ShopWorld, account: str) -> None:
    _with_old_tokens(world)
    asked = _exact(world)["token_requests"], len(world.bol()["token_requests"])
    assert at_once(world, outage_worker.ask, 4, account) == [{"asked": account}] * 4
    after = _exact(world)["token_requests"], len(world.bol()["token_requests"])
    assert after == (asked[0] + (account == "exact"), asked[1] + (account == MAIN))
    assert [chain["is_dead"] for chain in _exact(world)["chains"]] == [False]


@pytest.mark.parametrize(
    ("account", "moment", "is_lost"),
    [
        ("exact", "before asking", False),
        ("exact", "before storing", True),
        ("exact", "after storing", False),
        (MAIN, "before storing", False),
        (MAIN, "after storing", False),
    ],
)
def test_a_renewal_that_dies_costs_the_consent_only_between_the_answer_and_its_storing(
    world: ShopWorld, calm: dict[str, Any], account: str, moment: str, is_lost: bool
) -> None:
    """There Exact has forgotten the old refresh token, and the only copy of the new one died with the process."""
    _with_old_tokens(world)
    answers = at_once(world, outage_worker.ask_and_die, 4, account, moment, FORKS.Value("i", 0))
    assert len(answers) == 3
    assert {one.get("error", "none") for one in answers} <= {"none", "TransientConnectorError"}
    refused = [one["said"] for one in answers if "said" in one]
    assert all("is being refreshed by another process" in said for said in refused), refused

    world.pass_time(seconds=TOKEN_LEASE_S + 1)
    (after,) = at_once(world, outage_worker.ask, 1, account)
    if is_lost:
        assert after["error"] == "ConsentNeededError"
        assert "order-pipelines authorize exact" in after["said"]
        assert _exact(world)["consent_needed"] is True
        _consent(world)
    else:
        assert after == {"asked": account}
        assert _exact(world)["consent_needed"] is False
    settle(world, rounds=2)
    assert differences(result_of(world, None), calm) == {}


def _consent(world: ShopWorld) -> None:
    """Do what 'order-pipelines authorize' does, with a person who agrees."""
    known, house = world.shop.port_account("exact"), world.shop.house("exact")
    answer = requests.get(authorize_url(known, "state"), allow_redirects=False, timeout=10)
    exchange_code(known, house, parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0])
