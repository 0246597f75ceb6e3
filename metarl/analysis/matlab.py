"""Errors of scipy on a MATLAB file that is damaged, newer, or of another origin."""

import zlib

from scipy import io

UNREADABLE = (
    *(IndexError, KeyError, NotImplementedError, OSError, TypeError, ValueError),
    *(io.matlab.MatReadError, zlib.error),
)
"""Errors of scipy on a .mat file of another origin or version, or a truncated one."""
