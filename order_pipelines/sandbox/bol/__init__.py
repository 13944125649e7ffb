"""A stand-in of bol's Retailer API: v10, offers v11 and the shared process status, for several accounts."""

from order_pipelines.sandbox.bol.standin import BolStandIn

__all__ = ["BolStandIn"]
