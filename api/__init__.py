"""The edges: HTTP, command line, jobs, identity; the only layer that commits."""
