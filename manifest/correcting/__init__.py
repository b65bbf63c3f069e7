"""Corrections: what may be put right, who has to agree, and what follows for every gram that rested on it."""
