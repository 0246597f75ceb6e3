"""Figures of the study of optimizers, over the networks of all seeds."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metarl.analysis.plotting import legend_below
from metarl.studies.optimizers.tables import (
    all_epochs,
    best_rate_place,
    has_criterion,
    measures_of_networks,
    pooled_epochs,
    run_marks,
)
from metarl.studies.plots import make_panels
from metarl.studies.spec import Results, SeedResults

RULE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "wp": "#CC6677",
        "np": "#DDCC77",
        "d0": "#88CCEE",
        "d1": "#44AA99",
        "d2": "#332288",
        "sgd": "#999933",
        "adam": "#882255",
    }
)
"""Colours after P. Tol's muted scheme."""
NAMES = {
    "wp": "weight perturbation",
    "np": "node perturbation",
    "d0": "D0 (raw)",
    "d1": "D1 (scaled)",
    "d2": "D2 (outcome)",
    "sgd": "gradient descent",
    "adam": "Adam",
}
TITLES = {
    "xor": "XOR, 2-4-1",
    "xor-2-2-1": "XOR, 2-2-1",
    "lorenz": "Lorenz",
    "rossler": "Rössler",
    "bandit": "bandit agent",
}
SCORED_MEASURES = {"NRMSE": "Test NRMSE", "regret": "Regret (rewards per episode)"}
"""Measure by which a problem is scored -> axis label."""
LARGEST_DRAWN = 10.0
"""Larger errors, of networks that diverged, are drawn at this height."""

Runs = Mapping[str, Sequence[SeedResults]]
"""Rule -> run of each seed, of one problem."""


def draw_all(results: Results) -> Mapping[str, Figure]:
    """All figures for which the conditions suffice, by name."""
    problems: dict[str, dict[str, Sequence[SeedResults]]] = {}
    for runs in results.seeds.values():
        problems.setdefault(runs[0]["problem"], {})[runs[0]["rule"]] = runs
    figures = {"learning_curves": _draw_panels(problems, plot_curves)}
    several = {name: rules for name, rules in problems.items() if _has_rates(rules)}
    series = {name: rules for name, rules in several.items() if not _learnable(rules)}
    if series:
        figures["initial_rate_measures"] = _draw_panels(series, plot_measure_by_rate)
    for name in several.keys() - series.keys():
        figures[f"initial_rate_{name}"] = _draw_reliability(name, several[name])
    d2 = {name: rules["d2"] for name, rules in problems.items() if "d2" in rules}
    if d2:
        figures["optimizer_traces"] = _draw_traces(d2)
    return figures


def _has_rates(rules: Runs) -> bool:
    """Whether any rule has more than one initial rate."""
    return any(len(runs[0]["rates"]) > 1 for runs in rules.values())


def _learnable(rules: Runs) -> bool:
    """Whether the problem has a criterion."""
    return any(has_criterion(runs[0]) for runs in rules.values())


def _draw_panels(
    problems: Mapping[str, Runs], plot: Callable[[Runs, Axes], Axes]
) -> Figure:
    """Draw one panel per problem."""
    figure, axes = make_panels(len(problems))
    for ax, (problem, rules) in zip(axes, problems.items(), strict=True):
        plot(rules, ax)
        ax.set_title(TITLES[problem])
    return figure


def plot_curves(rules: Runs, ax: Axes) -> Axes:
    """Draw loss by step, each rule from its best rate: median and quartiles."""
    for rule, runs in rules.items():
        place = best_rate_place(runs)
        losses = np.array([curve for run in runs for curve in run["losses"][place]])
        low, middle, high = np.quantile(losses, [0.25, 0.5, 0.75], axis=0)
        points, colour = runs[0]["points"], RULE_COLOURS[rule]
        label = f"{NAMES[rule]}, {runs[0]['rates'][place]:g} (n = {len(losses)})"
        ax.plot(points, middle, color=colour, label=label)
        ax.fill_between(points, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xscale="log", xlabel="Updates", ylabel="Loss (mean squared error)")
    if any(min(curve) <= 0 for run in runs for curve in run["losses"][0]):
        ax.set_ylabel("Loss (- reward per trial)")
    else:
        ax.set_yscale("log")
        ax.set_ylim(top=LARGEST_DRAWN)
    return legend_below(ax, title="Rule, initial rate (networks)")


def _draw_reliability(problem: str, rules: Runs) -> Figure:
    """Draw the share of networks that learn, and their epochs, by initial rate."""
    figure, (left, right) = make_panels(2)
    plot_success_by_rate(rules, left)
    plot_epochs_by_rate(rules, right)
    count = min(len(all_epochs(runs, runs[0]["rates"][0])) for runs in rules.values())
    title = f"{TITLES[problem]} ({count} networks per point)"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def plot_success_by_rate(rules: Runs, ax: Axes) -> Axes:
    """Draw the share of networks that met the criterion."""
    for rule, runs in rules.items():
        rates = runs[0]["rates"]
        shares = [100 * pooled_epochs(runs, rate)[0] for rate in rates]
        ax.plot(rates, shares, **_line_style(rule))
    ax.set(xscale="log", ylim=(-3, 103))
    ax.set(xlabel="Initial learning rate", ylabel="Networks that learn it (%)")
    return legend_below(ax)


