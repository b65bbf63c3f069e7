"""Checking a whole log, fast or entry by entry, from the database or from its files."""
