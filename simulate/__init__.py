"""Seeded worlds of waste, labelled with what is wrong in them, played through the real ledger."""
