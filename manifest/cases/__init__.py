"""The cases of a manifest beside the plain journey, one module for each."""
