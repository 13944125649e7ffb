"""Stand-in of Exact Online: authorisation, tokens, master data, sales entries, limits."""

from order_pipelines.sandbox.exact_online.stand_in import ExactStandIn

__all__ = ["ExactStandIn"]
