"""Lots: how they arise, what is done to them, what they are regrouped into, and how each gram ends."""
