"""A manifest as a signed document."""
