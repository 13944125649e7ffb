"""The options of an account, and the customers of the shop."""

from datetime import timedelta
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.connectors.ports import Since
from order_pipelines.connectors.shopware import CONNECTOR
from order_pipelines.errors import ConfigurationError
from order_pipelines_tests.connectors.shopware.shopware_world import ShopwareWorld


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stock_model": "6.5", "complete_when_shipped": True},
        {"sales_channel_ids": ["a8f2e11a54b6346b676c448890c2d688"], "page_size": 500, "history_days": 1},
        {"send_mail": True, "in_progress_after_import": True, "tracking": "none"},
    ],
)
def test_good_options_pass(options: dict[str, Any]) -> None:
    CONNECTOR.check_options(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stock_model": 6.6}, r"options\.stock_model: .*'6.5' or '6.6'"),
        ({"sales_channel_ids": ["Webshop"]}, r"options\.sales_channel_ids\.0: .*pattern"),
        ({"page_size": 501}, r"options\.page_size: .*less than or equal to 500"),
        ({"page_size": 0}, r"options\.page_size: .*greater than or equal to 1"),
        ({"send_mail": "no"}, r"options\.send_mail: .*boolean"),
        ({"tracking": "url"}, r"options\.tracking: .*'code', 'carrier_and_code' or 'none'"),
        (
            {"stock": "6.5"},
            r"options\.stock: shopware has no such option; known are stock_model, sales_channel",
        ),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CONNECTOR.check_options(options)


def test_customers_are_read_by_change(world: ShopwareWorld) -> None:
    world.buy(business=True, ago=timedelta(hours=5))
    since = clock.now() - timedelta(hours=1)
    world.buy(guest=True, ship_country="BE")
    everyone = list(world.customers(page_size=1).list_customers(Since(None)))
    assert [(each.customer_number, each.is_guest) for each in everyone] == [("10001", False), ("10002", True)]
    company, guest = everyone
    assert company.buyer.is_business is True
    assert company.buyer.vat_id is not None
    assert guest.buyer.is_business is False
    assert guest.billing_address is not None
    assert guest.billing_address.country_code == "BE"
    changed = list(world.customers().list_customers(Since(since)))
    assert [each.customer_number for each in changed] == ["10002"]


def test_customers_of_other_sales_channels_stay_out(world: ShopwareWorld) -> None:
    world.buy()
    world.buy(sales_channel="B2B")
    channel = world.row()["sales_channels"]["B2B"]
    found = list(world.customers(sales_channel_ids=[channel]).list_customers(Since(None)))
    assert [each.customer_number for each in found] == ["10002"]
