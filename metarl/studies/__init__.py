"""Studies of neighbouring ideas: how else a network may learn, one folder each."""
