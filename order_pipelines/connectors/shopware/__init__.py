"""Shopware 6, the web shop: Admin API of 6.5 and later. See README.md for endpoints, limits and quirks."""

from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.shopware.acceptance import ShopwareAcceptance
from order_pipelines.connectors.shopware.customers import ShopwareCustomers
from order_pipelines.connectors.shopware.mapping import make_interpreter
from order_pipelines.connectors.shopware.options import check_options, read_options
from order_pipelines.connectors.shopware.orders import ShopwareOrders
from order_pipelines.connectors.shopware.probe import LIMITS, ShopwareProbe
from order_pipelines.connectors.shopware.products import ShopwareProducts
from order_pipelines.connectors.shopware.shipments import ShopwareShipments
from order_pipelines.connectors.shopware.stock import ShopwareStock
from order_pipelines.connectors.shopware.webhooks import make_door

CONNECTOR = Connector(
    system="shopware",
    title="Shopware",
    entities=("orders", "products", "customers"),
    check_options=check_options,
    interpreter=make_interpreter,
    order_source=ShopwareOrders,
    stock_sink=ShopwareStock,
    order_acceptor=ShopwareAcceptance,
    waits_for_seller=lambda options: read_options(options).in_progress_after_import,
    shipment_sink=ShopwareShipments,
    product_source=ShopwareProducts,
    customer_source=ShopwareCustomers,
    account_probe=ShopwareProbe,
    limits=LIMITS,
    webhook_door=make_door,
    secrets=("client_id", "client_secret"),
)
