"""Analysis of the reversal experiment, from trial table to figure."""
