"""Benchmarks: each measures one thing beside a yardstick in the same run, and fails when a result is wrong."""
