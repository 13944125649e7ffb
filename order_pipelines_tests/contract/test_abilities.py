"""What each connector can do, typed: an ability that is lost or gained shows here; the rules follow by themselves."""

from dataclasses import fields

import pytest

from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.registry import CONNECTORS, connector_of
from order_pipelines_tests.contract.recordings import recordings_of
from order_pipelines_tests.contract.subject import able, subject_of

ABILITIES = {
    "bol": {
        "interpreter", "order_source", "stock_sink", "shipment_sink", "return_source", "return_interpreter",
        "account_probe",
    },
    "mirakl": {
        "interpreter", "order_source", "stock_sink", "order_acceptor", "shipment_sink", "ships_whole_orders",
        "write_interval_s", "return_source", "return_interpreter", "refund_sink", "account_probe",
    },
    "shopware": {
        "interpreter", "order_source", "stock_sink", "order_acceptor", "waits_for_seller", "shipment_sink",
        "webhook_door", "product_source", "customer_source", "account_probe",
    },
    "b2b_files": {"interpreter", "file_interpreter"},
    "exact_online": {"invoice_sink", "books_reader", "keep_alive", "account_probe"},
}  # fmt: skip
ENTITIES = {
    "bol": ("orders", "returns"),
    "mirakl": ("orders", "returns"),
    "shopware": ("orders", "products", "customers"),
    "b2b_files": (
        "orders", "stock_counts", "shipments", "goods_movements", "purchase_orders", "supplier_stock", "bundles",
    ),
    "exact_online": (),
}  # fmt: skip
SECRETS = {
    "bol": ("client_id", "client_secret"),
    "mirakl": ("api_key",),
    "shopware": ("client_id", "client_secret"),
    "b2b_files": (),
    "exact_online": ("client_id", "client_secret"),
}
_NO_ABILITY = {"system", "title", "entities", "secrets", "check_options", "limits"}


def test_every_connector_can_do_what_is_typed_here_and_nothing_else() -> None:
    names = {field.name for field in fields(Connector)} - _NO_ABILITY
    found = {
        system: {name for name in names if getattr(connector, name) is not None}
        for system, connector in CONNECTORS.items()
    }
    assert found == ABILITIES
    assert {system: connector.entities for system, connector in CONNECTORS.items()} == ENTITIES
    assert {system: connector.secrets for system, connector in CONNECTORS.items()} == SECRETS
    assert all(connector_of(system) is connector for system, connector in CONNECTORS.items())


@pytest.mark.parametrize("system", CONNECTORS)
def test_every_connector_has_the_data_that_its_abilities_need(system: str) -> None:
    assert subject_of(system).system == system


def test_text_and_json_can_be_changed_by_the_kit_and_workbooks_are_only_read() -> None:
    kept = {
        (system, recording.path.suffix)
        for system in able(lambda connector: connector.interpreter)
        for recording in recordings_of(subject_of(system))
        if system in CONNECTORS and not recording.can_be_changed
    }
    assert kept == {("b2b_files", ".xlsx")}
