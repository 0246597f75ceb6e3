"""Harlow's learning sets: objects on a line, and pictures as pixels."""
