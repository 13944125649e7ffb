"""A shop of four channels on each of the two databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.services.doctor.four_channels import more_accounts
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world


@pytest.fixture
def world(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    more = more_accounts(running_sandbox, monkeypatch)
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, more=more) as opened:
        yield opened


@pytest.fixture
def sqlite_world(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    more = more_accounts(running_sandbox, monkeypatch)
    with opened_world(running_sandbox, sqlite_url, tmp_path, monkeypatch, more=more) as opened:
        yield opened
