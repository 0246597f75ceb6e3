"""What a core needs to be told before it can be built in a test of every core."""

from typing import Any


def core_settings(core: str) -> dict[str, Any]:
    """The core's name and its settings: a flag, then a context of one entry."""
    told = {"context_size": 1, "store_size": 3} if core == "episodic" else {}
    return {"core": core, **told}
