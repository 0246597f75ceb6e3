"""Panels of the bandit figure."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from metarl.analysis.analysis import Context
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    baseline_names,
    rows_at,
    select_group,
)
from metarl.analysis.plotting import (
    empty_panel,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
    subject_lines,
)
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words

BELOW = ("bayes-optimal", "bayes-greedy")
"""Baselines drawn as broken lines: nothing is expected below them."""
ROOM = 1.2
"""Height of the regret axis, in multiples of the greatest regret to be shown."""
LEAST, MOST = 1.0, 20.0
"""Regrets that the axis of the ablations shows at least."""
TICKS = (1, 2, 4, 8, 16, 32)
"""Marks on the same axis."""
BACKGROUND = "0.9"
"""Colour of a choice of the best arm in the raster."""
GAP_ROWS = 3
"""Empty rows between two kinds of problems in the raster."""
SHADES = "viridis"
"""Colours of problems, by the left arm's probability of reward."""
POPULATION_COLOURS = {
    "independent": COLOURS["agent"],
    "correlated": COLOURS["variant"],
}
"""Distribution in training -> colour."""


def plot_regret(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret up to each trial: mean of the networks, each network, and baselines."""
    return _plot_regrets(tables, context, ax, "regret", "trial")


def plot_gaps(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret per episode, by the difference between the two best arms."""
    _plot_regrets(tables, context, ax, "gaps", "gap")
    ax.set(xlabel="P(reward), best arm minus second best", xlim=(0, 1))
    return ax


def _plot_regrets(
    tables: Tables, context: Context, ax: Axes, name: str, x: str
) -> Axes:
    """Mean of the measured subjects, each subject, and baselines."""
    means, subjects = tables.summary(name), select_group(tables[name])
    if subjects.empty:
        return empty_panel(ax, "no whole episode")
    colour, label = subject_colour(context), subject_label(context)
    _plot_population(ax, subjects, select_group(means), x, colour, label)
    baselines = {k: select_group(means, k) for k in baseline_names(means)}
    _plot_baselines(ax, baselines, x, "mean", with_last=x == "trial")
    shown_values = [*_greatest(baselines, "mean"), float(subjects["regret"].max())]
    ax.set(xlabel="Trial", ylabel="Regret (reward units)")
    ax.set(ylim=(0, ROOM * max(shown_values)), xlim=(0, float(subjects[x].max())))
    return legend_below(ax, columns=2, first=label)


def _plot_population(
    ax: Axes,
    each: pd.DataFrame,
    means: pd.DataFrame,
    x: str,
    colour: str,
    label: str,
) -> None:
    subject_lines(ax, each, x, "regret", colour, lw=0.6)
    mean_line(ax, means, x, colour, label=label, alpha=0.25, lw=2.5, zorder=4)


def _plot_baselines(
    ax: Axes,
    lines: Mapping[str, pd.DataFrame],
    x: str,
    value: str,
    *,
    with_last: bool = True,
) -> None:
    """A line for each baseline, with its last value in the legend if asked for."""
    for name, line in lines.items():
        words = baseline_words(name)
        label = f"{words} {line[value].iloc[-1]:.2f}" if with_last else words
        style, colour = "--" if name in BELOW else "-", baseline_colour(name)
        ax.plot(line[x], line[value], style, color=colour, lw=1.5, label=label)


def _greatest(lines: Mapping[str, pd.DataFrame], value: str) -> list[float]:
    """Greatest value of each line that must be shown: of all but random choice."""
    return [float(line[value].max()) for k, line in lines.items() if k != "random"]


def plot_dependent(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret on arms of probability .25 and .75, by training, with baselines."""
    curves, means = tables["dependent"], tables.summary("dependent")
    if curves.empty:
        return empty_panel(ax, "not measured")
    shown = curves[curves["trained"].isin(POPULATION_COLOURS)]
    for name, each in shown.groupby("trained", sort=False):
        mean = rows_at(means, trained=name)
        label = f"trained on {name} (n = {mean['n'].iloc[0]})"
        colour = POPULATION_COLOURS[str(name)]
        _plot_population(ax, each, mean, "trial", colour, label)
    reference = tables["reference_dependent"].groupby("label", sort=False)
    baselines = {str(name): line for name, line in reference}
    _plot_baselines(ax, baselines, "trial", "value")
    shown_values = [*_greatest(baselines, "value"), float(curves["regret"].max())]
    ax.set(xlabel="Trial", ylabel="Regret (reward units)")
    ax.set(ylim=(0, ROOM * max(shown_values)), xlim=(0, float(curves["trial"].max())))
    return legend_below(ax, columns=2)


def plot_rasters(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Every choice of some episodes of one subject: the best arm, or another."""
    table = tables["rasters"]
    if table.empty:
        return empty_panel(ax, "no such problem")
    blocks: list[Array] = []
    marks, names = [], []
    for problem, part in table.groupby("problem", sort=False):
        grid = part.pivot(index="row", columns="trial", values="suboptimal")
        above = sum(len(block) for block in blocks)
        marks.append(above + (len(grid) - 1) / 2)
        names.append(str(problem))
        gap = np.full((GAP_ROWS, grid.shape[1]), np.nan)
        blocks += [grid.to_numpy(float), gap]
    image = np.concatenate(blocks[:-1])
    colours = ListedColormap([BACKGROUND, subject_colour(context)])
    ax.imshow(
        image,
        cmap=colours,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, image.shape[1] + 0.5, len(image) - 0.5, -0.5),
    )
    ax.set_yticks(marks, names)
    ax.set(xlabel="Trial", ylabel="Episodes of one subject, sorted")
    for index, words in enumerate(("best arm", "other arm")):
        ax.plot([], [], "s", color=colours(index), label=words)
    return legend_below(ax)


def plot_trajectories(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Mean trajectory of the units by problem, and the end of each episode."""
    paths, states = tables["trajectories"], tables["final_states"]
    if paths.empty:
        return empty_panel(ax)
    shades = plt.get_cmap(SHADES)
    ax.scatter(
        states["pc1"], states["pc2"], s=9, c=shades(states["left"]), alpha=0.5, lw=0
    )
    for left, path in paths.groupby("left"):
        colour = shades(float(str(left)))
        ax.plot(path["pc1"], path["pc2"], color="white", lw=4)
        label = f"P = {left:g}"
        ax.plot(path["pc1"], path["pc2"], color=colour, lw=2, label=label)
        ax.plot(*path[["pc1", "pc2"]].iloc[0], "o", color="black", ms=4)
    shares = 100 * paths[["share1", "share2"]].iloc[0]
    ax.set_xlabel(f"PC 1 ({shares['share1']:.0f} % of variance)")
    ax.set_ylabel(f"PC 2 ({shares['share2']:.0f} % of variance)")
    ax.locator_params(nbins=5)
    return legend_below(ax, title=_coding_title(tables), columns=3)


def _coding_title(tables: Tables) -> str:
    """Meaning of the marks, and the decoding from units over subjects."""
    coding = tables["coding"]
    title = "P(reward, left); black: first trial, dots: last trials"
    if coding["r2"].notna().all():
        title += f"\nr² of P at the last trial {coding['r2'].mean():.2f}"
        if coding["r2_untrained"].notna().all():
            title += f", untrained {coding['r2_untrained'].mean():.2f}"
        title += f" (n = {len(coding)})"
    return title


def plot_transfer(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret by training and test; shades: relative to random choice."""
    table = tables["transfer"]
    if table["trained"].nunique() < 2:
        return plot_gaps(tables, context, ax)
    table = table.assign(share=table["regret"] / table["random_regret"])
    order = list(dict.fromkeys([*table["trained"], *table["tested"]]))
    tested = [name for name in order if name in set(table["tested"])]
    regret, share = (
        table.pivot_table(column, "trained", "tested")
        .reindex(index=list(table["trained"].unique()), columns=tested)
        .to_numpy(float)
        for column in ("regret", "share")
    )
    ax.imshow(share, cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(regret):
        ink = "white" if share[row, column] > 0.5 else "black"
        known = f"{value:.1f}" if np.isfinite(value) else ""
        ax.text(column, row, known, ha="center", va="center", color=ink)
    ax.set_xticks(range(len(tested)), tested, rotation=20)
    count = table.groupby("trained", sort=False)["subject"].nunique()
    ax.set_yticks(range(len(share)), [f"{k}\n(n = {n})" for k, n in count.items()])
    ax.set(ylabel="Trained on")
    ax.set_xlabel("Tested on; regret (reward units)\nshade: share of random regret")
    return ax


def plot_ablations(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret per episode: each network, intact or lacking a part; baselines."""
    rows = _ablation_rows(tables, context)
    for place, (_, values, colour, face) in enumerate(rows):
        ax.plot(values, np.full(len(values), place), "o", color=colour, mfc=face)
    ax.set_yticks(range(len(rows)), [words for words, *_ in rows])
    means = [float(values.mean()) for _, values, *_ in rows if len(values)]
    low, high = min([LEAST, *means]), max([MOST, *means])
    ax.set(xscale="log", xlim=(low / ROOM, high * ROOM))
    ax.set(ylim=(len(rows) - 0.5, -0.5))
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("Regret per episode (reward units)")
    ax.grid(axis="x", color=COLOURS["chance"], alpha=0.3)
    if context.learned is not None:
        random_regret = float(select_group(tables["subjects"])["random_regret"].mean())
        most = random_regret * (1 - context.learned.threshold)
        ax.axvline(most, color="black", lw=1, ls=":", label="learned, at most")
        legend_below(ax)
    return ax


def _ablation_rows(
    tables: Tables, context: Context
) -> list[tuple[str, "pd.Series[float]", str, str]]:
    """Label, regrets, colour and fill of each row: networks, variants, baselines."""
    subjects, means = tables["subjects"], tables.summary("subjects")
    colour, label = subject_colour(context), subject_label(context)
    rows = [(label, select_group(subjects)["regret"], colour, colour)]
    for name, part in tables["ablations"].groupby("variant", sort=False):
        rows.append((f"{name} (n = {len(part)})", part["regret"], colour, "white"))
    baselines = means[means["group"] != MEASURED].sort_values("mean")
    for name in baselines["group"]:
        shade = baseline_colour(name)
        values = select_group(subjects, name)["regret"]
        rows.append((baseline_words(name), values, shade, shade))
    return rows
