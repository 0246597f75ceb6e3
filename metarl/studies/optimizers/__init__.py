"""The study of optimizers."""
