"""Harlow's learning sets: objects on a line, and pictures as pixels."""

from metarl.envs.harlow.line import HarlowLine
from metarl.envs.harlow.pixels import Harlow

__all__ = ["Harlow", "HarlowLine"]
