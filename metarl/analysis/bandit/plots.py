"""Panels of the bandit figure: each draws tables of `bandit.tables` on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from metarl.analysis.bridge import LEARNED, Tables, measured
from metarl.analysis.measures import MEASURED, baseline_names, select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.style import COLOURS, baseline_colour

BELOW = ("bayes-optimal", "bayes-greedy")
"""Strategies drawn as broken lines: nothing is expected below them."""
ROOM = 1.2
"""Height of the regret axis, in multiples of the greatest regret to be seen."""
LEAST, MOST = 1.0, 20.0
"""Regrets that the axis of the ablations shows at least."""
TICKS = (1, 2, 4, 8, 16, 32)
"""Marks on the same axis."""
BACKGROUND = "0.9"
"""Colour of a choice of the best arm in the raster."""
GAP_ROWS = 3
"""Empty rows between two kinds of problems in the raster."""
SHADES = "viridis"
"""Colours of problems, from a left arm that never pays to one that always does."""
POPULATION_COLOURS = {
    "independent": COLOURS["agent"],
    "correlated": COLOURS["trained otherwise"],
}
"""What was trained on -> colour."""


def plot_regret(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret up to each trial: networks' mean, each network, and strategies."""
    ax = ax or plt.subplots()[1]
    return _curves(ax, tables["regret"], tables["regret_summary"], tables)


