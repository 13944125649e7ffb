"""The use cases: where connectors meet stores."""
