"""The study of evolution."""
