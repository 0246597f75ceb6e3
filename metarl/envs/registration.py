"""Gymnasium ids of all tasks in the catalogue, without importing torch.

Entry points are strings, so a task's code is imported when one is made.
"""

import gymnasium

from metarl.envs.registry import TASKS


def register() -> None:
    """Let Gymnasium make every task of the catalogue; safe to call again."""
    for name, entry in TASKS.items():
        if entry.id not in gymnasium.registry:
            gymnasium.register(
                id=entry.id,
                entry_point="metarl.envs.adapters:TaskEnv",
                vector_entry_point="metarl.envs.adapters:TaskVectorEnv",
                kwargs={"task": name},
            )
