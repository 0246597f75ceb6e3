"""Reference policies of the tasks: random, oracles, ideal observers, learners."""
