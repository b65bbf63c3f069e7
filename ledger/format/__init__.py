"""The bytes that anyone may check: events, entries, trees, notes, keys; pure, without a database."""
