"""The options of an account."""

from typing import Any

import pytest

from order_pipelines.connectors.bol import CONNECTOR
from order_pipelines.connectors.bol.stock import OffersV10, OffersV11
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House
from order_pipelines.errors import ConfigurationError
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"offers_api": "v10", "managed_by_retailer": False},
        {"fulfilment": "FBB", "history_days": 1},
    ],
)
def test_good_options_pass(options: dict[str, Any]) -> None:
    CONNECTOR.check_options(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offers_api": "v12"}, r"options\.offers_api: .*'v11' or 'v10'"),
        ({"managed_by_retailer": "yes"}, r"options\.managed_by_retailer: .*boolean"),
        ({"fulfilment": "fbr"}, r"options\.fulfilment: .*'FBR', 'FBB' or 'ALL'"),
        ({"history_days": 93}, r"options\.history_days: .*less than or equal to 92"),
        ({"managed": True}, r"options\.managed: bol has no such option; known are offers_api, managed_by_"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CONNECTOR.check_options(options)


def test_the_option_chooses_the_offers_api() -> None:
    assert CONNECTOR.stock_sink is not None
    house = House(MemoryTokenStore(), MemoryBudget())
    secrets = {"client_id": "x", "client_secret": "y"}
    for options, kind in (({}, OffersV11), ({"offers_api": "v10"}, OffersV10)):
        sink = CONNECTOR.stock_sink(Account("a", options=options, secrets=secrets), house)
        assert type(sink) is kind
