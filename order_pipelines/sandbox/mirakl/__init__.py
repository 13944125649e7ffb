"""A stand-in of Mirakl's marketplace platform as a seller meets it: two operators that differ in all they may."""

from order_pipelines.sandbox.mirakl.standin import MiraklStandIn

__all__ = ["MiraklStandIn"]
