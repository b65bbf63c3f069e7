"""The one way in: commands prepared off the lock, committed in batches by one writer."""
