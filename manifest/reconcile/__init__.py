"""Sums over postings: ratios, and what was generated and never treated."""
