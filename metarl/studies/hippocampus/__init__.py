"""Replay without a network: mazes, memories, rest, and how to read it."""
