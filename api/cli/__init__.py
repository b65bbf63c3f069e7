"""Commands of `ctnh`, one file per group."""
