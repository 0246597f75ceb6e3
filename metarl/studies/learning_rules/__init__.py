"""The study of learning rules."""
