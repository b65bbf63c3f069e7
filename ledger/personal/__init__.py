"""Values about persons, sealed under a key for each, and how they are erased or shown to one party."""
