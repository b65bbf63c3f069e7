"""Findings: what a run of the rules found, and what people made of it; every step an entry."""
