"""Analysis of the matching experiment, from trial table to figure."""
