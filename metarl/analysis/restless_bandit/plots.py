"""Panels of the restless-bandit figure: each draws tables on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.measures import MEASURED, baseline_names, select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.restless_bandit.fits import MODELS, VOLATILITIES
from metarl.analysis.style import COLOURS, baseline_colour

KINDS = dict(zip(VOLATILITIES, ("quiet", "volatile"), strict=True))
"""Volatility -> what episodes of it are called."""
CHOICE_GAP = 0.12
"""How far above 1 and below 0 choices are marked, clear of the axis' numbers."""
STRATEGY_MARKERS = ("D", "s", "^", "v", "P", "X")
"""Markers of strategies, in turn."""


def plot_regret(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret summed over the trials so far, with every strategy's line."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    summary = tables["regret_summary"]
    for name in baseline_names(summary):
        line = select_group(summary, name)
        shade = baseline_colour(name)
        ax.plot(line["trial"], line["mean"], color=shade, lw=1.8, label=name)
    for _, subject in select_group(tables["regret"]).groupby("subject"):
        ax.plot(subject["trial"], subject["regret"], color=colour, lw=0.8, alpha=0.5)
    means = select_group(summary)
    ax.plot(means["trial"], means["mean"], color=colour, lw=2.5, label=label)
    if (means["n"] >= LEAST_FOR_INTERVAL).all():
        band = (means["low"].astype(float), means["high"].astype(float))
        ax.fill_between(means["trial"], *band, color=colour, alpha=0.2, lw=0)
    ax.set(xlabel="Trial of the episode", ylabel="Regret so far (reward units)")
    ax.set_xlim(0, float(summary["trial"].max()))
    return legend_below(ax, first=label)


def plot_regret_by_volatility(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret of quiet and of volatile episodes, a line a subject."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="Regret per episode (reward units)")
    return _by_volatility(ax, tables, "volatility", "regret")


def plot_learning_rates(tables: Tables, ax: Axes | None = None) -> Axes:
    """Fitted learning rate in quiet and in volatile episodes, a line a subject."""
    ax = ax or plt.subplots()[1]
    if not tables["rates_summary"]["mean"].notna().any():
        return empty_panel(ax, "too few episodes for a block")
    ax.set(ylabel="Learning rate (model abe)", ylim=(0, 1))
    return _by_volatility(ax, tables, "rates", "learning_rate")


def _by_volatility(ax: Axes, tables: Tables, table: str, column: str) -> Axes:
    """Subjects and their mean, strategies beside them, quiet left of volatile."""
    colour, label = measured(tables)
    places = np.arange(len(VOLATILITIES), dtype=float)
    for _, subject in select_group(tables[table]).groupby("subject"):
        heights = _ordered(subject, VOLATILITIES)[column]
        ax.plot(places, heights, "o-", color=colour, lw=0.8, ms=4, alpha=0.5)
    summary = tables[f"{table}_summary"]
    means = _ordered(select_group(summary), VOLATILITIES)
    ax.plot(places, means["mean"], "o-", color=colour, lw=2.5, ms=8, label=label)
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    reach = means.loc[enough, "low"], means.loc[enough, "high"]
    ax.vlines(places[enough], *reach, color=colour, lw=2.5)
    for name, marker in zip(baseline_names(summary), STRATEGY_MARKERS, strict=False):
        heights = _ordered(select_group(summary, name), VOLATILITIES)["mean"]
        style = f"{marker}--"
        shade = baseline_colour(name)
        ax.plot(places, heights, style, color=shade, lw=1.2, ms=6, label=name)
    ax.set_xticks(places, [KINDS[volatility] for volatility in VOLATILITIES])
    ax.set(xlabel="Episodes", xlim=(-0.4, len(places) - 0.6))
    return legend_below(ax, columns=2, first=label)


def _ordered(table: pd.DataFrame, volatilities: tuple[str, ...]) -> pd.DataFrame:
    return table.set_index("volatility").reindex(list(volatilities))


def plot_models(tables: Tables, ax: Axes | None = None) -> Axes:
    """BIC of every model relative to b, a dot a subject; lower is better."""
    ax = ax or plt.subplots()[1]
    summary, names = tables["models_summary"], list(MODELS)
    if not summary["mean"].notna().any():
        return empty_panel(ax, "too few episodes for a block")
    colour, label = measured(tables)
    groups = [MEASURED, *baseline_names(summary)]
    places, width = np.arange(len(names), dtype=float), 0.8 / len(groups)
    for index, group in enumerate(groups):
        means = select_group(summary, group).set_index("model").reindex(names)["mean"]
        shade = colour if group == MEASURED else baseline_colour(group)
        where = places + (index - (len(groups) - 1) / 2) * width
        named = label if group == MEASURED else group
        ax.bar(where, means, 0.9 * width, color=shade, alpha=0.4, label=named)
        for _, subject in select_group(tables["models"], group).groupby("subject"):
            heights = subject.set_index("model").reindex(names)["bic_difference"]
            ax.plot(where, heights, "o", color=shade, ms=4)
    ax.axhline(0, color=COLOURS["chance"], lw=1)
    ax.set_xticks(places, names)
    ax.set(xlabel="Parameters free in each block")
    ax.set(ylabel="BIC minus that of b (per block)")
    return legend_below(ax, columns=2, first=label)


def plot_quiet_episode(tables: Tables, ax: Axes | None = None) -> Axes:
    """A quiet episode: left's chance, choices and, if recorded, the policy."""
    return _plot_episode(tables, "low", ax or plt.subplots()[1])


def plot_volatile_episode(tables: Tables, ax: Axes | None = None) -> Axes:
    """A volatile episode: left's chance, choices and, if recorded, the policy."""
    return _plot_episode(tables, "high", ax or plt.subplots()[1])


def _plot_episode(tables: Tables, volatility: str, ax: Axes) -> Axes:
    examples = tables["examples"]
    shown = examples[examples["volatility"] == volatility]
    if shown.empty:
        return empty_panel(ax, f"no {KINDS[volatility]} episode")
    colour, _ = measured(tables)
    trial = shown["trial"] + 1
    ax.plot(
        trial, shown["probability_left"], color="black", lw=2, label="left's chance"
    )
    if shown["policy_left"].notna().any():
        ax.plot(trial, shown["policy_left"], color=colour, lw=1.2, label="P(take left)")
    height = np.where(shown["choice"] == 0, 1 + CHOICE_GAP, -CHOICE_GAP)
    for paid, name in ((1, "rewarded"), (0, "unrewarded")):
        part = (shown["reward"] == paid).to_numpy()
        dots = trial[part], height[part]
        ax.plot(*dots, "|", color=COLOURS[name], ms=8, mew=1.5, label=f"choice, {name}")
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set(xlabel="Trial of the episode", ylabel="Probability", ylim=(-0.2, 1.2))
    places = [-CHOICE_GAP, 0, 0.5, 1, 1 + CHOICE_GAP]
    ax.set_yticks(places, ["right", "0", "0.5", "1", "left"])
    subject = int(shown["subject"].iloc[0])
    kind = str(tables["about"]["subjects_are"].iloc[0])[:-1]
    title = f"{kind} {subject}, episode {int(shown['episode'].iloc[0])}"
    return legend_below(ax, title=title, columns=2)
