"""Everything that knows Dagster, built from the registry and the table declarations. No business rule lives here."""
