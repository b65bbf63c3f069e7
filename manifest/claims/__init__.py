"""Acts that happened though they are refused: kept, and credited to nobody until an authority decides."""
