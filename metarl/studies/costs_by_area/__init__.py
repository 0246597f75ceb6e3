"""The study of costs by area."""
