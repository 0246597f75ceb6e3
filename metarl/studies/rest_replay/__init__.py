"""The study of rest replay."""
