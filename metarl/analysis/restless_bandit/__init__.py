"""Analysis of the restless-bandit experiment, from trial table to figure."""
