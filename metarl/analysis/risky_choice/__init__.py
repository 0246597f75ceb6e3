"""Analysis of the risky-choice experiment, from trial table to figure."""
