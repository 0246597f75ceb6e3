"""Analysis of the volatility experiment, from trial table to figure."""
