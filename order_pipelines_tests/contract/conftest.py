"""One sandbox for all rules, a system at a time on it, and a shop of that system alone."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from order_pipelines_tests.contract.inside import opened_house
from order_pipelines_tests.contract.outside import ContractSandbox, Outside, running_sandbox
from order_pipelines_tests.contract.subject import subject_of, systems
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.shop_world import ShopWorld

MakeOutside = Callable[[str], Outside]
OpenHouse = Callable[..., AbstractContextManager[ShopWorld]]


@pytest.fixture(scope="package")
def contract_sandbox() -> Iterator[ContractSandbox]:
    """Return the stand-ins of every system that has one."""
    with running_sandbox(*(subject_of(system) for system in systems())) as sandbox:
        yield sandbox


@pytest.fixture
def outside(contract_sandbox: ContractSandbox) -> MakeOutside:
    """Return what makes the outside of a system, in a world that has just begun."""

    def make(system: str) -> Outside:
        contract_sandbox.begin()
        return Outside(contract_sandbox, subject_of(system))

    return make


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenHouse:
    """Return what opens a shop of a system on SQLite."""

    def open_it(outside: Outside, **more: Any) -> AbstractContextManager[ShopWorld]:
        return opened_house(outside, sqlite_url, tmp_path, monkeypatch, **more)

    return open_it


@pytest.fixture
def house_on_each(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenHouse:
    """Return what opens a shop of a system, once on each of the two databases."""

    def open_it(outside: Outside, **more: Any) -> AbstractContextManager[ShopWorld]:
        return opened_house(outside, store_url, tmp_path, monkeypatch, **more)

    return open_it
