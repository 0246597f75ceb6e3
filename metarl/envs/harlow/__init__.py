"""Harlow's learning sets: objects as codes on a line, and pictures as pixels."""
