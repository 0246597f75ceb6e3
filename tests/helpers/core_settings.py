"""Settings that a core requires, for tests of every core."""

from typing import Any


def core_settings(core: str) -> dict[str, Any]:
    """The core's name and its settings: a flag, then a context of one entry."""
    sizes = {"context_size": 1, "store_size": 3} if core == "episodic" else {}
    return {"core": core, **sizes}
