"""Panels of the informative-arm figure."""

import numpy as np
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.informative_arm.behaviour import KINDS, Design
from metarl.analysis.measures import Tables, baseline_names, rows_at, select_group
from metarl.analysis.plotting import (
    empty_panel,
    label_line,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
    subject_lines,
)
from metarl.analysis.style import baseline_colour, baseline_words

STYLES = dict(zip(KINDS, ("--", "-"), strict=True))
"""Line of each kind of choice."""
MARKERS = dict(zip(KINDS, ("^", "o"), strict=True))
"""Marker of each kind of choice."""
COMPARED = ("informed", "guesser")
"""Baselines with their choices in the figure."""
MOST_TICKS = 11
"""Arms above which not every one has a tick."""


def plot_choices(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(informative arm) and P(target) by trial, a thin line a subject."""
    colour, label = subject_colour(context), subject_label(context)
    each = tables["choices"]
    for kind, style in STYLES.items():
        means = rows_at(tables.summary("choices"), kind=kind)
        mean_line(
            ax,
            select_group(means),
            "trial",
            colour,
            label=f"{kind}, {label}",
            style=style,
            alpha=0,
            marker=MARKERS[kind],
            lw=2.5,
        )
        own = rows_at(select_group(each), kind=kind)
        subject_lines(ax, own, "trial", "probability", colour, ls=style)
        for name in [n for n in COMPARED if n in baseline_names(means)]:
            words, shade = f"{kind}, {baseline_words(name)}", baseline_colour(name)
            line = select_group(means, name)
            mean_line(ax, line, "trial", shade, label=words, style=style, lw=1.5)
    ax.set(xlabel="Trial of the episode", ylabel="P(choice)", ylim=(-0.03, 1.03))
    ax.set_xticks(sorted(each["trial"].unique()))
    return legend_below(ax, columns=2)


def plot_after_clue(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Mean probability of each arm after the informative one, for each target."""
    means = tables.summary("after_clue")
    if means.empty:
        return empty_panel(ax, "the informative arm was never chosen")
    arms = np.arange(1, Design.read(context.parameters).arm_count + 1)
    targets = arms[:-1]
    square = means.pivot(index="target", columns="arm", values="mean").reindex(targets)
    image = ax.imshow(
        square.to_numpy(),
        cmap="Blues",
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(arms[0] - 0.5, arms[-1] + 0.5, targets[0] - 0.5, targets[-1] + 0.5),
        aspect="auto",
    )
    ax.figure.colorbar(image, ax=ax).set_label("P(choice), mean")
    step = -(-len(arms) // MOST_TICKS)
    ax.set_xticks(arms[::step])
    ax.set_yticks(targets[::step])
    count = f"{means['n'].max()} chose it, of {subject_label(context)}"
    ax.set(xlabel=f"Arm chosen after the informative one\n{count}")
    ax.set(ylabel="Target arm")
    return ax


def plot_regret(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret summed over the trials so far, with a line for every baseline."""
    colour, means = subject_colour(context), tables.summary("regret")
    for name in baseline_names(means):
        line = select_group(means, name)
        mean_line(ax, line, "trial", baseline_colour(name), lw=1.8)
        label_line(ax, baseline_words(name), float(line["mean"].iloc[-1]))
    label, own = subject_label(context), select_group(tables["regret"])
    mean = select_group(means)
    mean_line(ax, mean, "trial", colour, label=label, style="o-", lw=2.5)
    subject_lines(ax, own, "trial", "regret", colour)
    trials = np.sort(means["trial"].unique())
    ax.set(xlabel="Trial of the episode", ylabel="Regret so far (reward units)")
    ax.set_xticks(trials)
    ax.set_xlim(trials[0] - 0.1, trials[-1] + 0.25 * len(trials))
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    return legend_below(ax)
