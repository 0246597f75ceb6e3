"""Panels of the restless-bandit figure."""

import numpy as np
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    baseline_names,
    rows_at,
    select_group,
)
from metarl.analysis.plotting import (
    Points,
    chance_line,
    empty_panel,
    interval,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
    subject_lines,
    subject_name,
    subject_points,
)
from metarl.analysis.restless_bandit.behaviour import VOLATILITIES
from metarl.analysis.restless_bandit.fits import MODELS
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words

KINDS = dict(zip(VOLATILITIES, ("quiet", "volatile"), strict=True))
"""Volatility -> name of its episodes."""
PLACES = {"low": 0.0, "high": 1.0}
"""Volatility -> place on the axis."""
NO_BLOCK = "too few episodes for a block"
CHOICE_GAP = 0.12
"""How far above 1 and below 0 choices are marked, clear of the axis' numbers."""
BASELINE_MARKERS = ("D", "s", "^", "v", "P", "X")
"""Markers of baselines, in turn."""


def plot_regret(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret summed over the trials so far, with every baseline's line."""
    colour, label = subject_colour(context), subject_label(context)
    means = tables.summary("regret")
    for name in baseline_names(means):
        line, shade = select_group(means, name), baseline_colour(name)
        words = baseline_words(name)
        mean_line(ax, line, "trial", shade, label=words, alpha=0, lw=1.8)
    subject_lines(ax, select_group(tables["regret"]), "trial", "regret", colour)
    mean_line(ax, select_group(means), "trial", colour, label=label, lw=2.5)
    ax.set(xlabel="Trial of the episode", ylabel="Regret so far (reward units)")
    ax.set_xlim(0, float(means["trial"].max()))
    return legend_below(ax, first=label)


def plot_regret_by_volatility(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Regret of quiet and of volatile episodes, a line a subject."""
    ax.set(ylabel="Regret per episode (reward units)")
    return _by_volatility(ax, tables, context, "by_volatility", "regret")


def plot_learning_rates(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Fitted learning rate in quiet and in volatile episodes, a line a subject."""
    if tables.summary("rates")["mean"].isna().all():
        return empty_panel(ax, NO_BLOCK)
    ax.set(ylabel="Learning rate (model abe)", ylim=(0, 1))
    return _by_volatility(ax, tables, context, "rates", "learning_rate")


def _by_volatility(
    ax: Axes, tables: Tables, context: Context, name: str, value: str
) -> Axes:
    """Subjects, their mean and the baselines, quiet left of volatile."""
    colour, label = subject_colour(context), subject_label(context)
    each, means = (
        table.assign(place=table["volatility"].map(PLACES))
        for table in (tables[name], tables.summary(name))
    )
    own, mean = select_group(each), select_group(means)
    subject_lines(ax, own, "place", value, colour, marker="o", ms=4)
    line = {"label": label, "style": "o-"}
    mean_line(ax, mean, "place", colour, **line, alpha=0, lw=2.5, ms=8)
    interval(ax, mean["place"], mean, colour)
    baselines = baseline_names(means)
    for baseline, marker in zip(baselines, BASELINE_MARKERS, strict=False):
        mean_line(
            ax,
            select_group(means, baseline),
            "place",
            baseline_colour(baseline),
            label=baseline_words(baseline),
            style=f"{marker}--",
            alpha=0,
            lw=1.2,
            ms=6,
        )
    ax.set_xticks(list(PLACES.values()), [KINDS[kind] for kind in PLACES])
    ax.set(xlabel="Episodes", xlim=(-0.4, 1.4))
    return legend_below(ax, columns=2, first=label)


def plot_models(tables: Tables, context: Context, ax: Axes) -> Axes:
    """BIC of every model relative to b, a dot a subject; lower is better."""
    means, points = tables.summary("models"), Points(("model",), list(MODELS))
    if means["mean"].isna().all():
        return empty_panel(ax, NO_BLOCK)
    groups = [MEASURED, *baseline_names(means)]
    places, width = np.arange(len(MODELS), dtype=float), 0.8 / len(groups)
    for index, group in enumerate(groups):
        own = group == MEASURED
        colour = subject_colour(context) if own else baseline_colour(group)
        label = subject_label(context) if own else baseline_words(group)
        where = places + (index - (len(groups) - 1) / 2) * width
        heights = points.of(select_group(means, group))["mean"]
        ax.bar(where, heights, 0.9 * width, color=colour, alpha=0.4, label=label)
        each = select_group(tables["models"], group)
        subject_points(ax, where, each, "bic_difference", colour, points)
    chance_line(ax, 0, "-")
    ax.set_xticks(places, points.order)
    ax.set(xlabel="Parameters free in each block")
    ax.set(ylabel="BIC minus that of b (per block)")
    return legend_below(ax, columns=2, first=subject_label(context))


def plot_quiet_episode(tables: Tables, context: Context, ax: Axes) -> Axes:
    """A quiet episode: probabilities, choices and, if recorded, the policy."""
    return _plot_episode(tables, context, "low", ax)


def plot_volatile_episode(tables: Tables, context: Context, ax: Axes) -> Axes:
    """A volatile episode: probabilities, choices and, if recorded, the policy."""
    return _plot_episode(tables, context, "high", ax)


def _plot_episode(tables: Tables, context: Context, volatility: str, ax: Axes) -> Axes:
    shown = rows_at(tables["examples"], volatility=volatility)
    if shown.empty:
        return empty_panel(ax, f"no {KINDS[volatility]} episode")
    trial, colour = shown["trial"] + 1, subject_colour(context)
    probability, chosen = shown["probability_left"], shown["policy_left"]
    ax.plot(trial, probability, color="black", lw=2, label="P(reward | left)")
    if chosen.notna().any():
        ax.plot(trial, chosen, color=colour, lw=1.2, label="P(choose left)")
    height = np.where(shown["choice"] == 0, 1 + CHOICE_GAP, -CHOICE_GAP)
    for rewarded, name in ((1, "rewarded"), (0, "unrewarded")):
        part = (shown["reward"] == rewarded).to_numpy()
        dots = trial[part], height[part]
        ax.plot(*dots, "|", color=COLOURS[name], ms=8, mew=1.5, label=f"choice, {name}")
    chance_line(ax)
    ax.set(xlabel="Trial of the episode", ylabel="Probability", ylim=(-0.2, 1.2))
    places = [-CHOICE_GAP, 0, 0.5, 1, 1 + CHOICE_GAP]
    ax.set_yticks(places, ["right", "0", "0.5", "1", "left"])
    first = shown.iloc[0]
    subject = subject_name(context, int(first["subject"]))
    return legend_below(
        ax, title=f"{subject}, episode {int(first['episode'])}", columns=2
    )
