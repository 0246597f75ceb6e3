"""Fixtures that play any task."""

from courses import make, perform, same, task_name, write_script

__all__ = ["make", "perform", "same", "task_name", "write_script"]
