"""Learning curves: reward per step of each subject over training."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.style import COLOURS


def mean_curve(metrics: pd.DataFrame) -> "pd.Series[float]":
    """Mean over subjects of the reward per step, by environment steps.

    Args:
        metrics: columns subject, steps and rollout/reward_rate; where a subject has
            no point at some number of steps, the mean there is over the others.
    """
    return metrics.groupby("steps")["rollout/reward_rate"].mean()


def plot_learning_curves(metrics: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Reward per step over training: a thin line a subject, a bold one for the mean.

    Args:
        metrics: as in `mean_curve`.
        ax: axes to draw on; those of a new figure where None.
    """
    ax = ax or plt.subplots()[1]
    colour, count = COLOURS["agent"], metrics["subject"].nunique()
    for _, curve in metrics.groupby("subject"):
        ax.plot(
            curve["steps"] / 1e6,
            curve["rollout/reward_rate"],
            color=colour,
            lw=0.7,
            alpha=0.45,
        )
    mean = mean_curve(metrics)
    label = f"mean of {count} networks" if count > 1 else "1 network"
    ax.plot(mean.index / 1e6, mean, color=colour, lw=2.2, label=label)
    ax.set(xlabel="Environment steps (millions)", ylabel="Reward per step")
    ax.legend(loc="lower right")
    return ax
