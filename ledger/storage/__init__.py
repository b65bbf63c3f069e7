"""The ledger's tables in SQLite and PostgreSQL, and reading them."""
