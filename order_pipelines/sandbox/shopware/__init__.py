"""A stand-in of Shopware 6: shops with an Admin API, mails and webhooks. It shares no code with its client."""

from order_pipelines.sandbox.shopware.standin import ShopwareStandIn

__all__ = ["ShopwareStandIn"]