def plot_epochs_by_rate(rules: Runs, ax: Axes) -> Axes:
    """Draw median steps to the criterion, if at least half of all networks met it."""
    all_medians: list[float] = []
    for rule, runs in rules.items():
        rates = runs[0]["rates"]
        medians = [pooled_epochs(runs, rate)[1] for rate in rates]
        ax.plot(rates, medians, **_line_style(rule))
        all_medians += medians
    ax.set(xscale="log", xlabel="Initial learning rate")
    ax.set_ylabel("Epochs to the criterion (median)")
    if np.isfinite(all_medians).any():
        ax.set_yscale("log")
    return legend_below(ax)


def plot_measure_by_rate(rules: Runs, ax: Axes) -> Axes:
    """Draw the measure by which a problem is scored: each seed, and the median.

    If measures were taken after several numbers of steps, the first is drawn.
    """
    name = next(name for name in SCORED_MEASURES if _has_measure(rules, name))
    largest = LARGEST_DRAWN if name == "NRMSE" else np.inf
    for rule, runs in rules.items():
        rates, steps = runs[0]["rates"], run_marks(runs[0])[0]
        values = measures_of_networks(runs, name, 0).clip(max=largest)
        line = _line_style(rule)
        line["label"] = f"{line['label']} ({steps:,})"
        ax.plot(rates, np.median(values, axis=1), **line)
        x = np.repeat(rates, values.shape[1])
        ax.scatter(x, values, s=12, color=RULE_COLOURS[rule], alpha=0.5)
    ax.set(xscale="log", xlabel="Initial learning rate", ylabel=SCORED_MEASURES[name])
    if name == "NRMSE":
        ax.set_yscale("log")
        _draw_baselines(next(iter(rules.values())), ax)
    return legend_below(ax, title="Rule (updates)")


def _has_measure(rules: Runs, name: str) -> bool:
    return any(name in runs[0]["measures"] for runs in rules.values())


def _draw_baselines(runs: Sequence[SeedResults], ax: Axes) -> None:
    """Draw the median test errors of forecasts without a network."""
    for name, style in zip(runs[0]["baselines"], (":", "--"), strict=True):
        height = float(np.median([run["baselines"][name] for run in runs]))
        ax.axhline(height, color="grey", linestyle=style, linewidth=1, label=name)


def _draw_traces(runs: Mapping[str, Sequence[SeedResults]]) -> Figure:
    """Draw D2's rate, and below it the optimizer's regret RPE, a column per problem."""
    figure, axes = make_panels(2 * len(runs), columns=len(runs))
    upper, lower = axes[: len(runs)], axes[len(runs) :]
    for problem, above, below in zip(runs, upper, lower, strict=True):
        plot_rates(runs[problem][0], above)
        above.set_title(f"{TITLES[problem]}, D2, one network per rate")
        plot_regrets(runs[problem][0], below)
        below.set_title(f"{TITLES[problem]}, D2, regret RPE")
    return figure


def plot_rates(run: SeedResults, ax: Axes) -> Axes:
    """Draw the learning rate of one network from each initial rate."""
    trace = run["trace"]
    for rate, rates in zip(run["rates"], trace["rates"], strict=True):
        ax.plot(trace["points"], rates, label=f"{rate:g}", **_shade(run, rate))
    ax.set(yscale="log", xlabel="Updates", ylabel="Learning rate")
    return legend_below(ax, title="Initial learning rate", columns=5)


def plot_regrets(run: SeedResults, ax: Axes) -> Axes:
    """Draw the optimizer's regret RPE of the same networks; not an agent's RPE."""
    trace = run["trace"]
    for rate, regrets in zip(run["rates"], trace["regrets"], strict=True):
        values: NDArray[np.float64] = np.array(regrets, dtype=float)
        ax.plot(trace["points"], values, linewidth=0.8, **_shade(run, rate))
    ax.set_yscale("symlog", linthresh=0.01)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlabel="Updates", ylabel="Optimizer's regret RPE\n(loss/perturbation)")
    return ax


def _shade(run: SeedResults, rate: float) -> dict[str, Any]:
    """Colour of an initial rate, from light to dark."""
    rank = sorted(run["rates"]).index(rate)
    share = (rank + 1) / len(run["rates"])
    white = np.ones(3)
    dark = np.array([int(RULE_COLOURS["d2"][k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return {"color": tuple(white + (0.25 + 0.75 * share) * (dark - white))}


def _line_style(rule: str) -> dict[str, Any]:
    """Style of a rule's line; the two that are compared are thicker."""
    main = rule in ("wp", "d2")
    return {
        "color": RULE_COLOURS[rule],
        "label": NAMES[rule],
        "marker": "o",
        "linewidth": 2.5 if main else 1.2,
        "zorder": 3 if main else 2,
    }
