"""The warehouse: history and analytics on DuckDB or PostgreSQL. Nothing outward reads it."""
