"""Going on after a loss: entries taken back from a copy, or a new log that names the old one."""
