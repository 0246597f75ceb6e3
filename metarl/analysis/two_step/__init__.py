"""Analysis of the two-step experiment, from trial table to figure."""
