"""The study of continual learning."""
