"""Accounts, sessions, API keys and keys in custody: who is at the door, and what they may sign with."""
