"""Reference policies, stepped through the same door as a network."""
