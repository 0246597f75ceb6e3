"""Panels of the learning-set figure.

Accuracy by trial of monkeys, the paper's networks and ours, the course of learning, and
the memory of the last outcome.
"""

from collections.abc import Hashable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.harlow.behaviour import MAIN
from metarl.analysis.harlow.course import BEST, CHANCE, FINAL
from metarl.analysis.harlow.effects import (
    CONTROL,
    GIVEN,
    MEAN_COLOUR,
    NEW_DISTRACTOR,
    PAPER_CEILING,
    RELATION_RULE,
)
from metarl.analysis.harlow.interchange import PREDICTED
from metarl.analysis.measures import MEASURED, Tables, rows_at, select_group
from metarl.analysis.plotting import (
    band,
    chance_line,
    empty_panel,
    legend_below,
    log_scale,
    subject_colour,
    subject_lines,
)
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS, baseline_colour

ORDINALS = ("1st", "2nd", "3rd", "4th", "5th", "6th")
"""Names of the stages of training."""
PALE, DARK = 0.25, 1.0
"""Depth of colour of the first and last stage."""
TEST_NAMES = {
    MAIN: "new\nobjects",
    "held-in": "those of\ntraining",
    "equalized": "of one\ncolour",
    "trial-reset": "no\nmemory",
}
"""Test -> its name on an axis."""
AROUND_REVERSAL = {7: "7th:\nswap", 8: "8th\ntrial", 12: "12th\ntrial"}
"""Trial of the test in which objects swap roles after the sixth -> its name."""
SIDES = {MEASURED: COLOURS["agent"], CONTROL: COLOURS["variant"]}
"""Group -> its colour."""
GROUP_NAMES = {MEASURED: "networks", CONTROL: "trained with replaced objects"}
"""Group -> its name in a legend."""
RULES = {
    "memory of the picture": ((1.0, 1.0), COLOURS["optimum"]),
    "memory of the order by one feature": (
        (1.0, RELATION_RULE),
        baseline_colour("relation"),
    ),
    "no memory": ((0.5, 0.5), COLOURS["chance"]),
}
"""Content of a memory -> accuracy with the same two objects, and where the unrewarded
one is replaced; and its colour."""

FOLLOWED = {
    ("none", "rewarded_new"): "rewarded\n+ new",
    ("none", "unrewarded_new"): "new +\nunrewarded",
    ("opposite", "picture"): "donor's\npicture",
    ("other", "order"): "donor's\norder",
    ("other", "turned"): "turned by\nreward",
    ("other", "side"): "donor's\nside",
}
"""Donor and measure of interchange -> its name on an axis."""
KINDS = {
    "memory of the pictures": COLOURS["optimum"],
    "likeness to the rewarded": baseline_colour(MEAN_COLOUR),
    "of their order": baseline_colour("relation"),
    "of the side": COLOURS["chance"],
}
"""Predicted memories, in the order of `PREDICTED` -> their colours."""
PART_MARKS = {
    "none": ("D", 0.0),
    "hidden": ("^", -0.25),
    "cell": ("s", 0.0),
    "all": ("o", 0.25),
}
"""Part of the memory that a donor gives -> its marker, and its distance from the place
of the measure."""


