"""The commands of ``order-pipelines``, a module per kind of work. They print; what happens is decided in services."""
