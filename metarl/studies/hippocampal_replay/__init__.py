"""The study of hippocampal replay."""
