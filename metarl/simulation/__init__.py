"""Simulation: a task stepped with a policy, in training and in frozen tests."""
