"""Analysis of the bandit experiment, from trial table to figure."""
