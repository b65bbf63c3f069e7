"""Benchmarks: figures with the machine's calibration beside them, as JSON."""
