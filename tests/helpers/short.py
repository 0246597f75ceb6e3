"""Tasks with few trials: the parameters that make any task's episode that short."""

from typing import Any

_NEAR = {
    "ring": 3,
    "picture_turns": 1,
    "select_turns": 1,
    "start_turns": 1,
    "pause": 1,
    "step_cap": 30,
}
_SMALL: dict[str, dict[str, Any]] = {
    "harlow-line": {**_NEAR, "cells": 3},
    "harlow": {
        **_NEAR,
        "width": 12,
        "height": 8,
        "picture_size": 4,
        "turn_pixels": 4,
    },
}


def small(task: str) -> dict[str, Any]:
    """Parameters of a registered task under which random play ends trials."""
    return _SMALL.get(task, {})


def short(task: str, trials: int) -> dict[str, Any]:
    """Parameters of a registered task for episodes of so many trials."""
    return {
        "matching": {"trial_least": trials, "trial_most": trials},
        "inferred-value": {"block_count": 1, "block_trials": trials},
        "risky-choice": {
            "forced_pairs": trials // 4,
            "free_trials": trials - trials // 4 * 2,
        },
        **{
            name: {**world, "trial_count": trials, "step_cap": 12 * trials}
            for name, world in _SMALL.items()
        },
    }.get(task, {"trial_count": trials})
