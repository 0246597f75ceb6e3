"""Harlow's learning sets: objects on a line, and pictures as pixels."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metarl.envs.harlow.line import HarlowLine
    from metarl.envs.harlow.pixels import Harlow

__all__ = ["Harlow", "HarlowLine"]

_MODULES = {"Harlow": "pixels", "HarlowLine": "line"}


def __getattr__(name: str) -> Any:
    """Load a task when it is first used, so that pictures are drawn without torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