def plot_gaps(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret of an episode by how much better the best arm is."""
    ax = ax or plt.subplots()[1]
    ax = _curves(ax, tables["gaps"], tables["gaps_summary"], tables, place="gap")
    ax.set(xlabel="P(reward), best arm less second best", xlim=(0, 1))
    return ax


def _curves(
    ax: Axes,
    each: pd.DataFrame,
    means: pd.DataFrame,
    tables: Tables,
    *,
    place: str = "trial",
) -> Axes:
    """Mean of the measured subjects with its interval, each subject, and strategies."""
    colour, label = measured(tables)
    subjects = select_group(each)
    if subjects.empty:
        return empty_panel(ax, "no whole episode")
    _population(ax, subjects, select_group(means), colour, label, place=place)
    seen = [float(subjects["regret"].max())]
    for name in baseline_names(means):
        line = select_group(means, name)
        style = "--" if name in BELOW else "-"
        last = f"{name} {line['mean'].iloc[-1]:.2f}" if place == "trial" else name
        shade = baseline_colour(name)
        ax.plot(line[place], line["mean"], style, color=shade, lw=1.5, label=last)
        if name != "random":
            seen.append(float(line["mean"].max()))
    ax.set(xlabel="Trial", ylabel="Regret (reward units)")
    ax.set(ylim=(0, ROOM * max(seen)), xlim=(0, float(subjects[place].max())))
    return legend_below(ax, columns=2, first=label)


def _population(
    ax: Axes,
    each: pd.DataFrame,
    means: pd.DataFrame,
    colour: str,
    label: str,
    *,
    place: str = "trial",
) -> None:
    """A thick line for the mean, a band for its interval, a thin line each."""
    for _, subject in each.groupby("subject"):
        ax.plot(subject[place], subject["regret"], color=colour, lw=0.6, alpha=0.5)
    ax.plot(means[place], means["mean"], color=colour, lw=2.5, label=label, zorder=4)
    if (means["n"] >= LEAST_FOR_INTERVAL).all():
        band = (means["low"].astype(float), means["high"].astype(float))
        ax.fill_between(means[place], *band, color=colour, alpha=0.25, lw=0)


def plot_dependent(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret on arms paying .25 and .75, by what was trained on, beside strategies."""
    ax = ax or plt.subplots()[1]
    curves, means = tables["dependent"], tables["dependent_summary"]
    if curves.empty:
        return empty_panel(ax, "not measured")
    ax.set(xlabel="Trial", ylabel="Regret (reward units)")
    shown = curves[curves["trained"].isin(POPULATION_COLOURS)]
    for name, each in shown.groupby("trained", sort=False):
        mean = means[means["trained"] == name]
        label = f"trained on {name} (n = {mean['n'].iloc[0]})"
        _population(ax, each, mean, POPULATION_COLOURS[str(name)], label)
    seen = [float(curves["regret"].max())]
    for name, line in tables["reference_dependent"].groupby("strategy", sort=False):
        style = "--" if name in BELOW else "-"
        shade = baseline_colour(str(name))
        words = f"{name} {line['regret'].iloc[-1]:.2f}"
        ax.plot(line["trial"], line["regret"], style, color=shade, lw=1.5, label=words)
        if name != "random":
            seen.append(float(line["regret"].max()))
    ax.set(ylim=(0, ROOM * max(seen)), xlim=(0, float(curves["trial"].max())))
    return legend_below(ax, columns=2)


def plot_rasters(tables: Tables, ax: Axes | None = None) -> Axes:
    """Every choice of some episodes of one subject: the best arm, or another."""
    ax = ax or plt.subplots()[1]
    table = tables["rasters"]
    if table.empty:
        return empty_panel(ax, "no such problem")
    blocks: list[np.ndarray] = []
    marks, names = [], []
    for problem, part in table.groupby("problem", sort=False):
        grid = part.pivot(index="row", columns="trial", values="suboptimal")
        above = sum(len(block) for block in blocks)
        marks.append(above + (len(grid) - 1) / 2)
        names.append(str(problem))
        gap = np.full((GAP_ROWS, grid.shape[1]), np.nan)
        blocks += [grid.to_numpy(float), gap]
    image = np.concatenate(blocks[:-1])
    colours = ListedColormap([BACKGROUND, measured(tables)[0]])
    extent = (0.5, image.shape[1] + 0.5, len(image) - 0.5, -0.5)
    ax.imshow(
        image,
        cmap=colours,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=extent,
    )
    ax.set_yticks(marks, names)
    ax.set(xlabel="Trial", ylabel="Episodes of one subject, sorted")
    for index, words in enumerate(("best arm", "other arm")):
        ax.plot([], [], "s", color=colours(index), label=words)
    return legend_below(ax)


def plot_trajectories(tables: Tables, ax: Axes | None = None) -> Axes:
    """Mean path of the units by problem, and where each episode ends."""
    ax = ax or plt.subplots()[1]
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
    shares = paths[["share1", "share2"]].iloc[0]
    ax.set_xlabel(f"PC 1 ({100 * shares['share1']:.0f} % of variance)")
    ax.set_ylabel(f"PC 2 ({100 * shares['share2']:.0f} % of variance)")
    ax.locator_params(nbins=5)
    return legend_below(ax, title=_coded(tables), columns=3)


def _coded(tables: Tables) -> str:
    """What the units tell, beside the null, over subjects."""
    coding = tables["coding"]
    title = "P(reward, left); black: first trial, dots: last trials"
    if coding["r2"].notna().all():
        mean = coding["r2"].mean()
        title = f"{title}\nr² of P at the last trial {mean:.2f}"
        if coding["r2_untrained"].notna().all():
            title += f", untrained {coding['r2_untrained'].mean():.2f}"
        title += f" (n = {len(coding)})"
    return title


def plot_transfer(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret by what was trained on and what was tested on; shades: of chance's."""
    ax = ax or plt.subplots()[1]
    table = tables["transfer"]
    if table["trained"].nunique() < 2:
        return plot_gaps(tables, ax)
    table = table.assign(share=table["regret"] / table["random_regret"])
    order = list(dict.fromkeys([*table["trained"], *table["tested"]]))
    means = {
        column: table.pivot_table(column, "trained", "tested").reindex(
            index=list(table["trained"].unique()),
            columns=[name for name in order if name in set(table["tested"])],
        )
        for column in ("regret", "share")
    }
    share = means["share"].to_numpy(float)
    ax.imshow(share, cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(means["regret"].to_numpy(float)):
        ink = "white" if share[row, column] > 0.5 else "black"
        known = f"{value:.1f}" if np.isfinite(value) else ""
        ax.text(column, row, known, ha="center", va="center", color=ink)
    ax.set_xticks(range(share.shape[1]), means["share"].columns, rotation=20)
    count = table.groupby("trained", sort=False)["subject"].nunique()
    ax.set_yticks(range(len(share)), [f"{k}\n(n = {n})" for k, n in count.items()])
    ax.set(ylabel="Trained on")
    ax.set_xlabel("Tested on; regret (reward units)\nshade: share of what chance costs")
    return ax


def plot_ablations(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret of an episode: each network, whole or lacking a part; strategies."""
    ax = ax or plt.subplots()[1]
    subjects, ablations = tables["subjects"], tables["ablations"]
    colour, label = measured(tables)
    listed = [(label, select_group(subjects)["regret"], colour, colour)]
    for name, part in ablations.groupby("control", sort=False):
        words = f"{name} (n = {len(part)})"
        listed.append((words, part["regret"], colour, "white"))
    means = tables["subjects_summary"]
    strategies = means[means["group"] != MEASURED].sort_values("mean")
    for name in strategies["group"]:
        shade = baseline_colour(name)
        listed.append((name, select_group(subjects, name)["regret"], shade, shade))
    for row, (_, values, shade, face) in enumerate(listed):
        ax.plot(values, np.full(len(values), row), "o", color=shade, mfc=face)
    ax.set_yticks(range(len(listed)), [words for words, *_ in listed])
    means_of = [float(values.mean()) for _, values, *_ in listed if len(values)]
    low, high = min([LEAST, *means_of]), max([MOST, *means_of])
    ax.set(xscale="log", xlim=(low / ROOM, high * ROOM))
    ax.set(ylim=(len(listed) - 0.5, -0.5))
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("Regret of an episode (reward units)")
    ax.grid(axis="x", color=COLOURS["chance"], alpha=0.3)
    criterion = LEARNED.get(str(tables["about"]["task"].iloc[0]))
    if criterion is not None and bool(tables["about"]["scored"].iloc[0]):
        chance = float(select_group(subjects)["random_regret"].mean())
        learned = chance * (1 - criterion.threshold)
        ax.axvline(learned, color="black", lw=1, ls=":", label="learned, at most")
        legend_below(ax)
    return ax
