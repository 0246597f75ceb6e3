"""Analysis of the informative-arm experiment, from trial table to figure."""
