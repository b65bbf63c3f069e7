"""Reference data carried as files, with their sources."""
