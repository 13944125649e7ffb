"""The options of an account."""

from typing import Any

import pytest

from order_pipelines.connectors.mirakl import CONNECTOR
from order_pipelines.errors import ConfigurationError


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shop_id": 2041, "multi_shipment": True, "warehouse_code": "HOOFD"},
        {"carriers": {"PostNL": "PNL"}, "cancel_reason": "34", "refund_reason": "17"},
        {"stock_import_interval_s": 300, "history_days": 1},
    ],
)
def test_good_options_pass(options: dict[str, Any]) -> None:
    CONNECTOR.check_options(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shop_id": "2041"}, r"options\.shop_id: .*integer"),
        ({"stock_import_interval_s": 30}, r"options\.stock_import_interval_s: .*greater than or equal to 60"),
        ({"carriers": {"PostNL": 7}}, r"options\.carriers\.PostNL: .*string"),
        ({"history_days": 0}, r"options\.history_days: .*greater than or equal to 1"),
        ({"accept": "automatic"}, r"options\.accept: mirakl has no such option; known are shop_id, multi_"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CONNECTOR.check_options(options)
