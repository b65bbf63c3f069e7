"""Append-only, hash-chained, signed record of events; knows nothing about waste."""
