"""Drafts of manifests: what two parties write together before anything stands in the ledger."""
