"""Neighbouring ideas: studies of how else a network may learn, one file each."""
