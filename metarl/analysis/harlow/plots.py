"""Panels of the learning-set figure: accuracy by trial, and the course of learning.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Hashable, Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables
from metarl.analysis.harlow.course import BEST, CHANCE, FINAL
from metarl.analysis.harlow.effects import PAPER_CEILING, of_test
from metarl.analysis.measures import MEASURED
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.style import COLOURS

MONKEYS, MODEL = "Harlow 1949", "Wang et al. 2018"
"""Studies of the published curves."""
ORDINALS = ("1st", "2nd", "3rd", "4th", "5th", "6th")
"""Names of the paper's stages."""
PALE, DARK = 0.25, 1.0
"""Depth of colour of the first and last stage."""


def plot_animals(tables: Tables, ax: Axes | None = None) -> Axes:
    """Harlow's monkeys, by block of problems."""
    rows = tables["reference"]
    rows = rows[rows["study"] == MONKEYS]
    curves = {
        str(stage).replace("problems ", ""): one.set_index("trial")["percent_correct"]
        for stage, one in rows.groupby("stage", sort=False)
        # The blocks of a hundred problems hold those of eight.
        if stage != "problems 1-100"
    }
    return _curves(ax, curves, COLOURS["animal"], "Problems", last="")


def plot_paper(tables: Tables, ax: Axes | None = None) -> Axes:
    """The paper's 14 best networks, by stage of training."""
    rows = tables["reference"]
    rows = rows[rows["study"] == MODEL]
    names = {f"training quantile {name}": name for name in ORDINALS}
    names["training quantile final"] = FINAL
    found = {
        names[str(stage)]: one.set_index("trial")["percent_correct"]
        for stage, one in rows.groupby("stage")
    }
    curves = {name: found[name] for name in names.values()}
    return _curves(ax, curves, COLOURS["paper"], "Stage of training", last=FINAL)


def plot_networks(tables: Tables, ax: Axes | None = None) -> Axes:
    """Accuracy of the measured networks in each trial, by stage of training."""
    ax = ax or plt.subplots()[1]
    colour = COLOURS["agent"]
    means = tables["stages_summary"]
    own = tables["accuracy"]
    own = own[(own["group"] == MEASURED) & (own["test"] == "test")]
    for _, one in own.groupby("subject"):
        ax.plot(one["trial"], 100 * one["accuracy"], color=colour, lw=0.6, alpha=0.35)
    summary = tables["accuracy_summary"]
    every = summary[(summary["group"] == MEASURED) & (summary["test"] == "test")]
    stages = dict(iter(means.groupby("stage")))
    names = dict(zip([*"123456", FINAL], [*ORDINALS, FINAL], strict=True))
    shown = {names[k]: stages[k] for k in names if k in stages} or {"all": every}
    last = list(shown.values())[-1]
    if (last["n"] >= LEAST_FOR_INTERVAL).all():
        low, high = (100 * last[end].astype(float) for end in ("low", "high"))
        ax.fill_between(last["trial"], low, high, color=colour, alpha=0.2, lw=0)
    curves = {
        f"{name} ({part['n'].max()})": 100 * part.set_index("trial")["mean"]
        for name, part in shown.items()
    }
    title = "Stage of training (networks; thin: each, at the end)"
    return _curves(ax, curves, colour, title, last=list(curves)[-1])


def _curves(
    ax: Axes | None,
    curves: Mapping[str, "pd.Series[float]"],
    colour: str,
    title: str,
    *,
    last: str,
) -> Axes:
    """Percent correct by trial, one line a stage, the later the darker."""
    ax = ax or plt.subplots()[1]
    shades = _shades(colour, len(curves))
    for (name, curve), shade in zip(curves.items(), shades, strict=True):
        width = 3.0 if name == last else 1.6
        ax.plot(curve.index, curve, "o-", color=shade, lw=width, ms=4, label=name)
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":")
    ax.set(xlabel="Trial of the problem", ylabel="Correct (%)", ylim=(38, 102))
    ax.set_xticks(range(1, 7))
    return legend_below(ax, title=title, columns=4)


def _shades(colour: str, count: int) -> Sequence[tuple[float, float, float]]:
    """From pale to the colour itself."""
    white = np.ones(3)
    full = np.array(mpl.colors.to_rgb(colour))
    depths = np.linspace(PALE, DARK, count) if count > 1 else [DARK]
    return [tuple(white + depth * (full - white)) for depth in depths]