def plot_networks(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Accuracy of the measured networks in each trial, by stage of training."""
    colour = subject_colour(context)
    own = rows_at(tables["accuracy"], group=MEASURED, test=MAIN)
    own = own.assign(percent=100 * own["accuracy"])
    subject_lines(ax, own, "trial", "percent", colour, lw=0.6, alpha=0.35)
    stages = dict(iter(tables.summary("stages").groupby("stage")))
    names = dict(zip([*"123456", FINAL], [*ORDINALS, FINAL], strict=True))
    shown = {name: stages[stage] for stage, name in names.items() if stage in stages}
    if not shown:
        means = tables.summary("accuracy")
        shown = {"all": rows_at(means, group=MEASURED, test=MAIN)}
    band(ax, _percent(list(shown.values())[-1]), "trial", colour)
    curves = {
        f"{name} ({part['n'].max()})": _percent(part).set_index("trial")["mean"]
        for name, part in shown.items()
    }
    title = "Stage of training (networks; thin: each, at the end)"
    return _curves(ax, curves, colour, title, last=list(curves)[-1])


def _percent(means: pd.DataFrame) -> pd.DataFrame:
    """A summary of shares, in percent."""
    columns = ["mean", "low", "high"]
    return means.assign(**{name: 100 * means[name].astype(float) for name in columns})


def plot_animals(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Harlow's monkeys, by block of problems."""
    curves = _published(tables, "animal")
    # The blocks of a hundred problems hold those of eight.
    del curves["1-100"]
    return _curves(ax, curves, COLOURS["animal"], "Problems", last="")


def plot_paper(tables: Tables, context: Context, ax: Axes) -> Axes:
    """The paper's 14 best networks, by stage of training."""
    stages = _published(tables, "paper")
    curves = {name: stages[name] for name in (*ORDINALS, FINAL)}
    return _curves(ax, curves, COLOURS["paper"], "Stage of training", last=FINAL)


def _published(tables: Tables, kind: str) -> "dict[str, pd.Series[float]]":
    """Stage -> published percent correct by trial."""
    rows = rows_at(tables["reference"], kind=kind)
    return {
        str(stage): one.set_index("trial")["value"]
        for stage, one in rows.groupby("stage", sort=False)
    }


def _curves(
    ax: Axes,
    curves: Mapping[str, "pd.Series[float]"],
    colour: str,
    title: str,
    *,
    last: str,
) -> Axes:
    """Percent correct by trial, one line a stage, the later the darker."""
    shades = _shades(colour, len(curves))
    for (name, curve), shade in zip(curves.items(), shades, strict=True):
        width = 3.0 if name == last else 1.6
        ax.plot(curve.index, curve, "o-", color=shade, lw=width, ms=4, label=name)
    chance_line(ax, 50)
    ax.set(xlabel="Trial of the problem", ylabel="Correct (%)", ylim=(38, 102))
    ax.set_xticks(range(1, 7))
    return legend_below(ax, title=title, columns=4)


def _shades(colour: str, count: int) -> Sequence[tuple[float, float, float]]:
    """From pale to the colour itself."""
    white = np.ones(3)
    full = np.array(mpl.colors.to_rgb(colour))
    depths = np.linspace(PALE, DARK, count) if count > 1 else [DARK]
    return [tuple(white + depth * (full - white)) for depth in depths]


def plot_course(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Learning curves of all subjects, with their change points."""
    curves, changes = tables["curves"], tables["changes"].set_index("subject")
    if curves.empty:
        return empty_panel(ax, "no learning curve")
    subjects = select_group(tables["subjects"])
    ceiling = subjects.set_index("subject")["ceiling"]
    colours = (COLOURS["variant"], COLOURS["agent"])
    for subject, curve in curves.groupby("subject"):
        colour = colours[bool(ceiling.get(subject, 0))]
        episodes = curve["episodes"].to_numpy()
        ax.plot(episodes, curve["performance"], color=colour, lw=0.9, alpha=0.6)
        for column, marker in (("leaves_chance", "o"), ("reaches_ceiling", "s")):
            at = changes[column].get(subject, np.nan)
            height = np.interp(at, episodes, curve["performance"])
            ax.plot(at, height, marker, color=colour, ms=5, mec="white", mew=0.6)
    names = {f"at the ceiling, {int(ceiling.sum())} of {len(ceiling)}": colours[1]}
    if (ceiling == 0).any():
        names["below the ceiling"] = colours[0]
    for label, colour in names.items():
        ax.plot([], [], color=colour, lw=2, label=label)
    for label, marker in (("leaves chance", "o"), ("reaches ceiling", "s")):
        ax.plot([], [], marker, color="black", ls="", label=label)
    for height in (CHANCE, BEST):
        chance_line(ax, height)
    log_scale(ax, "x")
    ax.set(xlabel="Problems in training (all environments)", ylim=(35, 103))
    ax.set_ylabel("Scaled reward (%)\n50: random choice, 100: optimum")
    return legend_below(ax)


def plot_durations(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Problems until performance leaves chance, and from there to the ceiling."""
    durations = tables["durations"]
    if not durations["n"].any():
        return empty_panel(ax, "no change point")
    for place, row in enumerate(durations.to_dict("records")):
        _duration(ax, place, tables["changes"][row["name"]].dropna(), row)
    log_scale(ax, "y")
    ax.set_xticks([0, 1], ["until above\nchance", "from there\nto the ceiling"])
    ax.set(ylabel="Problems (all environments)", xlim=(-0.5, 1.75))
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
    spots = _side_by_side(place, len(values), 0.14)
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


def _side_by_side(place: float, count: int, reach: float) -> Array:
    """(count,) places of subjects around a place, up to `reach` from it."""
    return place + np.linspace(-reach, reach, count) * (count > 1)


def plot_tests(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Accuracy in trials 2 to 6 of other tests, and around a reversal."""
    names: list[str] = []
    point: dict[str, object]
    for test, name in TEST_NAMES.items():
        point = {"group": MEASURED, "test": test}
        values = rows_at(tables["tests"], **point)["later_trials"]
        if len(values):
            mean = rows_at(tables.summary("tests"), **point)["mean"]
            _dots(ax, len(names), values, mean.item())
            names.append(name)
    for trial, name in AROUND_REVERSAL.items():
        point = {"group": MEASURED, "test": "reversal", "trial": trial}
        values = rows_at(tables["accuracy"], **point)["accuracy"]
        if len(values):
            mean = rows_at(tables.summary("accuracy"), **point)["mean"]
            _dots(ax, len(names), values, mean.item())
            names.append(name)
    chance_line(ax, 50)
    ax.set_xticks(range(len(names)), names, fontsize="x-small")
    ax.set(ylim=(-3, 103), xlim=(-0.6, len(names) - 0.4))
    ax.set_ylabel("Correct in trials 2 to 6,\nor in the trial named (%)")
    return ax


def _dots(ax: Axes, place: float, shares: "pd.Series[float]", mean: float) -> None:
    """Every subject in percent, and the mean as a horizontal line."""
    colour = COLOURS["agent"]
    spots = _side_by_side(place, len(shares), 0.15)
    ax.plot(spots, 100 * shares, "o", color=colour, ms=4, alpha=0.5)
    ax.hlines(100 * mean, place - 0.25, place + 0.25, color=colour, lw=3)


def plot_accounts(tables: Tables, context: Context, ax: Axes) -> Axes:
    """The same two objects against a new unrewarded one: networks and accounts."""
    means = tables.summary("tests").set_index(["group", "test"])["mean"]
    for group, colour in SIDES.items():
        own = select_group(tables["tests"], group)
        same, new = (
            rows_at(own, test=test).set_index("subject")["later_trials"]
            for test in (MAIN, NEW_DISTRACTOR)
        )
        if same.empty or new.empty:
            continue
        both = 100 * pd.concat([same, new], axis=1, keys=[0, 1]).dropna()
        for _, one in both.iterrows():
            ax.plot([0, 1], one, "o-", color=colour, lw=0.8, ms=3, alpha=0.35)
        label = f"{GROUP_NAMES[group]} (n = {len(both)})"
        heights = [100 * means[group, test] for test in (MAIN, NEW_DISTRACTOR)]
        ax.plot([0, 1], heights, "o-", color=colour, lw=3, ms=7, label=label)
    for name, (shares, colour) in RULES.items():
        ax.plot([0, 1], 100 * np.array(shares), "--", color=colour, lw=2, label=name)
    if (MEAN_COLOUR, MAIN) in means:
        colour, height = baseline_colour(MEAN_COLOUR), 100 * means[MEAN_COLOUR, MAIN]
        ax.plot(0, height, "D", color=colour, ms=7, label="memory of the mean colour")
    ax.set_xticks(
        [0, 1], ["same two objects", "unrewarded object\nreplaced each trial"]
    )
    ax.set(xlim=(-0.25, 1.25), ylim=(45, 103), ylabel="Correct in trials 2 to 6 (%)")
    return legend_below(ax)


def plot_decoding(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Weights of target and distractor in the decoded target, with the two accounts."""
    if tables["decoding"].empty:
        return empty_panel(ax, "no recording,\nor pictures of one colour")
    means = tables.summary("decoding").set_index(["group", "test", "units"])["mean"]
    lines = ["r2 of the rewarded object"]
    for group, test in ((MEASURED, MAIN), (CONTROL, NEW_DISTRACTOR)):
        own = rows_at(tables["decoding"], group=group, test=test)
        for units, rows in own.groupby("units"):
            name = GROUP_NAMES[group] + ("" if units == "trained" else ", untrained")
            ax.plot(
                rows["slope_target"],
                rows["slope_distractor"],
                "o",
                color=SIDES[group],
                mfc=SIDES[group] if units == "trained" else "none",
                ms=6,
                alpha=0.8,
                label=name,
            )
            lines.append(f"{name}: {means[group, test, units]:.2f}")
    edge = 1.05
    picture, relation = COLOURS["optimum"], baseline_colour("relation")
    ax.plot([0, edge], [0, 0], color=picture, lw=2, label="the picture")
    ends = [0, edge / 2], [0, -edge / 2]
    ax.plot(*ends, color=relation, lw=2, label="the relation")
    ax.set(xlabel="Weight of the rewarded object")
    ax.set(ylabel="Weight of the unrewarded object")
    ax.set(xlim=(-0.1, edge), ylim=(-edge / 2 - 0.05, 0.45))
    words, corner = "\n".join(lines), ax.transAxes
    ax.text(0.99, 0.99, words, size="x-small", ha="right", va="top", transform=corner)
    return legend_below(ax, title="Decoded from units before the next pictures")


def plot_interchange(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Choices with the memory of other problems, by measure and part of the memory."""
    own, colour = select_group(tables["interchange"]), subject_colour(context)
    if own.empty:
        return empty_panel(ax, "no interchange")
    for place, ((donor, measure), shares) in enumerate(PREDICTED.items()):
        # The first is the widest, so that equal predictions are all visible.
        for share, line, width in zip(
            shares, KINDS.values(), (8, 6, 4, 2), strict=True
        ):
            ax.hlines(share, place - 0.4, place + 0.4, color=line, lw=width, zorder=1)
        for part, (marker, aside) in PART_MARKS.items():
            values = rows_at(own, donor=donor, measure=measure, part=part)["share"]
            spots = _side_by_side(place + aside, len(values), 0.08)
            ax.plot(spots, values, marker, color=colour, ms=4, alpha=0.6)
    for part, (marker, _) in PART_MARKS.items():
        if part in set(own["part"]):
            ax.plot([], [], marker, color=colour, label=GIVEN[part])
    for name, line in KINDS.items():
        ax.plot([], [], color=line, lw=3, label=name)
    names = [FOLLOWED[place] for place in PREDICTED]
    ax.set_xticks(range(len(names)), names, fontsize="x-small")
    ax.set(ylim=(-0.04, 1.04), xlim=(-0.5, len(names) - 0.5))
    ax.set_ylabel("Share of choices in trial 2")
    return legend_below(ax, columns=2)


def plot_gaze(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Gaze once the pictures appear, in the first and the last trial."""
    traces = tables["gaze"]
    if traces.empty:
        return empty_panel(ax)
    last = int(traces["trial"].max())
    sides = ((1, COLOURS["chance"], -0.17), (last, COLOURS["agent"], 0.17))
    for trial, colour, aside in sides[: 1 + (last > 1)]:
        ax.plot([], [], color=colour, lw=2.5, label=f"trial {trial}")
        problems = rows_at(traces, trial=trial).groupby("episode")
        for number, (_, trace) in enumerate(problems):
            # A small shift, as whole turns would hide each other.
            shift = aside + 0.3 * (number % 25 / 25 - 0.5)
            path = trace["decision"], trace["gaze"] + shift
            ax.plot(*path, color=colour, lw=0.8, alpha=0.5)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="Decisions since the pictures appeared")
    ax.set_ylabel("Gaze (turns)\nto the unrewarded  |  to the rewarded")
    longest = min(12, int(traces["decision"].max()))
    ax.set_xlim(0, longest)
    ax.set_xticks(range(longest + 1))
    return legend_below(ax)
