"""Acts that are signed and in form, and meant to cheat the mass accounts: refused, or seen."""
