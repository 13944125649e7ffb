"""Tests of order_pipelines; `make test` runs them."""
