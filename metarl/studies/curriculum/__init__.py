"""The study of curriculum."""
