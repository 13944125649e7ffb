"""One package per outside system: its protocol and nothing else; knows neither Dagster nor a store."""
