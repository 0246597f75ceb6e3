"""Panels of main measures by group, and against a trait of the subjects."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.effects import Effect
from metarl.analysis.groups import plain_label
from metarl.analysis.measures import summarise
from metarl.analysis.plotting import dots, interval

TITLE_LETTERS = 36
"""Letters in a line of a panel's title."""
LABEL_LETTERS = 14
"""Letters in a line below an axis."""


def plot_by_group(
    ax: Axes,
    effect: Effect,
    groups: "pd.Series[str]",
    colours: Mapping[str, str],
    difference: Mapping[str, object] | None = None,
) -> Axes:
    """Every subject by group, with each mean and its 95 % interval.

    Args:
        ax: axes to draw on.
        effect: the measure.
        groups: group of each subject.
        colours: group -> its colour, in the order of the axis.
        difference: row of `group_differences` to write below the title.
    """
    table = pd.DataFrame({"value": effect.values, "group": groups}).dropna()
    means = summarise(table, "value", ["group"], effect.bounds).set_index("group")
    for place, (name, colour) in enumerate(colours.items()):
        own = table.loc[table["group"] == name, "value"]
        dots(ax, place - 0.16, own, colour, width=0.16, size=5, alpha=0.7)
        if name in means.index:
            row = means.loc[[name]]
            ax.plot([place + 0.14], row["mean"], "_", color=colour, ms=16, mew=3)
            interval(ax, [place + 0.14], row, colour)
    counts = table["group"].value_counts()
    names = [f"{_lines(k, LABEL_LETTERS)}\nn = {counts.get(k, 0)}" for k in colours]
    ax.set_xticks(range(len(colours)), names)
    ax.set(xlim=(-0.5, len(colours) - 0.5))
    words = "" if difference is None else _difference_words(difference)
    return _titled(ax, effect, words)


def _difference_words(row: Mapping[str, object]) -> str:
    """Difference, interval and p of two groups, in a line."""
    shown = [float(str(row[name])) for name in ("difference", "low", "high", "p_welch")]
    if np.isnan(shown[3]):
        return "no test: too few subjects, or no spread"
    return f"difference {_three(*shown[:3])}, {p_words(shown[3])}"


def groups_note(names: Sequence[str]) -> str:
    """What is drawn and compared, for a note below the panels."""
    means = "Dots: subjects. Lines: means with 95 % intervals over subjects."
    if len(names) != 2:
        return f"{means} Differences of every two groups are in groups.csv."
    return (
        f"{means} Difference: {names[1]} minus {names[0]}, with the 95 % interval and "
        "p of Welch's t test, not corrected for the number of measures (p_holm in "
        "groups.csv)."
    )


CORRELATIONS_NOTE = (
    "r: Pearson's, with the 95 % interval by Fisher's z; p is not corrected for the "
    "number of tests (p_holm in correlations.csv)."
)
"""What is compared, for a note below the panels."""


def plot_against(
    ax: Axes,
    effect: Effect,
    covariate: "pd.Series[float]",
    row: Mapping[str, object],
    colour: str,
    *,
    groups: "pd.Series[str] | None" = None,
    colours: Mapping[str, str] | None = None,
) -> Axes:
    """A measure against a trait, a dot a subject.

    Args:
        ax: axes to draw on.
        effect: the measure.
        covariate: the trait of each subject.
        row: row of `correlations` to write below the title.
        colour: of the dots.
        groups: group of each subject, for colours.
        colours: group -> its colour.
    """
    both = pd.DataFrame({"x": covariate, "y": effect.values}).dropna()
    shades = dict(colours or {})
    of = groups.reindex(both.index) if groups is not None else None
    shade = [colour] * len(both) if of is None else [shades.get(k, colour) for k in of]
    pale = 0.7 if len(both) <= 100 else 0.35
    ax.scatter(both["x"], both["y"], s=22, c=shade, alpha=pale, linewidths=0)
    ax.set_xlabel(str(covariate.name))
    r, low, high, p = (float(str(row[name])) for name in ("r", "low", "high", "p"))
    words = f"r = {_three(r, low, high)}, {p_words(p)}, n = {row['n']}"
    return _titled(ax, effect, words if np.isfinite(r) else f"no r, n = {row['n']}")


def _titled(ax: Axes, effect: Effect, words: str) -> Axes:
    """The measure as the title, and a line on it below."""
    lines = _lines(plain_label(effect), TITLE_LETTERS)
    ax.set_title(lines, fontsize="medium", fontweight="normal", pad=22)
    ax.text(0, 1.02, words, transform=ax.transAxes, fontsize="small", va="bottom")
    return ax


def _lines(words: str, letters: int) -> str:
    return "\n".join(textwrap.wrap(words, letters)) or words


def _three(value: float, low: float, high: float) -> str:
    ends = f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
    return f"{value:.2f}{ends}"


def p_words(p: float) -> str:
    """A p in words: "p = .03", "p < .001"."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
