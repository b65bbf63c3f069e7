"""Registers: organisations, sites, zones, permits, mandates, plans."""
