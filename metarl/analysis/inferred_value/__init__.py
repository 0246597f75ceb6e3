"""Analysis of the inferred-value experiment, from trial table to figure."""
