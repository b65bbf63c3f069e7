"""The demo: a seeded story of two quarters, played through the real writer with real signatures."""
