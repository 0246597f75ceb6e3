"""The study of agent replay."""
