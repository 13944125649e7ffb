"""The operations store: the current truth and everything that decides. SQLite embedded, PostgreSQL in production."""
