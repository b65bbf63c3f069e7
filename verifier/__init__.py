"""The verifier for whoever trusts nobody: one file, to be copied out of here."""
