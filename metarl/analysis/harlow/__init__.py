"""Analysis of the Harlow experiment, from trial table to figure."""
