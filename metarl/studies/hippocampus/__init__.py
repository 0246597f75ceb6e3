"""Hippocampal replay without a network: mazes, replay, rest, and their analysis."""
