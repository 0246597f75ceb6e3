"""Tasks with few trials: the parameters that make any task's episode that short."""

from typing import Any


def short(task: str, trials: int) -> dict[str, Any]:
    """Parameters of a task in the catalogue for episodes of so many trials."""
    return {
        "matching": {"trial_least": trials, "trial_most": trials},
        "inferred-value": {"block_count": 1, "block_trials": trials},
        "risky-choice": {
            "forced_pairs": trials // 4,
            "free_trials": trials - trials // 4 * 2,
        },
    }.get(task, {"trial_count": trials})