def plot_course(tables: Tables, ax: Axes | None = None) -> Axes:
    """Learning curves of all subjects, with their change points."""
    ax = ax or plt.subplots()[1]
    curves, changes = tables["curves"], tables["changes"].set_index("subject")
    if curves.empty:
        return empty_panel(ax, "no learning curve")
    colour = COLOURS["agent"]
    ceiling = of_test(tables, MEASURED, "test").set_index("subject")["ceiling"]
    for subject, curve in curves.groupby("subject"):
        reached = bool(ceiling.get(subject, 0))
        line = colour if reached else COLOURS["trained otherwise"]
        episodes = curve["episodes"].to_numpy()
        ax.plot(episodes, curve["performance"], color=line, lw=0.9, alpha=0.6)
        for column, marker in (("leaves_chance", "o"), ("reaches_ceiling", "s")):
            at = changes[column].get(subject, np.nan)
            height = np.interp(at, episodes, curve["performance"])
            ax.plot(at, height, marker, color=line, ms=5, mec="white", mew=0.6)
    told = {
        f"at the ceiling, {int(ceiling.sum())} of {len(ceiling)}": colour,
        "not there": COLOURS["trained otherwise"],
    }
    for label, line in list(told.items())[: 1 + bool((ceiling == 0).any())]:
        ax.plot([], [], color=line, lw=2, label=label)
    for label, marker in (("leaves chance", "o"), ("reaches ceiling", "s")):
        ax.plot([], [], marker, color="black", ls="", label=label)
    for height in (CHANCE, BEST):
        ax.axhline(height, color=COLOURS["chance"], lw=1, ls=":")
    ax.set_xscale("log")
    ax.set(xlabel="Problems met in training (all lanes together)", ylim=(35, 103))
    ax.set_ylabel("Scaled reward (%)\n50: random choice, 100: optimum")
    return legend_below(ax)


def plot_durations(tables: Tables, ax: Axes | None = None) -> Axes:
    """Problems until chance is left, and from there to the ceiling, by subject."""
    ax = ax or plt.subplots()[1]
    durations = tables["durations"]
    if not durations["n"].any():
        return empty_panel(ax, "no change point was found")
    for place, row in enumerate(durations.to_dict("records")):
        _duration(ax, place, tables["changes"][row["name"]].dropna(), row)
    ax.set_yscale("log")
    ax.set_xticks([0, 1], ["until chance\nis left", "from there\nto the ceiling"])
    ax.set(ylabel="Problems (all lanes together)", xlim=(-0.5, 1.75))
    one = tables["ceiling"].iloc[0]
    edges = f"{100 * one['low']:.0f}, {100 * one['high']:.0f}"
    text = (
        f"at the ceiling: {one['reached']:.0f} of {one['n']:.0f} [{edges} %]\n"
        f"paper: 14 of 50 ({100 * PAPER_CEILING:.0f} %)"
    )
    ax.text(0.02, 1.0, text, transform=ax.transAxes, va="top", fontsize="small")
    ax.set_ylim(top=ax.get_ylim()[1] * 8)
    return legend_below(ax)


def _duration(
    ax: Axes, place: int, values: "pd.Series[float]", row: Mapping[Hashable, float]
) -> None:
    """Every subject, with median and quartiles, and the paper's median and range."""
    colour, first = COLOURS["agent"], place == 0
    spots = place + np.linspace(-0.14, 0.14, len(values)) * (len(values) > 1)
    ax.plot(spots, values.sort_values(), "o", color=colour, ms=4, alpha=0.7)
    ends = place - 0.2, place + 0.2
    label = "networks: median, quartiles" if first else ""
    ax.hlines(row["median"], *ends, color=colour, lw=3, label=label)
    ax.hlines([row["low"], row["high"]], *ends, color=colour, lw=1)
    middle = row["paper_median"]
    reach = [[middle - row["paper_least"]], [row["paper_most"] - middle]]
    ax.errorbar(
        place + 0.35,
        middle,
        reach,
        fmt="D",
        color=COLOURS["paper"],
        capsize=4,
        label="paper: median, range (times 32 threads)" if first else "",
    )
